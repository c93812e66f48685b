"""Every use case leaves one record, however it ends, and nothing secret is in it."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from application.login.complete import TokenPair
from application.pagination import EventQuery
from application.ports.effects import NO_EFFECTS, Effects, Stored
from application.rate_limiting import RateLimits
from domain.actor import Operator
from domain.audit.details import RoleGiven
from domain.audit.event import Event, EventType
from domain.email import Email
from domain.errors import DomainError, Unavailable, WrongPassword
from domain.permissions import Role
from domain.rate_limit import RateLimit
from domain.request_context import UNKNOWN, RequestContext
from domain.session import Session, SessionId
from domain.session_activity import SessionActivity
from domain.user import User
from infrastructure.storage.memory.sessions import MemorySessions
from tests.support.builders import LIFETIMES, PASSWORD, an_administrator
from tests.support.world import World

EMAIL, NAME = "ada@example.org", "Ada Lovelace"
WRONG, NEW = "tr0ub4dor and three", "a better one than before"
CALLER = RequestContext("192.0.2.1", "request-7")
ADMIN = an_administrator(email=Email.parse("grace@example.org"))
ONCE = RateLimit("once", 1, timedelta(minutes=1))


@dataclass
class Scene:
    """All use cases with Ada logged in, and acts to record."""

    world: World
    user: User
    tokens: TokenPair
    session: Session
    caller: RequestContext = CALLER

    async def register(self, email: str = "eve@example.org", password: str = PASSWORD) -> None:
        await self.world.register(NAME, email, password, self.caller)

    async def log_in(self, email: str = EMAIL, password: str = PASSWORD) -> None:
        await self.world.login(email, password, self.caller)

    async def refresh(self, token: str | None) -> None:
        await self.world.refresh(token, self.caller)

    async def refresh_once(self) -> None:
        await self.refresh(self.tokens.refresh)

    async def log_out(self, access: str | None, refresh: str | None = None) -> None:
        await self.world.logout(access, refresh, self.caller)

    async def authenticate(self, token: str) -> None:
        await self.world.authenticate(token, self.caller)

    async def change_password(self, current: str = PASSWORD, new: str = NEW) -> None:
        principal = await self.world.authenticate(self.tokens.access)
        await self.world.change_password(principal, current, new, self.caller)

    async def change_profile(self, name: str) -> None:
        principal = await self.world.authenticate(self.tokens.access)
        await self.world.change_profile(principal, name, caller=self.caller)

    async def end_session(self, session_id: str) -> None:
        principal = await self.world.authenticate(self.tokens.access)
        await self.world.revoke_session(principal, SessionId(session_id), self.caller)

    async def end_all_sessions(self) -> None:
        principal = await self.world.authenticate(self.tokens.access)
        await self.world.revoke_all_sessions(principal, self.caller)

    async def end_other_sessions(self) -> None:
        other = await self.world.login(EMAIL, PASSWORD)
        self.world.events.events.clear()
        principal = await self.world.authenticate(other.tokens.access)
        await self.world.revoke_other_sessions(principal, self.caller)

    async def export(self) -> None:
        await self.world.sessions.replace(self.session, self.session.stepped_up())
        principal = await self.world.authenticate(self.tokens.access)
        await self.world.export_account(principal, self.caller)

    async def delete_account(self, password: str) -> None:
        principal = await self.world.authenticate(self.tokens.access)
        await self.world.delete_account(principal, password, self.caller)


@pytest.fixture
async def scene(world: World) -> Scene:
    user = await world.sign_up(EMAIL)
    tokens = await world.log_in(EMAIL)
    [session] = await world.sessions.of_user(user.id)
    await world.users.add(ADMIN.user)
    await world.sessions.add(ADMIN.session)
    world.events.events.clear()
    return Scene(world, user, tokens, session)


async def reuse(scene: Scene) -> None:
    await scene.world.refresh(scene.tokens.refresh)
    scene.world.events.events.clear()
    scene.world.clock.advance(LIFETIMES.grace)
    await scene.refresh_once()


async def ended(scene: Scene) -> None:
    await scene.world.sessions.delete(scene.user.id, scene.session.id)
    await scene.authenticate(scene.tokens.access)


async def too_late(scene: Scene) -> None:
    scene.world.clock.advance(LIFETIMES.idle)
    await scene.refresh_once()


async def disabled(scene: Scene) -> None:
    await scene.world.change(scene.user, disabled=True)
    await scene.log_in()


async def stopped(scene: Scene, attempt: Callable[[], Awaitable[None]]) -> None:
    """The attempt after the last one that is allowed."""
    scene.world.limits = RateLimits(login_account=ONCE, login=ONCE, register=ONCE, refresh=ONCE)
    with suppress(WrongPassword):
        await attempt()
    scene.world.events.events.clear()
    await attempt()


async def without_a_store(scene: Scene) -> None:
    class Broken(MemorySessions):
        async def add(
            self,
            session: Session,
            activity: SessionActivity | None = None,
            effects: Effects = NO_EFFECTS,
        ) -> Stored[bool]:
            await super().add(session, activity, effects)
            raise Unavailable("sessions")

    scene.world.sessions = Broken()
    await scene.log_in()


async def demote(scene: Scene) -> None:
    """Ada is the last administrator: another one has lost the role a moment ago."""
    await scene.world.change(scene.user, role=Role.ADMIN)
    await scene.world.change(ADMIN.user, role=Role.USER)
    await scene.world.change_user(ADMIN, scene.user.id, Role.USER, None, scene.caller)


ADA, ADAS_SESSION, NO_USER, NEWCOMER = "ada", "ada's session", "no user", "newcomer"

# What is done, the record's what and outcome, and whom it names.
FLOWS: dict[str, tuple[Callable[[Scene], Awaitable[object]], str, str, str]] = {
    "a registration": (lambda s: s.register(), "register", "success", NEWCOMER),
    "a bad registration": (
        lambda s: s.register(password="short"), "register", "invalid_input", NO_USER
    ),
    "a taken address": (lambda s: s.register(EMAIL), "register", "email_taken", NO_USER),
    "a registration too many": (
        lambda s: stopped(s, lambda: s.register(f"{len(s.world.events.events)}@example.org")),
        "register", "too_many_requests", NO_USER,
    ),
    "a login": (lambda s: s.log_in(), "login", "success", NEWCOMER),
    "a wrong password": (
        lambda s: s.log_in(password=WRONG), "login", "invalid_credentials", ADA
    ),
    "an unknown address": (
        lambda s: s.log_in("eve@example.org"), "login", "invalid_credentials", NO_USER
    ),
    "no address": (lambda s: s.log_in(WRONG), "login", "invalid_credentials", NO_USER),
    "a disabled user": (disabled, "login", "invalid_credentials", ADA),
    "a huge password": (
        lambda s: s.log_in(password=WRONG * 99), "login", "invalid_input", NO_USER
    ),
    "a login too many": (lambda s: stopped(s, s.log_in), "login", "too_many_requests", ADA),
    "a login without a store": (without_a_store, "login", "unavailable", ADA),
    "a refresh": (lambda s: s.refresh_once(), "refresh", "success", ADAS_SESSION),
    "a bad token": (lambda s: s.refresh(WRONG), "refresh", "invalid_token", NO_USER),
    "a late refresh": (too_late, "refresh", "invalid_token", ADAS_SESSION),
    "a reuse": (reuse, "refresh", "refresh_token_reused", ADAS_SESSION),
    "a refresh too many": (
        lambda s: stopped(s, s.refresh_once), "refresh", "too_many_requests", ADAS_SESSION
    ),
    "a refresh without a token": (
        lambda s: s.refresh(None), "refresh", "refresh_token_missing", NO_USER
    ),
    "a bad access token": (
        lambda s: s.authenticate(WRONG), "authenticate", "invalid_token", NO_USER
    ),
    "the access token of a session that has ended": (
        ended, "authenticate", "invalid_token", ADAS_SESSION
    ),
    "a logout by access token": (
        lambda s: s.log_out(s.tokens.access), "logout", "success", ADAS_SESSION
    ),
    "a logout by refresh token": (
        lambda s: s.log_out(None, s.tokens.refresh), "logout", "success", ADAS_SESSION
    ),
    "a logout without tokens": (lambda s: s.log_out(None), "logout", "not_logged_in", NO_USER),
    "a logout by a bad token": (lambda s: s.log_out(WRONG), "logout", "invalid_token", NO_USER),
    "a new password": (
        lambda s: s.change_password(), "change password", "success", ADAS_SESSION
    ),
    "a wrong current password": (
        lambda s: s.change_password(WRONG), "change password", "wrong_password", ADAS_SESSION
    ),
    "a bad new password": (
        lambda s: s.change_password(new="short"), "change password", "invalid_input", ADAS_SESSION
    ),
    "a new profile": (
        lambda s: s.change_profile("Ada King"), "change profile", "success", ADAS_SESSION
    ),
    "a bad profile": (
        lambda s: s.change_profile(""), "change profile", "invalid_input", ADAS_SESSION
    ),
    "an export": (lambda s: s.export(), "export account", "success", ADAS_SESSION),
    "the end of a session": (
        lambda s: s.end_session(s.session.id), "end session", "success", ADAS_SESSION
    ),
    "the end of all sessions": (
        lambda s: s.end_all_sessions(), "end all sessions", "success", ADAS_SESSION
    ),
    "the end of another session": (
        lambda s: s.end_other_sessions(), "end session", "success", ADAS_SESSION
    ),
    "another role": (
        lambda s: s.world.change_user(ADMIN, s.user.id, Role.ADMIN, None, s.caller),
        "change user", "success", ADA,
    ),
    "the end of the last administrator": (
        demote, "change user", "last_administrator", ADA
    ),
    "a user is disabled": (
        lambda s: s.world.change_user(ADMIN, s.user.id, None, True, s.caller),
        "change user", "success", ADA,
    ),
    "a user is deleted": (
        lambda s: s.world.delete_user(ADMIN, s.user.id, s.caller), "delete user", "success", ADA
    ),
    "an administrator ends the sessions": (
        lambda s: s.world.revoke_sessions_of(ADMIN, s.user.id, s.caller),
        "end sessions of user", "success", ADA,
    ),
    "a wrong password for the end": (
        lambda s: s.delete_account(WRONG), "delete account", "wrong_password", ADAS_SESSION
    ),
    "the end": (
        lambda s: s.delete_account(PASSWORD), "delete account", "success", ADAS_SESSION
    ),
    "a change too many": (
        lambda s: stopped(s, lambda: s.change_password(WRONG)), "change password",
        "too_many_requests",
        ADAS_SESSION,
    ),
}  # fmt: skip


each_flow = pytest.mark.parametrize(("act", "what", "outcome", "who"), FLOWS.values(), ids=FLOWS)


async def play(scene: Scene, act: Callable[[Scene], Awaitable[object]]) -> str:
    """
    :returns: the outcome.
    """
    try:
        await act(scene)
    except DomainError as error:
        return error.outcome
    return "success"


@each_flow
async def test_a_flow_leaves_one_record(
    scene: Scene, act: Callable[[Scene], Awaitable[object]], what: str, outcome: str, who: str
) -> None:
    assert await play(scene, act) == outcome

    [event] = scene.world.events.events
    assert (event.type, event.outcome) == (what, outcome)
    assert event.at == scene.world.clock()
    assert event.at.utcoffset() == timedelta()
    # No address of a user is kept who is gone.
    has_gone = (what, outcome) == ("delete account", "success")
    assert event.caller == replace(CALLER, address="" if has_gone else CALLER.address)
    is_by_admin = what in {"change user", "delete user", "end sessions of user"}
    assert event.actor == (ADMIN.user.id if is_by_admin else None)
    await check_who(scene, event, who)


async def check_who(scene: Scene, event: Event, who: str) -> None:
    named = (event.user_id, event.session_id)
    if who == NEWCOMER:  # the user who has just registered
        assert event.user_id is not None
        kept = [each.id for each in await scene.world.sessions.of_user(event.user_id)]
        assert event.session_id in ([None] if event.type == "register" else kept)
        assert event.session_id != scene.session.id
        assert (event.user_id == scene.user.id) == (event.type == "login")
    else:
        no_user: tuple[None, SessionId | None] = (None, None)
        assert (
            named
            == {
                ADA: (scene.user.id, None),
                ADAS_SESSION: (scene.user.id, scene.session.id),
                NO_USER: no_user,
            }[who]
        )


@pytest.mark.parametrize("act", [flow[0] for flow in FLOWS.values()], ids=FLOWS)
async def test_no_typed_text_and_no_secret_is_in_a_record(
    scene: Scene, act: Callable[[Scene], Awaitable[object]]
) -> None:
    await play(scene, act)

    text = repr(scene.world.events.events)
    assert CALLER.request_id in text
    for user in (scene.user, await scene.world.users.get(scene.user.id)):
        assert user is None or user.password_hash not in text
    for typed in (PASSWORD, WRONG, NEW, "short", NAME, "example.org", "@"):
        assert typed not in text
    for token in (scene.tokens.access, scene.tokens.refresh):
        assert token not in text


@pytest.mark.parametrize("password", [PASSWORD, WRONG], ids=["right", "wrong"])
async def test_no_record_contains_a_device_token(scene: Scene, password: str) -> None:
    token = (await scene.world.login(EMAIL, PASSWORD)).device_token
    scene.caller = replace(CALLER, device_token=token)

    await play(scene, lambda scene: scene.log_in(password=password))

    assert token not in repr(scene.world.events.events)


async def test_a_call_without_a_client_address_is_unknown(world: World) -> None:
    await world.sign_up()

    assert [event.caller for event in world.events.events] == [UNKNOWN]


async def test_a_logout_of_two_sessions_leaves_a_record_of_each(scene: Scene) -> None:
    other = await scene.world.log_in(EMAIL)
    kept = {each.id for each in await scene.world.sessions.of_user(scene.user.id)}
    scene.world.events.events.clear()

    await scene.log_out(scene.tokens.access, other.refresh)

    events = scene.world.events.events
    assert {event.session_id for event in events} == kept
    assert [(event.type, event.outcome) for event in events] == [("logout", "success")] * 2


async def test_authenticating_leaves_no_record(scene: Scene) -> None:
    await scene.world.authenticate(scene.tokens.access)

    assert scene.world.events.events == []


def writing_effects(store: object, patch: pytest.MonkeyPatch) -> list[Event]:
    """Let a store write events in the transaction of a change, as one on SQL does.

    :returns: the events that it wrote.
    """
    written: list[Event] = []

    def wrapped(change: Callable[..., Awaitable[Stored[bool]]]) -> Callable[..., Any]:
        async def write(*arguments: object) -> Stored[bool]:
            stored = await change(*arguments)
            if stored.changed and isinstance(effects := arguments[-1], Effects):
                written.extend(effects.events)
            return replace(stored, effects_stored=True)

        return write

    for name in ("add", "replace", "delete"):
        patch.setattr(store, name, wrapped(getattr(store, name)))
    return written


async def repeat_from_elsewhere(scene: Scene) -> None:
    await scene.refresh_once()
    scene.world.events.events.clear()
    scene.caller = replace(CALLER, address="198.51.100.7")
    await scene.refresh_once()


CHANGES = {
    **{name: flow[0] for name, flow in FLOWS.items() if flow[2] == "success"},
    "a reuse": reuse,
    "a repetition from elsewhere": repeat_from_elsewhere,
}


NOT_WITH_A_CHANGE = {"login", "export account"}
"""A login is recorded after its session is stored, and an export changes nothing."""


@pytest.mark.parametrize("act", CHANGES.values(), ids=CHANGES)
async def test_a_store_that_can_write_events_gets_each_with_its_change(
    scene: Scene, act: Callable[[Scene], Awaitable[object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await scene.world.audit_log.page(EventQuery(), None, 100)
    written = [writing_effects(scene.world.users, monkeypatch)]
    written.append(writing_effects(scene.world.sessions, monkeypatch))

    await play(scene, act)

    page = await scene.world.audit_log.page(EventQuery(), None, 100)
    recorded = [each.event for each in page.items if each not in before.items]
    recorded += [event for events in written for event in events]
    announced = [event for event in scene.world.events.events if event.is_kept]
    assert {event.id for event in announced} <= {event.id for event in recorded}
    assert len(recorded) == len({event.id for event in recorded})
    assert any(written) == (announced != [] and announced[0].type not in NOT_WITH_A_CHANGE)


async def test_a_repeated_logout_is_recorded_once(scene: Scene) -> None:
    for _ in range(2):
        await scene.log_out(scene.tokens.access)

    page = await scene.world.audit_log.page(EventQuery(user_id=scene.user.id), None, 100)
    assert [each.event.type for each in page.items].count(EventType.LOGOUT) == 1


async def test_a_user_created_by_the_operator_is_recorded_with_the_actor_and_the_role(
    world: World,
) -> None:
    user = await world.create_user(Operator(), NAME, EMAIL, PASSWORD, Role.ADMIN)

    [event] = world.events.events
    assert (event.type, event.actor, event.user_id) == (EventType.REGISTER, Operator(), user.id)
    assert event.details == RoleGiven(Role.ADMIN)
    stored = await world.users.get(user.id)
    assert stored is not None
    assert stored.role is Role.ADMIN
