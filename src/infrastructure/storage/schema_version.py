"""The revision of the schema at a location, and its migration."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from types import ModuleType

from sqlalchemy import text

from infrastructure.storage.driver_errors import errors_of
from infrastructure.storage.locations import Location, translate_errors
from infrastructure.storage.not_ready import NotReady
from infrastructure.storage.options import StoreOptions
from infrastructure.storage.sql.database import Database
from infrastructure.storage.sql.migrations.locks import WAIT, ForeignSchema, LocksHeld
from infrastructure.storage.sql.migrations.state import current, newest, rekey_newest


@dataclass(frozen=True, slots=True)
class Move:
    """A migration; ``None`` is before the first revision."""

    before: str | None
    after: str | None


async def revision(location: Location, options: StoreOptions) -> str | None:
    """Return the revision of a location; ``None`` before the first.

    :raises NotReady: the database does not answer.
    """
    with translate_errors(location):
        # First a connection with a time-out: a migration has none, and waits for others.
        async with location.connect(options) as database:
            if isinstance(database, Database):
                await _require_utf8(location, database)
        return await current(location.url)


async def _require_utf8(location: Location, database: Database) -> None:
    """
    :raises NotReady: the database cannot store every name.
    """
    async with database.connection(location.role) as connection:
        if connection.dialect.name != "postgresql":
            return
        encoding = await connection.scalar(text("SHOW server_encoding"))
    if encoding != "UTF8":
        raise NotReady(
            f"{location.description} has a database with the encoding {encoding}, which cannot "
            "store every name: create it with `ENCODING 'UTF8' TEMPLATE template0`"
        )


async def move_up(location: Location, options: StoreOptions, wait: timedelta = WAIT) -> Move:
    """Migrate to the newest revision. A later revision that is compatible stays.

    :param wait: for other migrations, and for transactions that hold locks on the tables.
    :raises NotReady: the database does not answer, or cannot be migrated.
    """
    before = await revision(location, options)
    is_newest = before == newest()
    with _migrating(location):
        if is_newest and location.file:
            await rekey_newest(location.url)
            return Move(before, before)
        migrations = _load_migrations()
        if not is_newest and await migrations.is_newer_and_compatible(location.url):
            return Move(before, before)
        await migrations.upgrade(location.url, wait=wait)
        # Each question is a connection of its own, and most databases are at the newest revision.
        return Move(before, before if is_newest else await current(location.url))


async def move_down(location: Location, options: StoreOptions, wait: timedelta = WAIT) -> Move:
    """Migrate back by one revision, if there is one.

    :param wait: as for :func:`move_up`.
    :raises NotReady: the database does not answer, or cannot be migrated.
    """
    before = await revision(location, options)
    if before is None:
        return Move(None, None)
    with _migrating(location):
        await _load_migrations().downgrade(location.url, wait=wait)
    return Move(before, await revision(location, options))


async def require_usable(location: Location, options: StoreOptions) -> str:
    """
    :returns: the revision of the location: the newest, or a later one that is compatible.
    :raises NotReady: it has another revision.
    """
    found, needed = await revision(location, options), newest()
    if found == needed:
        return needed
    with translate_errors(location):
        if await _load_migrations().is_newer_and_compatible(location.url):
            return str(found)
    state = f"is at revision {found}" if found else "has no tables of Doorward yet"
    raise NotReady(
        f"{location.description} {state}, and {needed} is needed: run `doorward migrate up`"
    )


def _load_migrations() -> ModuleType:
    """Import Alembic, which a database at the newest revision does not need."""
    from infrastructure.storage.sql.migrations import runner  # noqa: PLC0415 - see above

    return runner


@contextmanager
def _migrating(location: Location) -> Iterator[None]:
    try:
        with translate_errors(location, "cannot be migrated"):
            yield
    except LocksHeld as error:
        raise NotReady(
            f"{location.description} cannot be migrated now: {error}; "
            "run it again, or with a longer --wait"
        ) from None
    except ForeignSchema:
        raise NotReady(
            f"{location.description} has tables of the same names that are not Doorward's: "
            "give Doorward a database or a ?schema= of its own"
        ) from None
    except errors_of("alembic.util.exc", "CommandError"):
        raise NotReady(
            f"{location.description} was migrated by another version of Doorward: use a newer one"
        ) from None
