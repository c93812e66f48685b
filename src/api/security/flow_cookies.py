"""The cookies of flows: each binds one way to a provider and back to its browser.

They are apart from each other, so that a person can log in in two tabs.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from litestar.datastructures import Cookie

from api.request_context import header_values
from api.security import cookies
from api.security.cookies import CookieNames, CookieWriter
from api.security.credential_reader import Connection
from application.social_login.begin import Begun
from domain.errors import TokenRejected
from domain.social_login.flow import MAX_PENDING, FlowId, flow_id_of


@dataclass(frozen=True, slots=True)
class FlowCookies:
    """Reads and writes the cookies of flows."""

    names: CookieNames
    writer: CookieWriter

    def begun(self, connection: Connection, begun: Begun) -> list[Cookie]:
        """Return the cookie of a new flow, and those that remove the oldest ones: with the new
        one the browser has at most three.
        """
        others = sorted(set(self._pending(connection)) - {begun.flow_id}, reverse=True)
        removed = [self.writer.flow_removal(each) for each in others[MAX_PENDING - 1 :]]
        return [*removed, self.writer.of_flow(begun.flow_id, begun.secret)]

    def secret(self, connection: Connection, state: str) -> str | None:
        """Return the secret of the flow that a ``state`` belongs to; ``None`` if the browser has
        none, or an ambiguous one: see :func:`cookies.read`.
        """
        flow_id = flow_id_of(state)
        if flow_id is None:
            return None
        try:
            headers = header_values(connection.scope, b"cookie")
            encoded = [each.encode("latin-1") for each in headers]
            return cookies.read(encoded, self.names.flow + flow_id)
        except TokenRejected:
            return None

    def removal(self, connection: Connection, state: str) -> list[Cookie]:
        """Return the cookie that removes that of a flow, if the browser has one."""
        flow_id = flow_id_of(state)
        if flow_id is None or flow_id not in self._pending(connection):
            return []
        return [self.writer.flow_removal(flow_id)]

    def _pending(self, connection: Connection) -> Iterator[FlowId]:
        for header in header_values(connection.scope, b"cookie"):
            for pair in header.split(";"):
                name = pair.strip().partition("=")[0]
                flow_id = name.removeprefix(self.names.flow)
                if flow_id != name and flow_id_of(flow_id) == flow_id:
                    yield FlowId(flow_id)
