"""Forged positions in lists."""

from base64 import urlsafe_b64decode, urlsafe_b64encode

import msgspec


def forged(content: object) -> str:
    """Return a cursor with this content."""
    return urlsafe_b64encode(msgspec.json.encode(content)).decode()


def forgeries(after: str, *values: str) -> list[str]:
    """Positions that are good in all but one part."""
    parts = msgspec.json.decode(urlsafe_b64decode(after), type=list[str])
    return [
        forged([*parts[:place], value, *parts[place + 1 :]])
        for place in range(len(parts))
        for value in values
    ]


NO_POSITIONS = {
    "nothing": "",
    "a space": " ",
    "a word": "garbage",
    "a number": "2",
    "a NUL": "\x00",
    "zeros": "AAAA",
    "not ASCII": "é",
    "half a character": "\ud800",
    "huge": "A" * 100_000,
    "no JSON": urlsafe_b64encode(b"garbage").decode(),
    "no UTF-8": urlsafe_b64encode(b'["\xff"]').decode(),
    "no list": forged("a"),
    "an empty list": forged([]),
    "too many parts": forged(["1"] * 3),
    "no texts": forged([1, 2]),
    "NULs": forged(["\x00", "\x00"]),
    "half a character within": urlsafe_b64encode(rb'["\ud800"]').decode(),
    "deep": urlsafe_b64encode(b"[" * 1400).decode(),
    "huge parts": forged(["1" * 700, "1" * 700]),
}
"""Where no page of any list begins."""
