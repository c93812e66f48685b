"""The command ``doorward``. Each command says what is wrong in one line, without a traceback."""

import asyncio
import errno
import json
import os
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import NoReturn

import click
import structlog

from api.lifecycle import Lifecycle
from application.audit import PruneAuditLog
from doorward.cli.env_file import Environment, read_env_file, read_settings, use_cases
from doorward.cli.keys import keys
from doorward.cli.users import users
from doorward.diagnostics import preflight
from doorward.diagnostics.doctor import Finding, examine, examine_audit_log
from doorward.main import PARENT, app_from_environment, make_app, server_options
from doorward.server import run as server
from doorward.server.config import Application, ServerOptions
from doorward.wiring.keys import keys_place
from infrastructure.config.environment_variables import ConfigurationError, lifetime
from infrastructure.config.settings import Settings
from infrastructure.storage.locations import Location, NotReady, distinct, locations, store_options
from infrastructure.storage.options import StoreOptions
from infrastructure.storage.sql import schema_version as schema
from infrastructure.telemetry.logging import LOGS, configure_logging
from infrastructure.telemetry.telemetry import published, require_tracing

log = structlog.stdlib.get_logger("doorward")


def main() -> None:
    configure_logging()
    try:
        doorward()
    except ConfigurationError as error:
        _give_up(error, code=2)
    except NotReady as error:
        _give_up(error, code=1)


def _give_up(error: Exception, code: int) -> NoReturn:
    click.echo(f"doorward: {error}", err=True)
    sys.exit(code)


@click.group()
@click.version_option(package_name="doorward")
def doorward() -> None:
    """A self-hosted authentication service.

    It is configured by environment variables, of which those that are not set may stand in a
    file `.env` in the current folder.
    """


@doorward.command()
@click.option("--host", help="The address to listen on, instead of HOST.")
@click.option("--port", type=click.IntRange(1, 65535), help="Instead of PORT.")
@click.option("--workers", type=click.IntRange(1), help="Server processes, instead of WORKERS.")
@click.option("--reload", is_flag=True, help="One process that follows changes of the code.")
def serve(host: str | None, port: int | None, workers: int | None, reload: bool) -> None:
    """Run the service until SIGINT or SIGTERM. SIGHUP makes it read its configuration anew."""
    server.end_on_signals()
    environment = Environment(os.environ)
    environment.fix(HOST=host, PORT=port, WORKERS=1 if reload else workers)
    settings = Settings.read()
    environment.fix(HOST=settings.host, PORT=settings.port, WORKERS=settings.workers)
    require_tracing(settings)
    asyncio.run(preflight.prepare(settings))
    listener = _listen(settings.host, settings.port)
    metrics = settings.metrics_port and _listen(
        settings.metrics_host, settings.metrics_port, "METRICS_", "METRICS_PORT"
    )
    if settings.workers > 1:
        os.environ[PARENT] = str(os.getpid())
    _introduce(settings)
    lifecycle = Lifecycle()
    application: Application = partial(app_from_environment, lifecycle, environment)
    if reload:  # the code is imported anew, by name
        application = "doorward.main:app_from_environment"
    options = server_options(settings)
    config = server.configuration(options, LOGS, application, lifecycle, reload=reload)
    with published(metrics or None, from_workers=settings.workers > 1 or reload):
        server.run(config, listener, partial(_reconfigure, environment))


def _reconfigure(environment: Environment) -> ServerOptions | None:
    """For the workers to come. If anything is wrong, those that there are stay."""
    try:
        variables = environment.read()
        settings = Settings.read(variables)
        asyncio.run(preflight.check(settings))
    except ConfigurationError as error:
        log.warning("configuration_reload_refused", reason=str(error))
        return None
    except Exception:  # whatever it is, the workers go on
        log.exception("configuration_reload_failed")
        return None
    environment.install(variables)
    return server_options(settings)


def _listen(host: str, port: int, prefix: str = "", how: str = "PORT or --port") -> socket.socket:
    """
    :param prefix: of the variables in which host and port stand.
    :param how: another port is chosen.
    """
    try:
        return server.listen(host, port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise NotReady(
                f"port {port} is in use already: end what uses it, or choose another with {how}"
            ) from None
        if error.errno == errno.EACCES:
            raise ConfigurationError(
                f"{prefix}PORT", "is one that only root may listen on"
            ) from None
        raise ConfigurationError(f"{prefix}HOST", "is not an address of this machine") from None


def _introduce(settings: Settings) -> None:
    users, sessions = locations(settings)
    click.echo(f"Doorward listens on {settings.host}, port {settings.port}: {settings.origin}")
    click.echo(f"  documentation  {settings.origin}/docs")
    click.echo(f"  users          {users.description}")
    click.echo(f"  sessions       {sessions.description}")
    click.echo(f"  keys           {keys_place(settings)}")
    if settings.metrics_port:
        click.echo(f"  metrics        {settings.metrics_host}, port {settings.metrics_port}")


@doorward.group()
def migrate() -> None:
    """Move the database's schema."""


@migrate.command()
def up() -> None:
    """To the newest version."""
    _migrate(schema.move_up)


@migrate.command()
def down() -> None:
    """One version back. What only the newer one can hold is lost."""
    _migrate(schema.move_down)


def _migrate(move: Callable[[Location, StoreOptions], Awaitable[schema.Move]]) -> None:
    async def run() -> None:
        await preflight.check_urls(settings)
        preflight.make_data_folder(settings)
        for location in distinct(settings):
            result = await move(location, store_options(settings)) if location.is_sql else None
            click.echo(f"{location.description}: {_told(result)}")

    settings = read_settings()
    asyncio.run(run())


def _told(result: schema.Move | None) -> str:
    if result is None:
        return "there is nothing to migrate"
    if result.before == result.after:
        return f"stays at {result.after or 'nothing'}"
    return f"from {result.before or 'nothing'} to {result.after or 'nothing'}"


doorward.add_command(keys)
doorward.add_command(users)


@doorward.command()
def openapi() -> None:
    """Print the OpenAPI document. It depends on no configuration and needs no store."""
    app = make_app(Settings.read({"USERS_URL": "memory:"}))
    click.echo(json.dumps(app.openapi_schema.to_schema(), indent=2))


@doorward.group(invoke_without_command=True)
@click.pass_context
def doctor(context: click.Context) -> None:
    """Check configuration, keys, stores, schema and clocks: one line for each."""
    if context.invoked_subcommand is None:
        read_env_file()
        _tell(examine(os.environ))


@doctor.command("audit")
@click.option("--since", metavar="NUMBER:DIGEST", help="A head that was noted before.")
def doctor_audit(since: str | None) -> None:
    """Read the whole audit log: whether any event was changed or taken out.

    Note the head that it prints in another place, and give it with --since later: who can write
    to the database could write all of the log anew, but not with that head in it.
    """
    read_env_file()
    _tell(examine_audit_log(Settings.read(), since))


def _tell(findings: AsyncIterator[Finding]) -> None:
    async def tell() -> bool:
        has_failed = False
        async for finding in findings:
            click.echo(f"{finding.verdict:<4}  {finding.subject}: {finding.text}")
            has_failed |= finding.verdict == "FAIL"
        return has_failed

    if asyncio.run(tell()):
        sys.exit(1)


@doorward.group()
def audit() -> None:
    """The audit log."""


@audit.command()
@click.option("--older-than", "age", required=True, help="For instance 400d.")
def prune(age: str) -> None:
    """Forget events from the oldest on. The others stay in their places, and the chain holds."""
    try:
        oldest = lifetime(age)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--older-than") from None

    async def run() -> int:
        async with use_cases() as container:
            prune_audit_log: PruneAuditLog = await container.get(PruneAuditLog)
            return await prune_audit_log(oldest)

    click.echo(f"{asyncio.run(run())} events are forgotten")
