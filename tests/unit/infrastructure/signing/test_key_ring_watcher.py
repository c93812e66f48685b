"""The keys of a running process: changes, and a store without answers."""

import asyncio
import logging
from dataclasses import dataclass, field, replace
from datetime import timedelta

import jwt
import pytest

from application.ports.effects import NO_EFFECTS, Effects, Stored
from domain.errors import TokenRejected, Unavailable
from domain.key_ring import UNKNOWN_START, Key, KeyRing, KeyTimes
from domain.token import TokenClaims, TokenKind
from infrastructure.config.environment_variables import ConfigurationError
from infrastructure.signing import key_ring_watcher
from infrastructure.signing.algorithms import ALGORITHMS, EDDSA, RS256, Algorithm
from infrastructure.signing.jwt_signer import JwtSigner
from infrastructure.signing.key_ring_watcher import KeyRingWatcher
from infrastructure.signing.key_store import LoadedKeys, WritableKeyStore
from infrastructure.signing.signing_key import SigningKey
from infrastructure.signing.verified_token_cache import VerifiedTokenCache
from tests.support.builders import AUDIENCES, LIFETIMES, NOW, SECOND, a_session, claims_of
from tests.support.doubles import SettableClock

ACCESS, REFRESH = TokenKind
BOUND = timedelta(seconds=2)
TIMES = KeyTimes(
    cached=timedelta(minutes=5),
    kept={ACCESS: timedelta(minutes=16), REFRESH: timedelta(minutes=61)},
)


class OpenStore(WritableKeyStore):
    """A store with the keys that a test puts there, or one that fails."""

    is_shared = True

    def __init__(self) -> None:
        super().__init__("KEYS_SECRET", EDDSA)
        self.loaded = LoadedKeys()
        self.trouble: Exception | None = None
        self.wait: asyncio.Event | None = None  # for an answer that comes late
        self.late = LoadedKeys()

    async def read(self) -> LoadedKeys:
        if self.trouble:
            raise self.trouble
        if self.wait:
            await self.wait.wait()
            return self.late
        return self.loaded

    async def replace(
        self, old: KeyRing, new: KeyRing, effects: Effects = NO_EFFECTS
    ) -> Stored[bool]:
        raise NotImplementedError

    def put(
        self, kind: TokenKind = ACCESS, algorithm: Algorithm = EDDSA, **changes: object
    ) -> Key:
        """Add a new key that has always signed, with these changes."""
        pair = SigningKey.generate(algorithm)
        key = replace(Key(pair.kid, kind, UNKNOWN_START, UNKNOWN_START), **changes)  # type: ignore[arg-type]
        self.loaded = LoadedKeys(self.loaded.ring.plus(key), {**self.loaded.pairs, pair.kid: pair})
        return key

    def drop(self, key: Key) -> None:
        self.loaded = replace(self.loaded, ring=KeyRing(self.loaded.ring.keys - {key}))


@dataclass
class Monotonic:
    """The clock that measures the age of an answer."""

    seconds: float = 1000.0

    def __call__(self) -> float:
        return self.seconds


@dataclass
class Process:
    """A worker: its signer, and the cache in front of it."""

    store: OpenStore
    clock: SettableClock = field(default_factory=lambda: SettableClock(NOW))

    def __post_init__(self) -> None:
        self.live = KeyRingWatcher(self.store, self.store.loaded, TIMES, self.clock, BOUND)
        self.signer = JwtSigner(self.live, AUDIENCES, LIFETIMES.absolute)
        self.near = VerifiedTokenCache(self.signer, 100, self.clock, self.live.is_live)
        self.live.follow(lambda _: self.near.clear())

    def kid_of(self, claims: TokenClaims) -> str:
        """Return the id of the key that signs these claims."""
        kid: str = jwt.get_unverified_header(self.signer.sign(claims))["kid"]
        return kid


@pytest.fixture
def monotonic(monkeypatch: pytest.MonkeyPatch) -> Monotonic:
    clock = Monotonic()
    monkeypatch.setattr(key_ring_watcher, "monotonic", clock)
    return clock


@pytest.fixture
def store() -> OpenStore:
    store = OpenStore()
    store.put(REFRESH)
    return store


CLAIMS = claims_of(a_session())


def is_accepted(process: Process, token: str) -> bool:
    try:
        return process.near.verify(token, ACCESS) == CLAIMS
    except TokenRejected:
        return False


@pytest.mark.parametrize("algorithm", ALGORITHMS.values(), ids=ALGORITHMS)
def test_the_key_decides_the_algorithm(store: OpenStore, algorithm: Algorithm) -> None:
    key = store.put(algorithm=algorithm)
    signer = Process(store).signer

    token = signer.sign(CLAIMS)

    assert signer.verify(token, ACCESS) == CLAIMS
    [published] = signer.public_keys()
    assert (published["alg"], published["kid"]) == (algorithm.name, key.id)


async def test_a_change_of_algorithm_is_a_rotation(store: OpenStore) -> None:
    store.put(algorithm=RS256)
    process = Process(store)
    old = process.signer.sign(CLAIMS)

    store.put(signs_from=NOW - SECOND)
    await process.live.reload()
    new = process.signer.sign(CLAIMS)

    assert [key["alg"] for key in process.signer.public_keys()] == ["EdDSA", "RS256"]
    assert is_accepted(process, old)
    assert is_accepted(process, new)
    assert new != old


async def test_a_key_is_accepted_before_it_signs(store: OpenStore) -> None:
    """One worker may start to sign with it before another one does."""
    current = store.put()
    coming = store.put(signs_from=NOW + timedelta(minutes=5))
    early = Process(store, SettableClock(NOW + timedelta(minutes=5)))
    later = replace(CLAIMS, issued_at=CLAIMS.issued_at + 301, expires_at=CLAIMS.expires_at + 301)

    process = Process(store)

    assert process.kid_of(CLAIMS) == current.id
    assert early.kid_of(later) == coming.id
    assert process.signer.verify(early.signer.sign(later), ACCESS) == later


def test_the_key_of_its_time_signs_a_token_issued_a_moment_ago(store: OpenStore) -> None:
    """So a repeated refresh gets the same tokens, even across a rotation."""
    old, new = store.put(), store.put(signs_from=NOW)
    process = Process(store)
    before = replace(CLAIMS, issued_at=CLAIMS.issued_at - 1)
    after = replace(CLAIMS, issued_at=CLAIMS.issued_at + 1)

    assert process.kid_of(before) == old.id
    assert process.kid_of(after) == new.id
    assert process.signer.sign(before) == process.signer.sign(before)


async def test_a_revoked_key_and_its_cached_verifications_are_discarded(store: OpenStore) -> None:
    key = store.put()
    process = Process(store)
    token = process.near.sign(CLAIMS)
    assert process.near.cached(token, ACCESS) == CLAIMS

    store.drop(key)
    store.put()
    await process.live.reload()

    assert process.near.cached(token, ACCESS) is None
    assert not is_accepted(process, token)


async def test_a_retired_key_is_deleted_when_its_tokens_have_expired(store: OpenStore) -> None:
    store.put()
    process = Process(store)
    token = process.signer.sign(CLAIMS)
    store.put(signs_from=NOW)

    process.clock.advance(TIMES.kept[ACCESS] - SECOND)
    await process.live.reload()
    assert is_accepted(process, token)
    process.clock.advance(SECOND)
    await process.live.reload()

    assert not is_accepted(process, token)
    assert len(process.signer.public_keys()) == 1


async def test_the_current_key_is_published_first_and_then_the_next(store: OpenStore) -> None:
    retired, standby = store.put(), store.put(signs_from=None)
    current = store.put(signs_from=NOW - SECOND)

    published = [key["kid"] for key in Process(store).signer.public_keys()]

    assert published == [current.id, standby.id, retired.id]


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The reasons of all rejections that were logged."""
    lines = [each.msg for each in caplog.records if each.levelno == logging.ERROR]
    assert {line["event"] for line in lines} == {"signing_keys_rejected"}  # type: ignore[index]
    return [line["reason"] for line in lines]  # type: ignore[index]


async def test_invalid_keys_are_logged_once_and_the_previous_ones_stay(
    store: OpenStore, caplog: pytest.LogCaptureFixture, monotonic: Monotonic
) -> None:
    store.is_shared = False  # a folder, say
    store.put()
    process = Process(store)
    token = process.signer.sign(CLAIMS)

    store.trouble = ConfigurationError("KEYS_FOLDER", "holds access.pem, which is bad")
    for _ in range(3):
        monotonic.seconds += 100
        await process.live.reload()

    assert is_accepted(process, token)
    assert process.signer.sign(CLAIMS) == token
    assert errors(caplog) == ["KEYS_FOLDER holds access.pem, which is bad"]


async def test_a_ring_without_keys_of_a_kind_is_rejected(store: OpenStore) -> None:
    key = store.put()
    process = Process(store)
    store.drop(key)
    await process.live.reload()

    assert process.kid_of(CLAIMS) == key.id


async def test_nothing_is_signed_or_accepted_while_the_store_cannot_report_revocations(
    store: OpenStore, monotonic: Monotonic
) -> None:
    store.put()
    process = Process(store)
    token = process.near.sign(CLAIMS)
    store.trouble = Unavailable("keys")
    monotonic.seconds += BOUND.total_seconds()
    await process.live.reload()
    assert is_accepted(process, token)

    monotonic.seconds += 0.1

    assert process.near.cached(token, ACCESS) is None
    with pytest.raises(Unavailable):
        process.near.verify(token, ACCESS)
    with pytest.raises(Unavailable):
        process.signer.sign(CLAIMS)
    with pytest.raises(Unavailable):
        process.live.check()
    assert process.near.public_keys()  # for others may keep them for longer than that


async def test_public_keys_are_published_as_long_as_verifiers_may_cache_them(
    store: OpenStore, monotonic: Monotonic
) -> None:
    store.put()
    process = Process(store)

    monotonic.seconds += (BOUND + TIMES.cached).total_seconds()
    assert process.signer.public_keys()
    monotonic.seconds += 0.1
    with pytest.raises(Unavailable):
        process.signer.public_keys()


async def test_an_invalid_key_beside_valid_ones_is_logged_once(
    store: OpenStore, caplog: pytest.LogCaptureFixture
) -> None:
    store.put()
    process = Process(store)
    key = store.put(signs_from=None)
    store.loaded = replace(store.loaded, warnings=("KEYS_FOLDER holds refresh.pem, which is bad",))
    for _ in range(3):
        await process.live.reload()

    assert [each["kid"] for each in process.signer.public_keys()][1] == key.id
    assert errors(caplog) == ["KEYS_FOLDER holds refresh.pem, which is bad"]


async def test_signing_resumes_with_the_first_answer_of_the_store(
    store: OpenStore, monotonic: Monotonic
) -> None:
    store.put()
    process = Process(store)
    token = process.near.sign(CLAIMS)
    monotonic.seconds += 100
    assert not process.live.is_live()

    await process.live.reload()

    assert is_accepted(process, token)


async def test_a_late_answer_brings_back_no_revoked_key(store: OpenStore) -> None:
    key = store.put()
    process = Process(store)
    before, store.wait = store.loaded, asyncio.Event()
    late = asyncio.create_task(process.live.reload())
    await asyncio.sleep(0)  # it has asked

    pending, store.wait = store.wait, None
    store.drop(key)
    successor = store.put()
    await process.live.reload()
    store.late = before
    pending.set()
    await late

    assert process.kid_of(CLAIMS) == successor.id
    assert len(process.signer.public_keys()) == 1


async def test_a_store_without_keys_cannot_be_loaded(store: OpenStore) -> None:
    with pytest.raises(ConfigurationError) as refused:
        await KeyRingWatcher.load(store, TIMES, SettableClock(NOW), BOUND)

    assert str(refused.value) == "KEYS_SECRET holds no key for access tokens"
