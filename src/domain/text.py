"""Which characters a person may use in a text field."""

import unicodedata

# Characters that hide or reorder what is beside them: control (Cc), surrogates (Cs) and the
# bidirectional embeddings, overrides and isolates (Unicode TR36, "Bidirectional Text Spoofing").
_BIDI_CONTROLS = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)


def is_clean(text: str) -> bool:
    """Whether the text has no NUL, control, surrogate or bidirectional control character."""
    return not any(
        character in _BIDI_CONTROLS or unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"}
        for character in text
    )
