"""Sessions in PostgreSQL or SQLite, with the same statements.

Every statement commits by itself (AUTOCOMMIT), which is atomic and one round trip, unless it has
effects. What a port method promises is one statement (a second one may tidy up),
and a compare-and-swap is an UPDATE whose WHERE names the whole old row.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.engine import RowMapping

from application.ports import NO_EFFECTS, Effects, SessionStore, Stored
from domain.session import Session, SessionId, TokenId, Transport
from domain.session_activity import SessionActivity
from domain.user import UserId
from infrastructure.storage import method_names, rotation_record
from infrastructure.storage.sql.connection.direct import FoundRow
from infrastructure.storage.sql.counting import count_rows
from infrastructure.storage.sql.database import Database
from infrastructure.storage.sql.rows import Row, Rows
from infrastructure.storage.sql.tables import ADDRESS_LENGTH, sessions

_EXACT_UP_TO = 100_000
"""Sessions that are counted, in milliseconds."""

# Made once: SQLAlchemy takes longer to put a statement together than to execute it.
_OF_USER = (
    select(sessions)
    .where(sessions.c.user_id == bindparam("owner", type_=sessions.c.user_id.type))
    .order_by(sessions.c.started_at)
)
_DELETE_ENDED = delete(sessions).where(
    sessions.c.user_id == bindparam("owner", type_=sessions.c.user_id.type),
    sessions.c.expires_at <= bindparam("now", type_=sessions.c.expires_at.type),
)


class SqlSessions(SessionStore):
    def __init__(self, database: Database) -> None:
        self._rows = Rows(database, sessions)

    async def add(
        self,
        session: Session,
        activity: SessionActivity | None = None,
        effects: Effects = NO_EFFECTS,
    ) -> Stored[bool]:
        ended = {"owner": session.user_id, "now": session.started_at}
        async with self._rows.connection() as connection:
            await connection.execute(_DELETE_ENDED, ended)
        seen = _activity_row(activity) if activity else {}
        return await self._rows.insert({**_session_row(session), **seen}, effects)

    async def get(self, user_id: UserId, session_id: SessionId) -> Session | None:
        row = await self._rows.one(id=session_id, user_id=user_id)
        return _session(row) if row else None

    async def replace(
        self, old: Session, new: Session, effects: Effects = NO_EFFECTS
    ) -> Stored[bool]:
        return await self._rows.swap(_session_row(old), _session_row(new), effects)

    async def delete(
        self, user_id: UserId, session_id: SessionId, effects: Effects = NO_EFFECTS
    ) -> Stored[bool]:
        return await self._rows.delete(effects, id=session_id, user_id=user_id)

    async def of_user(self, user_id: UserId) -> Sequence[Session]:
        async with self._rows.connection() as connection:
            found = await connection.execute(_OF_USER, {"owner": user_id})
            return [_session(row) for row in found.mappings()]

    async def record_activity(
        self, user_id: UserId, session_id: SessionId, activity: SessionActivity
    ) -> None:
        the_session = self._rows.where({"id": session_id, "user_id": user_id})
        await self._rows.change(
            update(sessions).where(*the_session).values(_activity_row(activity))
        )

    async def delete_expired(self, before: datetime, limit: int) -> int:
        expired = select(sessions.c.id).where(sessions.c.expires_at <= before).limit(limit)
        some = expired.with_for_update(skip_locked=True)  # another process deletes the others
        statement = delete(sessions).where(sessions.c.id.in_(some))
        async with self._rows.connection() as connection:
            return (await connection.execute(statement)).rowcount

    async def count(self, now: datetime) -> int | None:
        active = select(sessions.c.id).where(sessions.c.expires_at > now)
        async with self._rows.connection() as connection:
            return (await count_rows(connection, active, _EXACT_UP_TO)).count

    async def activity_of(self, user_id: UserId) -> Mapping[SessionId, SessionActivity]:
        is_noted = sessions.c.seen_at.is_not(None)
        query = select(sessions).where(sessions.c.user_id == user_id, is_noted)
        async with self._rows.connection() as connection:
            rows = (await connection.execute(query)).mappings()
            return {SessionId(row["id"]): _activity(row) for row in rows}


def _session_row(session: Session) -> Row:
    rotations = rotation_record.pack(session)
    return {
        "id": session.id,
        "user_id": session.user_id,
        "token_id": session.token_id,
        "spent_id": session.spent_id,
        "started_at": session.started_at,
        "rotated_at": session.rotated_at,
        "expires_at": session.expires_at,
        "ends_at": session.ends_at,
        "generation": session.generation,
        "rotations": rotations.hex() if rotations else None,
        "transport": session.transport.value,
        "methods": method_names.write(session.methods),
        "stepped_up": session.is_stepped_up,
    }


def _session(row: FoundRow) -> Session:
    session = Session(
        id=SessionId(row["id"]),
        user_id=UserId(row["user_id"]),
        token_id=TokenId(row["token_id"]),
        spent_id=TokenId(row["spent_id"]) if row["spent_id"] else None,
        started_at=row["started_at"],
        rotated_at=row["rotated_at"],
        expires_at=row["expires_at"],
        ends_at=row["ends_at"],
        generation=row["generation"],
        transport=Transport(row["transport"]),
        methods=method_names.read(row["methods"]),
        is_stepped_up=row["stepped_up"],
    )
    rotations = row["rotations"]
    return rotation_record.unpack(bytes.fromhex(rotations), session) if rotations else session


def _activity_row(activity: SessionActivity) -> Row:
    return {
        "seen_at": activity.at,
        "seen_address": activity.address[:ADDRESS_LENGTH],
        "seen_agent": activity.agent,
    }


def _activity(row: RowMapping) -> SessionActivity:
    return SessionActivity(row["seen_at"], row["seen_address"], row["seen_agent"])
