"""Users."""

import re
import unicodedata
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NewType, Self
from uuid import UUID

from domain.email import Email
from domain.errors import InvalidInput, Problem
from domain.permissions import ADMINISTRATORS, Role
from domain.text import is_clean, is_visible

UserId = NewType("UserId", UUID)

NAME_LENGTH = 100
PHOTO_LENGTH = 255
# Never a script: clients put it into pages as it is.
_PHOTO = re.compile(r"https?://[\x21-\x7e]+|[A-Za-z0-9_-][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who can log in. All times are aware and in UTC.

    :ivar generation: of the sessions that are good. To raise it ends all those before, in the one
        step that stores it, wherever the sessions are.
    """

    id: UserId
    name: str
    email: Email
    password_hash: str = field(repr=False)
    created_at: datetime
    updated_at: datetime
    role: Role = Role.USER
    photo: str = "default.png"
    verified: bool = False
    disabled: bool = False
    generation: int = 0

    @classmethod
    def register(
        cls,
        user_id: UserId,
        name: str,
        email: Email,
        password_hash: str,
        now: datetime,
        role: Role = Role.USER,
    ) -> Self:
        """A new user; ``name`` comes from :func:`parse_name`."""
        return cls(user_id, name, email, password_hash, created_at=now, updated_at=now, role=role)

    @property
    def is_administrator(self) -> bool:
        """Whether they can give others a role."""
        return self.role in ADMINISTRATORS and not self.disabled

    def with_password_hash(self, password_hash: str) -> Self:
        """The same password under a newer hash: no change that the user would call one."""
        return replace(self, password_hash=password_hash)

    def with_profile(self, name: str, photo: str, now: datetime) -> Self:
        """
        :param name: from :func:`parse_name`; ``photo`` from :func:`parse_photo`.
        """
        return replace(self, name=name, photo=photo, updated_at=now)

    def with_new_password(self, password_hash: str, now: datetime) -> Self:
        """Who has logged in with the old one is out."""
        return replace(self.without_sessions(), password_hash=password_hash, updated_at=now)

    def with_role(self, role: Role, now: datetime) -> Self:
        return replace(self, role=role, updated_at=now)

    def disable(self, now: datetime) -> Self:
        """Their sessions have ended for good: to enable the user brings none of them back."""
        return replace(self.without_sessions(), disabled=True, updated_at=now)

    def when_enabled(self, now: datetime) -> Self:
        return replace(self, disabled=False, updated_at=now)

    def without_sessions(self) -> Self:
        """Whoever is logged in as this user is out, in the one step that stores it."""
        return replace(self, generation=self.generation + 1)


def parse_photo(text: str) -> str:
    """Where a person's picture is: the name of a file or a web address.

    :raises InvalidInput: it is neither, or longer than 255 characters.
    """
    if len(text) > PHOTO_LENGTH or not _PHOTO.fullmatch(text):
        message = f"must be a file name or an http(s) URL of at most {PHOTO_LENGTH} characters"
        raise InvalidInput(Problem("photo", message))
    return text


def parse_name(text: str) -> str:
    """A person's name in NFC, without surrounding space.

    :raises InvalidInput: when it is empty, longer than 100 characters or has hidden characters.
    """
    if len(text) > NAME_LENGTH:
        raise InvalidInput(Problem("name", f"must be at most {NAME_LENGTH} characters long"))
    name = unicodedata.normalize("NFC", text.strip())
    if not is_visible(name):
        raise InvalidInput(Problem("name", "must not be empty"))
    if len(name) > NAME_LENGTH:  # NFC can lengthen a text
        raise InvalidInput(Problem("name", f"must be at most {NAME_LENGTH} characters long"))
    if not is_clean(text):
        raise InvalidInput(Problem("name", "must not contain control characters"))
    return name
