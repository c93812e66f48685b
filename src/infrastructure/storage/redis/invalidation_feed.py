"""The invalidation feed of Redis: server-assisted client-side caching (RESP3).

``CLIENT TRACKING ON BCAST`` makes Redis report every change of a user's hash, whichever client
makes it and by whichever command. Reports and answers arrive on one connection: an answer means
that all changes from before the probe have been reported. The connection is redis-py's own, so
that passwords, TLS and sockets work as everywhere else.
"""

from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Self
from uuid import UUID

from redis.asyncio.connection import AbstractConnection

from domain.user import UserId
from infrastructure.clock import running_time
from infrastructure.storage.near_cache.invalidation_feed import ConnectedFeed
from infrastructure.storage.redis.server import RedisServer
from infrastructure.storage.redis.sessions import PREFIX


class RedisFeed(ConnectedFeed):
    def __init__(self, server: RedisServer, bound: timedelta) -> None:
        super().__init__("Redis", bound)
        self._server = server

    @classmethod
    @asynccontextmanager
    async def open(cls, server: RedisServer, bound: timedelta) -> AsyncIterator[Self]:
        async with cls(server, bound) as feed:
            yield feed

    async def _listen(self) -> None:
        async with self._server.dedicated_connection() as connection:
            parser: Any = connection._parser  # noqa: SLF001 - redis-py's own cache goes this way
            parser.set_invalidation_push_handler(self._receive)
            await _send(connection, "CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", PREFIX)
            await connection.read_response()
            self._begin()
            sent_at: deque[float] = deque()
            while True:
                await self._probe_and_receive(connection, sent_at)

    async def _probe_and_receive(
        self, connection: AbstractConnection, sent_at: deque[float]
    ) -> None:
        """Send one probe, and receive for one interval.

        :param sent_at: running times of the probes that are not answered yet.
        """
        self._require_answers()
        sent_at.append(running_time())
        # Not PING: a server that a failover has made a replica would answer that too.
        await _send(connection, "ROLE")
        until = sent_at[-1] + self._interval
        while (left := until - running_time()) > 0:
            # Returns nothing for a report, and when the time is up.
            answer = await connection.read_response(timeout=left, push_request=True)
            if answer is not None:
                self._require_primary(answer)
                self._confirm(sent_at.popleft())

    def _require_primary(self, answer: Any) -> None:
        """:raises ConnectionError: the server is not the primary, where all changes are made."""
        if not isinstance(answer, list) or answer[0] != b"master":
            self._server.disconnect()  # its sessions are just as old
            raise ConnectionError("not the primary")

    async def _receive(self, message: list[Any]) -> None:
        """
        :param message: ``invalidate`` and the keys; none after FLUSHALL.
        """
        for key in message[1] or [b""]:
            self._publish(_user_id(key))


async def _send(connection: AbstractConnection, *command: str) -> None:
    if not connection.is_connected:  # redis-py would reconnect, and nothing would be tracked
        raise ConnectionResetError
    await connection.send_command(*command, check_health=False)


def _user_id(key: bytes) -> UserId | None:
    try:
        return UserId(UUID(hex=key.decode().removeprefix(PREFIX)))
    except ValueError:  # not a key of sessions
        return None
