"""The records of sessions, as Redis stores them."""

import struct
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple, TypeGuard

from domain.authentication import ONLY_PASSWORD, Method
from domain.session import Session, SessionId, TokenId, Transport
from domain.user import UserId
from infrastructure.storage import rotation_record
from infrastructure.storage.redis.timestamps import from_microseconds, to_microseconds

# A version, the id of the valid token, the last rotations, four times in microseconds since 1970
# (7 bytes each, until the year 4253), and the generation (3 bytes). The last rotations begin with
# a mark that says the transport, or also how its user has authenticated where that is not the
# password alone: a byte with the highest bit, one for a step-up, one for the transport and one for
# each method but one, whose byte is the last of the mark. Before the first rotation a constant is
# in their place. Where release 0.1 has rotated the session, it is the id of the spent token.
_RECORD = struct.Struct(">B16s16s7s7s7s7s3s")
_VERSION = 2
_MARKS = {b"\xffrot": Transport.COOKIE, b"\xffrob": Transport.BEARER}
_MARK_OF = {transport: mark for mark, transport in _MARKS.items()}
_MARK_SIZE = 4
_LONG_MARK = b"\xffr"
_LONG_MARK_ENDS = {b"a": frozenset[Method](), b"m": frozenset({Method.FEDERATED_MFA})}
_IS_LONG, _IS_STEPPED_UP, _IS_BEARER = 0x80, 0x40, 0x20
_METHOD_BITS = {
    Method.PASSWORD: 0x01,
    Method.TOTP: 0x02,
    Method.RECOVERY_CODE: 0x04,
    Method.PASSKEY: 0x08,
    Method.FEDERATED: 0x10,
}
_NOT_ROTATED = b"\xff" * rotation_record.SIZE  # no record of rotations has as many strikes
_UNMARKED = bytes(_MARK_SIZE + rotation_record.SIZE)  # a cookie session that was not rotated
EXPIRES_AT_OFFSET = 1 + 16 + 16 + 7 + 7  # in a record


class _Login(NamedTuple):
    """How a session began."""

    transport: Transport
    methods: frozenset[Method] = ONLY_PASSWORD
    is_stepped_up: bool = False


_ORDINARY = _Login(Transport.COOKIE)


def pack(session: Session) -> bytes:
    return _RECORD.pack(
        _VERSION,
        bytes.fromhex(session.token_id),
        _pack_rotations(session),
        *(
            to_microseconds(time).to_bytes(7, "big")
            for time in (
                session.started_at,
                session.rotated_at,
                session.expires_at,
                session.ends_at,
            )
        ),
        session.generation.to_bytes(3, "big"),
    )


def is_readable(record: bytes | None) -> TypeGuard[bytes]:
    """Whether it has the current version. Otherwise the user has to log in again."""
    return record is not None and record[0] == _VERSION


def unpack(user_id: UserId, session_id: SessionId, record: bytes) -> Session:
    _version, token_id, rotations, *times, generation = _RECORD.unpack(record)
    started_at, rotated_at, expires_at, ends_at = map(_time, times)
    login = _ORDINARY if rotations == _UNMARKED else _read_mark(rotations[:_MARK_SIZE])
    session = Session(
        id=session_id,
        user_id=user_id,
        token_id=TokenId(token_id.hex()),
        spent_id=None if login else TokenId(rotations.hex()),
        started_at=started_at,
        rotated_at=rotated_at,
        expires_at=expires_at,
        ends_at=ends_at,
        generation=int.from_bytes(generation, "big"),
        transport=login.transport if login else Transport.COOKIE,
        methods=login.methods if login else ONLY_PASSWORD,
        is_stepped_up=login.is_stepped_up if login else False,
    )
    last = rotations[_MARK_SIZE:]
    if login is None or last == _NOT_ROTATED or rotations == _UNMARKED:
        return session
    return rotation_record.unpack(last, session)


def _pack_rotations(session: Session) -> bytes:
    record = rotation_record.pack(session)
    mark = _mark_of(session)
    if record is not None or mark != _MARK_OF[Transport.COOKIE]:
        return mark + (record or _NOT_ROTATED)
    return bytes.fromhex(session.spent_id) if session.spent_id else _UNMARKED


def _mark_of(session: Session) -> bytes:
    """Return the mark. Releases before 0.3 do not know the long one: they take it for an id, and
    their rotation leaves a session of the password alone.
    """
    if session.methods == ONLY_PASSWORD and not session.is_stepped_up:
        return _MARK_OF[session.transport]
    bits = _IS_LONG | sum(_METHOD_BITS.get(method, 0) for method in session.methods)
    bits |= _IS_STEPPED_UP * session.is_stepped_up
    bits |= _IS_BEARER * (session.transport is Transport.BEARER)
    end = b"m" if Method.FEDERATED_MFA in session.methods else b"a"
    return _LONG_MARK + bytes([bits]) + end


@lru_cache(maxsize=256)
def _read_mark(mark: bytes) -> _Login | None:
    """Return what a mark says; ``None`` if it is none, but a part of a token's id."""
    if mark in _MARKS:
        return _Login(_MARKS[mark])
    bits = mark[2]
    others = _LONG_MARK_ENDS.get(mark[3:])
    if mark[:2] != _LONG_MARK or others is None or not bits & _IS_LONG:
        return None
    return _Login(
        Transport.BEARER if bits & _IS_BEARER else Transport.COOKIE,
        others | {method for method, bit in _METHOD_BITS.items() if bits & bit},
        bool(bits & _IS_STEPPED_UP),
    )


def _time(octets: bytes) -> datetime:
    return from_microseconds(int.from_bytes(octets, "big"))
