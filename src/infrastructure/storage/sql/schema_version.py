"""The schema at a place: which revision it has, and moving it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from alembic.util.exc import CommandError

from infrastructure.storage.locations import NotReady, Place, answering
from infrastructure.storage.options import Limits
from infrastructure.storage.sql import migrations
from infrastructure.storage.sql.database import Database


@dataclass(frozen=True, slots=True)
class Move:
    """From one revision to another; ``None`` is before the first."""

    before: str | None
    after: str | None


async def revision(place: Place, limits: Limits) -> str | None:
    """The revision that the place is at; ``None`` before the first.

    :raises NotReady: there is no answer.
    """
    with answering(place):
        # First a connection with a time-out: a migration may take any time, and waits for others.
        async with place.connect(limits) as database:
            if isinstance(database, Database):
                async with database.connection(place.role):
                    pass
        return await migrations.current(place.url)


async def move_up(place: Place, limits: Limits) -> Move:
    """To the newest revision. What a later release has made stays, if this one works on it.

    :raises NotReady: that cannot be.
    """
    before = await revision(place, limits)
    with _migrating(place):
        if await migrations.is_newer_and_compatible(place.url):
            return Move(before, before)
        await migrations.upgrade(place.url)
    return Move(before, await revision(place, limits))


async def move_down(place: Place, limits: Limits) -> Move:
    """One revision back, where there is one.

    :raises NotReady: that cannot be.
    """
    before = await revision(place, limits)
    if before is None:
        return Move(None, None)
    with _migrating(place):
        await migrations.downgrade(place.url)
    return Move(before, await revision(place, limits))


async def require_usable(place: Place, limits: Limits) -> str:
    """
    :returns: the place's revision: the one that this version needs, or a later one that it works
        on.
    :raises NotReady: it is another one.
    """
    found, needed = await revision(place, limits), migrations.newest()
    if found == needed:
        return needed
    with answering(place):
        if await migrations.is_newer_and_compatible(place.url):
            return str(found)
    state = f"is at revision {found}" if found else "has no tables of Doorward yet"
    raise NotReady(
        f"{place.description} {state}, and {needed} is needed: run `doorward migrate up`"
    )


@contextmanager
def _migrating(place: Place) -> Iterator[None]:
    try:
        with answering(place, "cannot be migrated"):
            yield
    except migrations.ForeignSchema:
        raise NotReady(
            f"{place.description} has tables of the same names that are not Doorward's: "
            "give Doorward a database or a ?schema= of its own"
        ) from None
    except CommandError:
        raise NotReady(
            f"{place.description} was migrated by another version of Doorward: use a newer one"
        ) from None
