"""The effects of a change, stored in its transaction: events, messages and the spent token."""

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from application.ports import NO_EFFECTS, Effects
from domain.mail.message import Delivery
from domain.mail.one_time_token import OneTimeToken, Purpose
from infrastructure.storage.sql.audit.append import append
from infrastructure.storage.sql.database import Database
from infrastructure.storage.sql.outbox_rows import row_of
from infrastructure.storage.sql.statements import insert_into
from infrastructure.storage.sql.tables import one_time_tokens, outbox


class EffectRefused(Exception):
    """An effect cannot be made: the token that a change needs was used by another one, or the
    identity was linked or unlinked. The transaction is rolled back.
    """


async def store(database: Database, connection: AsyncConnection, effects: Effects) -> bool:
    """Store the effects of a change, if the audit log and the outbox are in this database.

    This is the last step of a transaction: all others that append to the audit log wait for its
    end.

    :returns: whether it did.
    :raises EffectRefused: the token is used already.
    """
    if not database.has_audit_log or effects == NO_EFFECTS:
        return False
    if effects.spent and not await spend(connection, effects.spent):
        raise EffectRefused
    await queue(connection, effects)
    if effects.events:
        await append(connection, effects.events)
    return True


async def spend(connection: AsyncConnection, token: OneTimeToken) -> bool:
    """Mark the token as used, and those that end with it.

    :returns: whether it was unused.
    """
    columns = one_time_tokens.c
    unused = select(columns.id).where(
        columns.user_id == token.user_id,
        columns.purpose == token.purpose.value,
        columns.used_at.is_(None),
    )
    if token.purpose is Purpose.EMAIL_UNDO:
        unused = unused.where(columns.issued_at >= token.issued_at)
    # All in one order: two that lock each other's tokens would never end.
    locked = await connection.scalars(unused.order_by(columns.id).with_for_update())
    spent = locked.all()
    if token.id not in spent:
        return False
    marking = update(one_time_tokens).where(columns.id.in_(spent))
    await connection.execute(marking.values(used_at=token.used_at))
    return True


async def queue(connection: AsyncConnection, effects: Effects) -> None:
    """Queue the messages, except those that are stored already."""
    if not effects.messages:
        return
    rows = [row_of(Delivery.of(message)) for message in effects.messages]
    await connection.execute(insert_into(connection, outbox).values(rows).on_conflict_do_nothing())
