"""The jobs of a server process, each on a clock that the test sets."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from time import monotonic

import httpx
import pytest
from dishka import AsyncContainer
from structlog.testing import capture_logs
from typing_extensions import override

from api.lifecycle import Lifecycle
from application.ports.effects import CHANGED, NO_EFFECTS, UNCHANGED, Effects, Stored
from application.sessions.purge import PurgeExpiredSessions
from application.signing_keys import KeyRotation, MaintainKeys
from domain.actor import Principal
from domain.errors import Unavailable
from domain.key_ring import KeyRing, KeyTimes
from domain.request_context import RequestContext
from domain.token import TokenKind
from doorward import main
from doorward.diagnostics import preflight
from doorward.jobs.flush_session_activity import flush_session_activity
from doorward.jobs.maintain_signing_keys import maintain_signing_keys
from doorward.jobs.purge_expired_sessions import purge_expired_sessions
from doorward.jobs.reload_signing_keys import reload_signing_keys
from doorward.main import open_app
from infrastructure.config.settings import Settings
from infrastructure.signing import key_ring_watcher
from infrastructure.signing.algorithms import EDDSA
from infrastructure.signing.key_ring_watcher import KeyRingWatcher
from infrastructure.signing.key_store import LoadedKeys, WritableKeyStore
from tests.support.builders import NOW, SECOND, a_session
from tests.support.jobs import JobTime
from tests.support.world import World

pytestmark = pytest.mark.slow

THERE = RequestContext("198.51.100.7")
BOUND = timedelta(seconds=2)
ROTATION = timedelta(days=30)
TIMES = KeyTimes(timedelta(minutes=5), dict.fromkeys(TokenKind, timedelta(hours=1)), ROTATION)


@pytest.fixture
def time(world: World) -> JobTime:
    return JobTime(world.clock)


async def last_address(world: World, me: Principal) -> str:
    return (await world.sessions.activity_of(me.user.id))[me.session.id].address


async def test_session_activity_is_stored_within_five_seconds(
    world: World, me: Principal, time: JobTime
) -> None:
    world.clock.advance(60 * SECOND)
    async with time.running(flush_session_activity(world.flush_activity)):
        world.record_activity.record(me.session, THERE)
        await time.elapse(5 * SECOND)

        assert await last_address(world, me) == THERE.address


async def test_session_activity_is_stored_at_shutdown(
    world: World, me: Principal, time: JobTime
) -> None:
    world.clock.advance(60 * SECOND)
    async with time.running(flush_session_activity(world.flush_activity)):
        world.record_activity.record(me.session, THERE)

    assert await last_address(world, me) == THERE.address


async def test_expired_sessions_of_users_who_do_not_return_are_deleted(
    world: World, me: Principal, time: JobTime
) -> None:
    purge = PurgeExpiredSessions(world.sessions, world.clock)
    async with time.running(purge_expired_sessions(purge)):
        world.clock.now = me.session.expires_at
        await time.elapse(10 * 60 * SECOND)
        assert me.session in await world.sessions.of_user(me.user.id)  # clocks differ

        await time.elapse(timedelta(hours=1))
        assert await world.sessions.of_user(me.user.id) == []


async def test_one_run_deletes_thousands_of_expired_sessions(world: World) -> None:
    sessions = [a_session(expires_at=NOW - timedelta(hours=1)) for _ in range(1100)]
    for session in sessions:
        await world.sessions.add(session)

    await PurgeExpiredSessions(world.sessions, world.clock)()

    assert [await world.sessions.of_user(each.user_id) for each in sessions] == [[]] * 1100


class SharedKeys(WritableKeyStore):
    """A store of keys that other processes change.

    :ivar reads: how often it was read.
    """

    is_shared = True

    def __init__(self) -> None:
        super().__init__("KEYS_SECRET", EDDSA)
        self.loaded = LoadedKeys()
        self.is_down = False
        self.reads = 0

    async def read(self) -> LoadedKeys:
        self.reads += 1
        if self.is_down:
            raise Unavailable("keys")
        return self.loaded

    @override
    async def replace(
        self, old: KeyRing, new: KeyRing, effects: Effects = NO_EFFECTS
    ) -> Stored[bool]:
        if self.loaded.ring != old:
            return UNCHANGED
        self.loaded = LoadedKeys(new, {**self.loaded.pairs, **self._made})
        return CHANGED


@pytest.fixture
def store() -> SharedKeys:
    return SharedKeys()


@pytest.fixture
def maintain(world: World, store: SharedKeys) -> MaintainKeys:
    rotation = KeyRotation(store, TIMES, world.clock)
    return MaintainKeys(store, rotation, TIMES, world.audit, world.clock)


@pytest.fixture
async def loaded(world: World, store: SharedKeys, maintain: MaintainKeys) -> KeyRingWatcher:
    await maintain()
    keys = await KeyRingWatcher.load(store, TIMES, world.clock, BOUND)
    store.reads = 0
    return keys


async def test_a_key_revoked_by_another_process_is_rejected_within_the_bound(
    time: JobTime, store: SharedKeys, loaded: KeyRingWatcher, world: World
) -> None:
    revoked = store.loaded.ring.signing(TokenKind.ACCESS, world.clock())
    store.loaded = replace(store.loaded, ring=store.loaded.ring.without(revoked, world.clock()))

    async with time.running(reload_signing_keys(loaded)):
        await time.elapse(BOUND)

    assert loaded.loaded.ring == store.loaded.ring
    assert store.reads == 4


async def test_the_ring_is_read_every_second_however_late_a_revocation_may_be(
    time: JobTime, store: SharedKeys, loaded: KeyRingWatcher
) -> None:
    loaded.bound = timedelta(hours=1)
    async with time.running(reload_signing_keys(loaded)):
        await time.elapse(10 * SECOND)

    assert store.reads == 10


async def test_keys_rotate_when_their_time_has_come(
    time: JobTime, store: SharedKeys, loaded: KeyRingWatcher, maintain: MaintainKeys, world: World
) -> None:
    world.clock.advance(ROTATION)
    async with time.running(maintain_signing_keys(maintain, loaded)):
        await time.elapse(SECOND)

    assert [len(store.loaded.ring.of(kind)) for kind in TokenKind] == [3, 3]  # one is retired


async def test_key_maintenance_asks_no_store_while_nothing_is_due(
    time: JobTime, store: SharedKeys, loaded: KeyRingWatcher, maintain: MaintainKeys
) -> None:
    async with time.running(maintain_signing_keys(maintain, loaded)):
        await time.elapse(10 * SECOND)

    assert store.reads == 0


async def test_keys_rotate_after_the_outage_of_their_store(
    time: JobTime, store: SharedKeys, loaded: KeyRingWatcher, maintain: MaintainKeys, world: World
) -> None:
    store.is_down = True
    world.clock.advance(ROTATION)
    with capture_logs() as logs:
        async with time.running(maintain_signing_keys(maintain, loaded)):
            await time.elapse(SECOND)
            store.is_down = False
            await time.elapse(SECOND)

    assert {each["event"] for each in logs} == {"key_rotation_failed"}
    assert [len(store.loaded.ring.of(kind)) for kind in TokenKind] == [3, 3]


def running_jobs() -> set[str]:
    names = (task.get_name() for task in asyncio.all_tasks())
    return {name.removeprefix("job ") for name in names if name.startswith("job ")}


async def test_the_application_runs_its_jobs_while_it_serves(tmp_path: Path) -> None:
    settings = Settings.read(
        {
            "USERS_URL": "memory:",
            "MAIL_URL": "memory:",
            "DOORWARD_DATA": str(tmp_path),
            "TOKEN_ALGORITHM": "EdDSA",  # its keys are generated at once
        }
    )
    await preflight.prepare(settings)

    async with open_app(settings, Lifecycle()):
        assert running_jobs() == {
            "audit_log_flush",
            "event_counting",
            "expired_challenges_purge",
            "expired_flows_purge",
            "expired_sessions_purge",
            "figure_measurement",
            "unrecorded_counts_flush",
            "unverified_users_purge",
            "mail_delivery",
            "mail_pruning",
            "session_activity_flush",
            "signing_keys_reload",
        }

    assert running_jobs() == set()


async def test_the_application_maintains_keys_in_the_database(
    tmp_path: Path, sqlite_url: str
) -> None:
    settings = Settings.read(
        {
            "USERS_URL": sqlite_url,
            "DOORWARD_DATA": str(tmp_path),
            "KEYS_SECRET": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
            "TOKEN_ALGORITHM": "EdDSA",
        }
    )

    async with open_app(settings, Lifecycle()):
        assert "key_rotation" in running_jobs()


async def test_keys_are_checked_again_at_the_end_of_a_slow_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The start may take longer than keys may go without a check; requests come right after it."""
    settings = Settings.read({"DOORWARD_DATA": str(tmp_path), "TOKEN_ALGORITHM": "EdDSA"})
    await preflight.prepare(settings)
    late, load = [0.0], main._load

    async def load_slowly(container: AsyncContainer) -> None:
        await load(container)
        late[0] = 3600.0

    monkeypatch.setattr(key_ring_watcher, "monotonic", lambda: monotonic() + late[0])
    monkeypatch.setattr(main, "_load", load_slowly)

    async with open_app(settings, Lifecycle()) as app:
        transport = httpx.ASGITransport(app)  # type: ignore[arg-type] # two names for ASGI
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            answer = await client.get("/health/ready")

    assert answer.json()["checks"]["keys"] == "up"
