"""Use cases on every combination of stores record each event once, and no other."""

import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from application.pagination import EventQuery
from application.ports import NO_EFFECTS, Effects, Stored
from domain.actor import Operator
from domain.audit.event import EventType
from domain.errors import InvalidCredentials, RefreshTokenReused
from domain.outcome import Outcome
from domain.permissions import Role
from domain.session import Session, SessionId
from domain.session_activity import SessionActivity
from domain.user import User, UserId
from doorward.conformance.support.examples import NOW, a_message, a_session, a_token, an_event
from doorward.conformance.support.opening import PATIENT
from infrastructure.signing.jwt_signer import JwtSigner
from infrastructure.storage.stores import Stores, open_stores
from tests.conftest import url_for
from tests.support.builders import LIFETIMES, PASSWORD
from tests.support.doubles import PausingSessions
from tests.support.world import World

ARRANGEMENTS = [
    ("memory", "memory"),
    ("sqlite", "sqlite"),
    ("sqlite", "another sqlite"),
    ("sqlite", "redis"),
    ("postgresql", "postgresql"),
    ("postgresql", "redis"),
]
EMAIL = "ada@example.org"

Recorded = list[tuple[EventType, Outcome]]


class Crash(Exception):
    """The process ends here, as far as the use case is concerned."""


@dataclass
class Interrupted(PausingSessions):
    """Something happens right after a session was stored."""

    async def add(
        self,
        session: Session,
        activity: SessionActivity | None = None,
        effects: Effects = NO_EFFECTS,
    ) -> Stored[bool]:
        stored = await self.store.add(session, activity, effects)
        await self.pause()
        return stored


@dataclass
class EndedMeanwhile(PausingSessions):
    """Something happens right before a session is deleted."""

    async def get(self, user_id: UserId, session_id: SessionId) -> Session | None:
        return await self.store.get(user_id, session_id)

    async def delete(
        self, user_id: UserId, session_id: SessionId, effects: Effects = NO_EFFECTS
    ) -> Stored[bool]:
        await self.pause()
        return await self.store.delete(user_id, session_id, effects)


@dataclass
class Scene:
    """Ada is registered."""

    world: World
    stores: Stores
    ada: User

    async def recorded(self) -> Recorded:
        """Return the events, the oldest first, without Ada's registration."""
        page = await self.stores.audit_log.page(EventQuery(), None, 100)
        events = [each.event for each in reversed(page.items)]
        return [(each.type, each.outcome) for each in events[1:]]

    def announced(self) -> Recorded:
        return [(each.type, each.outcome) for each in self.world.events.events[1:]]

    async def disable(self) -> None:
        user = await self.stores.users.get(self.ada.id)
        assert user
        assert (await self.stores.users.replace(user, user.disable(self.world.clock()))).changed

    async def crash(self) -> None:
        raise Crash


@pytest.fixture(params=ARRANGEMENTS, ids=" and ".join)
async def scene(
    request: pytest.FixtureRequest, signer: JwtSigner, migrated_sqlite: Path, tmp_path: Path
) -> AsyncIterator[Scene]:
    users_at, sessions_at = request.param
    users_url = url_for(users_at, request)
    if sessions_at == users_at:
        sessions_url = users_url
    elif sessions_at == "another sqlite":
        sessions_url = f"sqlite:///{shutil.copy(migrated_sqlite, tmp_path / 'sessions.db')}"
    else:
        sessions_url = url_for(sessions_at, request)
    async with open_stores(users_url, sessions_url, PATIENT) as stores:
        world = World.on(signer, stores)
        yield Scene(world, stores, await world.sign_up(EMAIL))


async def test_a_login_of_a_concurrently_disabled_user_is_recorded_as_refused_only(
    scene: Scene,
) -> None:
    scene.world.sessions = Interrupted(scene.stores.sessions, scene.disable)

    with pytest.raises(InvalidCredentials):
        await scene.world.login(EMAIL, PASSWORD)

    assert await scene.recorded() == [("login", "invalid_credentials")]
    assert scene.announced() == await scene.recorded()
    assert await scene.stores.sessions.of_user(scene.ada.id) == []


async def test_a_login_that_is_refused_and_crashes_leaves_no_usable_session_and_no_record(
    scene: Scene,
) -> None:
    async def disable_and_crash() -> None:
        await scene.disable()
        raise Crash

    scene.world.sessions = Interrupted(scene.stores.sessions, disable_and_crash)

    with pytest.raises(Crash):
        await scene.world.login(EMAIL, PASSWORD)

    user = await scene.stores.users.get(scene.ada.id)
    assert user
    [session] = await scene.stores.sessions.of_user(user.id)
    assert not session.is_good_for(user)
    assert await scene.recorded() == []


async def test_a_login_that_crashes_before_it_is_answered_is_not_recorded(scene: Scene) -> None:
    scene.world.sessions = Interrupted(scene.stores.sessions, scene.crash)

    with pytest.raises(Crash):
        await scene.world.login(EMAIL, PASSWORD)

    assert await scene.recorded() == []


async def test_each_change_is_recorded_once_and_announced_once(scene: Scene) -> None:
    world = scene.world
    tokens = (await world.login(EMAIL, PASSWORD)).tokens
    me = await world.authenticate(tokens.access)
    await world.change_profile(me, "Ada King")
    await world.change_password(me, PASSWORD, "a better one than before")
    other = (await world.login(EMAIL, "a better one than before")).tokens
    await world.revoke_other_sessions(await world.authenticate(other.access))
    await world.logout(other.access, None)
    await world.change_user(Operator(), scene.ada.id, Role.ADMIN)
    await world.create_user(Operator(), "Eve", "eve@example.org", PASSWORD, Role.ADMIN)
    await world.delete_user(Operator(), scene.ada.id)

    assert await scene.recorded() == [
        ("login", "success"),
        ("change profile", "success"),
        ("change password", "success"),
        ("login", "success"),
        ("end session", "success"),
        ("logout", "success"),
        ("change user", "success"),
        ("register", "success"),
        ("change user", "success"),
        ("delete user", "success"),
    ]
    assert scene.announced() == await scene.recorded()


async def test_a_repeated_logout_is_announced_and_not_recorded(scene: Scene) -> None:
    tokens = (await scene.world.login(EMAIL, PASSWORD)).tokens

    for _ in range(3):
        await scene.world.logout(tokens.access, None)

    assert await scene.recorded() == [("login", "success"), ("logout", "success")]
    assert scene.announced()[1:] == [("logout", "success")] * 3


async def test_a_change_that_changes_nothing_is_not_recorded(scene: Scene) -> None:
    await scene.world.change_user(Operator(), scene.ada.id, Role.USER, disabled=False)

    assert await scene.recorded() == []
    assert scene.announced() == [("change user", "success")]


async def test_a_reused_refresh_token_is_recorded_once(scene: Scene) -> None:
    tokens = (await scene.world.login(EMAIL, PASSWORD)).tokens
    await scene.world.refresh(tokens.refresh)
    scene.world.clock.advance(LIFETIMES.grace)

    with pytest.raises(RefreshTokenReused):
        await scene.world.refresh(tokens.refresh)

    assert await scene.recorded() == [("login", "success"), ("refresh", "refresh_token_reused")]
    assert await scene.stores.sessions.of_user(scene.ada.id) == []


async def test_a_reuse_is_recorded_though_the_session_was_ended_at_that_moment(
    scene: Scene,
) -> None:
    tokens = (await scene.world.login(EMAIL, PASSWORD)).tokens
    await scene.world.refresh(tokens.refresh)
    scene.world.clock.advance(LIFETIMES.grace)
    [session] = await scene.stores.sessions.of_user(scene.ada.id)

    async def end() -> None:
        await scene.stores.sessions.delete(session.user_id, session.id)

    scene.world.sessions = EndedMeanwhile(scene.stores.sessions, end)
    with pytest.raises(RefreshTokenReused):
        await scene.world.refresh(tokens.refresh)

    assert (await scene.recorded())[1:] == [("refresh", "refresh_token_reused")]


async def test_the_messages_of_a_session_reach_the_outbox_once(scene: Scene) -> None:
    world, session, message = scene.world, a_session(user_id=scene.ada.id), a_message()
    effects = Effects((an_event(user_id=scene.ada.id),)).with_messages(message)

    for _ in range(2):  # a message is queued once, whatever brings it
        stored = await scene.stores.sessions.add(session, None, effects)
        await world.audit.settle(effects, stored)
        effects = replace(effects, events=())
        session = a_session(user_id=scene.ada.id)

    assert await scene.recorded() == [("login", "success")]
    queued = await scene.stores.outbox.page(None, None, 10)
    assert [each.message for each in queued] == [message]


async def test_a_token_that_a_session_spends_is_used(scene: Scene) -> None:
    token = a_token(scene.ada)
    await scene.stores.one_time_tokens.issue(token)
    effects = NO_EFFECTS.spending(token.used(NOW))

    stored = await scene.stores.sessions.add(a_session(user_id=scene.ada.id), None, effects)
    await scene.world.audit.settle(effects, stored)

    assert await scene.stores.one_time_tokens.by_digest(token.digest) == token.used(NOW)
