"""The application as it runs: what the environment configures, put together."""

import asyncio
import gc
import os
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from functools import partial
from time import perf_counter

import structlog
from litestar import Litestar
from litestar.types import HTTPScope

from api.app import create_app
from api.lifecycle import Lifecycle
from api.middleware.instrumentation import Routes, Watch, watched
from api.security.origin_policy import OriginPolicy
from application.authentication import Login
from application.rate_limiting import CurrentRateLimits
from application.registration import RegisterUser
from doorward.cli.env_file import Environment
from doorward.jobs.scheduler import Job, running
from doorward.server.config import ServerOptions
from doorward.server.graceful_server import SHUTDOWN_WITHOUT_DELAY
from doorward.wiring.container import UNOBSERVED, make_container, rate_limits
from doorward.wiring.keys import keys_in_environment
from infrastructure.config.environment_variables import ConfigurationError
from infrastructure.config.settings import Settings
from infrastructure.passwords.hashing_pool import HashingPool
from infrastructure.signing.key_ring_watcher import KeyRingWatcher
from infrastructure.telemetry.logging import configure_logging
from infrastructure.telemetry.telemetry import Observation

PARENT = "DOORWARD_PARENT"
"""The variable that tells workers who their parent is."""

log = structlog.stdlib.get_logger("doorward")

_tasks: set[asyncio.Task[None]] = set()  # asyncio itself would forget them


def make_app(
    settings: Settings,
    lifecycle: Lifecycle | None = None,
    environment: Environment | None = None,
    observation: Observation = UNOBSERVED,
) -> Litestar:
    """The application, which opens its stores at its start and closes them at its end.

    :param lifecycle: what its server process tells it.
    :param environment: where it reads again what may change while it runs.
    """
    configure_logging()
    container = make_container(settings, observation=observation)
    lifecycle = lifecycle or Lifecycle()
    jobs = AsyncExitStack()

    async def open_early() -> None:
        # Keys, password lists and the like are read now, so that the first caller need not wait.
        await container.get(RegisterUser)
        await container.get(Login)
        lifecycle.when_late.append((await container.get(HashingPool)).refuse)
        if environment:
            limits, keys = (
                await container.get(CurrentRateLimits),
                await container.get(KeyRingWatcher),
            )
            lifecycle.when_reloaded.append(partial(_reload, environment, limits, keys))
        await jobs.enter_async_context(running(await container.get(list[Job])))

    async def close() -> None:  # Litestar would pass itself to container.close()
        await jobs.aclose()
        await container.close()
        if observation.tracing:
            await asyncio.to_thread(observation.tracing.close)

    app = create_app(container, _origin_policy(settings), lifecycle)
    observe(app, observation)
    app.on_startup.append(open_early)
    app.on_shutdown.append(close)
    return app


def app_from_environment(
    lifecycle: Lifecycle | None = None, environment: Environment | None = None
) -> Litestar:
    """What each server process runs.

    :raises ConfigurationError: see :meth:`~infrastructure.config.settings.Settings.read`.
    """
    settings = Settings.read()
    observation = Observation.of_this_process(settings)
    app = make_app(settings, lifecycle, environment, observation)
    app.on_startup.append(_settle)
    if PARENT in os.environ:
        app.on_startup.append(_end_with_parent)
    return app


def _reload(environment: Environment, limits: CurrentRateLimits, keys: KeyRingWatcher) -> None:
    """What may change while this process runs: all of it is replaced, or nothing."""
    try:
        settings = Settings.read(environment.read())
        new_limits = rate_limits(settings)
        new_keys = keys_in_environment(settings) if settings.has_keys else None
    except ConfigurationError as error:
        log.warning("configuration_reload_refused", reason=str(error))
        return
    limits.now = new_limits
    if keys.are_given != (new_keys is not None):
        log.warning("key_store_change_ignored", remedy="restart")
    elif new_keys:
        keys.take(new_keys)
    elif settings.keys_secret:
        keys.unlock_with(settings.keys_secret)
    _tasks.add(asyncio.create_task(keys.reload()))
    log.info("configuration_reloaded", reloaded=["rate_limits", "signing_keys"])


def observe(app: Litestar, observation: Observation) -> None:
    """From now on each request is told of. Where nobody wants to know, nothing is changed."""
    for watch in _watches(observation):
        app.asgi_handler = watched(app.asgi_handler, Routes.of(app), watch)


def _watches(observation: Observation) -> Iterator[Watch]:
    """The innermost first."""
    metrics, tracing = observation.metrics, observation.tracing
    if metrics:
        answered = metrics.answered

        def measure(scope: HTTPScope, route: str) -> Callable[[int], None]:
            method, began = scope["method"], perf_counter()
            return lambda status: answered(method, route, status, perf_counter() - began)

        yield measure
    if tracing:
        yield lambda scope, route: tracing.request(scope["method"], route, scope["headers"])


def _settle() -> None:
    """What is there now stays: no collection of garbage need look at it again."""
    gc.collect()
    gc.freeze()


def server_options(settings: Settings) -> ServerOptions:
    return ServerOptions(
        settings.workers,
        settings.request_timeout.total_seconds(),
        settings.shutdown_delay.total_seconds(),
        is_https=_origin_policy(settings).is_https,
    )


async def _end_with_parent() -> None:
    """A worker whose parent was killed would go on serving, and keep the port from the next."""

    async def watch() -> None:
        while os.getppid() == int(os.environ[PARENT]):  # noqa: ASYNC110
            await asyncio.sleep(1)  # nothing tells a process that its parent has died
        os.kill(
            os.getpid(), SHUTDOWN_WITHOUT_DELAY
        )  # without a delay: the next one needs the port

    _tasks.add(asyncio.create_task(watch()))


def _origin_policy(settings: Settings) -> OriginPolicy:
    origins = set(settings.client_origin)
    if settings.public_url is None:  # then people open either of the two names of this machine
        origins.add(f"http://127.0.0.1:{settings.port}")
    return OriginPolicy(
        settings.origin, frozenset(origins), settings.trusted_proxies, settings.allowed_hosts
    )
