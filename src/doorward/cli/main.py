"""The command ``doorward``. Each command reports an error in one line, without a traceback."""

import io
import sys
from typing import NoReturn

import click

from doorward.cli.base.lazy_command import LazyCommand
from infrastructure.config.environment_variables import ConfigurationError
from infrastructure.storage.not_ready import NotReady


@click.group()
@click.version_option(package_name="doorward")
def doorward() -> None:
    """A self-hosted authentication service.

    Environment variables configure it. A file `.env` in the current folder sets those that are
    not set otherwise.
    """


for name, summary in {
    "audit": "The audit log.",
    "doctor": "Check configuration, keys, stores, schema, clocks and mail, one line each.",
    "keys": "The keys that sign tokens.",
    "mail": "The outbox, and the mail server.",
    "migrate": "Migrate the schema of the databases.",
    "openapi": "Print the OpenAPI document.",
    "pages": "The pages for people.",
    "secrets": "The secrets that protect what the database holds.",
    "sessions": "The sessions of all users.",
    "serve": "Run the service until SIGINT or SIGTERM.",
    "users": "The user accounts.",
}.items():
    doorward.add_command(LazyCommand(name, summary, f"doorward.cli.{name}"))


def main() -> None:
    """Run the command that the arguments of this process name."""
    if isinstance(
        sys.stdout, io.TextIOWrapper
    ):  # an address may not be in the terminal's encoding
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        doorward(prog_name="doorward")
    except ConfigurationError as error:
        _fail(error, code=2)
    except NotReady as error:
        _fail(error, code=1)


def _fail(error: Exception, code: int) -> NoReturn:
    click.echo(f"doorward: {error}", err=True)
    sys.exit(code)
