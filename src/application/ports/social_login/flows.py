"""The flows that browsers have to end, and the codes that applications exchange."""

from abc import abstractmethod
from datetime import datetime
from typing import Protocol

from domain.social_login.flow import Code, Flow


class FlowStore(Protocol):
    """Flows and codes by the digests of their secrets."""

    @abstractmethod
    async def add_flow(self, flow: Flow) -> None:
        """Store a new flow."""

    @abstractmethod
    async def take_flow(self, digest: str) -> Flow | None:
        """Delete a flow and return it: of any number of parallel calls one gets it."""

    @abstractmethod
    async def add_code(self, code: Code) -> None:
        """Store a new code."""

    @abstractmethod
    async def take_code(self, digest: str) -> Code | None:
        """Delete a code and return it: of any number of parallel calls one gets it."""

    @abstractmethod
    async def purge(self, before: datetime, limit: int) -> int:
        """Delete flows and codes that expired before this time, at most ``limit`` of each.

        :returns: how many were deleted; fewer than the limit if none is left.
        """
