"""The application of a server process: opened from the configuration, with its jobs."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial

from dishka import AsyncContainer
from litestar import Litestar

from api.lifecycle import Lifecycle
from application.accounts.registration import RegisterUser
from application.authentication import Login
from application.rate_limiting import CurrentRateLimits
from doorward.env_file import Environment
from doorward.jobs.scheduler import Job, running
from doorward.server.lifespan import Program
from doorward.server.parent_watch import parent_watched
from doorward.server.reload import ConfigurationReload
from doorward.starting import starting
from doorward.wiring.container import UNOBSERVED, make_container
from infrastructure.config.environment_warnings import log_warnings
from infrastructure.config.settings import Settings
from infrastructure.config.signing_keys import KeySettings
from infrastructure.passwords.hashing_pool import HashingPool
from infrastructure.signing.factor_secrets import SealedFactors
from infrastructure.signing.key_ring_watcher import KeyRingWatcher
from infrastructure.telemetry.logging import configure_logging
from infrastructure.telemetry.telemetry import Observation


def make_app(
    lifecycle: Lifecycle | None = None, environment: Environment | None = None
) -> Program:
    """Make what each server process runs, from its environment variables.

    :param lifecycle: what the server process reports to its application.
    :param environment: where the configuration is read again when it changes.
    :raises ConfigurationError: see :meth:`~infrastructure.config.settings.Settings.read`.
    """
    configure_logging()
    settings = Settings.read()
    if environment is None:  # else the process that started this one has logged them
        log_warnings(os.environ)
    observation = Observation.of_this_process(settings.telemetry)
    lifecycle = lifecycle or Lifecycle()
    return Program(
        partial(_open_for_process, open_app(settings, lifecycle, environment, observation))
    )


@asynccontextmanager
async def open_app(
    settings: Settings,
    lifecycle: Lifecycle,
    environment: Environment | None = None,
    observation: Observation = UNOBSERVED,
) -> AsyncIterator[Litestar]:
    """Open the stores, start the jobs, and close and end them with the block.

    :param lifecycle: what the server process reports to its application.
    :param environment: where the configuration is read again when it changes.
    :param observation: the observers of use cases and adapters.
    """
    container = make_container(settings, lifecycle=lifecycle, observation=observation)
    async with AsyncExitStack() as stack:
        if observation.tracing:
            stack.push_async_callback(asyncio.to_thread, observation.tracing.close)
        stack.push_async_callback(container.close)
        app = await container.get(Litestar)
        await _load(container)
        await _listen(container, lifecycle, environment)
        await stack.enter_async_context(running(await container.get(list[Job])))
        # Loading everything else may take longer than the keys may go without a check.
        await (await container.get(KeyRingWatcher)).reload()
        yield app


@asynccontextmanager
async def _open_for_process(
    opening: AbstractAsyncContextManager[Litestar],
) -> AsyncIterator[Litestar]:
    async with AsyncExitStack() as stack:
        with starting():
            app = await stack.enter_async_context(opening)
            await stack.enter_async_context(parent_watched())
        yield app


async def _load(container: AsyncContainer) -> None:
    """Load keys, password lists and the like before the first request has to wait for them."""
    await container.get(RegisterUser)
    await container.get(Login)


async def _listen(
    container: AsyncContainer, lifecycle: Lifecycle, environment: Environment | None
) -> None:
    """Subscribe to what the server process reports."""
    lifecycle.on_deadline.append((await container.get(HashingPool)).refuse)
    if environment:
        limits = await container.get(CurrentRateLimits)
        keys = await container.get(KeyRingWatcher)
        source = (await container.get(KeySettings)).source
        factors = await container.get(SealedFactors)
        reload = ConfigurationReload(environment, limits, keys, source, factors)
        lifecycle.on_reload.append(reload)
