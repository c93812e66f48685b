"""Ends a worker whose parent process is gone."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from doorward.server.signals import SHUTDOWN_WITHOUT_DELAY

PARENT = "DOORWARD_PARENT"
"""The variable that contains the process id of a worker's parent."""

INTERVAL = 1.0
"""Seconds between two looks: the operating system reports no end of a parent."""


@asynccontextmanager
async def parent_watched() -> AsyncIterator[None]:
    """End this process if its parent ends while the block runs.

    A worker whose parent was killed would go on serving, and keep the port from the next service.
    """
    if PARENT not in os.environ:
        yield
        return
    watch = asyncio.create_task(_watch(int(os.environ[PARENT])))
    try:
        yield
    finally:
        watch.cancel()


async def _watch(parent: int) -> None:
    while os.getppid() == parent:  # noqa: ASYNC110 - there is no event to wait for
        await asyncio.sleep(INTERVAL)
    os.kill(os.getpid(), SHUTDOWN_WITHOUT_DELAY)
