"""The characters that a text field accepts."""

import unicodedata

# Control characters, invisible format characters (the bidirectional overrides and the zero-width
# space among them: Unicode TR36), surrogates, line and paragraph separators.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
JOINERS = frozenset("\u200c\u200d")
"""Invisible too, but Persian, the scripts of India and emoji need them."""


def is_clean(text: str) -> bool:
    """Return whether the text has no character that hides or reorders others."""
    return all(
        unicodedata.category(character) not in _HIDDEN or character in JOINERS
        for character in text
    )


def is_visible(text: str) -> bool:
    """Return whether the text has a visible character: a letter, number, sign or symbol."""
    return any(unicodedata.category(character)[0] in "LNPS" for character in text)


def is_short_normalized(text: str, longest: int) -> bool:
    """Return whether the text has at most so many characters in NFKC, without normalising it.

    The time to normalise a text grows faster than the length of the result, and one character can
    become eighteen. Letters and marks that NFKC composes are counted one by one.
    """
    if text.isascii():
        return len(text) <= longest
    length = 0
    for character in text:
        length += len(unicodedata.normalize("NFKC", character))
        if length > longest:
            return False
    return True
