"""``doorward migrate …``: the schema of the databases, from the command line."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial

import click

from doorward.cli.base.use_cases import read_settings
from doorward.diagnostics import preflight
from infrastructure.config.parsers import lifetime
from infrastructure.storage import schema_version as schema
from infrastructure.storage.locations import Location, distinct, store_options
from infrastructure.storage.options import StoreOptions
from infrastructure.telemetry.logging import configure_logging


@click.group()
def migrate() -> None:
    """Migrate the schema of the databases."""


def _read_wait(_context: click.Context, _parameter: click.Parameter, wait: str) -> timedelta:
    try:
        return lifetime(wait)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


_wait = click.option(
    "--wait",
    default="1m",
    show_default=True,
    callback=_read_wait,
    help="How long to wait for other transactions that hold locks on the tables, such as 30m.",
)


@migrate.command()
@_wait
def up(wait: timedelta) -> None:
    """Migrate to the newest revision, while the service runs."""
    _migrate(partial(schema.move_up, wait=wait))


@migrate.command()
@_wait
def down(wait: timedelta) -> None:
    """Go back by one revision. Data that only the newer one can store is lost."""
    _migrate(partial(schema.move_down, wait=wait))


def _migrate(move: Callable[[Location, StoreOptions], Awaitable[schema.Move]]) -> None:
    async def run() -> None:
        await preflight.check_urls(settings)
        preflight.make_data_folder(settings)
        for location in distinct(settings.storage):
            result = (
                await move(location, store_options(settings.storage)) if location.is_sql else None
            )
            click.echo(f"{location.description}: {_format_move(result)}")

    configure_logging()
    settings = read_settings()
    asyncio.run(run())


def _format_move(move: schema.Move | None) -> str:
    if move is None:
        return "nothing to migrate"
    if move.before == move.after:
        return f"stays at {move.after or 'nothing'}"
    return f"from {move.before or 'nothing'} to {move.after or 'nothing'}"
