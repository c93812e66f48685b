"""Import users from another system, with their password hashes."""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar
from uuid import UUID

from application.audit import Audit
from application.ports import (
    Clock,
    FactorSecrets,
    PasswordHasher,
    RandomId,
    SecondFactorStore,
    UnusableHash,
    UserRepository,
)
from domain.actor import Actor
from domain.audit.details import UsersImported
from domain.audit.event import EventType
from domain.email import Email
from domain.errors import InvalidInput, Problem, all_of
from domain.permissions import ADMINISTRATORS, Permission, Role
from domain.request_context import UNKNOWN
from domain.second_factors.factors import SecondFactors, Totp
from domain.second_factors.otpauth import parse_exported
from domain.user import NO_PASSWORD, User, UserId, parse_locale, parse_name, parse_photo

_T = TypeVar("_T")

FIELDS = (
    "id",
    "name",
    "email",
    "password_hash",
    "role",
    "photo",
    "verified",
    "disabled",
    "created_at",
    "updated_at",
    "locale",
    "totp",
)
"""The fields of a record. Only ``email`` and ``password_hash`` are required."""

UNUSABLE = "!"
"""In place of the hash of a user without a password, as in Django and in ``/etc/shadow``."""

_MARKS = dict.fromkeys(map(ord, "\u00ad\u061c\u200b\u200e\u200f\u2060\ufeff"))
"""Invisible characters that names contain by accident: soft hyphens and various marks.

They are removed. Those that reorder a text are not, and such a name is rejected.
"""

_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ]|$)")
_BOOLEANS = {"true": True, "t": True, "yes": True, "1": True}
_BOOLEANS |= {"false": False, "f": False, "no": False, "0": False, "": False}


@dataclass(frozen=True, slots=True)
class Record:
    """
    :ivar line: its line in the file, from 1.
    :ivar values: texts by the names in ``FIELDS``; other names are ignored.
    :ivar problem: why the line cannot be parsed; empty if it can.
    """

    line: int
    values: Mapping[str, str]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that is not imported, and all its problems."""

    line: int
    problems: Sequence[Problem]


@dataclass(frozen=True, slots=True)
class Imported:
    """
    :ivar new: how many users were stored.
    :ivar skipped: how many existed already, with this address and this hash.
    :ivar with_app: how many of the new users have an authenticator app.
    """

    new: int
    skipped: int
    rejected: Sequence[Rejected]
    with_app: int = 0


@dataclass(frozen=True, slots=True)
class _Parsed:
    """
    :ivar users: by line.
    :ivar apps: the secrets of their authenticator apps, likewise.
    """

    users: dict[int, User] = field(default_factory=dict)
    apps: dict[int, bytes] = field(default_factory=dict, repr=False)
    rejected: list[Rejected] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ImportUsers:
    """Import users with the hashes of their passwords and with their authenticator apps.

    A secret is stored before its user is: a crash in between leaves a secret that belongs to no
    user, and never a user without the second factor. An import changes no user who exists.
    """

    users: UserRepository
    second_factors: SecondFactorStore
    factor_secrets: FactorSecrets
    hasher: PasswordHasher
    audit: Audit
    clock: Clock
    random_id: RandomId

    async def __call__(
        self, actor: Actor, records: Sequence[Record], *, empty_names: bool = False
    ) -> Imported:
        """Import each record wholly or not at all. To import it again does nothing.

        :param empty_names: whether a missing name stays empty; else it is the part of the address
            before the @.
        :raises PermissionMissing: the actor may not change users.
        :raises SecondFactorsOff: there is no place for the authenticator apps of the records.
        """
        actor.require(Permission.CHANGE_USERS)
        parsed = self._parsed(records, empty_names=empty_names)
        good, rejected = parsed.users, parsed.rejected
        new = skipped = with_app = 0
        while good:
            first, good = _first_of_each(good)
            stored = await self._store_apps(first, parsed.apps)
            added = await self._add(actor, first)
            for line, user in first.items():
                if user.id in added:
                    new += 1
                    with_app += user.has_second_factor
                    continue
                await self._withdraw(stored.get(line))
                if await self._exists(user):
                    skipped += 1
                else:
                    rejected.append(Rejected(line, [_TAKEN]))
        return Imported(new, skipped, _in_order(rejected), with_app)

    async def _store_apps(
        self, people: Mapping[int, User], apps: Mapping[int, bytes]
    ) -> Mapping[int, SecondFactors]:
        """Store the secrets of those users who do not exist.

        :returns: what was stored, by line.
        """
        stored = {}
        for line, user in people.items():
            if line in apps and not await self._is_taken(user):
                sealed = self.factor_secrets.seal(user.id, apps[line])
                stored[line] = SecondFactors(user.id, Totp(sealed))
                await self._replace_by(stored[line])
        return stored

    async def _replace_by(self, new: SecondFactors) -> None:
        """Store factors in place of those that an import without this user has left."""
        while True:  # until no other process changes them in between
            old = await self.second_factors.of_user(new.user_id)
            if (await self.second_factors.replace(old, new)).changed:
                return

    async def _withdraw(self, stored: SecondFactors | None) -> None:
        """Delete the factors of a user who was not added, and is not another import's."""
        if stored is not None:
            user = await self.users.get(stored.user_id)
            if user is None or not user.has_second_factor:
                await self.second_factors.replace(stored, SecondFactors(stored.user_id))

    async def _add(self, actor: Actor, people: Mapping[int, User]) -> set[UserId]:
        async with self.audit.recording(EventType.IMPORT_USERS, UNKNOWN, actor) as entry:
            administrators = sum(
                user.role in ADMINISTRATORS and not user.disabled for user in people.values()
            )
            entry.details = UsersImported(min(people), max(people), administrators)
            effects = entry.success()
            stored = await self.users.add_all(list(people.values()), effects)
            await entry.settle(effects, stored)
        return set(stored.changed)

    async def dry_run(
        self,
        actor: Actor,
        records: Sequence[Record],
        stored_before: set[str],
        *,
        empty_names: bool = False,
    ) -> Imported:
        """Return what an import would return, and store nothing.

        :param stored_before: what earlier batches would have stored; what this one would is added.
        :param empty_names: as for an import.
        :raises PermissionMissing: the actor may not change users.
        """
        actor.require(Permission.CHANGE_USERS)
        parsed = self._parsed(records, empty_names=empty_names)
        rejected = parsed.rejected
        new = skipped = with_app = 0
        for line, user in parsed.users.items():
            person = f"{user.email.key} {user.password_hash}"
            if person in stored_before or await self._exists(user):
                skipped += 1
            elif _keys(user) & stored_before or await self._is_taken(user):
                rejected.append(Rejected(line, [_TAKEN]))
            else:
                new += 1
                with_app += user.has_second_factor
                stored_before |= {person, *_keys(user)}
        return Imported(new, skipped, _in_order(rejected), with_app)

    async def _exists(self, user: User) -> bool:
        stored = await self.users.by_email(user.email)
        return stored is not None and stored.password_hash == user.password_hash

    async def _is_taken(self, user: User) -> bool:
        by_email = await self.users.by_email(user.email)
        return by_email is not None or await self.users.get(user.id) is not None

    def _parsed(self, records: Sequence[Record], *, empty_names: bool) -> _Parsed:
        parsed = _Parsed()
        for record in records:
            given = "" if record.problem else record.values.get("totp", "").strip()
            try:
                user, secret = all_of(
                    partial(self._user, record, empty_names=empty_names),
                    partial(self._app, given),
                )
            except InvalidInput as error:
                parsed.rejected.append(Rejected(record.line, error.problems))
                continue
            parsed.users[record.line] = replace(user, has_second_factor=secret is not None)
            if secret is not None:
                parsed.apps[record.line] = secret
        return parsed

    def _app(self, text: str) -> bytes | None:
        if not text:
            return None
        secret = parse_exported(text)
        if not self.factor_secrets.is_available():
            raise InvalidInput(Problem("totp", "needs a secret that protects it: DATA_SECRET"))
        return secret

    def _user(self, record: Record, *, empty_names: bool) -> User:
        if record.problem:
            raise InvalidInput(Problem("line", record.problem))
        given, now = record.values, self.clock()
        address = given.get("email", "")
        (user_id, name, email, password_hash), (role, photo, locale), flags, times = all_of(
            lambda: all_of(
                lambda: self._id(given.get("id", "")),
                lambda: _name(given.get("name", ""), address, may_be_empty=empty_names),
                lambda: Email.parse(address),
                lambda: self._hash(given.get("password_hash", "")),
            ),
            lambda: all_of(
                lambda: _one_of("role", {each.value: each for each in Role}, given, Role.USER),
                lambda: parse_photo(given.get("photo") or "default.png"),
                lambda: parse_locale(given["locale"]) if given.get("locale") else None,
            ),
            lambda: all_of(
                lambda: _one_of("verified", _BOOLEANS, given, False),
                lambda: _one_of("disabled", _BOOLEANS, given, False),
            ),
            lambda: all_of(
                lambda: _time("created_at", given),
                lambda: _time("updated_at", given),
            ),
        )
        verified, disabled = flags
        created = times[0] or now
        return User(
            user_id,
            name,
            email,
            password_hash,
            created_at=created,
            updated_at=times[1] or created,
            role=role,
            photo=photo,
            verified=verified,
            disabled=disabled,
            locale=locale,
        )

    def _id(self, text: str) -> UserId:
        try:
            return UserId(UUID(text) if text else UUID(hex=self.random_id(), version=4))
        except ValueError:
            raise InvalidInput(Problem("id", "must be a UUID")) from None

    def _hash(self, text: str) -> str:
        if not text:
            raise InvalidInput(Problem("password_hash", "is required"))
        if text.startswith(UNUSABLE):
            return NO_PASSWORD
        try:
            return self.hasher.adopt(text)
        except UnusableHash as error:
            raise InvalidInput(Problem("password_hash", str(error))) from None


def _name(text: str, address: str, *, may_be_empty: bool) -> str:
    name = text.translate(_MARKS).strip()
    if name:
        return parse_name(name)
    return "" if may_be_empty else parse_name(address.strip().partition("@")[0])


def _first_of_each(people: Mapping[int, User]) -> tuple[dict[int, User], dict[int, User]]:
    """Split into users whose address and id are new, and users who share one with an earlier user:
    these are imported once it is decided what becomes of the earlier one.
    """
    first: dict[int, User] = {}
    others: dict[int, User] = {}
    keys: set[str] = set()
    for line, user in people.items():
        (others if keys & _keys(user) else first)[line] = user
        keys |= _keys(user)
    return first, others


def _keys(user: User) -> set[str]:
    return {user.email.key, user.id.hex}


_TAKEN = Problem("email", "belongs to another user, or the id does")


def _one_of(field: str, choices: Mapping[str, _T], given: Mapping[str, str], default: _T) -> _T:
    text = given.get(field, "").strip().lower()
    if not text:
        return default
    if text not in choices:
        raise InvalidInput(Problem(field, f"must be one of {', '.join(filter(None, choices))}"))
    return choices[text]


def _time(field: str, given: Mapping[str, str]) -> datetime | None:
    text = given.get(field, "").strip()
    if not text:
        return None
    # Python would read other forms too, and some of them as another time.
    with suppress(ValueError, OverflowError):
        if _TIME.match(text):
            time = datetime.fromisoformat(text)
            return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    raise InvalidInput(Problem(field, "must be a time such as 2026-01-31T12:00:00Z"))


def _in_order(rejected: list[Rejected]) -> Sequence[Rejected]:
    return sorted(rejected, key=lambda each: each.line)
