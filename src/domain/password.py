"""The password rule (NIST SP 800-63B-4, section 3.1.1; OWASP ASVS 5.0, chapter V6.2)."""

import unicodedata
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Self

from domain.errors import InvalidInput, Problem
from domain.text import is_clean

LONGEST_IN_CHARACTERS = 256
LONGEST_IN_BYTES = 1024


@dataclass(frozen=True, slots=True)
class Password:
    """A password as it is hashed: in NFC, so that it does not depend on the keyboard.

    It is never trimmed and never truncated. Its ``repr`` does not show it.
    """

    text: str = field(repr=False)

    @classmethod
    def parse(cls, typed: str) -> Self:
        """Return a password of any strength, as a login accepts it.

        The size is checked first: the time to normalise a text grows faster than its length.

        :raises InvalidInput: the text is longer than 256 characters or 1024 bytes, or has control
            characters.
        """
        if len(typed) > LONGEST_IN_CHARACTERS or _byte_length(typed) > LONGEST_IN_BYTES:
            raise InvalidInput(
                Problem(
                    "password",
                    f"must be at most {LONGEST_IN_CHARACTERS} characters "
                    f"and {LONGEST_IN_BYTES} bytes long",
                )
            )
        if not is_clean(typed):
            raise InvalidInput(Problem("password", "must not contain control characters"))
        return cls(unicodedata.normalize("NFC", typed))


@dataclass(frozen=True, slots=True)
class PasswordRule:
    """The requirements of a new password. There are no rules of composition.

    :ivar shortest: the minimum number of characters.
    :ivar common: passwords that attackers try first, in lower case.
    """

    shortest: int
    common: AbstractSet[str] = field(default=frozenset(), repr=False)

    def choose(self, typed: str, name: str, email: str) -> Password:
        """Return the new password of a user with this name and address.

        :raises InvalidInput: it is too short, is easy to guess (a common one, or the user's name
            or address), or fails :meth:`Password.parse`.
        """
        password = Password.parse(typed)
        if len(password.text) < self.shortest:
            raise InvalidInput(
                Problem("password", f"must be at least {self.shortest} characters long")
            )
        if self._is_guessable(_folded(password.text), name, email):
            raise InvalidInput(Problem("password", "is too easy to guess; choose another one"))
        return password

    def _is_guessable(self, folded: str, name: str, email: str) -> bool:
        address = _folded(email)
        own = {_folded(name), address, address.partition("@")[0]}
        return folded in self.common or folded in own or len(set(folded)) == 1


def _folded(text: str) -> str:
    """Remove differences of case, width and composition, for comparisons."""
    short = text[: 4 * LONGEST_IN_CHARACTERS]  # bounds the time to normalise it
    return unicodedata.normalize("NFKC", short).casefold().strip()


def _byte_length(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))
