"""One-time tokens in PostgreSQL or SQLite, beside the users."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from application.ports import NO_EFFECTS, Effects, OneTimeTokenStore, Stored
from domain.email import Email
from domain.mail.one_time_token import LIVE_TOKENS, OneTimeToken, Purpose
from domain.user import UserId
from infrastructure.storage.sql.connection.direct import FoundRow
from infrastructure.storage.sql.connection.outdated import repeat_outdated
from infrastructure.storage.sql.database import Database
from infrastructure.storage.sql.rows import Row, Rows
from infrastructure.storage.sql.statements import insert_into
from infrastructure.storage.sql.tables import one_time_tokens, users

_PURPOSES = [purpose.value for purpose in Purpose]
"""A later release may have others: this one does not know them."""


class SqlOneTimeTokens(OneTimeTokenStore):
    def __init__(self, database: Database) -> None:
        self._rows = Rows(database, one_time_tokens)

    @repeat_outdated
    async def issue(
        self, token: OneTimeToken, effects: Effects = NO_EFFECTS
    ) -> Stored[OneTimeToken]:
        async with self._rows.changing(effects) as change:
            # Tokens of one user are issued one after the other, or too many would stay usable.
            lock = select(users.c.id).where(users.c.id == token.user_id).with_for_update()
            await change.connection.execute(lock)
            new = token.issued_beside(await _of_same(change.connection, token))
            # A user who is deleted at this moment cannot be locked.
            row = insert_into(change.connection, one_time_tokens).values(_row(new))
            inserting = row.on_conflict_do_nothing(index_elements=[one_time_tokens.c.id])
            change.rows = (await change.connection.execute(inserting)).rowcount
            if change.rows and token.is_limited:
                await _end_older(change.connection, token)
            stored = await _by_id(change.connection, token.id)
        return Stored(stored or token, change.effects_stored)

    async def by_digest(self, digest: str) -> OneTimeToken | None:
        row = await self._rows.one(digest=digest)
        return _token(row) if row and row["purpose"] in _PURPOSES else None

    async def unused(self, email: Email, purpose: Purpose) -> Sequence[OneTimeToken]:
        columns = one_time_tokens.c
        query = select(one_time_tokens).where(
            columns.email_key == email.key,
            columns.purpose == purpose.value,
            columns.used_at.is_(None),
        )
        async with self._rows.connection() as connection:
            return [_token(row) for row in (await connection.execute(query)).mappings()]

    async def forget(self, user_id: UserId) -> None:
        await self._rows.delete(user_id=user_id)

    async def purge(self, before: datetime, limit: int) -> int:
        return await self._rows.delete_before(one_time_tokens.c.expires_at, before, limit)


async def _by_id(connection: AsyncConnection, token_id: str) -> OneTimeToken | None:
    query = select(one_time_tokens).where(one_time_tokens.c.id == token_id)
    row = (await connection.execute(query)).mappings().one_or_none()
    return _token(row) if row else None


async def _of_same(connection: AsyncConnection, token: OneTimeToken) -> Sequence[OneTimeToken]:
    """Return the stored tokens of the same user and purpose."""
    columns = one_time_tokens.c
    query = select(one_time_tokens).where(
        columns.user_id == token.user_id, columns.purpose == token.purpose.value
    )
    return [_token(row) for row in (await connection.execute(query)).mappings()]


async def _end_older(connection: AsyncConnection, token: OneTimeToken) -> None:
    columns = one_time_tokens.c
    live = (
        columns.user_id == token.user_id,
        columns.purpose == token.purpose.value,
        columns.used_at.is_(None),
    )
    newest = (
        select(columns.id)
        .where(*live)
        .order_by(columns.issued_at.desc(), columns.id.desc())
        .limit(LIVE_TOKENS)
    )
    older = update(one_time_tokens).where(*live, columns.id.not_in(newest))
    await connection.execute(older.values(used_at=token.issued_at))


def _row(token: OneTimeToken) -> Row:
    return {
        "id": token.id,
        "digest": token.digest,
        "purpose": token.purpose.value,
        "user_id": token.user_id,
        "generation": token.generation,
        "email": token.email.address,
        "email_key": token.email.key,
        "issued_at": token.issued_at,
        "expires_at": token.expires_at,
        "used_at": token.used_at,
    }


def _token(row: FoundRow) -> OneTimeToken:
    return OneTimeToken(
        id=row["id"],
        digest=row["digest"],
        purpose=Purpose(row["purpose"]),
        user_id=UserId(row["user_id"]),
        generation=row["generation"],
        email=Email(row["email"], row["email_key"]),
        issued_at=row["issued_at"],
        expires_at=row["expires_at"],
        used_at=row["used_at"],
    )
