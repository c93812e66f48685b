"""The details of audit events: a small type for each kind, and its text.

The text is stored in audit rows and shown in the API and the logs. ``str(details)`` writes it and
``read`` reads it again; no other module composes or parses it. Rows keep their text for years, so
a text never changes its form.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Self

from domain.authentication import Method
from domain.key_ring import KeyId
from domain.mail.message import MailKind
from domain.permissions import Permission, Role
from domain.second_factors.passkey import PasskeyId
from domain.social_login.identity import IdentityId, ProviderName
from domain.token import TokenKind


@dataclass(frozen=True, slots=True)
class RoleGiven:
    """The role of a new user, where it is not the ordinary one."""

    role: Role

    def __str__(self) -> str:
        return f"role {self.role}"

    @classmethod
    def read(cls, text: str) -> Self:
        [role] = _groups(r"role (\w+)", text)
        return cls(Role(role))


@dataclass(frozen=True, slots=True)
class AccountChanged:
    """The requested change of an account; ``None`` changes nothing.

    :ivar role: the new role.
    :ivar disabled: whether the account is disabled, or enabled.
    """

    role: Role | None = None
    disabled: bool | None = None

    def __str__(self) -> str:
        parts = [f"role {self.role}"] if self.role is not None else []
        if self.disabled is not None:
            parts.append("disabled" if self.disabled else "enabled")
        return ", ".join(parts)

    @classmethod
    def read(cls, text: str) -> Self:
        role, state = _groups(r"(?:role (\w+))?(?:, )?(disabled|enabled)?", text)
        return cls(Role(role) if role else None, state == "disabled" if state else None)


@dataclass(frozen=True, slots=True)
class SessionLimitReached:
    """The session ended because its user started more than are allowed at a time."""

    def __str__(self) -> str:
        return "too many"

    @classmethod
    def read(cls, _text: str) -> Self:
        return cls()


@dataclass(frozen=True, slots=True)
class CredentialsDropped:
    """The owner of a mailbox has taken over an account that another person may have registered."""

    def __str__(self) -> str:
        return "password and sessions dropped"

    @classmethod
    def read(cls, _text: str) -> Self:
        return cls()


@dataclass(frozen=True, slots=True)
class SessionsEnded:
    """
    :ivar users: how many users were logged in.
    :ivar role: the role of the users who were meant; ``None`` of all.
    """

    users: int
    role: Role | None = None

    def __str__(self) -> str:
        role = f", role {self.role}" if self.role is not None else ""
        return f"{self.users} users{role}"

    @classmethod
    def read(cls, text: str) -> Self:
        users, role = _groups(r"(\d+) users(?:, role (\w+))?", text)
        return cls(int(users), Role(role) if role else None)


@dataclass(frozen=True, slots=True)
class UsersPurged:
    """
    :ivar users: how many users were deleted.
    """

    users: int

    def __str__(self) -> str:
        return f"{self.users} users"

    @classmethod
    def read(cls, text: str) -> Self:
        [users] = _groups(r"(\d+) users", text)
        return cls(int(users))


@dataclass(frozen=True, slots=True)
class PermissionNeeded:
    """The permission that the refused request needed."""

    permission: Permission

    def __str__(self) -> str:
        return self.permission.value

    @classmethod
    def read(cls, text: str) -> Self:
        return cls(Permission(text))


@dataclass(frozen=True, slots=True)
class UsersImported:
    """
    :ivar first_line: of the file, from 1.
    :ivar last_line: likewise.
    :ivar administrators: how many of the users are administrators.
    """

    first_line: int
    last_line: int
    administrators: int

    def __str__(self) -> str:
        lines = f"lines {self.first_line} to {self.last_line}"
        return f"{lines}, {self.administrators} administrators"

    @classmethod
    def read(cls, text: str) -> Self:
        first, last, administrators = _groups(r"lines (\d+) to (\d+), (\d+) administrators", text)
        return cls(int(first), int(last), int(administrators))


@dataclass(frozen=True, slots=True)
class HashesExported:
    """The exported file has the hashes of the passwords."""

    def __str__(self) -> str:
        return "with hashes"

    @classmethod
    def read(cls, _text: str) -> Self:
        return cls()


@dataclass(frozen=True, slots=True)
class EventsPruned:
    """
    :ivar before: the day (UTC) from which on events are kept.
    :ivar through: the number of the last deleted event. The store states it; earlier releases
        did not.
    """

    before: date
    through: int | None = None

    def __str__(self) -> str:
        through = "" if self.through is None else f", through {self.through}"
        return f"before {self.before}{through}"

    @classmethod
    def read(cls, text: str) -> Self:
        day, through = _groups(r"before (\d{4}-\d{2}-\d{2})(?:, through (\d{1,18}))?", text)
        return cls(date.fromisoformat(day), int(through) if through else None)


@dataclass(frozen=True, slots=True)
class KeysRotated:
    """
    :ivar kinds: of the tokens whose keys were to be rotated.
    """

    kinds: Sequence[TokenKind]

    def __str__(self) -> str:
        return " ".join(self.kinds)

    @classmethod
    def read(cls, text: str) -> Self:
        return cls(tuple(map(TokenKind, text.split(" "))))


@dataclass(frozen=True, slots=True)
class KeyRevoked:
    """
    :ivar kind: of the tokens that the key signed; ``None`` of a key that cannot be read.
    """

    key_id: KeyId
    kind: TokenKind | None = None

    def __str__(self) -> str:
        return f"{self.kind} {self.key_id}" if self.kind else self.key_id

    @classmethod
    def read(cls, text: str) -> Self:
        kind, _, key_id = text.rpartition(" ")
        return cls(KeyId(key_id), TokenKind(kind) if kind else None)


@dataclass(frozen=True, slots=True)
class AuthenticatedBy:
    """The methods that a user has shown, where that was more than the password."""

    methods: frozenset[Method]

    def __str__(self) -> str:
        return " ".join(sorted(self.methods))

    @classmethod
    def read(cls, text: str) -> Self:
        return cls(frozenset(map(Method, text.split(" "))))


@dataclass(frozen=True, slots=True)
class RecoveryCodeUsed:
    """
    :ivar left: how many codes the user has left.
    """

    left: int

    def __str__(self) -> str:
        return f"{self.left} left"

    @classmethod
    def read(cls, text: str) -> Self:
        [left] = _groups(r"(\d+) left", text)
        return cls(int(left))


@dataclass(frozen=True, slots=True)
class OfPasskey:
    """The passkey that was added, renamed or removed. Its name is the user's own text."""

    passkey_id: PasskeyId

    def __str__(self) -> str:
        return self.passkey_id

    @classmethod
    def read(cls, text: str) -> Self:
        [passkey_id] = _groups(r"([0-9a-f]{64})", text)
        return cls(PasskeyId(passkey_id))


@dataclass(frozen=True, slots=True)
class OfIdentity:
    """The account at another provider that was linked or unlinked."""

    provider: ProviderName
    identity_id: IdentityId

    def __str__(self) -> str:
        return f"{self.provider} {self.identity_id}"

    @classmethod
    def read(cls, text: str) -> Self:
        provider, identity_id = _groups(r"([a-z][a-z0-9-]{0,29}) ([0-9a-f]{32})", text)
        return cls(ProviderName(provider), IdentityId(identity_id))


@dataclass(frozen=True, slots=True)
class CountWentBack:
    """
    :ivar before: the count of signatures that was stored; ``now`` is the one that was sent.
    """

    before: int
    now: int

    def __str__(self) -> str:
        return f"from {self.before} to {self.now}"

    @classmethod
    def read(cls, text: str) -> Self:
        before, now = _groups(r"from (\d+) to (\d+)", text)
        return cls(int(before), int(now))


@dataclass(frozen=True, slots=True)
class OtherDetails:
    """A recorded text that this release cannot read: another release wrote it."""

    text: str

    def __str__(self) -> str:
        return self.text

    @classmethod
    def read(cls, text: str) -> Self:
        return cls(text)


@dataclass(frozen=True, slots=True)
class MailOfKind:
    """The kind of mail that the operator handled."""

    kind: MailKind

    def __str__(self) -> str:
        return self.kind.value

    @classmethod
    def read(cls, text: str) -> Self:
        return cls(MailKind(text))


Details = (
    RoleGiven
    | AccountChanged
    | CredentialsDropped
    | SessionLimitReached
    | SessionsEnded
    | PermissionNeeded
    | UsersImported
    | UsersPurged
    | HashesExported
    | EventsPruned
    | MailOfKind
    | KeysRotated
    | KeyRevoked
    | AuthenticatedBy
    | RecoveryCodeUsed
    | OfPasskey
    | OfIdentity
    | CountWentBack
    | OtherDetails
)


def _groups(pattern: str, text: str) -> Sequence[str]:
    found = re.fullmatch(pattern, text, re.ASCII)
    if found is None:
        raise ValueError(text)
    return found.groups()
