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
NO_PASSWORD = ""
"""In place of a hash: no password logs in."""
LOCALE_LENGTH = 35
"""Of a language tag (RFC 5646, section 4.4.1)."""
# Clients put it into pages as it is: never a script URL, nor a character that RFC 3986 requires to
# be encoded. There is no user info, which would make another host look like the real one.
_HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?\.?|\[[0-9A-Fa-f:.]+\])"
_PATH = r"(?:[A-Za-z0-9._~!$&()*+,;=:@/-]|%[0-9A-Fa-f]{2})*"
_QUERY = _PATH.replace("/-]", "/?-]")
_URL = rf"https?://{_HOST}(?::[0-9]{{1,5}})?(?:/{_PATH})?(?:\?{_QUERY})?(?:#{_QUERY})?"
_PHOTO = re.compile(rf"{_URL}|[A-Za-z0-9_-][A-Za-z0-9._-]*")
_LOCALE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*")


@dataclass(frozen=True, slots=True)
class User:
    """An account. All times are aware and in UTC.

    :ivar generation: the generation of the valid sessions. Raising it ends all earlier sessions in
        the one step that stores it, wherever the sessions are.
    :ivar verified: whether the user has proven to receive mail at the address.
    :ivar locale: the language of mails, as a tag (RFC 5646); ``None`` for the default.
    :ivar self_registered: whether the user has registered, and was not created or imported.
    :ivar has_second_factor: whether the password alone starts no session. The stores of factors
        decide; it is for releases that know none: see docs/adr/0049.
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
    locale: str | None = None
    self_registered: bool = False
    has_second_factor: bool = False

    @classmethod
    def register(
        cls,
        user_id: UserId,
        name: str,
        email: Email,
        password_hash: str,
        now: datetime,
        role: Role = Role.USER,
        locale: str | None = None,
    ) -> Self:
        """Make a user; ``name`` comes from :func:`parse_name`."""
        return cls(
            user_id,
            name,
            email,
            password_hash,
            created_at=now,
            updated_at=now,
            role=role,
            locale=locale,
        )

    @property
    def is_administrator(self) -> bool:
        """Return whether this user can change the roles of others: not before the invitation is
        accepted, which may have gone to a wrong address.
        """
        return self.role in ADMINISTRATORS and not (self.disabled or self.is_invited)

    @property
    def is_invited(self) -> bool:
        """Whether the user has yet to set the first password by the link in an invitation."""
        return self.password_hash == NO_PASSWORD and not self.verified

    def with_password_hash(self, password_hash: str) -> Self:
        """Return the user with a newer hash of the same password; ``updated_at`` stays."""
        return replace(self, password_hash=password_hash)

    def with_profile(self, name: str, photo: str, locale: str | None, now: datetime) -> Self:
        """Return the user with this name, photo and language.

        :param name: from :func:`parse_name`; ``photo`` from :func:`parse_photo`, and ``locale``
            from :func:`parse_locale`.
        """
        return replace(self, name=name, photo=photo, locale=locale, updated_at=now)

    def with_new_password(self, password_hash: str, now: datetime) -> Self:
        """Return the user with a new password, and all sessions ended."""
        return replace(self.without_sessions(), password_hash=password_hash, updated_at=now)

    def with_reset_password(self, password_hash: str, now: datetime) -> Self:
        """Return the user with a new password that a link in a mail has set, and all sessions
        ended. The link has proven the address.
        """
        return replace(self.with_new_password(password_hash, now), verified=True)

    def with_email(self, email: Email, now: datetime) -> Self:
        """Return the user with another address, which is proven."""
        return replace(self, email=email, verified=True, updated_at=now)

    def with_restored_email(self, email: Email, now: datetime) -> Self:
        """Return the user with a former address, which is proven, without a password and with all
        sessions ended: an attacker has known the password.
        """
        restored = self.without_sessions().with_email(email, now)
        return replace(restored, password_hash=NO_PASSWORD)

    def with_verified_email(self, now: datetime) -> Self:
        return replace(self, verified=True, updated_at=now)

    def without_credentials(self, now: datetime) -> Self:
        """Return the user as the owner of the mailbox takes the account over: verified, with no
        password, and all sessions ended.
        """
        return self.with_reset_password(NO_PASSWORD, now)

    def with_role(self, role: Role, now: datetime) -> Self:
        return replace(self, role=role, updated_at=now)

    def disable(self, now: datetime) -> Self:
        """Return the user disabled, and all sessions ended: enabling restores none of them."""
        return replace(self.without_sessions(), disabled=True, updated_at=now)

    def enable(self, now: datetime) -> Self:
        return replace(self, disabled=False, updated_at=now)

    def with_second_factor(self, *, has: bool, now: datetime) -> Self:
        """Return the user after a second factor was enrolled, or the last one removed, and all
        sessions ended.
        """
        return replace(self.without_sessions(), has_second_factor=has, updated_at=now)

    def without_sessions(self) -> Self:
        """Return the user with all sessions ended, by the one step that stores it."""
        return replace(self, generation=self.generation + 1)


def parse_photo(text: str) -> str:
    """Return the location of a user's picture: a file name or an http(s) URL.

    Its apostrophes are encoded: one would end an attribute in single quotes.

    :raises InvalidInput: the text is neither, or longer than 255 characters.
    """
    text = text.replace("'", "%27")
    if len(text) > PHOTO_LENGTH or not _PHOTO.fullmatch(text):
        message = f"must be a file name or an http(s) URL of at most {PHOTO_LENGTH} characters"
        raise InvalidInput(Problem("photo", message))
    return text


def is_locale(text: str) -> bool:
    """Whether the text may be a language tag (RFC 5646)."""
    return len(text) <= LOCALE_LENGTH and _LOCALE.fullmatch(text) is not None


def parse_locale(text: str) -> str:
    """Return a language tag as it was given. Templates decide which languages there are.

    :raises InvalidInput: the text is none, or longer than 35 characters.
    """
    if not is_locale(text):
        raise InvalidInput(Problem("locale", "must be a language tag such as en, de or pt-BR"))
    return text


def parse_name(text: str) -> str:
    """Return a user's name in NFC, without surrounding space.

    :raises InvalidInput: the text is empty, longer than 100 characters or has hidden characters.
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
