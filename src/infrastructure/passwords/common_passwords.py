"""Passwords that attackers try first, from zxcvbn's list of what people really choose."""

from functools import cache


@cache
def common_passwords() -> frozenset[str]:
    """The 30 000 most common ones in public breaches, in lower case."""
    from zxcvbn.frequency_lists import FREQUENCY_LISTS  # noqa: PLC0415 - large, and not always used

    return frozenset(FREQUENCY_LISTS["passwords"])
