"""Password hashes for which no library is here: phpass, SHA-crypt and the faulty bcrypt.

They are computed in Python, so they block other threads for moments; their cost is bounded where
they are read.
"""

import hashlib
from collections.abc import Iterator

_ALPHABET = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
CRYPT_CHARACTERS = "[./0-9A-Za-z]"

LONGEST_SHA_CRYPT = 256
"""Bytes of a password, as in musl: each round hashes it twice."""

LONGEST_PHPASS = 4096
"""Bytes of a password, as in the original: each round hashes it."""


def number(character: str) -> int:
    """Decode one character of the alphabet."""
    return _ALPHABET.index(character)


def phpass(digest: str, log2_rounds: int, salt: bytes, password: bytes) -> str:
    """Hash as Openwall's portable phpass does: with MD5 in WordPress, with SHA-512 in Drupal."""
    if len(password) > LONGEST_PHPASS:
        return ""
    make = getattr(hashlib, digest)
    hashed: bytes = make(salt + password).digest()
    for _ in range(2**log2_rounds):
        hashed = make(hashed + password).digest()
    return _encode(hashed)


def sha_crypt(digest: str, rounds: int, salt: bytes, password: bytes) -> str:
    """Hash as Drepper's "Unix crypt using SHA-256 and SHA-512" specifies: ``$5$`` and ``$6$``."""
    if len(password) > LONGEST_SHA_CRYPT:
        return ""
    make = getattr(hashlib, digest)
    size = len(password)
    twice = make(password + salt + password).digest()
    text = password + salt + _repeated(twice, size)
    for bit in range(size.bit_length()):
        text += twice if size >> bit & 1 else password
    hashed: bytes = make(text).digest()
    key = _repeated(make(password * size).digest(), size)
    season = _repeated(make(salt * (16 + hashed[0])).digest(), len(salt))
    for each in range(rounds):
        first, last = (key, hashed) if each & 1 else (hashed, key)
        middle = (season if each % 3 else b"") + (key if each % 7 else b"")
        hashed = make(first + middle + last).digest()
    return _encode(bytes(_transposed(hashed)))


def sign_extended(password: bytes) -> bytes:
    """Return the 72 bytes that crypt_blowfish before 1.1 made of a password (CVE-2011-2483).

    It took characters for signed numbers, so that one beyond ASCII overwrites those before it in
    its group of four. PHP marks such hashes by ``$2x$``.
    """
    key, words = password + b"\0", []
    for start in range(0, 72, 4):
        word = 0
        for position in range(start, start + 4):
            character = key[position % len(key)]
            signed = character - 256 if character > 127 else character
            word = ((word << 8) | signed) & 0xFFFFFFFF
        words.append(word.to_bytes(4, "big"))
    return b"".join(words)


def _encode(data: bytes) -> str:
    """Encode groups of three bytes, the lowest bits first."""
    text = ""
    for start in range(0, len(data), 3):
        group = data[start : start + 3]
        value = int.from_bytes(group, "little")
        for _ in range(len(group) + 1):
            text += _ALPHABET[value & 63]
            value >>= 6
    return text


def _transposed(hashed: bytes) -> Iterator[int]:
    """Yield the bytes of a digest in the order of SHA-crypt."""
    third = len(hashed) // 3
    step = 1 if len(hashed) == 64 else -1
    for row in range(third):
        group = [row, row + third, row + 2 * third]
        turn = row * step % 3
        yield from (hashed[index] for index in reversed(group[turn:] + group[:turn]))
    yield from hashed[3 * third :]


def _repeated(data: bytes, size: int) -> bytes:
    return (data * (size // len(data) + 1))[:size]
