"""Checks now and then that a store accepts writes."""

import asyncio
import math
from collections.abc import Awaitable, Callable

from domain.errors import Unavailable
from infrastructure.clock import running_time

INTERVAL = 10.0
"""Seconds between two checks of a store that accepted the last one."""

INTERVAL_AFTER_FAILURE = 1.0
"""Seconds until a store that has recovered is ready again."""


class WriteProbe:
    """A check of writes that runs at most once in ten seconds, however often it is asked.

    All callers of a process share it, so a load balancer that asks each second writes no more.

    :param check: writes, leaves nothing behind, and raises any error if that fails.
    :param now: running time, in seconds.
    """

    def __init__(
        self, check: Callable[[], Awaitable[None]], now: Callable[[], float] = running_time
    ) -> None:
        self._check = check
        self._now = now
        self._due = -math.inf
        self._error: Exception | None = None
        self._checking = asyncio.Lock()

    async def __call__(self) -> None:
        """
        :raises Unavailable: the store did not accept the last write.
        """
        async with self._checking:
            if self._now() >= self._due:
                self._error = await self._run()
                interval = INTERVAL_AFTER_FAILURE if self._error else INTERVAL
                self._due = self._now() + interval
        if self._error:
            raise Unavailable("writes") from self._error

    async def _run(self) -> Exception | None:
        try:
            await self._check()
        except Exception as error:  # noqa: BLE001 - any error is the result
            return error
        return None
