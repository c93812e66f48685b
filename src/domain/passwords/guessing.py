"""Passwords that are guessed first: a word, made longer by a year, digits or signs.

An attacker who tries a few passwords with many accounts (password spraying) begins with those. A
password is guessable if it is one word, or nothing but predictable parts, whatever digits and
signs are around them. All texts here are folded, see ``domain.passwords.password``; all steps are
linear.
"""

import re
from collections.abc import Container, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

_WORD = 4
"""The shortest word to which any digits may be added. Random passwords have shorter ones."""
_UNPREDICTABLE = 4
"""The least number of letters, digits and different signs beside the predictable parts."""
_LONG = 20
"""From this length on, a password of sequences is not among the first guesses."""

_SIGNS_AS_DIGITS = str.maketrans("!@#$%^&*()", "1234567890")  # the same keys with shift
_SIGNS_AS_LETTERS = tuple(
    str.maketrans("@48(3196|!05$7+", f"aabce{one}gg{one}{one}osstt") for one in "il"
)
_YEARS = re.compile(r"(?<!\d)((19|20)\d\d)+(?!\d)")
_LETTERS = re.compile(r"[^\W\d_]+")
_ROWS = (
    *("abcdefghijklmnopqrstuvwxyz", "01234567890", "!@#$%^&*()"),
    *("qwertyuiop", "asdfghjkl", "zxcvbnm"),
    *("qwertzuiop", "yxcvbnm", "azertyuiop", "qsdfghjklm", "wxcvbn"),
)
_SEQUENCES = frozenset(
    row[at : at + 3]
    for row in (*_ROWS, *(row[::-1] for row in _ROWS))
    for at in range(len(row) - 2)
)


def words_of(text: str) -> frozenset[str]:
    """Return the words of a name, a host or the like, also as one word; no short ones."""
    words = [word for word in re.split(r"[\W_]+", text) if word]
    return frozenset(word for word in (*words, "".join(words), text) if len(word) > 2)


def words_of_address(text: str) -> frozenset[str]:
    """Return the words of an email address, and its two parts."""
    local, _, domain = text.rpartition("@")
    return words_of(local) | words_of(domain) | {text}


@dataclass(frozen=True, slots=True)
class Guess:
    """What an attacker guesses about the passwords of one user.

    :ivar common: common passwords, words and names.
    :ivar predictable: words that are no obstacle wherever they are.
    :ivar own: those of them that are parts of the user's name and address.
    """

    common: Container[str]
    predictable: AbstractSet[str]
    own: AbstractSet[str]

    def finds(self, password: str) -> bool:
        return _has_little_left(self._without_predictable(password), password) or any(
            self._is_common(reading) or self._is_one_word(reading)
            for reading in _readings(password)
        )

    def _is_common(self, reading: str) -> bool:
        without_signs, stem = re.sub(r"[\W_]+", "", reading), _without_tail(reading)
        return (
            reading in self.common
            or (2 * len(without_signs) > len(reading) and without_signs in self.common)
            or (len(stem) >= _WORD and stem in self.common)
        )

    def _is_one_word(self, reading: str) -> bool:
        """Return whether there is at most one word beside the predictable ones."""
        rest = self._without_predictable(reading)
        words = _LETTERS.findall(rest)
        if not words:
            return rest != reading
        [first, *others] = words
        is_known = first in self.common or any(first in word for word in self.own)
        return not others and len(first) >= _WORD and is_known

    def _without_predictable(self, text: str) -> str:
        for word in sorted(self.predictable, key=len, reverse=True):
            text = text.replace(word, " ")
        return text


def _readings(password: str) -> Iterator[str]:
    yield password
    yield password.translate(_SIGNS_AS_DIGITS)
    stem = _without_tail(password)
    for letters in _SIGNS_AS_LETTERS:
        yield stem.translate(letters) + password[len(stem) :]


def _without_tail(text: str) -> str:
    """Remove digits and signs at the end."""
    return text.rstrip("".join(character for character in text if not character.isalpha()))


def _has_little_left(rest: str, password: str) -> bool:
    """Return whether there is little beside predictable words, years and sequences."""
    if len(password) >= _LONG:
        return len(set(password)) == 1
    left = _without_sequences(_YEARS.sub(" ", rest))
    signs = {character for character in left if not (character.isalnum() or character.isspace())}
    return left != password and sum(map(str.isalnum, left)) + len(signs) < _UNPREDICTABLE


def _without_sequences(text: str) -> str:
    """Remove runs of three or more like ``123``, ``cba``, ``qwe`` or ``aaa``."""
    kept = list(text)
    for at in range(len(text) - 2):
        three = text[at : at + 3]
        if three in _SEQUENCES or len(set(three)) == 1:
            kept[at : at + 3] = " " * 3
    return "".join(kept)
