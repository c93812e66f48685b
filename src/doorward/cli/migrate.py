"""``doorward migrate …``: the schema of the databases, from the command line."""

import asyncio
from collections.abc import Awaitable, Callable

import click

from doorward.cli.use_cases import read_settings
from doorward.diagnostics import preflight
from infrastructure.storage import schema_version as schema
from infrastructure.storage.locations import Location, distinct, store_options
from infrastructure.storage.options import StoreOptions
from infrastructure.telemetry.logging import configure_logging


@click.group()
def migrate() -> None:
    """Migrate the schema of the databases."""


@migrate.command()
def up() -> None:
    """Migrate to the newest revision."""
    _migrate(schema.move_up)


@migrate.command()
def down() -> None:
    """Go back by one revision. Data that only the newer one can store is lost."""
    _migrate(schema.move_down)


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
