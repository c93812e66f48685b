"""``doorward serve``: the service, from the command line."""

import asyncio
import errno
import os
import socket
from functools import partial

import click
import structlog

from api.lifecycle import Lifecycle
from doorward.diagnostics import preflight
from doorward.env_file import Environment
from doorward.main import make_app
from doorward.parent import Service, become_parent
from doorward.server import run as server
from doorward.server.config import Application, server_options
from doorward.server.connections import raise_file_limit
from doorward.server.parent_watch import PARENT
from doorward.server.signals import exit_on_signals
from doorward.wiring.signing_keys.key_stores import keys_location
from infrastructure.config.environment_variables import ConfigurationError
from infrastructure.config.environment_warnings import log_warnings
from infrastructure.config.settings import Settings
from infrastructure.storage.locations import locations
from infrastructure.storage.not_ready import NotReady
from infrastructure.telemetry.logging import configure_logging, logs, set_log_format
from infrastructure.telemetry.telemetry import require_tracing, serving_metrics

log = structlog.stdlib.get_logger("doorward")


@click.command()
@click.option("--host", help="Address to listen on; overrides HOST.")
@click.option("--port", type=click.IntRange(1, 65535), help="Port to listen on; overrides PORT.")
@click.option("--workers", type=click.IntRange(1), help="Server processes; overrides WORKERS.")
@click.option("--reload", is_flag=True, help="One process that restarts when the code changes.")
def serve(host: str | None, port: int | None, workers: int | None, reload: bool) -> None:
    """Run the service until SIGINT or SIGTERM. SIGHUP reloads the configuration."""
    configure_logging()
    exit_on_signals()
    environment = Environment(os.environ)
    environment.fix(HOST=host, PORT=port, WORKERS=1 if reload else workers)
    files = raise_file_limit()
    settings = Settings.read()
    set_log_format(settings.logs)
    log_warnings(os.environ)
    http = settings.http
    environment.fix(HOST=http.host, PORT=http.port, WORKERS=http.workers)
    require_tracing(settings.telemetry)
    asyncio.run(preflight.prepare_service(settings))
    with _listen(http.host, http.port) as listener:
        _serve(listener, settings, environment, files, reload=reload)


def _serve(
    listener: socket.socket,
    settings: Settings,
    environment: Environment,
    files: int,
    *,
    reload: bool,
) -> None:
    """Open the metrics port, and run the server on the listening socket.

    :param files: how many open files each process may have.
    :raises SystemExit: when the server has ended.
    """
    http, telemetry = settings.http, settings.telemetry
    metrics = telemetry.metrics_port and _listen(
        telemetry.metrics_host, telemetry.metrics_port, "METRICS_", "METRICS_PORT"
    )
    if http.workers > 1:
        os.environ[PARENT] = str(os.getpid())
    _print_summary(settings)
    options = server_options(http, settings.logs, files)
    if options.connections.total < http.max_connections:
        log.warning(
            "max_connections_lowered",
            configured=http.max_connections,
            effective=options.connections.total,
            open_files=files,
        )
    if http.workers > 1:
        become_parent(
            Service(
                http.workers,
                listener.detach(),
                metrics.detach() if metrics else None,
                logs(settings.logs),
                sorted(environment.from_file),
            )
        )
    lifecycle = Lifecycle()
    application: Application = partial(make_app, lifecycle, environment)
    if reload:  # the new process imports the code by name
        application = "doorward.main:make_app"
    config = server.configuration(
        options, logs(settings.logs), application, lifecycle, reload=reload
    )
    with serving_metrics(metrics or None, from_workers=reload) as worker_exited:
        server.run(config, listener, worker_exited)


def _listen(host: str, port: int, prefix: str = "", how: str = "PORT or --port") -> socket.socket:
    """Listen on an address.

    :param prefix: of the variables that configure host and port.
    :param how: what chooses another port.
    :raises NotReady: the port is in use.
    :raises ConfigurationError: the address or the port is not one of this machine or user.
    """
    try:
        return server.listen(host, port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise NotReady(
                f"port {port} is in use: stop the program that uses it, or choose another one "
                f"with {how}"
            ) from None
        if error.errno == errno.EACCES:
            raise ConfigurationError(
                f"{prefix}PORT", "is one that only root may listen on"
            ) from None
        raise ConfigurationError(f"{prefix}HOST", "is not an address of this machine") from None


def _print_summary(settings: Settings) -> None:
    http, telemetry = settings.http, settings.telemetry
    users, sessions = locations(settings.storage)
    click.echo(f"Doorward listens on {http.host}, port {http.port}: {http.url}")
    click.echo(f"  pages          {_pages(settings)}")
    click.echo(f"  documentation  {http.url + '/docs' if http.api_docs else 'off'}")
    click.echo(f"  users          {users.description}")
    click.echo(f"  sessions       {sessions.description}")
    click.echo(f"  keys           {keys_location(settings)}")
    click.echo(f"  mail           {settings.mail.destination(settings.storage).description}")
    if telemetry.metrics_port:
        click.echo(f"  metrics        {telemetry.metrics_host}, port {telemetry.metrics_port}")


def _pages(settings: Settings) -> str:
    pages, url = settings.pages, settings.http.url
    if not pages.has_account_pages:
        return "off"
    listed = f"{url}/login, {url}/account"
    return f"{listed}, {url}/admin" if pages.has_admin_pages else listed
