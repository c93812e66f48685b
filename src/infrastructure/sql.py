"""Users, sessions and counted attempts in PostgreSQL or SQLite, with the same statements.

Every statement commits by itself (AUTOCOMMIT), which is atomic and one round trip. What a port
method promises is one statement (a second one may tidy up), and a compare-and-swap is an UPDATE
whose WHERE names the whole old row.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import asyncpg
from sqlalchemy import ColumnElement, Table, case, delete, insert, select, update
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.engine import RowMapping
from sqlalchemy.exc import (
    IntegrityError,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from application.ports import RateLimiter, SessionStore, UserRepository
from domain.errors import EmailTaken
from domain.limit import Usage
from domain.session import Session, SessionId, TokenId
from domain.user import Email, Role, User, UserId
from infrastructure.database import Database
from infrastructure.tables import rate_limits, sessions, users

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Rows:
    """The rows of one table, found by the values of some of their columns."""

    database: Database
    table: Table

    async def one(self, **values: object) -> RowMapping | None:
        query = select(self.table).where(*self._where(values))
        async with self.connection() as connection:
            return (await connection.execute(query)).mappings().one_or_none()

    async def insert(self, row: Row) -> None:
        async with self.connection() as connection:
            await connection.execute(insert(self.table).values(row))

    async def swap(self, old: Row, new: Row) -> bool:
        statement = update(self.table).where(*self._where(old)).values(new)
        async with self.connection() as connection:
            return (await connection.execute(statement)).rowcount == 1

    async def delete(self, **values: object) -> None:
        async with self.connection() as connection:
            await connection.execute(delete(self.table).where(*self._where(values)))

    def connection(self) -> AbstractAsyncContextManager[AsyncConnection]:
        return self.database.connection(self.table.name)

    def _where(self, values: Row) -> list[ColumnElement[bool]]:
        return [self.table.c[name] == value for name, value in values.items()]


class SqlUsers(UserRepository):
    def __init__(self, database: Database) -> None:
        self._rows = _Rows(database, users)

    async def add(self, user: User) -> None:
        with _each_email_once():
            await self._rows.insert(_user_row(user))

    async def get(self, user_id: UserId) -> User | None:
        row = await self._rows.one(id=user_id)
        return _user(row) if row else None

    async def by_email(self, email: Email) -> User | None:
        row = await self._rows.one(email_key=email.key)
        return _user(row) if row else None

    async def replace(self, old: User, new: User) -> bool:
        with _each_email_once():
            return await self._rows.swap(_user_row(old), _user_row(new))

    async def delete(self, user_id: UserId) -> None:
        await self._rows.delete(id=user_id)


class SqlRateLimiter(RateLimiter):
    def __init__(self, database: Database) -> None:
        self._rows = _Rows(database, rate_limits)

    async def count(self, key: str, window: timedelta, now: datetime) -> Usage:
        async with self._rows.connection() as connection:
            insert_here = sqlite_insert if connection.dialect.name == "sqlite" else pg_insert
            new = insert_here(rate_limits).values(key=key, count=1, resets_at=now + window)
            has_ended = rate_limits.c.resets_at <= now
            counted = new.on_conflict_do_update(
                index_elements=["key"],
                set_={
                    "count": case((has_ended, 1), else_=rate_limits.c.count + 1),
                    "resets_at": case(
                        (has_ended, new.excluded.resets_at), else_=rate_limits.c.resets_at
                    ),
                },
            ).returning(rate_limits.c.count, rate_limits.c.resets_at)
            usage = Usage(*(await connection.execute(counted)).one())
            if usage.count == 1:
                await self._sweep(connection, now)
        return usage

    async def forget(self, key: str) -> None:
        await self._rows.delete(key=key)

    async def _sweep(self, connection: AsyncConnection, now: datetime) -> None:
        """Windows end by themselves; this only takes away some rows of those that have."""
        ended = select(rate_limits.c.key).where(rate_limits.c.resets_at <= now).limit(100)
        some = ended.with_for_update(skip_locked=True)
        await connection.execute(delete(rate_limits).where(rate_limits.c.key.in_(some)))


class SqlSessions(SessionStore):
    def __init__(self, database: Database) -> None:
        self._rows = _Rows(database, sessions)

    async def add(self, session: Session) -> None:
        ended = (
            sessions.c.user_id == session.user_id,
            sessions.c.expires_at <= session.started_at,
        )
        async with self._rows.connection() as connection:
            await connection.execute(delete(sessions).where(*ended))
        await self._rows.insert(_session_row(session))

    async def get(self, user_id: UserId, session_id: SessionId) -> Session | None:
        row = await self._rows.one(id=session_id, user_id=user_id)
        return _session(row) if row else None

    async def replace(self, old: Session, new: Session) -> bool:
        return await self._rows.swap(_session_row(old), _session_row(new))

    async def delete(self, user_id: UserId, session_id: SessionId) -> None:
        await self._rows.delete(id=session_id, user_id=user_id)

    async def of_user(self, user_id: UserId) -> Sequence[Session]:
        query = (
            select(sessions).where(sessions.c.user_id == user_id).order_by(sessions.c.started_at)
        )
        async with self._rows.connection() as connection:
            return [_session(row) for row in (await connection.execute(query)).mappings()]


@contextmanager
def _each_email_once() -> Iterator[None]:
    try:
        yield
    except IntegrityError as error:
        if _broken_constraint(error) != "users_email_key_key":
            raise
        raise EmailTaken from None


def _broken_constraint(error: IntegrityError) -> str:
    cause = getattr(error.orig, "__cause__", None)
    if isinstance(cause, asyncpg.IntegrityConstraintViolationError):
        return str(cause.constraint_name)
    # SQLite names the columns: "UNIQUE constraint failed: users.email_key"
    table, _, column = str(error.orig).rpartition(" ")[2].partition(".")
    return f"{table}_{column}_key"


def _user_row(user: User) -> Row:
    return {
        "id": user.id,
        "name": user.name,
        "email": user.email.address,
        "email_key": user.email.key,
        "photo": user.photo,
        "verified": user.verified,
        "disabled": user.disabled,
        "password_hash": user.password_hash,
        "role": user.role.value,
        "created_at": user.created_at,
        "updated_at": user.updated_at,
        "generation": user.generation,
    }


def _user(row: RowMapping) -> User:
    return User(
        id=UserId(row["id"]),
        name=row["name"],
        email=Email(row["email"], row["email_key"]),
        password_hash=row["password_hash"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        role=Role(row["role"]),
        photo=row["photo"],
        verified=row["verified"],
        disabled=row["disabled"],
        generation=row["generation"],
    )


def _session_row(session: Session) -> Row:
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
    }


def _session(row: RowMapping) -> Session:
    return Session(
        id=SessionId(row["id"]),
        user_id=UserId(row["user_id"]),
        token_id=TokenId(row["token_id"]),
        spent_id=TokenId(row["spent_id"]) if row["spent_id"] else None,
        started_at=row["started_at"],
        rotated_at=row["rotated_at"],
        expires_at=row["expires_at"],
        ends_at=row["ends_at"],
        generation=row["generation"],
    )
