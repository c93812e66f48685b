"""base64url without padding (RFC 7515, section 2)."""

import base64


def encode(octets: bytes) -> bytes:
    """Return the octets as ASCII characters."""
    return base64.urlsafe_b64encode(octets).rstrip(b"=")


def decode(segment: bytes) -> bytes:
    """Return the octets of a segment.

    :raises ValueError: it is not canonical base64url.
    """
    octets = base64.urlsafe_b64decode(segment + b"=" * (-len(segment) % 4))
    if encode(octets) != segment:
        raise ValueError("not canonical base64url")
    return octets
