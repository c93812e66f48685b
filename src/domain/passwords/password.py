"""The password rule (NIST SP 800-63B-4, section 3.1.1; OWASP ASVS 5.0, chapter V6.2)."""

import unicodedata
from collections.abc import Callable, Container, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import partial
from typing import Literal, Self

from domain.errors import InvalidInput, Problem
from domain.passwords.guessing import Guess, words_of, words_of_address
from domain.text import is_clean, is_short_normalized

LONGEST_IN_CHARACTERS = 256
LONGEST_IN_BYTES = 1024

LONGEST_TYPED_IN_CHARACTERS = 1024
LONGEST_TYPED_IN_BYTES = 4096
"""Of a password at a login: imported users may have longer ones than a new password may be."""


@dataclass(frozen=True, slots=True)
class Password:
    """A password as it is hashed: in NFC, so that it does not depend on the keyboard.

    It is never trimmed and never truncated. Its ``repr`` does not show it.

    :ivar typed: as the user typed it, where that differs.
    """

    text: str = field(repr=False)
    typed: str | None = field(default=None, repr=False, compare=False)

    @classmethod
    def parse(cls, typed: str) -> Self:
        """Return a password of any strength and of any characters, as a login accepts it.

        The size is checked first: the time to normalise a text grows faster than its length.

        :raises InvalidInput: the text is longer than 1024 characters or 4096 bytes, or is no valid
            Unicode.
        """
        _check_size(typed, LONGEST_TYPED_IN_CHARACTERS, LONGEST_TYPED_IN_BYTES)
        if any("\ud800" <= character <= "\udfff" for character in typed):
            raise _unreadable()
        return cls(unicodedata.normalize("NFC", typed), typed)

    @classmethod
    def parse_optional(cls, typed: str | None) -> Self | None:
        """Parse a password that a request need not have; ``None`` if it has none."""
        return None if typed is None else cls.parse(typed)

    def spellings(self) -> Iterator[str]:
        """Yield the texts that another system may have hashed: as typed, in NFC, NFD and NFKC.

        Each is yielded once. Most passwords have one.
        """
        typed = self.text if self.typed is None else self.typed
        yielded = set()
        for make in (str, _in_form("NFC"), _in_form("NFD"), _in_form("NFKC")):
            spelling = make(typed)
            if spelling not in yielded:
                yielded.add(spelling)
                yield spelling


@dataclass(frozen=True, slots=True)
class PasswordRule:
    """The requirements of a new password. There are no rules of composition.

    :ivar shortest: the minimum number of characters.
    :ivar common: common passwords, words and names, in lower case.
    :ivar predictable: words that are no obstacle wherever they are, such as the service's name.
    :ivar refuses_guessable: whether passwords that are guessed first are refused. If not, only
        the user's own name and address are.
    """

    shortest: int
    common: Container[str] = field(default=frozenset(), repr=False)
    predictable: AbstractSet[str] = field(default=frozenset(), repr=False)
    refuses_guessable: bool = True

    def choose(self, typed: str, name: str, email: str) -> Password:
        """Return the new password of a user with this name and address.

        :raises InvalidInput: it is too short, is easy to guess (a common one, a word with digits
            and signs, parts of the user's name or address), is longer than 256 characters or
            1024 bytes, or has control or invisible characters.
        """
        _check_size(typed, LONGEST_IN_CHARACTERS, LONGEST_IN_BYTES)
        if not is_clean(typed):
            raise _unreadable()
        password = Password.parse(typed)
        if len(password.text) < self.shortest:
            raise InvalidInput(
                Problem("password", f"must be at least {self.shortest} characters long")
            )
        own = words_of(_folded(name)) | words_of_address(_folded(email))
        folded = _folded(password.text)
        guess = Guess(self.common, self.predictable | own, own)
        if folded in own or (self.refuses_guessable and guess.finds(folded)):
            raise InvalidInput(Problem("password", "is too easy to guess; choose another one"))
        return password


def _folded(text: str) -> str:
    """Remove differences of case, width and composition, for comparisons."""
    short = text[:LONGEST_IN_CHARACTERS]
    if not is_short_normalized(short, LONGEST_IN_CHARACTERS):
        return short.casefold()  # bounds the time to normalise it
    return unicodedata.normalize("NFKC", short).casefold().strip()


def _unreadable() -> InvalidInput:
    return InvalidInput(Problem("password", "must not contain control characters"))


def _check_size(typed: str, characters: int, octets: int) -> None:
    """:raises InvalidInput: the text is longer."""
    if len(typed) > characters or _byte_length(typed) > octets:
        message = f"must be at most {characters} characters and {octets} bytes long"
        raise InvalidInput(Problem("password", message))


def _in_form(form: Literal["NFC", "NFD", "NFKC"]) -> Callable[[str], str]:
    return partial(unicodedata.normalize, form)


def _byte_length(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))
