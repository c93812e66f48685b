"""Authentication methods as one text, for stores that keep them so."""

from collections.abc import Iterable

from domain.authentication import Method


def write(methods: Iterable[Method]) -> str:
    return " ".join(sorted(methods))


def read(text: str) -> frozenset[Method]:
    """Return the methods. Names of a later release are left out: they raise no level here."""
    known = set(Method)
    return frozenset(Method(name) for name in text.split() if name in known)
