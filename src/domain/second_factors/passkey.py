"""Passkeys: WebAuthn credentials whose authenticators have verified the user.

Section numbers are those of Web Authentication, Level 3 (W3C).
"""

import re
import unicodedata
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import IntEnum
from hashlib import sha256
from typing import NewType, Self
from uuid import UUID

from domain.errors import InvalidInput, PasskeyInvalid, Problem
from domain.text import is_clean, is_visible
from domain.user import UserId

PasskeyId = NewType("PasskeyId", str)
"""The SHA-256 digest of a credential id, as 64 hexadecimal digits."""

_PASSKEY_ID = re.compile(r"[0-9a-f]{64}")

MAX_PASSKEYS = 20
"""That a user has at a time."""

HANDLE_BYTES = 64
"""The length of a user handle (section 5.4.3). It is random, and tells nothing about the user."""

LONGEST_CREDENTIAL_ID = 1023
"""In bytes (section 7.1, step 25)."""

PASSKEY_NAME_LENGTH = 60
DEFAULT_NAME = "Passkey"
MAX_TRANSPORTS = 8
_TRANSPORT_LENGTH = 20

TIMEOUT = timedelta(minutes=5)
"""How long an authenticator waits for its user."""


class Algorithm(IntEnum):
    """The signatures that are accepted, the best first (COSE algorithm identifiers)."""

    ES256 = -7
    EDDSA = -8
    RS256 = -257


@dataclass(frozen=True, slots=True)
class Credential:
    """What an authenticator has made and shown in a registration.

    :ivar public_key: a COSE key.
    :ivar sign_count: of signatures; 0 where the authenticator counts none.
    :ivar aaguid: the model of the authenticator; zero if that is not known.
    :ivar backup_eligible: whether it may be synchronised. It never changes.
    :ivar backed_up: whether it is synchronised now.
    :ivar transports: how browsers reach the authenticator.
    """

    id: bytes
    public_key: bytes = field(repr=False)
    sign_count: int
    aaguid: UUID
    backup_eligible: bool
    backed_up: bool
    transports: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Use:
    """What an authenticator has signed in an assertion, beside the challenge."""

    sign_count: int
    backup_eligible: bool
    backed_up: bool


@dataclass(frozen=True, slots=True)
class Passkey:
    """A credential that belongs to a user. All times are aware and in UTC.

    :ivar rp_id: the domain that it was made for: it signs for no other one.
    """

    credential: Credential
    user_id: UserId
    rp_id: str
    name: str
    created_at: datetime
    last_used_at: datetime | None = None

    @property
    def id(self) -> PasskeyId:
        return passkey_id_of(self.credential.id)

    def used(self, use: Use, now: datetime) -> Self:
        """Return the passkey after an assertion, with its count and backup state.

        The count is no reason to refuse: see :meth:`count_went_back`.

        :raises PasskeyInvalid: it may be synchronised, and could not be before, or the other way
            round (section 7.2, step 19).
        """
        if use.backup_eligible is not self.credential.backup_eligible:
            raise PasskeyInvalid
        credential = replace(self.credential, sign_count=use.sign_count, backed_up=use.backed_up)
        return replace(self, credential=credential, last_used_at=now)

    def count_went_back(self, use: Use) -> bool:
        """Return whether the count shows two authenticators with this key: a clone, or a defect
        (section 6.1.1). One that counts nothing always sends 0.
        """
        before, now = self.credential.sign_count, use.sign_count
        return (before, now) != (0, 0) and now <= before

    def renamed(self, name: str) -> Self:
        """
        :param name: from :func:`parse_passkey_name`.
        """
        return replace(self, name=name)


def is_passkey_id(text: str) -> bool:
    """Return whether the text has the form of an id."""
    return _PASSKEY_ID.fullmatch(text) is not None


def passkey_id_of(credential_id: bytes) -> PasskeyId:
    return PasskeyId(sha256(credential_id).hexdigest())


def parse_transports(names: list[str]) -> tuple[str, ...]:
    """Return the transports that are to be stored, without repetitions.

    Names of a later level of the standard are kept (section 5.8.4). A text that cannot be one is
    left out.
    """
    known = (each for each in names if 0 < len(each) <= _TRANSPORT_LENGTH)
    good = (each for each in known if each.isascii() and each.replace("-", "").isalnum())
    return tuple(dict.fromkeys(good))[:MAX_TRANSPORTS]


def parse_passkey_name(text: str) -> str:
    """Return the name that a user gives to a passkey in NFC, without surrounding space.

    :raises InvalidInput: the text is empty, longer than 60 characters or has hidden characters.
    """
    is_short = len(text) <= PASSKEY_NAME_LENGTH
    name = unicodedata.normalize("NFC", text.strip()) if is_short else ""
    if not is_short or len(name) > PASSKEY_NAME_LENGTH:  # NFC can lengthen a text
        message = f"must be at most {PASSKEY_NAME_LENGTH} characters long"
        raise InvalidInput(Problem("name", message))
    if not is_visible(name):
        raise InvalidInput(Problem("name", "must not be empty"))
    if not is_clean(text):
        raise InvalidInput(Problem("name", "must not contain control characters"))
    return name
