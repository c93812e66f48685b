"""One connection to Redis that all calls of a process share.

Commands that are given in the same turn of the event loop leave together, and answers come back in
the order of the commands. So a call costs a fraction of what a connection from a pool costs, the
more so the more there are, and Redis serves one connection for each process. The connection is
redis-py's own: passwords, TLS and sockets are as everywhere else.
"""

import asyncio
import math
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from hashlib import sha1
from typing import Any

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as Disconnected
from redis.exceptions import NoScriptError, ReadOnlyError, ResponseError

Word = str | bytes | int


class Script:
    """A Lua script, which Redis carries out as one step.

    :param text: of a script whose keys lie in one slot of a cluster.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.digest = sha1(text.encode(), usedforsecurity=False).hexdigest()


class RedisMultiplexer:
    """
    :param make_connection: makes a connection that is not connected yet.
    """

    def __init__(self, make_connection: Callable[[], AbstractConnection]) -> None:
        self._make_connection = make_connection
        self._connecting: asyncio.Task[_Link] | None = None
        self._link: _Link | None = None

    async def call(self, *command: Word) -> Any:
        """Redis's answer.

        A command that the connection broke under is given once more, on a new one: a server that
        was restarted costs nobody an error. So no command may do harm that is carried out twice.

        :raises RedisError: as redis-py does, and for what Redis refuses.
        :raises OSError: there is no connection.
        """
        link = await self._connected()
        try:
            return await link.call(command)
        except (Disconnected, OSError):
            link = await self._connected()
            return await link.call(command)

    async def run(self, script: Script, keys: Sequence[str], *arguments: Word) -> Any:
        """What the script returns. Redis is sent its text only when it does not know it.

        :raises RedisError: as :meth:`call`.
        """
        try:
            return await self.call("EVALSHA", script.digest, len(keys), *keys, *arguments)
        except NoScriptError:
            return await self.call("EVAL", script.text, len(keys), *keys, *arguments)

    def disconnect(self) -> None:
        """Whoever waits for an answer waits no longer; who calls next has a new connection."""
        if self._link:
            self._link.break_off(Disconnected("hung up"))
            self._link = None

    async def close(self) -> None:
        if self._connecting:
            self._connecting.cancel()
        if self._link:
            await self._link.close()

    async def _connected(self) -> "_Link":
        if self._link and self._link.is_whole:
            return self._link
        if self._connecting is None or self._connecting.done():
            self._connecting = asyncio.create_task(self._connect())
            # Should everybody have lost patience when it fails, nobody else asks why.
            self._connecting.add_done_callback(lambda task: task.cancelled() or task.exception())
        # Whoever loses patience leaves the others theirs.
        self._link = await asyncio.shield(self._connecting)
        return self._link

    async def _connect(self) -> "_Link":
        connection = self._make_connection()
        try:
            await connection.connect()  # type: ignore[no-untyped-call]
        except BaseException:
            await connection.disconnect(nowait=True)
            raise
        return _Link(connection)


class _Link:
    """The line, while one connection holds."""

    def __init__(self, connection: AbstractConnection) -> None:
        self._connection = connection
        self._send_buffer: list[bytes] = []
        self._has_post = asyncio.Event()
        self._awaited: deque[asyncio.Future[Any]] = deque()
        self._tasks = [asyncio.create_task(work()) for work in (self._write, self._read)]
        self.is_whole = True

    async def call(self, command: tuple[Word, ...]) -> Any:
        if not self.is_whole:
            raise Disconnected
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._send_buffer += self._connection.pack_command(*command)
        self._awaited.append(answer)
        self._has_post.set()
        return await answer

    def break_off(self, error: Exception) -> None:
        self.is_whole = False
        for answer in self._awaited:
            if not answer.done():
                answer.set_exception(error)
        self._awaited.clear()
        for task in self._tasks:
            if task is not asyncio.current_task():  # which ends by itself, and hangs up before
                task.cancel()

    async def close(self) -> None:
        self.break_off(Disconnected("closed"))
        while not all(task.done() for task in self._tasks):
            await asyncio.wait(self._tasks, timeout=0.1)
            for task in self._tasks:
                task.cancel()  # once more: asyncio.wait_for() can lose one (gh-86296)

    async def _write(self) -> None:
        with suppress(asyncio.CancelledError):
            while self.is_whole:  # a cancellation can get lost in asyncio.wait_for()
                await self._has_post.wait()
                self._has_post.clear()
                await self._send()

    async def _send(self) -> None:
        post, self._send_buffer = b"".join(self._send_buffer), []
        if not self._connection.is_connected:  # redis-py would connect again by itself
            self.break_off(Disconnected())
            return
        try:
            await self._connection.send_packed_command(post, check_health=False)
        except Exception as error:  # noqa: BLE001 - whatever it is, those who wait are told
            self.break_off(error)

    async def _read(self) -> None:
        try:
            while self.is_whole:
                await self._read_one()
        except asyncio.CancelledError:
            pass
        except Exception as error:  # noqa: BLE001 - whatever it is, those who wait are told
            self.break_off(error)
        finally:
            await self._connection.disconnect(nowait=True)

    async def _read_one(self) -> None:
        result: Any
        try:
            result = await self._connection.read_response(timeout=math.inf)
        except ReadOnlyError:  # no primary any more: whoever calls next looks for the new one
            raise
        except ResponseError as error:
            result = error
        answer = self._awaited.popleft()
        if answer.done():  # who asked has lost patience
            return
        if isinstance(result, ResponseError):
            answer.set_exception(result)
        else:
            answer.set_result(result)
