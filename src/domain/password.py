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
    """A password as it is hashed: in NFC, so that it does not depend on the keyboard it came from.

    Never trimmed and never truncated. It does not show itself in a log or a traceback.
    """

    text: str = field(repr=False)

    @classmethod
    def parse(cls, typed: str) -> Self:
        """Any password of bearable size, of whatever strength: what a login accepts.

        The size is checked first, because normalising a long text can take very long.

        :raises InvalidInput: above 256 characters or 1024 bytes, or with control characters.
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
    """What a new password must be. There are no rules of composition.

    :ivar shortest: the least number of characters.
    :ivar common: passwords that attackers try first, in lower case.
    """

    shortest: int
    common: AbstractSet[str] = field(default=frozenset(), repr=False)

    def choose(self, typed: str, name: str, email: str) -> Password:
        """The password that somebody of this name and address chooses for their account.

        :raises InvalidInput: when it is too short, is easy to guess (a common one, or the
            person's own name or address), or as :meth:`Password.parse` says.
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
    """For comparing alone: without differences of case, width and composition."""
    short = text[: 4 * LONGEST_IN_CHARACTERS]  # normalising a long text can take very long
    return unicodedata.normalize("NFKC", short).casefold().strip()


def _byte_length(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))
