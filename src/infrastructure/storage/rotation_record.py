"""What a session remembers of its last rotations, in 12 bytes, for stores that count them."""

import struct
from dataclasses import replace

from domain.client.digest import CLIENT_BITS, ClientDigest
from domain.session import MAX_INTERVALS, Session

# The client (3 bytes, with a bit for the device), its network, the strikes, and the intervals in
# milliseconds, where 0 stands for none.
_RECORD = struct.Struct(f">3sHB{MAX_INTERVALS}H")
SIZE = _RECORD.size


def pack(session: Session) -> bytes | None:
    """Return the record of a session; ``None`` if this release has not rotated it."""
    client = session.refreshed_by
    if client is None:
        return None
    bits = client.has_device << CLIENT_BITS | client.client
    intervals = (*session.intervals, *(0,) * MAX_INTERVALS)[:MAX_INTERVALS]
    return _RECORD.pack(bits.to_bytes(3, "big"), client.network, session.strikes, *intervals)


def unpack(record: bytes, session: Session) -> Session:
    """Return the session with what the record says."""
    octets, network, strikes, *intervals = _RECORD.unpack(record)
    bits = int.from_bytes(octets, "big")
    client = ClientDigest(bool(bits >> CLIENT_BITS), bits & (1 << CLIENT_BITS) - 1, network)
    kept = tuple(each for each in intervals if each)
    return replace(session, refreshed_by=client, strikes=strikes, intervals=kept)
