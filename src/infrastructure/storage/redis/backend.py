"""The backend in Redis: sessions, and counters of attempts."""

from infrastructure.storage.backends import Backend
from infrastructure.storage.redis.invalidation_feed import RedisFeed
from infrastructure.storage.redis.rate_limiter import RedisRateLimiter
from infrastructure.storage.redis.server import RedisServer
from infrastructure.storage.redis.sessions import RedisSessions
from infrastructure.storage.redis.write_check import check_writes as check_redis_writes

BACKEND = Backend(
    RedisServer.open,
    RedisServer.ping,
    sessions=RedisSessions,
    rate_limiter=RedisRateLimiter,
    feed=RedisFeed.open,
    check_writes=lambda server, _role: check_redis_writes(server),
)
