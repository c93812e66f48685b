"""Changing one's profile, taking one's data along, and going for good."""

import asyncio
from dataclasses import replace

import pytest

from domain.actor import Operator, Principal
from domain.errors import InvalidCredentials, InvalidInput, TokenRejected, WrongPassword
from domain.permissions import Role
from domain.rate_limit import TooManyRequests
from tests.support.builders import PASSWORD, World, an_administrator
from tests.support.doubles import PausingSessions
from tests.unit.application.attempts import ADA, GUESS, limited

NEW = "a better one than before"


async def test_name_and_photo_change_and_nothing_else(house: World, me: Principal) -> None:
    house.clock.advance(house.lifetimes.grace)

    changed = await house.change_profile(me, "  Ada King ", "https://example.org/ada.png")

    assert changed == replace(
        me.user, name="Ada King", photo="https://example.org/ada.png", updated_at=house.clock()
    )
    assert await house.users.get(me.user.id) == changed
    await house.login(ADA, PASSWORD)


async def test_omitted_members_stay_unchanged(house: World, me: Principal) -> None:
    await house.change_profile(me, photo="ada.png")
    changed = await house.change_profile(me, name="Ada King")

    assert (changed.name, changed.photo) == ("Ada King", "ada.png")


@pytest.mark.parametrize(
    ("name", "photo", "fields"),
    [
        ("", None, ["name"]),
        ("with\u202eoverride", None, ["name"]),
        (None, "", ["photo"]),
        (None, "javascript:alert(1)", ["photo"]),
        (None, "data:image/png;base64,AAAA", ["photo"]),
        (None, "../../etc/passwd", ["photo"]),
        (None, ".htaccess", ["photo"]),
        (None, "https://example.org/a b", ["photo"]),
        (None, "https://", ["photo"]),
        (None, "ada.png\n", ["photo"]),
        (None, "https://example.org/" + "a" * 236, ["photo"]),
        ("", "", ["name", "photo"]),
    ],
)
async def test_an_invalid_change_changes_nothing(
    house: World, me: Principal, name: str | None, photo: str | None, fields: list[str]
) -> None:
    with pytest.raises(InvalidInput) as refused:
        await house.change_profile(me, name, photo)

    assert [problem.field for problem in refused.value.problems] == fields
    assert await house.users.get(me.user.id) == me.user


async def test_a_change_beside_another_one_loses_neither(house: World, me: Principal) -> None:
    house.sessions = PausingSessions(house.sessions, lambda: asyncio.sleep(0))

    await asyncio.gather(
        house.change_profile(me, name="Ada King"), house.change_profile(me, photo="ada.png")
    )

    stored = await house.users.get(me.user.id)
    assert stored is not None
    assert (stored.name, stored.photo) == ("Ada King", "ada.png")


async def test_a_deleted_user_is_removed_from_every_store(house: World, me: Principal) -> None:
    tokens = await house.come_in(ADA)

    await house.delete_account(me, PASSWORD)

    assert await house.users.get(me.user.id) is None
    assert await house.users.by_email(me.user.email) is None
    assert await house.sessions.of_user(me.user.id) == []
    with pytest.raises(TokenRejected):
        await house.authenticate(tokens.access)
    with pytest.raises(TokenRejected):
        await house.refresh(tokens.refresh)
    with pytest.raises(InvalidCredentials):
        await house.login(ADA, PASSWORD)
    await house.sign_up(ADA)


async def test_a_wrong_password_deletes_nothing(house: World, me: Principal) -> None:
    house.limits = limited(3, "login_account")
    for _ in range(3):
        with pytest.raises(WrongPassword):
            await house.delete_account(me, GUESS)
    with pytest.raises(TooManyRequests):
        await house.delete_account(me, PASSWORD)

    assert await house.users.get(me.user.id) == me.user
    assert len(await house.sessions.of_user(me.user.id)) == 3


async def test_a_login_during_a_deletion_leaves_no_session(house: World, me: Principal) -> None:
    sessions = house.sessions
    house.sessions = PausingSessions(sessions, lambda: asyncio.sleep(0))

    await asyncio.gather(
        house.delete_account(me, PASSWORD),
        *(house.login(ADA, PASSWORD) for _ in range(5)),
        return_exceptions=True,
    )

    assert await house.users.get(me.user.id) is None
    assert await sessions.of_user(me.user.id) == []


async def test_an_export_has_all_data_about_the_user(house: World, me: Principal) -> None:
    export = await house.export_account(me)

    assert export.user == me.user
    assert export.sessions == await house.list_sessions(me)
    assert len(export.sessions) == 3
    whats = [recorded.event.type for recorded in export.events]
    assert whats == ["login", "login", "login", "register"]


async def test_nothing_is_done_for_a_session_that_has_just_ended(
    house: World, me: Principal
) -> None:
    """A request may have been let in on a copy that is a moment old."""
    await house.sessions.delete(me.user.id, me.session.id)

    for call in (
        house.change_password(me, PASSWORD, NEW),
        house.change_profile(me, "Eve"),
        house.delete_account(me, PASSWORD),
        house.export_account(me),
    ):
        with pytest.raises(TokenRejected):
            await call

    assert await house.users.get(me.user.id) == me.user


async def test_changes_that_cost_nothing_are_limited_for_each_user(
    house: World, me: Principal
) -> None:
    house.limits = limited(3, "change_account")
    for _ in range(3):
        await house.change_profile(me, "Ada King")

    with pytest.raises(TooManyRequests):
        await house.change_profile(me, "Ada Lovelace")
    with pytest.raises(TooManyRequests):
        await house.export_account(me)

    await house.sign_up("eve@example.org")
    eve = await house.authenticate((await house.come_in("eve@example.org")).access)
    await house.export_account(eve)


async def test_the_deletion_of_an_administrator_records_the_demotion(house: World) -> None:
    ada, eve = await house.sign_up(ADA), await house.sign_up("eve@example.org")
    for user in (ada, eve):
        await house.change(user, role=Role.ADMIN)
    house.events.events.clear()

    await house.delete_user(an_administrator(id=eve.id), ada.id)

    told = [(event.type, event.detail, event.actor_id) for event in house.events.events]
    assert told == [("change user", "role user", eve.id), ("delete user", "", eve.id)]


async def test_acts_of_the_operator_are_distinguished_from_those_of_the_user(
    house: World, me: Principal
) -> None:
    await house.revoke_sessions_of(Operator(), me.user.id)

    assert house.events.events[-1].is_by_another
    assert not house.events.events[0].is_by_another
