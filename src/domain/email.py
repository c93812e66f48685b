"""Email addresses."""

import re
import unicodedata
from dataclasses import dataclass, field
from typing import Self

from domain.errors import InvalidInput, Problem
from domain.text import JOINERS, is_clean

EMAIL_LENGTH = 255

_HOST_NAME = re.compile(r"(?!-)[a-z0-9-]+(?<!-)(\.(?!-)[a-z0-9-]+(?<!-))+")


@dataclass(frozen=True, slots=True)
class Email:
    """An email address, as mail is sent to it and as it is compared.

    :ivar address: without surrounding space, ASCII letters in lower case.
    :ivar key: the one canonical form of all spellings of this address: width and case folded
        (NFKC and case folding), the domain in its IDNA form without the root's dot. A ``+tag``
        is kept and look-alike letters of different scripts stay distinct: those are different
        mailboxes. Compare and index this, never the address.
    """

    address: str = field(compare=False)
    key: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """
        :raises InvalidInput: the text is not an address, or longer than 255 characters.
        """
        if len(text) > EMAIL_LENGTH:
            raise InvalidInput(Problem("email", f"must be at most {EMAIL_LENGTH} characters long"))
        trimmed = text.strip()
        key = _canonical(trimmed)
        if key is None or len(key) > EMAIL_LENGTH:
            raise InvalidInput(Problem("email", "must be an email address"))
        return cls("".join(c.lower() if c.isascii() else c for c in trimmed), key)


def _canonical(address: str) -> str | None:
    folded = _folded(address)
    local, at, domain = folded.rpartition("@")
    domain = _idna(domain)
    is_address = at and local and domain and not set(local + domain) & set(' \t\n"(),:;<>@[\\]')
    is_clear = is_clean(folded) and not JOINERS & set(folded)
    return f"{local}@{domain}" if is_address and is_clear else None


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def beginning_of_email(text: str) -> str:
    """Return the prefix of the canonical keys of all addresses that begin with this text.

    In an incomplete domain it finds only ASCII: the IDNA form needs the whole domain.
    """
    short = text[:EMAIL_LENGTH].strip()
    return _canonical(short) or _folded(short)


def _idna(domain: str) -> str:
    """Return the domain in ASCII (RFC 3490); empty if it is no host name of two or more labels."""
    try:
        ascii_domain = domain.removesuffix(".").encode("idna").decode("ascii").lower()
    except UnicodeError:  # an empty or over-long label, or a character that no label may have
        return ""
    return ascii_domain if _HOST_NAME.fullmatch(ascii_domain) else ""
