"""Users in PostgreSQL or SQLite, with the same statements. See also ``sql.sessions``."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from operator import itemgetter
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Select,
    Tuple,
    and_,
    delete,
    false,
    func,
    literal,
    not_,
    or_,
    select,
    true,
    tuple_,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from application.pagination import Page, Total, UserQuery
from application.ports import NO_EFFECTS, Effects, Stored, UserRepository
from domain.email import EMAIL_LENGTH, Email
from domain.errors import EmailTaken, LastAdministrator
from domain.permissions import ADMINISTRATORS, Role
from domain.user import NO_PASSWORD, User, UserId
from infrastructure.storage import page_cursor as cursor
from infrastructure.storage.driver_errors import errors_of
from infrastructure.storage.sql.connection.direct import FoundRow
from infrastructure.storage.sql.connection.outdated import repeat_outdated
from infrastructure.storage.sql.counting import count_rows
from infrastructure.storage.sql.database import Database
from infrastructure.storage.sql.rows import Row, Rows, Step
from infrastructure.storage.sql.social_login.identities import change_identities
from infrastructure.storage.sql.statements import insert_into
from infrastructure.storage.sql.tables import (
    UtcDateTime,
    by_code_points,
    email_order,
    name_order,
    users,
)

_LAST_TEXT = "\U0010ffff" * (EMAIL_LENGTH + 1)
"""Sorts after every text in a list, in the order of code points."""

_has_password = func.coalesce(users.c.guarded_hash, users.c.password_hash) != NO_PASSWORD
_is_administrator = and_(
    users.c.role.in_(sorted(ADMINISTRATORS)),
    not_(users.c.disabled),
    or_(users.c.verified, _has_password),  # else only invited
)


class SqlUsers(UserRepository):
    def __init__(self, database: Database) -> None:
        self._rows = Rows(database, users)

    async def add(self, user: User, effects: Effects = NO_EFFECTS) -> Stored[bool]:
        with _translate_email_conflict():
            return await self._rows.insert(_user_row(user), effects, _linking(effects))

    @repeat_outdated
    async def add_all(
        self, users: Sequence[User], effects: Effects = NO_EFFECTS
    ) -> Stored[Sequence[UserId]]:
        # All in one order: two calls that lock each other's addresses would never end.
        in_order = sorted((_user_row(user) for user in users), key=itemgetter("email_key"))
        added = list[UserId]()
        async with self._rows.changing(effects) as change:
            statement = insert_into(change.connection, self._rows.table).on_conflict_do_nothing()
            if in_order:
                stored = statement.returning(self._rows.table.c.id)
                added += map(UserId, await change.connection.scalars(stored, in_order))
            change.rows = len(added)
        return Stored(added, change.effects_stored)

    async def get(self, user_id: UserId) -> User | None:
        row = await self._rows.one(id=user_id)
        return _user(row) if row else None

    async def by_email(self, email: Email) -> User | None:
        row = await self._rows.one(email_key=email.key)
        return _user(row) if row else None

    async def replace(self, old: User, new: User, effects: Effects = NO_EFFECTS) -> Stored[bool]:
        is_demoted = old.is_administrator and not new.is_administrator
        check = partial(_require_another_administrator, old.id) if is_demoted else None
        with _translate_email_conflict():
            return await self._rows.swap(
                _user_row(old), _user_row(new), effects, check, _linking(effects)
            )

    async def delete(self, user_id: UserId, effects: Effects = NO_EFFECTS) -> Stored[bool]:
        the_user = delete(users).where(users.c.id == user_id)
        stored = await self._rows.change(the_user.where(not_(_is_administrator)), effects)
        if stored.changed:
            return stored
        require_another = partial(_require_another_administrator, user_id)
        return await self._rows.change(the_user, effects, require_another)

    async def page(self, query: UserQuery, after: str | None, limit: int) -> Page[User]:
        ordered = _ordered(query, select(users).where(_matching(query)), after)
        async with self._rows.connection() as connection:
            rows = (await connection.execute(ordered.limit(limit + 1))).mappings().all()
        page = [_user(row) for row in rows[:limit]]
        return Page(page, _cursor(query, page[-1]) if len(rows) > limit else None)

    async def count(self, query: UserQuery, exact_up_to: int = 1000) -> Total:
        matching = select(users.c.id).where(_matching(query))
        async with self._rows.connection() as connection:
            return await count_rows(connection, matching, exact_up_to)


def _linking(effects: Effects) -> Step | None:
    return partial(change_identities, effects) if effects.changes_identities else None


async def _require_another_administrator(user_id: UserId, connection: AsyncConnection) -> None:
    """Lock all administrators until the end of the transaction.

    :raises LastAdministrator: the user is the only one.
    """
    every = select(users.c.id).where(_is_administrator).order_by(users.c.id)
    if set(await connection.scalars(every.with_for_update())) == {user_id}:
        raise LastAdministrator


def _matching(query: UserQuery) -> ColumnElement[bool]:
    conditions: list[ColumnElement[bool]] = [true()]
    if query.email is not None:
        conditions += _has_prefix(email_order, literal(query.email))
    if query.name is not None:
        conditions += _has_prefix(name_order, func.lower(query.name))
    if query.role is not None:
        conditions.append(users.c.role == query.role.value)
    if query.disabled is not None:
        conditions.append(users.c.disabled == query.disabled)
    if query.has_second_factor is not None:
        guarded = users.c.guarded_hash
        conditions.append(guarded.is_not(None) if query.has_second_factor else guarded.is_(None))
    if query.unverified_before is not None:
        conditions += [
            users.c.self_registered == true(),
            users.c.verified == false(),
            users.c.created_at < query.unverified_before,
        ]
    return and_(*conditions)


def _has_prefix(
    ordered: ColumnElement[str], prefix: ColumnElement[str]
) -> list[ColumnElement[bool]]:
    """A range, which can use an index whatever characters the prefix has."""
    first = by_code_points(prefix)
    return [ordered >= first, ordered < first + _LAST_TEXT]


def _ordered(query: UserQuery, rows: Select[Any], after: str | None) -> Select[Any]:
    order: ColumnElement[Any] = {
        "time": users.c.created_at,
        "email": email_order,
        "name": name_order,
    }[query.order]
    position = tuple_(order, users.c.id)
    if query.order == "time":  # the newest first
        before = rows if after is None else rows.where(position < _position(query, after))
        return before.order_by(order.desc(), users.c.id.desc())
    behind = rows if after is None else rows.where(position > _position(query, after))
    return behind.order_by(order, users.c.id)


def _position(query: UserQuery, after: str) -> Tuple:
    parse = cursor.time if query.order == "time" else cursor.text
    first, user_id = cursor.read(after, query.order, parse, UUID)
    keys: dict[str, ColumnElement[Any]] = {
        "time": literal(first, UtcDateTime),
        "email": by_code_points(literal(first)),
        "name": by_code_points(func.lower(first)),
    }
    return tuple_(keys[query.order], literal(user_id, users.c.id.type))


def _cursor(query: UserQuery, last: User) -> str:
    keys = {"time": last.created_at.isoformat(), "email": last.email.key, "name": last.name}
    return cursor.write(query.order, keys[query.order], last.id)


@contextmanager
def _translate_email_conflict() -> Iterator[None]:
    try:
        yield
    except _conflicts() as error:
        if _violated_constraint(error) != "users_email_key_key":
            raise
        raise EmailTaken from None


def _conflicts() -> tuple[type[BaseException], ...]:
    return (IntegrityError, *errors_of("asyncpg", "UniqueViolationError"))


def _violated_constraint(error: BaseException) -> str:
    cause = getattr(error.orig, "__cause__", None) if isinstance(error, IntegrityError) else error
    if isinstance(cause, errors_of("asyncpg", "IntegrityConstraintViolationError")):
        return str(getattr(cause, "constraint_name", None))
    # SQLite names the columns: "UNIQUE constraint failed: users.email_key"
    table, _, column = str(getattr(error, "orig", "")).rpartition(" ")[2].partition(".")
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
        **_hashes(user),
        "role": user.role.value,
        "created_at": user.created_at,
        "updated_at": user.updated_at,
        "generation": user.generation,
        "locale": user.locale,
        "self_registered": user.self_registered,
    }


def _hashes(user: User) -> Row:
    """Keep the hash of a user with a second factor where earlier releases do not find it: they
    would log in with the password alone (docs/adr/0049).
    """
    if user.has_second_factor:
        return {"password_hash": NO_PASSWORD, "guarded_hash": user.password_hash}
    return {"password_hash": user.password_hash, "guarded_hash": None}


def _user(row: FoundRow) -> User:
    guarded = row["guarded_hash"]
    return User(
        id=UserId(row["id"]),
        name=row["name"],
        email=Email(row["email"], row["email_key"]),
        password_hash=row["password_hash"] if guarded is None else guarded,
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        role=Role(row["role"]),
        photo=row["photo"],
        verified=row["verified"],
        disabled=row["disabled"],
        generation=row["generation"],
        locale=row["locale"],
        self_registered=row["self_registered"],
        has_second_factor=guarded is not None,
    )
