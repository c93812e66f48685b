"""Records of users from another system: their fields, and how each becomes a user."""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar
from uuid import UUID

from application.ports import Clock, FactorSecrets, PasswordHasher, RandomId, UnusableHash
from domain.email import Email
from domain.errors import InvalidInput, Problem, all_of
from domain.permissions import Role
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
class ParsedRecords:
    """The users that the records describe, and the rejected records.

    :ivar users: by line.
    :ivar apps: the secrets of their authenticator apps, likewise.
    """

    users: dict[int, User] = field(default_factory=dict)
    apps: dict[int, bytes] = field(default_factory=dict, repr=False)
    rejected: list[Rejected] = field(default_factory=list)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ParseRecords:
    """Make users of records."""

    factor_secrets: FactorSecrets
    hasher: PasswordHasher
    clock: Clock
    random_id: RandomId

    def __call__(self, records: Sequence[Record], *, empty_names: bool) -> ParsedRecords:
        """Parse each record wholly or reject it with all its problems.

        :param empty_names: whether a missing name stays empty; else it is the part of the address
            before the @.
        """
        parsed = ParsedRecords()
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
