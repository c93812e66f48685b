"""Secrets of authenticator apps, as other systems export them."""

from base64 import b32decode
from urllib.parse import parse_qsl, urlsplit

from domain.errors import InvalidInput, Problem
from domain.second_factors.totp import DIGITS, STEP_SECONDS

LEAST_BYTES, MOST_BYTES = 16, 128
"""Of a secret: RFC 4226, section 4 (R6), demands 128 bits."""

_EXPECTED = {"algorithm": "SHA1", "digits": str(DIGITS), "period": str(STEP_SECONDS)}


def parse_exported(text: str) -> bytes:
    """Return the secret of an authenticator app.

    :param text: in base32 (RFC 4648), or a URI as :func:`~domain.second_factors.totp.uri_of` makes
        them. Blanks, dashes, padding and case do not matter.
    :raises InvalidInput: it is none, or one whose codes are not those of
        :mod:`domain.second_factors.totp`.
    """
    text = text.strip()
    if text.startswith("{"):
        raise _problem("is encrypted by the other system: decrypt it there first")
    if text.lower().startswith("otpauth:"):
        text = _secret_in(text)
    letters = text.replace(" ", "").replace("-", "").rstrip("=").upper()
    try:
        secret = b32decode(letters + "=" * (-len(letters) % 8))
    except ValueError:
        raise _problem("must be a secret in base32, or an otpauth URI with one") from None
    if not LEAST_BYTES <= len(secret) <= MOST_BYTES:
        raise _problem(f"must have a secret of {LEAST_BYTES} to {MOST_BYTES} bytes")
    return secret


def _secret_in(uri: str) -> str:
    try:
        parts = urlsplit(uri)
        pairs = parse_qsl(parts.query, keep_blank_values=True, max_num_fields=20)
    except ValueError:
        raise _problem("must be an otpauth URI") from None
    given = {name.lower(): value for name, value in pairs}
    if parts.netloc.lower() != "totp" or len(given) < len(pairs):
        raise _problem("must be an otpauth URI of the type totp, with each parameter once")
    for name, expected in _EXPECTED.items():
        if name in given and given[name].upper() != expected:
            raise _problem(
                f"must have codes by SHA-1, of {DIGITS} digits, for {STEP_SECONDS} seconds"
            )
    return given.get("secret", "")


def _problem(message: str) -> InvalidInput:
    return InvalidInput(Problem("totp", message))
