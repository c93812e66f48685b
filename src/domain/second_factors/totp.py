"""Time-based one-time passwords (RFC 6238), as authenticator apps compute them.

SHA-1, six digits and steps of 30 seconds: what every app understands.
"""

import hmac
from base64 import b32encode
from datetime import datetime
from typing import NewType
from urllib.parse import quote

Issuer = NewType("Issuer", str)
"""The name of this service in authenticator apps."""

SECRET_BYTES = 20
"""The length of a secret: that of the hash (RFC 4226, section 4)."""
STEP_SECONDS = 30
DIGITS = 6
_WINDOW = 1
"""How many steps the clock of the app may differ."""


def code_at(secret: bytes, step: int, digits: int = DIGITS) -> str:
    """Return the code of a step (RFC 4226, section 5.3)."""
    digest = hmac.digest(secret, step.to_bytes(8, "big"), "sha1")
    offset = digest[-1] & 0xF
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return str(number % 10**digits).zfill(digits)


def step_at(now: datetime) -> int:
    return int(now.timestamp()) // STEP_SECONDS


def matching_step(secret: bytes, code: str, now: datetime) -> int | None:
    """Return the step whose code this is, the latest one; ``None`` if there is none now.

    :param code: as typed; blanks do not matter.
    """
    typed = code.replace(" ", "")
    if len(typed) != DIGITS or not (typed.isascii() and typed.isdigit()):
        return None
    present = step_at(now)
    steps = range(present + _WINDOW, present - _WINDOW - 1, -1)
    found = [step for step in steps if hmac.compare_digest(code_at(secret, step), typed)]
    return found[0] if found else None


def text_of(secret: bytes) -> str:
    """Return the secret as people type it: base32 without padding."""
    return b32encode(secret).decode().rstrip("=")


def uri_of(secret: bytes, issuer: Issuer, account: str) -> str:
    """Return what the QR code for an authenticator app holds: an ``otpauth`` URI.

    :param issuer: the name of this service; a colon would end it.
    :param account: the address of the user.
    """
    name = issuer.replace(":", " ")
    label = f"{quote(name, safe='')}:{quote(account, safe='')}"
    return (
        f"otpauth://totp/{label}?secret={text_of(secret)}&issuer={quote(name, safe='')}"
        f"&algorithm=SHA1&digits={DIGITS}&period={STEP_SECONDS}"
    )
