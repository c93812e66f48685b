"""Flows and codes in this process's memory."""

from datetime import datetime
from typing import TypeVar

from application.ports import FlowStore
from domain.social_login.flow import Code, Flow

_T = TypeVar("_T", Flow, Code)


class MemoryFlows(FlowStore):
    def __init__(self) -> None:
        self._flows: dict[str, Flow] = {}
        self._codes: dict[str, Code] = {}

    async def add_flow(self, flow: Flow) -> None:
        self._flows[flow.digest] = flow

    async def take_flow(self, digest: str) -> Flow | None:
        return self._flows.pop(digest, None)

    async def add_code(self, code: Code) -> None:
        self._codes[code.digest] = code

    async def take_code(self, digest: str) -> Code | None:
        return self._codes.pop(digest, None)

    async def purge(self, before: datetime, limit: int) -> int:
        return _purge(self._flows, before, limit) + _purge(self._codes, before, limit)


def _purge(stored: dict[str, _T], before: datetime, limit: int) -> int:
    expired = [each.digest for each in stored.values() if each.expires_at < before][:limit]
    for digest in expired:
        del stored[digest]
    return len(expired)
