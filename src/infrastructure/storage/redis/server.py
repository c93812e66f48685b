"""A Redis server: what its URL means, its time-out and its errors."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Self

from redis.asyncio import ConnectionPool
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from domain.errors import Unavailable
from infrastructure.storage.options import StoreOptions
from infrastructure.storage.redis.multiplexer import RedisMultiplexer


class RedisServer:
    """A line to Redis, with the port's time-out and the port's error.

    :param url: ``redis://…``, ``rediss://…`` (TLS) or ``unix://…``.
    :raises ValueError: the URL cannot be read.
    """

    def __init__(self, url: str, options: StoreOptions) -> None:
        self._seconds = options.timeout.total_seconds()
        self._observe = partial(options.observer, "redis")
        if url.count("@") > 1:  # a part of the password would be taken for the host, and shown
            raise ValueError("is not a Redis URL; mind what must be percent-encoded")
        try:
            self._pool = ConnectionPool.from_url(  # for what it makes of the URL
                url,
                socket_timeout=self._seconds,
                socket_connect_timeout=self._seconds,
                retry=Retry(NoBackoff(), retries=0),
            )
            self._pool.connection_kwargs["decode_responses"] = False  # whatever the URL says
            self.make_connection()  # only takes the options
        except (ValueError, TypeError):  # whose messages quote the URL
            raise ValueError("is not a Redis URL; mind what must be percent-encoded") from None
        self._line = RedisMultiplexer(self.make_connection)

    def make_connection(self, **options: object) -> AbstractConnection:
        """One that is not connected yet."""
        return self._pool.connection_class(**self._pool.connection_kwargs | options)

    @asynccontextmanager
    async def connection(self, role: str) -> AsyncIterator[RedisMultiplexer]:
        """
        :param role: what it is used for, in case of an error.
        :raises Unavailable: there is no answer in time.
        """
        with self._observe(role):
            try:
                async with asyncio.timeout(self._seconds):
                    yield self._line
            except TimeoutError as error:
                self._line.disconnect()  # the answers behind that one would be as late
                raise Unavailable(role) from error
            except (RedisError, OSError) as error:
                raise Unavailable(role) from error

    async def ping(self) -> None:
        """Check that the server answers and lets this user read Doorward's keys.

        :raises Unavailable: it does not answer in time, or refuses.
        """
        async with self.connection("health") as redis:
            await redis.call("HEXISTS", "doorward:ping", "")

    def disconnect(self) -> None:
        """Whoever calls next is connected anew, to whatever the name stands for then."""
        self._line.disconnect()

    @asynccontextmanager
    async def dedicated_connection(self) -> AsyncIterator[AbstractConnection]:
        """A connection beside the line, which is told things unasked (RESP3)."""
        connection = self.make_connection(protocol=3)
        try:
            await connection.connect()  # type: ignore[no-untyped-call]
            yield connection
        finally:
            await connection.disconnect(nowait=True)

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, options: StoreOptions) -> AsyncIterator[Self]:
        server = cls(url, options)
        try:
            yield server
        finally:
            await server._line.close()
