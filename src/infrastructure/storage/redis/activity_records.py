"""The records of where and by what sessions were last used, as Redis stores them.

Redis keeps small hashes of values up to 64 bytes in a fraction of the memory. Most of an activity
is the name of the client's program, which repeats what all browsers say: it is deflated (RFC 1951)
with a dictionary of that.
"""

import zlib
from ipaddress import ip_address

import msgspec

from domain.session_activity import SessionActivity
from infrastructure.storage.redis.timestamps import from_microseconds, to_microseconds

_VERSION = b"\x01"
_TIME_SIZE = 7
_TEXT = 0xFF
"""In place of the size of an address that is not written as its bytes."""
# What records refer to: another dictionary would need another version.
_DICTIONARY = (
    b"python-requests/2. okhttp/4. Dart/3. (dart:io) curl/8. Go-http-client/2.0 axios/1. "
    b"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) "
    b"Mozilla/5.0 (iPad; CPU OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    b"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0 "
    b"Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/140.0 "
    b"Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:128.0) Gecko/20100101 Firefox/ OPR/ "
    b"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 "
    b"(KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1 Mobile Safari/537.36 Edg/ "
    b"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    b"Version/18.5 Safari/605.1.15 Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 "
    b"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    b"Chrome/140.0.0.0 Safari/537.36"
)
_RAW = -11
"""A deflated text without a header, with a window of 2 KiB."""


def pack(activity: SessionActivity) -> bytes:
    time = to_microseconds(activity.at).to_bytes(_TIME_SIZE, "big")
    return _VERSION + time + _pack_address(activity.address) + _deflate(activity.agent.encode())


def unpack(packed: bytes) -> SessionActivity | None:
    """Return the activity; ``None`` of a version that is not known."""
    if not packed.startswith(_VERSION):
        return _unpack_of_0_2(packed)
    try:
        at = from_microseconds(int.from_bytes(packed[1 : 1 + _TIME_SIZE], "big"))
        address, rest = _unpack_address(packed[1 + _TIME_SIZE :])
        return SessionActivity(at, address, _inflate(rest).decode())
    except (ValueError, IndexError, OverflowError, zlib.error):
        return None


def _pack_address(text: str) -> bytes:
    octets = _octets_of(text)
    if octets is not None:
        return bytes([len(octets)]) + octets
    written = text.encode()[:_TEXT]
    return bytes([_TEXT, len(written)]) + written


def _octets_of(text: str) -> bytes | None:
    """Return the bytes of an address, none of an empty one; ``None`` of any other text."""
    try:
        address = ip_address(text)
    except ValueError:
        return None if text else b""
    # An IPv6 address can have a scope beside its bytes (RFC 4007).
    return address.packed if str(ip_address(address.packed)) == text else None


def _unpack_address(packed: bytes) -> tuple[str, bytes]:
    """Return the address, and what follows it."""
    size = packed[0]
    if size == _TEXT:
        end = 2 + packed[1]
        return packed[2:end].decode(), packed[end:]
    octets, rest = packed[1 : 1 + size], packed[1 + size :]
    return str(ip_address(octets)) if octets else "", rest


def _deflate(text: bytes) -> bytes:
    deflating = zlib.compressobj(9, zlib.DEFLATED, _RAW, 1, zdict=_DICTIONARY)
    return deflating.compress(text) + deflating.flush()


def _inflate(packed: bytes) -> bytes:
    inflating = zlib.decompressobj(_RAW, zdict=_DICTIONARY)
    return inflating.decompress(packed) + inflating.flush()


def _unpack_of_0_2(packed: bytes) -> SessionActivity | None:
    """Releases up to 0.2 wrote MessagePack."""
    try:
        return msgspec.msgpack.decode(packed, type=SessionActivity)
    except msgspec.DecodeError:
        return None
