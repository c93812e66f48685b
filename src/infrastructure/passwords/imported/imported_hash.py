"""A readable password hash of another system, and what all families share."""

import base64
import hmac
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

Derive = Callable[[bytes], bytes]

LONGEST_HASH = 255
"""Characters: the width of the column."""

SHORTEST_HASH = 16
"""Bytes, decoded. A shorter hash could belong to another password as well."""

DIGEST_LENGTHS = {"sha1": 20, "sha224": 28, "sha256": 32, "sha384": 48, "sha512": 64}

TOO_COSTLY = "costs more than is accepted"


def as_it_is(password: bytes) -> Iterable[bytes]:
    return (password,)


@dataclass(frozen=True, slots=True)
class ImportedHash:
    """A hash of a known form and of acceptable cost. Its ``repr`` shows nothing.

    :ivar spellings: what the other system may have made of a password before it hashed it. Each
        costs a hash.
    """

    derive: Derive = field(repr=False)
    expected: bytes = field(repr=False)
    spellings: Callable[[bytes], Iterable[bytes]] = field(default=as_it_is, repr=False)

    def verify(self, spelling: bytes) -> bool:
        """Whether the hash was made of this spelling of a password."""
        return hmac.compare_digest(self.derive(spelling), self.expected)


def decode(text: str) -> bytes:
    """Decode Base64, with or without padding."""
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
