"""Recovery codes: ten of them, each good once in place of another second factor."""

HOW_MANY = 10
_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""32 characters that are not mistaken for each other: a letter has 5 bits."""
LENGTH = 12
"""Letters of a code: 60 bits."""
_GROUP = 4
_LONGEST = 40


def code_of(octets: bytes) -> str:
    """Return a code such as ``K7QF-2MXP-9TRA``.

    :param octets: one random byte for each letter.
    """
    letters = "".join(_ALPHABET[each % len(_ALPHABET)] for each in octets)
    return "-".join(letters[at : at + _GROUP] for at in range(0, len(letters), _GROUP))


def canonical(typed: str) -> str | None:
    """Return a typed code without what does not matter: case, blanks and dashes.

    :returns: ``None`` for a text that is no code.
    """
    if len(typed) > _LONGEST:
        return None
    letters = typed.upper().replace("-", "").replace(" ", "")
    is_code = len(letters) == LENGTH and all(each in _ALPHABET for each in letters)
    return letters if is_code else None
