"""The password rule (NIST SP 800-63B-4, section 3.1.1; OWASP ASVS 5.0, chapter V6.2)."""

import unicodedata
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Self

from domain.errors import InvalidInput, Problem
from domain.password_guessing import Guess, words_of, words_of_address
from domain.text import is_clean, is_short_normalized

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
    :ivar common: common passwords, words and names, in lower case.
    :ivar predictable: words that are no obstacle wherever they are, such as the service's name.
    """

    shortest: int
    common: AbstractSet[str] = field(default=frozenset(), repr=False)
    predictable: AbstractSet[str] = field(default=frozenset(), repr=False)

    def choose(self, typed: str, name: str, email: str) -> Password:
        """Return the new password of a user with this name and address.

        :raises InvalidInput: it is too short, is easy to guess (a common one, a word with digits
            and signs, parts of the user's name or address), or fails :meth:`Password.parse`.
        """
        password = Password.parse(typed)
        if len(password.text) < self.shortest:
            raise InvalidInput(
                Problem("password", f"must be at least {self.shortest} characters long")
            )
        own = words_of(_folded(name)) | words_of_address(_folded(email))
        guess = Guess(self.common, self.predictable | own, own)
        if guess.finds(_folded(password.text)):
            raise InvalidInput(Problem("password", "is too easy to guess; choose another one"))
        return password


def _folded(text: str) -> str:
    """Remove differences of case, width and composition, for comparisons."""
    short = text[:LONGEST_IN_CHARACTERS]
    if not is_short_normalized(short, LONGEST_IN_CHARACTERS):
        return short.casefold()  # bounds the time to normalise it
    return unicodedata.normalize("NFKC", short).casefold().strip()


def _byte_length(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))
