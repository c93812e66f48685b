"""A store that shares its database with the audit log records a change in the step that makes it.

These tests do not call record() themselves unless they say so: the change records each event.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError

from application.pagination import EventQuery, UserQuery
from application.ports.effects import Stored
from domain.audit.details import OtherDetails
from domain.audit.event import Event
from domain.email import Email
from domain.errors import EmailTaken, LastAdministrator, Unavailable
from domain.permissions import Role
from domain.session import Session
from domain.user import User
from doorward.conformance.support.examples import an_event
from doorward.conformance.support.opening import PATIENT
from infrastructure.storage.sql.audit.verify import verify
from infrastructure.storage.sql.database import Database
from infrastructure.storage.stores import Stores, open_stores
from tests.conftest import url_for
from tests.contracts.conftest import by_hand, effects
from tests.support.builders import NOW, a_session, a_user, refreshed

SQL = ["sqlite", "postgresql"]


@dataclass
class Scene:
    """Stores with some records, and an empty audit log.

    :ivar url: of the users and the audit log.
    :ivar administrator: one of two.
    :ivar newcomer: not stored, like ``new_session``.
    """

    url: str
    stores: Stores
    user: User
    administrator: User
    session: Session
    newcomer: User
    new_session: Session

    async def recorded(self) -> list[Event]:
        """The oldest first."""
        page = await self.stores.audit_log.page(EventQuery(), None, 100)
        return [each.event for each in reversed(page.items)]

    async def is_as_before(self) -> bool:
        users, sessions = self.stores.users, self.stores.sessions
        return (
            await users.get(self.user.id) == self.user
            and await users.get(self.administrator.id) == self.administrator
            and await users.get(self.newcomer.id) is None
            and await sessions.of_user(self.user.id) == [self.session]
            and await sessions.activity_of(self.user.id) == {}
        )

    async def add_user(self, event: Event) -> Stored[bool]:
        return await self.stores.users.add(self.newcomer, effects(event))

    async def replace_user(self, event: Event) -> Stored[bool]:
        new = named(self.user, "Countess")
        return await self.stores.users.replace(self.user, new, effects(event))

    async def demote_administrator(self, event: Event) -> Stored[bool]:
        demoted = self.administrator.with_role(Role.USER, NOW)
        return await self.stores.users.replace(self.administrator, demoted, effects(event))

    async def delete_user(self, event: Event) -> Stored[bool]:
        return await self.stores.users.delete(self.user.id, effects(event))

    async def delete_administrator(self, event: Event) -> Stored[bool]:
        return await self.stores.users.delete(self.administrator.id, effects(event))

    async def add_session(self, event: Event) -> Stored[bool]:
        return await self.stores.sessions.add(self.new_session, None, effects(event))

    async def replace_session(self, event: Event) -> Stored[bool]:
        new = refreshed(self.session)
        return await self.stores.sessions.replace(self.session, new, effects(event))

    async def delete_session(self, event: Event) -> Stored[bool]:
        return await self.stores.sessions.delete(self.user.id, self.session.id, effects(event))


Act = Callable[[Scene, Event], Awaitable[Stored[bool]]]
OF_USERS: dict[str, Act] = {
    "a user is added": Scene.add_user,
    "a user is replaced": Scene.replace_user,
    "an administrator is demoted": Scene.demote_administrator,
    "a user is deleted": Scene.delete_user,
    "an administrator is deleted": Scene.delete_administrator,
}
OF_SESSIONS: dict[str, Act] = {
    "a session is added": Scene.add_session,
    "a session is replaced": Scene.replace_session,
    "a session is deleted": Scene.delete_session,
}
CHANGES = OF_USERS | OF_SESSIONS
every_change = pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)


def named(user: User, name: str) -> User:
    return replace(user, name=name)


async def a_scene(url: str, stores: Stores) -> Scene:
    user, administrator, other, newcomer = (
        a_user(email=Email.parse(f"{name}@example.org"), role=role)
        for name, role in zip("abcd", (Role.USER, Role.ADMIN, Role.ADMIN, Role.USER), strict=True)
    )
    session, new_session = a_session(user_id=user.id), a_session(user_id=user.id)
    await stores.users.add_all([user, administrator, other])
    await stores.sessions.add(session)
    return Scene(url, stores, user, administrator, session, newcomer, new_session)


@pytest.fixture(params=SQL)
async def scene(request: pytest.FixtureRequest) -> AsyncIterator[Scene]:
    url = url_for(request.param, request)
    async with open_stores(url, url, PATIENT) as stores:
        yield await a_scene(url, stores)


ELSEWHERE = [("sqlite", "another sqlite"), ("sqlite", "redis"), ("postgresql", "redis")]


@pytest.fixture(params=ELSEWHERE, ids=" and ".join)
async def scene_in_two_places(
    request: pytest.FixtureRequest, migrated_sqlite: Path, tmp_path: Path
) -> AsyncIterator[Scene]:
    users_at, sessions_at = request.param
    url = url_for(users_at, request)
    if sessions_at == "another sqlite":
        sessions_url = f"sqlite:///{shutil.copy(migrated_sqlite, tmp_path / 'sessions.db')}"
    else:
        sessions_url = url_for(sessions_at, request)
    async with open_stores(url, sessions_url, PATIENT) as stores:
        yield await a_scene(url, stores)


@every_change
async def test_a_change_is_recorded_in_the_step_that_makes_it(scene: Scene, change: Act) -> None:
    event = an_event(details=OtherDetails("a change"))

    stored = await change(scene, event)

    assert await scene.recorded() == [event]
    assert stored == Stored(True, effects_stored=True)


@every_change
async def test_to_record_a_change_afterwards_adds_nothing(scene: Scene, change: Act) -> None:
    event, later = an_event(details=OtherDetails("a change")), an_event()
    await change(scene, event)

    await scene.stores.audit_log.record(event)
    await scene.stores.audit_log.record(later)

    assert await scene.recorded() == [event, later]


@every_change
async def test_to_record_a_change_once_more_adds_nothing_either(scene: Scene, change: Act) -> None:
    event = an_event()
    await change(scene, event)

    await scene.stores.audit_log.record(event)
    await scene.stores.audit_log.record(event)

    assert await scene.recorded() == [event]


async def test_changes_are_recorded_in_their_order_and_in_one_chain(scene: Scene) -> None:
    events = [an_event() for _ in range(6)]

    await scene.add_user(events[0])
    await scene.stores.audit_log.record(events[1])
    await scene.delete_session(events[2])
    await scene.replace_user(events[3])
    await scene.stores.audit_log.record(events[4])
    await scene.delete_user(events[5])

    assert await scene.recorded() == events
    async with Database.open(scene.url, PATIENT) as database:
        assert (await verify(database))[0] == 6


async def test_changes_that_are_made_at_once_are_all_recorded_in_one_chain(scene: Scene) -> None:
    users, sessions, log = scene.stores.users, scene.stores.sessions, scene.stores.audit_log
    new_users = [a_user(email=Email.parse(f"ada{number}@example.org")) for number in range(10)]
    events = [an_event() for _ in range(40)]

    await asyncio.gather(
        *(
            step
            for number, user in enumerate(new_users)
            for step in (
                users.add(user, effects(events[4 * number])),
                sessions.add(a_session(user_id=user.id), None, effects(events[4 * number + 1])),
                sessions.add(
                    a_session(user_id=scene.user.id), None, effects(events[4 * number + 2])
                ),
                log.record(events[4 * number + 3]),
            )
        ),
        scene.demote_administrator(another := an_event()),
    )

    ids = [event.id for event in await scene.recorded()]
    assert sorted(ids) == sorted(event.id for event in [*events, another])
    async with Database.open(scene.url, PATIENT) as database:
        assert (await verify(database))[0] == 41


async def test_a_change_without_an_event_leaves_no_record(scene: Scene) -> None:
    users, sessions = scene.stores.users, scene.stores.sessions
    await users.add(scene.newcomer)
    await users.replace(scene.user, named(scene.user, "Countess"))
    await users.delete(scene.newcomer.id)
    await sessions.add(scene.new_session)
    await sessions.replace(scene.session, refreshed(scene.session))
    await sessions.delete(scene.user.id, scene.session.id)

    assert await scene.recorded() == []


async def test_a_user_whose_address_is_taken_leaves_no_record(scene: Scene) -> None:
    with pytest.raises(EmailTaken):
        await scene.stores.users.add(a_user(email=scene.user.email), effects(an_event()))

    assert await scene.recorded() == []


async def test_a_replacement_whose_address_is_taken_leaves_no_record(scene: Scene) -> None:
    await scene.stores.users.add(scene.newcomer)

    with pytest.raises(EmailTaken):
        await scene.stores.users.replace(
            scene.newcomer, replace(scene.newcomer, email=scene.user.email), effects(an_event())
        )

    assert await scene.recorded() == []
    assert await scene.stores.users.get(scene.newcomer.id) == scene.newcomer


async def test_a_replacement_that_comes_too_late_leaves_no_record(scene: Scene) -> None:
    changed = named(scene.user, "Countess")
    await scene.stores.users.replace(scene.user, changed)

    assert not (
        await scene.stores.users.replace(scene.user, named(scene.user, "Eve"), effects(an_event()))
    ).changed

    assert await scene.recorded() == []
    assert await scene.stores.users.get(scene.user.id) == changed


async def test_a_demotion_that_comes_too_late_leaves_no_record(scene: Scene) -> None:
    old, users = scene.administrator, scene.stores.users
    await users.replace(old, named(old, "Countess"))

    assert not (
        await users.replace(old, old.with_role(Role.USER, NOW), effects(an_event()))
    ).changed

    assert await scene.recorded() == []


@pytest.mark.parametrize("change", [Scene.demote_administrator, Scene.delete_administrator])
async def test_a_refused_removal_of_the_last_administrator_changes_nothing(
    scene: Scene, change: Act
) -> None:
    page = await scene.stores.users.page(UserQuery(role=Role.ADMIN), None, 10)
    for each in page.items:
        if each != scene.administrator:
            await scene.stores.users.delete(each.id)

    with pytest.raises(LastAdministrator):
        await change(scene, an_event())

    assert await scene.recorded() == []
    assert await scene.is_as_before()


async def test_deleting_a_missing_record_leaves_no_event(scene: Scene) -> None:
    await scene.stores.users.delete(scene.newcomer.id, effects(an_event()))
    await scene.stores.sessions.delete(scene.user.id, scene.new_session.id, effects(an_event()))
    await scene.stores.sessions.delete(scene.newcomer.id, scene.session.id, effects(an_event()))

    assert await scene.recorded() == []
    assert await scene.is_as_before()


@pytest.mark.parametrize("change", OF_SESSIONS.values(), ids=OF_SESSIONS)
async def test_a_change_in_another_store_is_recorded_after_it(
    scene_in_two_places: Scene, change: Act
) -> None:
    scene, event = scene_in_two_places, an_event()

    assert await change(scene, event) == Stored(True, effects_stored=False)
    assert await scene.recorded() == []

    await scene.stores.audit_log.record(event)
    assert await scene.recorded() == [event]


@pytest.mark.parametrize("change", OF_USERS.values(), ids=OF_USERS)
async def test_a_change_of_a_user_is_recorded_with_it_wherever_sessions_are(
    scene_in_two_places: Scene, change: Act
) -> None:
    scene, event = scene_in_two_places, an_event()

    assert await change(scene, event) == Stored(True, effects_stored=True)

    assert await scene.recorded() == [event]


@every_change
async def test_a_change_that_cannot_be_recorded_does_not_happen(scene: Scene, change: Act) -> None:
    await by_hand(scene.url, "DELETE FROM audit_chain")

    with pytest.raises(Unavailable):
        await change(scene, an_event())

    assert await scene.recorded() == []
    assert await scene.is_as_before()


@every_change
async def test_a_change_that_the_audit_log_refuses_does_not_happen(
    postgres_url: str, change: Act
) -> None:
    async with open_stores(postgres_url, postgres_url, PATIENT) as stores:
        scene = await a_scene(postgres_url, stores)

        with pytest.raises((DBAPIError, Unavailable)):
            await change(
                scene, an_event(details=OtherDetails("d" * 256))
            )  # longer than there is room for

        assert await scene.recorded() == []
        assert await scene.is_as_before()
        event = an_event()
        await change(scene, event)
        assert await scene.recorded() == [event]


REFUSE = """
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE 'not now'; END $$
"""
AT_THE_COMMIT = """
    CREATE CONSTRAINT TRIGGER refuse AFTER UPDATE ON audit_chain
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()
"""


@every_change
async def test_a_failed_commit_counts_as_not_recorded(postgres_url: str, change: Act) -> None:
    async with open_stores(postgres_url, postgres_url, PATIENT) as stores:
        scene, event = await a_scene(postgres_url, stores), an_event()
        await by_hand(postgres_url, REFUSE, AT_THE_COMMIT)
        with pytest.raises((DBAPIError, Unavailable)):
            await change(scene, event)
        assert await scene.recorded() == []
        assert await scene.is_as_before()

        await by_hand(postgres_url, "DROP TRIGGER refuse ON audit_chain")
        await scene.stores.audit_log.record(event)

        assert await scene.recorded() == [event]
