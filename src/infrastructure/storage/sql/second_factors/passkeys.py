"""Passkeys in PostgreSQL or SQLite, beside the users."""

from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise

from sqlalchemy import and_, bindparam, delete, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from application.ports import NO_EFFECTS, Effects, PasskeyStore, Stored
from domain.second_factors.passkey import MAX_PASSKEYS, Credential, Passkey, PasskeyId
from domain.user import UserId
from infrastructure.storage.sql.connection.direct import FoundRow
from infrastructure.storage.sql.connection.outdated import repeat_outdated
from infrastructure.storage.sql.database import Database
from infrastructure.storage.sql.rows import Row, Rows
from infrastructure.storage.sql.statements import insert_into
from infrastructure.storage.sql.tables import passkey_handles, passkeys

# Made once: SQLAlchemy takes longer to put a statement together than to execute it.
_OF_HANDLE = (
    select(passkeys)
    .join(passkey_handles, passkey_handles.c.user_id == passkeys.c.user_id)
    .where(
        passkeys.c.id == bindparam("passkey_id"),
        passkey_handles.c.handle == bindparam("handle_"),
    )
)


class SqlPasskeys(PasskeyStore):
    """Changes in the number of a user's passkeys lock the handle of the user: one after the
    other, they keep the bounds.
    """

    def __init__(self, database: Database) -> None:
        self._rows = Rows(database, passkeys)
        self._handles = Rows(database, passkey_handles)

    @repeat_outdated
    async def add(self, passkey: Passkey, effects: Effects = NO_EFFECTS) -> Stored[bool]:
        async with self._rows.changing(effects) as change:
            count = await _count_locked(change.connection, passkey.user_id)
            if count is not None and count < MAX_PASSKEYS:
                adding = insert_into(change.connection, passkeys).values(_row(passkey))
                added = await change.connection.execute(adding.on_conflict_do_nothing())
                change.rows = added.rowcount
        return Stored(change.rows > 0, change.effects_stored)

    async def of_user(self, user_id: UserId) -> Sequence[Passkey]:
        columns = passkeys.c
        query = select(passkeys).where(columns.user_id == user_id)
        async with self._rows.connection() as connection:
            found = await connection.execute(query.order_by(columns.created_at, columns.id))
            return [_passkey(row) for row in found.mappings()]

    async def by_id(self, passkey_id: PasskeyId) -> Passkey | None:
        row = await self._rows.one(id=passkey_id)
        return _passkey(row) if row else None

    async def replace(
        self, old: Passkey, new: Passkey, effects: Effects = NO_EFFECTS
    ) -> Stored[bool]:
        return await self._rows.swap(_row(old), _row(new), effects)

    @repeat_outdated
    async def delete(
        self, passkey: Passkey, effects: Effects = NO_EFFECTS, *, not_last: bool = False
    ) -> Stored[bool]:
        mine = {"id": passkey.id, "user_id": passkey.user_id}
        deleting = delete(passkeys).where(*self._rows.where(mine))
        async with self._rows.changing(effects) as change:
            count = await _count_locked(change.connection, passkey.user_id)
            if count is not None and count > int(not_last):
                change.rows = (await change.connection.execute(deleting)).rowcount
        return Stored(change.rows > 0, change.effects_stored)

    @repeat_outdated
    async def forget(self, user_id: UserId) -> None:
        async with self._rows.database.transaction(passkeys.name) as connection:
            # The handle first: a passkey that is added at this moment is added before, or refused.
            for table in (passkey_handles, passkeys):
                await connection.execute(delete(table).where(table.c.user_id == user_id))

    async def handle_of(self, user_id: UserId, new: bytes) -> bytes:
        async with self._handles.connection() as connection:
            adding = insert_into(connection, passkey_handles).values(user_id=user_id, handle=new)
            await connection.execute(adding.on_conflict_do_nothing(index_elements=["user_id"]))
        row = await self._handles.one(user_id=user_id)
        return bytes(row["handle"]) if row else new  # deleted at this moment

    async def find(self, passkey_id: PasskeyId, handle: bytes) -> Passkey | None:
        row = await self._rows.fetch_one(_OF_HANDLE, passkey_id=passkey_id, handle_=handle)
        return _passkey(row) if row else None

    async def of_other_domains(self, known: Collection[str]) -> Mapping[str, int]:
        domain = passkeys.c.rp_id
        # The gaps between the known ones are ranges of an index: `NOT IN` alone would read all of
        # it. Where the database sorts in another way, they overlap, and nothing is left out.
        ends = ["", *sorted(known)]
        gaps = [and_(domain > low, domain < high) for low, high in pairwise(ends)]
        others = domain.not_in(known), or_(domain > ends[-1], *gaps)
        query = select(domain, func.count()).where(*others).group_by(domain)
        async with self._rows.connection() as connection:
            found = await connection.execute(query)
            return {row[0]: row[1] for row in found}


async def _count_locked(connection: AsyncConnection, user_id: UserId) -> int | None:
    """Return how many passkeys the user has, and keep others from changing that.

    :returns: ``None`` if the user has no handle.
    """
    handles = select(passkey_handles.c.user_id).where(passkey_handles.c.user_id == user_id)
    if (await connection.execute(handles.with_for_update())).first() is None:
        return None
    counting = select(func.count()).where(passkeys.c.user_id == user_id)
    return (await connection.execute(counting)).scalar_one()


def _row(passkey: Passkey) -> Row:
    credential = passkey.credential
    return {
        "id": passkey.id,
        "credential_id": credential.id,
        "user_id": passkey.user_id,
        "public_key": credential.public_key,
        "sign_count": credential.sign_count,
        "transports": " ".join(credential.transports),
        "aaguid": credential.aaguid,
        "backup_eligible": credential.backup_eligible,
        "backed_up": credential.backed_up,
        "rp_id": passkey.rp_id,
        "name": passkey.name,
        "created_at": passkey.created_at,
        "last_used_at": passkey.last_used_at,
    }


def _passkey(row: FoundRow) -> Passkey:
    credential = Credential(
        id=row["credential_id"],
        public_key=row["public_key"],
        sign_count=row["sign_count"],
        aaguid=row["aaguid"],
        backup_eligible=row["backup_eligible"],
        backed_up=row["backed_up"],
        transports=tuple(row["transports"].split()),
    )
    return Passkey(
        credential,
        user_id=UserId(row["user_id"]),
        rp_id=row["rp_id"],
        name=row["name"],
        created_at=row["created_at"],
        last_used_at=row["last_used_at"],
    )
