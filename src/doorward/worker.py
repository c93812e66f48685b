"""What the parent of several server processes starts: workers, and checks of a configuration.

The parent imports this module, and so it does not import what these functions do.
"""

import os
from functools import partial
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from doorward.env_file import Environment
from doorward.starting import starting

if TYPE_CHECKING:
    from doorward.server.graceful_server import GracefulServer


def make_server() -> "GracefulServer":
    """Make the server of a worker, from its environment variables.

    :raises ConfigurationError: see :meth:`~infrastructure.config.settings.Settings.read`.
    """
    with starting():
        from api.lifecycle import Lifecycle  # noqa: PLC0415
        from doorward.main import make_app  # noqa: PLC0415
        from doorward.server.config import server_options  # noqa: PLC0415
        from doorward.server.connections import raise_file_limit  # noqa: PLC0415
        from doorward.server.graceful_server import GracefulServer  # noqa: PLC0415
        from doorward.server.run import configuration  # noqa: PLC0415
        from infrastructure.config.settings import Settings  # noqa: PLC0415
        from infrastructure.telemetry.logging import logs  # noqa: PLC0415

    settings, lifecycle = Settings.read(), Lifecycle()
    application = partial(make_app, lifecycle, Environment(os.environ))
    options = server_options(settings.http, settings.logs, raise_file_limit())
    return GracefulServer(configuration(options, logs(settings.logs), application, lifecycle))


def check_configuration(
    environment: Environment, logs: dict[str, Any], answer: Connection
) -> None:
    """Read the configuration again, in a process of its own, and check it for new workers.

    :param environment: of the parent.
    :param logs: the configuration of logging.
    :param answer: receives the variables, or ``None`` if a setting is wrong: the old workers stay.
    """
    with starting():
        import asyncio  # noqa: PLC0415
        from logging.config import dictConfig  # noqa: PLC0415

        import structlog  # noqa: PLC0415

        from doorward.diagnostics import preflight  # noqa: PLC0415
        from infrastructure.config.environment_variables import ConfigurationError  # noqa: PLC0415
        from infrastructure.config.settings import Settings  # noqa: PLC0415
        from infrastructure.telemetry.logging import configure_logging  # noqa: PLC0415

    configure_logging()
    dictConfig(logs)
    log = structlog.stdlib.get_logger("doorward")
    found = None
    try:
        variables = environment.read()
        asyncio.run(preflight.check_again(Settings.read(variables)))
        found = variables
    except ConfigurationError as error:
        log.warning("configuration_reload_refused", reason=str(error))
    except Exception:  # no error ends the workers
        log.exception("configuration_reload_failed")
    answer.send(found)
