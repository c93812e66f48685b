"""The effects of a change, stored in its transaction: events, messages and the spent token."""

from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.ext.asyncio import AsyncConnection

from application.ports import NO_EFFECTS, Effects
from domain.mail import Delivery
from domain.one_time_token import OneTimeToken, Purpose
from infrastructure.storage.sql import audit_chain as chain
from infrastructure.storage.sql.database import Database
from infrastructure.storage.sql.outbox_rows import row_of
from infrastructure.storage.sql.tables import one_time_tokens, outbox


class TokenSpent(Exception):
    """The token that a change needs was used by another one. The transaction is rolled back."""


async def store(database: Database, connection: AsyncConnection, effects: Effects) -> bool:
    """Store the effects of a change, if the audit log and the outbox are in this database.

    This is the last step of a transaction: all others that append to the audit log wait for its
    end.

    :returns: whether it did.
    :raises TokenSpent: see there.
    """
    if not database.has_audit_log or effects == NO_EFFECTS:
        return False
    if effects.spent and not await spend(connection, effects.spent):
        raise TokenSpent
    await queue(connection, effects)
    if effects.events:
        await chain.append(connection, effects.events)
    return True


async def spend(connection: AsyncConnection, token: OneTimeToken) -> bool:
    """Mark the token as used, and those that end with it.

    :returns: whether it was unused.
    """
    columns = one_time_tokens.c
    marking = (
        update(one_time_tokens).where(columns.used_at.is_(None)).values(used_at=token.used_at)
    )
    if not (await connection.execute(marking.where(columns.id == token.id))).rowcount:
        return False
    others = marking.where(
        columns.user_id == token.user_id, columns.purpose == token.purpose.value
    )
    if token.purpose is Purpose.EMAIL_UNDO:
        others = others.where(columns.issued_at >= token.issued_at)
    await connection.execute(others)
    return True


async def queue(connection: AsyncConnection, effects: Effects) -> None:
    """Queue the messages, except those that are stored already."""
    if not effects.messages:
        return
    insert = sqlite_insert if connection.dialect.name == "sqlite" else pg_insert
    rows = [row_of(Delivery.of(message)) for message in effects.messages]
    await connection.execute(insert(outbox).values(rows).on_conflict_do_nothing())
