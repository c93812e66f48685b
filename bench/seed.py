"""People with sessions and tokens, put into the stores without the service.

All of them have the password :data:`tests.support.builders.PASSWORD`.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from hashlib import md5
from uuid import UUID

from argon2 import PasswordHasher

from bench.testbed import StoreUrls, Testbed
from domain.email import Email
from domain.session import Lifetimes, Session, SessionId, TokenId
from domain.session_activity import SessionActivity
from domain.token import TokenClaims, TokenKind
from domain.user import User, UserId
from doorward.wiring.signing_keys.key_stores import keys_in_environment, make_signer
from infrastructure.config.settings import Settings
from infrastructure.passwords.argon2_hasher import Cost
from infrastructure.signing.key_ring_watcher import KeyRingWatcher
from infrastructure.storage.options import StoreOptions
from infrastructure.storage.redis.server import RedisServer
from infrastructure.storage.redis.sessions import RedisSessions
from infrastructure.storage.sql.database import Database
from infrastructure.storage.sql.users import SqlUsers
from tests.support.builders import PASSWORD, new_id

# Longer than any run, so that no token expires in the middle of one.
LIFETIMES = Lifetimes(
    access=timedelta(hours=12),
    idle=timedelta(hours=12),
    absolute=timedelta(days=30),
    grace=timedelta(seconds=10),
)
PATIENT = StoreOptions(timeout=timedelta(minutes=5))
_BATCH = 1_000  # of what goes to Redis, and to a process that mints

# All columns but four are the pattern's. The id follows from the number, as in `user_id`.
_CLONE = """
INSERT INTO users
SELECT clone.* FROM users AS pattern, generate_series(1, $1::int) AS number,
LATERAL jsonb_populate_record(pattern, jsonb_build_object(
    'id', md5(number::text)::uuid,
    'email', format('person%s@example.org', number),
    'email_key', format('person%s@example.org', number),
    'created_at', pattern.created_at - make_interval(secs => number)
)) AS clone
WHERE pattern.email = 'person0@example.org'
"""


@dataclass(frozen=True, slots=True)
class SeededUser:
    number: int
    session: Session


def seed_users(
    urls: StoreUrls,
    count: int,
    *,
    sessions: int = 1,
    kept: int = 20_000,
    logged_in: int | None = None,
    activity: SessionActivity | None = None,
) -> list[SeededUser]:
    """Users numbered from 1, with this many sessions each.

    :param logged_in: only so many have sessions, the first ones.
    :param activity: where all sessions were seen.
    :param kept: how many are returned at most, for a million would fill the memory.
    :returns: the first ones, each with one of the sessions.
    """
    asyncio.run(_insert_users(urls.users, count))
    planting = _insert_sessions(urls.sessions, logged_in or count, sessions, activity, kept)
    return asyncio.run(planting)


def email(number: int) -> str:
    return f"person{number}@example.org"


def sign_tokens(testbed: Testbed, users: Sequence[SeededUser], kind: TokenKind) -> list[str]:
    """A token of each, signed with the service's keys."""
    claims = [TokenClaims.of(user.session, kind, LIFETIMES) for user in users]
    batches = [claims[at : at + _BATCH] for at in range(0, len(claims), _BATCH)]
    minted = testbed.processes.map(partial(_sign, testbed.keys), batches)
    return [token for batch in minted for token in batch]


def _sign(keys: Mapping[str, str], claims: Sequence[TokenClaims]) -> list[str]:
    settings = Settings.read(keys)
    signer = make_signer(settings, KeyRingWatcher.fixed(keys_in_environment(settings.keys)))
    return [signer.sign(each) for each in claims]


async def _insert_users(url: str, count: int) -> None:
    async with Database.open(url, PATIENT) as database:
        await SqlUsers(database).add(_pattern())
        async with database.dedicated_connection() as connection:
            await connection.execute(_CLONE, count)
            await connection.execute("ANALYZE users")  # autovacuum, which would do it, is off


async def _insert_sessions(
    url: str, count: int, sessions: int, activity: SessionActivity | None, kept: int
) -> list[SeededUser]:
    users: list[SeededUser] = []
    async with RedisServer.open(url, PATIENT) as server:
        store = RedisSessions(server)
        for first in range(1, count + 1, _BATCH):
            numbers = range(first, min(first + _BATCH, count + 1))
            batch = [_seeded_user(number) for number in numbers for _ in range(sessions)]
            await asyncio.gather(*(store.add(user.session, activity) for user in batch))
            users += batch[::sessions] if len(users) < kept else []
    return users[:kept]


def _seeded_user(number: int) -> SeededUser:
    ids = SessionId(new_id()), TokenId(new_id())
    started = Session.start(ids[0], _pattern(), ids[1], datetime.now(UTC), LIFETIMES)
    return SeededUser(number, replace(started, user_id=user_id(number)))


@cache
def _pattern() -> User:
    cost = Cost()
    hasher = PasswordHasher(cost.time_cost, cost.memory_kib, cost.parallelism)
    address, password_hash = Email.parse(email(0)), hasher.hash(PASSWORD)
    return User.register(user_id(0), "Ada Lovelace", address, password_hash, datetime.now(UTC))


def user_id(number: int) -> UserId:
    return UserId(UUID(md5(str(number).encode(), usedforsecurity=False).hexdigest()))
