"""One connection to Redis that all calls of a process share, with pipelining.

Commands from one turn of the event loop are sent together, and Redis answers them in order. So a
call costs a fraction of a call over a pooled connection, less with each further call, and Redis
serves one connection for each process. The connection is redis-py's own: passwords, TLS and
sockets work as everywhere else.
"""

import asyncio
import math
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from hashlib import sha1
from typing import Any

from hiredis import pack_command
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as Disconnected
from redis.exceptions import NoScriptError, ReadOnlyError, ResponseError

Word = str | bytes | int


class Script:
    """A Lua script, which Redis executes atomically.

    :param text: its keys must lie in one slot of a cluster.
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
        self._connecting: asyncio.Task[_Pipeline] | None = None
        self._pipeline: _Pipeline | None = None

    async def call(self, *command: Word) -> Any:
        """Send a command and return the answer.

        If the connection breaks, the command is sent once more on a new one, so that a restart of
        the server causes no error. So it must do no harm to execute a command twice.

        :raises RedisError: an error of redis-py, or an error that Redis answers.
        :raises OSError: there is no connection.
        """
        pipeline = await self._connected()
        try:
            return await pipeline.call(command)
        except (Disconnected, OSError):
            pipeline = await self._connected()
            return await pipeline.call(command)

    async def run(self, script: Script, keys: Sequence[str], *arguments: Word) -> Any:
        """Run a script and return its result. Its text is sent only when Redis does not know it.

        :raises RedisError: as :meth:`call`.
        """
        try:
            return await self.call("EVALSHA", script.digest, len(keys), *keys, *arguments)
        except NoScriptError:
            return await self.call("EVAL", script.text, len(keys), *keys, *arguments)

    def disconnect(self) -> None:
        """Fail all pending calls. The next call connects again."""
        if self._pipeline:
            self._pipeline.fail(Disconnected("disconnected"))
            self._pipeline = None

    async def close(self) -> None:
        if self._connecting:
            self._connecting.cancel()
        if self._pipeline:
            await self._pipeline.close()

    async def _connected(self) -> "_Pipeline":
        if self._pipeline and self._pipeline.is_open:
            return self._pipeline
        if self._connecting is None or self._connecting.done():
            self._connecting = asyncio.create_task(self._connect())
            # Retrieve the error of a failure that no caller awaits any more.
            self._connecting.add_done_callback(lambda task: task.cancelled() or task.exception())
        # A cancelled caller does not cancel the connection of the others.
        self._pipeline = await asyncio.shield(self._connecting)
        return self._pipeline

    async def _connect(self) -> "_Pipeline":
        connection = self._make_connection()
        try:
            await connection.connect()  # type: ignore[no-untyped-call]
        except BaseException:
            await connection.disconnect(nowait=True)
            raise
        return _Pipeline(connection)


class _Pipeline:
    """One connection, and the calls that wait for its answers."""

    def __init__(self, connection: AbstractConnection) -> None:
        self._connection = connection
        # Each call has a time limit of its own, which ends the connection. Another one for what is
        # written would make redis-py start a task for each write.
        connection.socket_timeout = None
        self._send_buffer: list[bytes] = []
        self._has_commands = asyncio.Event()
        self._pending: deque[asyncio.Future[Any]] = deque()
        self._tasks = [asyncio.create_task(work()) for work in (self._write, self._read)]
        self.is_open = True

    async def call(self, command: tuple[Word, ...]) -> Any:
        if not self.is_open:
            raise Disconnected
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._send_buffer.append(pack_command(command))  # type: ignore[arg-type] # stub: one word
        self._pending.append(answer)
        self._has_commands.set()
        return await answer

    def fail(self, error: Exception) -> None:
        self.is_open = False
        for answer in self._pending:
            if not answer.done():
                answer.set_exception(error)
        self._pending.clear()
        for task in self._tasks:
            if task is not asyncio.current_task():  # it ends by itself, after disconnecting
                task.cancel()

    async def close(self) -> None:
        self.fail(Disconnected("closed"))
        while not all(task.done() for task in self._tasks):
            await asyncio.wait(self._tasks, timeout=0.1)
            for task in self._tasks:
                task.cancel()  # once more: asyncio.wait_for() can lose one (gh-86296)

    async def _write(self) -> None:
        with suppress(asyncio.CancelledError):
            while self.is_open:  # a cancellation can get lost in asyncio.wait_for()
                await self._has_commands.wait()
                self._has_commands.clear()
                await self._send()

    async def _send(self) -> None:
        commands, self._send_buffer = b"".join(self._send_buffer), []
        if not self._connection.is_connected:  # redis-py would reconnect by itself
            self.fail(Disconnected())
            return
        try:
            await self._connection.send_packed_command(commands, check_health=False)
        except Exception as error:  # noqa: BLE001 - any error fails the pending calls
            self.fail(error)

    async def _read(self) -> None:
        try:
            while self.is_open:
                await self._read_one()
        except asyncio.CancelledError:
            pass
        except Exception as error:  # noqa: BLE001 - any error fails the pending calls
            self.fail(error)
        finally:
            await self._connection.disconnect(nowait=True)

    async def _read_one(self) -> None:
        result: Any
        try:
            result = await self._connection.read_response(timeout=math.inf)
        except ReadOnlyError:  # not the primary any more: reconnect, to find the new one
            raise
        except ResponseError as error:
            result = error
        answer = self._pending.popleft()
        if answer.done():  # the caller was cancelled
            return
        if isinstance(result, ResponseError):
            answer.set_exception(result)
        else:
            answer.set_result(result)
