"""Counters of attempts in Redis."""

from datetime import datetime, timedelta

from application.ports import RateLimiter
from domain.rate_limit import Usage
from infrastructure.storage.redis.multiplexer import Script
from infrastructure.storage.redis.server import RedisServer
from infrastructure.storage.redis.timestamps import from_microseconds, to_microseconds

RATE_LIMIT_PREFIX = "doorward:limits:"

# KEYS: the window. ARGV: now and the end of a window that opens now, in microseconds.
_COUNT = Script("""
local window = redis.call('HMGET', KEYS[1], 'count', 'resets_at')
if not window[1] or tonumber(window[2]) <= tonumber(ARGV[1]) then
    redis.call('HSET', KEYS[1], 'count', 1, 'resets_at', ARGV[2])
    redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', math.ceil(tonumber(ARGV[2]) / 1000)))
    return {1, ARGV[2]}
end
return {redis.call('HINCRBY', KEYS[1], 'count', 1), window[2]}
""")


class RedisRateLimiter(RateLimiter):
    def __init__(self, server: RedisServer) -> None:
        self._server = server

    async def count(self, key: str, window: timedelta, now: datetime) -> Usage:
        async with self._server.connection("rate_limits") as redis:
            times = to_microseconds(now), to_microseconds(now + window)
            count, resets_at = await redis.run(_COUNT, [RATE_LIMIT_PREFIX + key], *times)
        return Usage(int(count), from_microseconds(int(resets_at)))

    async def has_window(self, key: str, now: datetime) -> bool:
        async with self._server.connection("rate_limits") as redis:
            resets_at = await redis.call("HGET", RATE_LIMIT_PREFIX + key, "resets_at")
        return resets_at is not None and to_microseconds(now) < int(resets_at)

    async def forget(self, key: str) -> None:
        async with self._server.connection("rate_limits") as redis:
            await redis.call("DEL", RATE_LIMIT_PREFIX + key)
