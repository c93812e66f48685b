"""Identities in PostgreSQL or SQLite, beside the users."""

from collections.abc import Sequence

from sqlalchemy import delete, func, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from application.ports import NO_EFFECTS, Effects, IdentityStore, Stored
from domain.social_login.identity import MAX_IDENTITIES, Identity, IdentityId, ProviderName
from domain.user import UserId
from infrastructure.storage.sql.connection.direct import FoundRow
from infrastructure.storage.sql.database import Database
from infrastructure.storage.sql.effects import EffectRefused
from infrastructure.storage.sql.rows import Row, Rows
from infrastructure.storage.sql.statements import insert_into
from infrastructure.storage.sql.tables import identities, users


class SqlIdentities(IdentityStore):
    """Changes of users add identities: see :func:`change_identities`."""

    def __init__(self, database: Database) -> None:
        self._rows = Rows(database, identities)

    async def find(self, issuer: str, subject: str) -> Identity | None:
        row = await self._rows.one(issuer=issuer, subject=subject)
        return _identity(row) if row else None

    async def by_id(self, identity_id: IdentityId) -> Identity | None:
        row = await self._rows.one(id=identity_id)
        return _identity(row) if row else None

    async def of_user(self, user_id: UserId) -> Sequence[Identity]:
        columns = identities.c
        query = select(identities).where(columns.user_id == user_id)
        async with self._rows.connection() as connection:
            found = await connection.execute(query.order_by(columns.created_at, columns.id))
            return [_identity(row) for row in found.mappings()]

    async def replace(self, old: Identity, new: Identity) -> Stored[bool]:
        return await self._rows.swap(_row(old), _row(new))

    async def delete(self, identity: Identity, effects: Effects = NO_EFFECTS) -> Stored[bool]:
        return await self._rows.delete(effects, id=identity.id, user_id=identity.user_id)

    async def forget(self, user_id: UserId) -> None:
        await self._rows.delete(user_id=user_id)


async def change_identities(effects: Effects, connection: AsyncConnection) -> None:
    """Unlink and link identities of a user, in the transaction that has changed the user: its lock
    on the row of the user keeps the bound.

    :raises EffectRefused: one is not linked any more, or cannot be linked.
    """
    columns = identities.c
    if effects.unlinked:
        the_one = columns.id == effects.unlinked.id, columns.user_id == effects.unlinked.user_id
        if not (await connection.execute(delete(identities).where(*the_one))).rowcount:
            raise EffectRefused
    if effects.unlinks_all_of:
        of_user = columns.user_id == effects.unlinks_all_of
        await connection.execute(delete(identities).where(of_user))
    if effects.linked and not await _add(effects.linked, connection):
        raise EffectRefused


async def _add(identity: Identity, connection: AsyncConnection) -> bool:
    columns = identities.c
    count = select(func.count()).where(columns.user_id == identity.user_id).scalar_subquery()
    row = _row(identity)
    values = [literal(value, columns[name].type) for name, value in row.items()]
    allowed = select(*values).where(users.c.id == identity.user_id, count < MAX_IDENTITIES)
    adding = insert_into(connection, identities).from_select(list(row), allowed)
    return (await connection.execute(adding.on_conflict_do_nothing())).rowcount > 0


def _row(identity: Identity) -> Row:
    return {
        "id": identity.id,
        "issuer": identity.issuer,
        "subject": identity.subject,
        "user_id": identity.user_id,
        "provider": identity.provider,
        "email": identity.email,
        "created_at": identity.created_at,
        "last_used_at": identity.last_used_at,
    }


def _identity(row: FoundRow) -> Identity:
    return Identity(
        id=IdentityId(row["id"]),
        issuer=row["issuer"],
        subject=row["subject"],
        user_id=UserId(row["user_id"]),
        provider=ProviderName(row["provider"]),
        created_at=row["created_at"],
        email=row["email"],
        last_used_at=row["last_used_at"],
    )
