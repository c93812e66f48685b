"""Sessions in Redis (6.2 or newer, or Valkey).

One hash per user: the field is the session's id, the value a packed record. So the sessions of a
user can be listed and deleted together, lie in one slot of a cluster, and are small: a record of
64 bytes keeps the hash a listpack. Scripts make each change atomic in one round trip.

Redis stores no usable credential: a token needs the signature of a key that is stored elsewhere.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import cast

from typing_extensions import override

from application.ports import NO_EFFECTS, Effects, SessionStore, Stored
from domain.session import Session, SessionId
from domain.session_activity import SessionActivity
from domain.user import UserId
from infrastructure.storage.redis import activity_records
from infrastructure.storage.redis.multiplexer import Script
from infrastructure.storage.redis.server import RedisServer
from infrastructure.storage.redis.session_records import (
    EXPIRES_AT_OFFSET,
    is_readable,
    pack,
    unpack,
)
from infrastructure.storage.redis.timestamps import EPOCH, to_microseconds

PREFIX = "doorward:sessions:"
ACTIVITY_PREFIX = "doorward:seen:"

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
    local expires_at = struct.unpack('>I7', all[i + 1], {EXPIRES_AT_OFFSET + 1})
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

SCAN_START = b"0"
"""The cursor that begins a SCAN, and that its last step returns."""


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
        packed = activity_records.pack(activity) if activity else b""
        return Stored(await self._write(session, session.id, b"", session.started_at, packed))

    async def get(self, user_id: UserId, session_id: SessionId) -> Session | None:
        async with self._server.connection("sessions") as redis:
            record = cast(bytes | None, await redis.call("HGET", _key(user_id), session_id))
        return unpack(user_id, session_id, record) if is_readable(record) else None

    @override
    async def replace(
        self, old: Session, new: Session, effects: Effects = NO_EFFECTS
    ) -> Stored[bool]:
        return Stored(await self._write(new, old.id, pack(old), EPOCH))

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
            unpack(user_id, SessionId(field.decode()), record)
            for field, record in listed.items()
            if is_readable(record)
        ]
        return sorted(sessions, key=attrgetter("started_at"))

    async def record_activity(
        self, user_id: UserId, session_id: SessionId, activity: SessionActivity
    ) -> None:
        keys = [_key(user_id), _activity_key(user_id)]
        async with self._server.connection("sessions") as redis:
            await redis.run(_RECORD_ACTIVITY, keys, session_id, activity_records.pack(activity))

    async def activity_of(self, user_id: UserId) -> Mapping[SessionId, SessionActivity]:
        async with self._server.connection("sessions") as redis:
            listed = cast(dict[bytes, bytes], await redis.call("HGETALL", _activity_key(user_id)))
        unpacked = {
            field.decode(): activity_records.unpack(packed) for field, packed in listed.items()
        }
        return {SessionId(each): activity for each, activity in unpacked.items() if activity}

    @override
    async def count(self, now: datetime) -> int | None:
        """Count all that are stored: those that have expired are deleted soon.

        This reads the names of all keys, in steps of less than a millisecond, for each of which
        other commands wait.
        """
        position, total = await self.count_some(SCAN_START)
        while position != SCAN_START:
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
                pack(session),
                to_microseconds(expired_before),
                packed,
                replaced,
            )
        return bool(written)


def _key(user_id: UserId) -> str:
    return f"{PREFIX}{{{user_id.hex}}}"  # the hash tag keeps the keys of a user in one slot


def _activity_key(user_id: UserId) -> str:
    return f"{ACTIVITY_PREFIX}{{{user_id.hex}}}"
