"""Body of the public keys (RFC 7517)."""

from msgspec import Struct


class KeySet(Struct):
    """Public keys, as JWKs."""

    keys: list[dict[str, str]]
