"""Sessions in Redis (6.2 or newer, or Valkey).

One hash per user: the field is the session's id, the value a packed record. So the sessions of a
user can be listed and deleted together, lie in one slot of a cluster, and are small: a record of
64 bytes keeps the hash a listpack. Scripts make each change atomic in one round trip.

Redis stores no usable credential: a token needs the signature of a key that is stored elsewhere.
"""

import asyncio
import struct
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from operator import attrgetter
from typing import TypeGuard, cast

import msgspec
from typing_extensions import override

from application.ports import NO_EFFECTS, Effects, SessionStore, Stored
from domain.authentication import ONLY_PASSWORD, Method
from domain.session import Session, SessionId, TokenId, Transport
from domain.session_activity import SessionActivity
from domain.user import UserId
from infrastructure.storage import rotation_record
from infrastructure.storage.redis.multiplexer import Script
from infrastructure.storage.redis.server import RedisServer
from infrastructure.storage.redis.timestamps import EPOCH, from_microseconds, to_microseconds

PREFIX = "doorward:sessions:"
ACTIVITY_PREFIX = "doorward:seen:"

# A version, the id of the valid token, the last rotations, four times in microseconds since 1970
# (7 bytes each, until the year 4253), and the generation (3 bytes). The last rotations begin with
# a mark that says the transport, or also how its user has authenticated where that is not the
# password alone: a byte with the highest bit, one for a step-up, one for the transport and one for
# each method. Before the first rotation a constant is in their place. Where release 0.1 has
# rotated the session, it is the id of the spent token.
_RECORD = struct.Struct(">B16s16s7s7s7s7s3s")
_VERSION = 2
_MARKS = {b"\xffrot": Transport.COOKIE, b"\xffrob": Transport.BEARER}
_MARK_OF = {transport: mark for mark, transport in _MARKS.items()}
_MARK_SIZE = 4
_LONG_MARK, _LONG_MARK_END = b"\xffr", b"a"
_IS_LONG, _IS_STEPPED_UP, _IS_BEARER = 0x80, 0x40, 0x20
_METHOD_BITS = {method: 1 << bit for bit, method in enumerate(Method)}
_NOT_ROTATED = b"\xff" * rotation_record.SIZE  # no record of rotations has as many strikes
_UNMARKED = bytes(_MARK_SIZE + rotation_record.SIZE)  # a cookie session that was not rotated
_EXPIRES_AT = 1 + 16 + 16 + 7 + 7  # the offset of expires_at in a record

# KEYS: the user's hash of sessions, and that of activities. ARGV: the session's id, the record
# that must be stored ('' for a new session), the new record, the time before which expired
# sessions are deleted (microseconds), the activity ('' leaves it unchanged), and the id of the
# stored record, which the new one replaces.
# The hashes expire with the last session in them.
_WRITE = Script(f"""
if ARGV[2] ~= '' and redis.call('HGET', KEYS[1], ARGV[6]) ~= ARGV[2] then
    return 0
end
local activity = ARGV[5]
if ARGV[6] ~= ARGV[1] then
    activity = redis.call('HGET', KEYS[2], ARGV[6]) or ''
    redis.call('HDEL', KEYS[1], ARGV[6])
    redis.call('HDEL', KEYS[2], ARGV[6])
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
local last, all = 0, redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
    local expires_at = struct.unpack('>I7', all[i + 1], {_EXPIRES_AT + 1})
    if expires_at <= tonumber(ARGV[4]) then
        redis.call('HDEL', KEYS[1], all[i])
        redis.call('HDEL', KEYS[2], all[i])
    elseif expires_at > last then
        last = expires_at
    end
end
if activity ~= '' then
    redis.call('HSET', KEYS[2], ARGV[1], activity)
end
local last_millisecond = string.format('%.0f', math.ceil(last / 1000))
redis.call('PEXPIREAT', KEYS[1], last_millisecond)
redis.call('PEXPIREAT', KEYS[2], last_millisecond)
return 1
""")

# KEYS: as above. ARGV: the session's id and its activity.
_RECORD_ACTIVITY = Script("""
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1 then
    redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
    redis.call('PEXPIRE', KEYS[2], redis.call('PTTL', KEYS[1]))
end
""")

# ARGV: where to go on, and the pattern of the users' hashes of sessions. Returns where to go on
# after this step, and the number of sessions found in it.
_COUNT_SOME = Script("""
local step = redis.call('SCAN', ARGV[1], 'MATCH', ARGV[2], 'COUNT', 250)
local found = 0
for _, key in ipairs(step[2]) do
    found = found + redis.call('HLEN', key)
end
return {step[1], found}
""")


_BEGINNING = b"0"


class RedisSessions(SessionStore):
    def __init__(self, server: RedisServer) -> None:
        self._server = server

    @override
    async def add(
        self,
        session: Session,
        activity: SessionActivity | None = None,
        effects: Effects = NO_EFFECTS,
    ) -> Stored[bool]:
        packed = _pack_activity(activity) if activity else b""
        return Stored(await self._write(session, session.id, b"", session.started_at, packed))

    async def get(self, user_id: UserId, session_id: SessionId) -> Session | None:
        async with self._server.connection("sessions") as redis:
            record = cast(bytes | None, await redis.call("HGET", _key(user_id), session_id))
        return _unpack(user_id, session_id, record) if _is_readable(record) else None

    @override
    async def replace(
        self, old: Session, new: Session, effects: Effects = NO_EFFECTS
    ) -> Stored[bool]:
        return Stored(await self._write(new, old.id, _pack(old), EPOCH))

    @override
    async def delete(
        self, user_id: UserId, session_id: SessionId, effects: Effects = NO_EFFECTS
    ) -> Stored[bool]:
        async with self._server.connection("sessions") as redis:
            deleted, _ = await asyncio.gather(
                redis.call("HDEL", _key(user_id), session_id),
                redis.call("HDEL", _activity_key(user_id), session_id),
            )
        return Stored(bool(deleted))

    async def of_user(self, user_id: UserId) -> Sequence[Session]:
        async with self._server.connection("sessions") as redis:
            listed = cast(dict[bytes, bytes], await redis.call("HGETALL", _key(user_id)))
        sessions = [
            _unpack(user_id, SessionId(field.decode()), record)
            for field, record in listed.items()
            if _is_readable(record)
        ]
        return sorted(sessions, key=attrgetter("started_at"))

    async def record_activity(
        self, user_id: UserId, session_id: SessionId, activity: SessionActivity
    ) -> None:
        keys = [_key(user_id), _activity_key(user_id)]
        async with self._server.connection("sessions") as redis:
            await redis.run(_RECORD_ACTIVITY, keys, session_id, _pack_activity(activity))

    async def activity_of(self, user_id: UserId) -> Mapping[SessionId, SessionActivity]:
        async with self._server.connection("sessions") as redis:
            listed = cast(dict[bytes, bytes], await redis.call("HGETALL", _activity_key(user_id)))
        unpacked = {field.decode(): _unpack_activity(packed) for field, packed in listed.items()}
        return {SessionId(each): activity for each, activity in unpacked.items() if activity}

    @override
    async def count(self, now: datetime) -> int | None:
        """Count all that are stored: those that have expired are deleted soon.

        This reads the names of all keys, in steps of less than a millisecond, for each of which
        other commands wait.
        """
        position, total = await self.count_some(_BEGINNING)
        while position != _BEGINNING:
            position, found = await self.count_some(position)
            total += found
        return total

    async def count_some(self, position: bytes) -> tuple[bytes, int]:
        """Count some of the stored sessions.

        :param position: where to go on, as returned for the step before.
        :returns: where to go on after this step, and how many were found.
        """
        async with self._server.connection("sessions") as redis:
            step = await redis.run(_COUNT_SOME, [], position, f"{PREFIX}*")
        return cast(tuple[bytes, int], tuple(step))

    async def _write(
        self,
        session: Session,
        replaced: SessionId,
        expected: bytes,
        expired_before: datetime,
        packed: bytes = b"",
    ) -> bool:
        async with self._server.connection("sessions") as redis:
            written = await redis.run(
                _WRITE,
                [_key(session.user_id), _activity_key(session.user_id)],
                session.id,
                expected,
                _pack(session),
                to_microseconds(expired_before),
                packed,
                replaced,
            )
        return bool(written)


def _key(user_id: UserId) -> str:
    return f"{PREFIX}{{{user_id.hex}}}"  # the hash tag keeps the keys of a user in one slot


def _activity_key(user_id: UserId) -> str:
    return f"{ACTIVITY_PREFIX}{{{user_id.hex}}}"


def _pack(session: Session) -> bytes:
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


def _is_readable(record: bytes | None) -> TypeGuard[bytes]:
    """Whether it has the current version. Otherwise the user has to log in again."""
    return record is not None and record[0] == _VERSION


def _unpack(user_id: UserId, session_id: SessionId, record: bytes) -> Session:
    _version, token_id, rotations, *times, generation = _RECORD.unpack(record)
    started_at, rotated_at, expires_at, ends_at = map(_time, times)
    session = Session(
        id=session_id,
        user_id=user_id,
        token_id=TokenId(token_id.hex()),
        spent_id=None,
        started_at=started_at,
        rotated_at=rotated_at,
        expires_at=expires_at,
        ends_at=ends_at,
        generation=int.from_bytes(generation, "big"),
    )
    if rotations == _UNMARKED:
        return session
    marked = _unmark(session, rotations[:_MARK_SIZE])
    if marked is None:
        return replace(session, spent_id=TokenId(rotations.hex()))
    record = rotations[_MARK_SIZE:]
    return marked if record == _NOT_ROTATED else rotation_record.unpack(record, marked)


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
    bits = _IS_LONG | sum(_METHOD_BITS[method] for method in session.methods)
    bits |= _IS_STEPPED_UP * session.is_stepped_up
    bits |= _IS_BEARER * (session.transport is Transport.BEARER)
    return _LONG_MARK + bytes([bits]) + _LONG_MARK_END


def _unmark(session: Session, mark: bytes) -> Session | None:
    """Return the session as marked; ``None`` if that is no mark."""
    if mark in _MARKS:
        return replace(session, transport=_MARKS[mark])
    bits = mark[2]
    if (mark[:2], mark[3:]) != (_LONG_MARK, _LONG_MARK_END) or not bits & _IS_LONG:
        return None
    return replace(
        session,
        transport=Transport.BEARER if bits & _IS_BEARER else Transport.COOKIE,
        methods=frozenset(method for method, bit in _METHOD_BITS.items() if bits & bit),
        is_stepped_up=bool(bits & _IS_STEPPED_UP),
    )


def _time(octets: bytes) -> datetime:
    return from_microseconds(int.from_bytes(octets, "big"))


def _pack_activity(activity: SessionActivity) -> bytes:
    return msgspec.msgpack.encode(activity)


def _unpack_activity(packed: bytes) -> SessionActivity | None:
    """Decode an activity; ``None`` for another version."""
    try:
        return msgspec.msgpack.decode(packed, type=SessionActivity)
    except msgspec.DecodeError:
        return None
