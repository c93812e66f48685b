"""Which characters a person may use in a text field."""

import unicodedata

# Control characters, invisible format characters (the bidirectional overrides and the zero-width
# space among them: Unicode TR36), surrogates, line and paragraph separators.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
JOINERS = frozenset("\u200c\u200d")
"""Invisible too, but Persian, the scripts of India and emoji are not written without them."""


def is_clean(text: str) -> bool:
    """Whether nothing in the text hides or reorders what is beside it."""
    return all(
        unicodedata.category(character) not in _HIDDEN or character in JOINERS
        for character in text
    )


def is_visible(text: str) -> bool:
    """Whether there is anything to see: a letter, number, sign or symbol."""
    return any(unicodedata.category(character)[0] in "LNPS" for character in text)
