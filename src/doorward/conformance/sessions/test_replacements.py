"""The contract of SessionStore: compare-and-swap, races with deletions, and honest results."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from application.ports import SessionStore
from application.ports.effects import Effects, Stored
from domain.client.digest import ClientDigest
from domain.session import TokenId
from domain.user import UserId
from doorward.conformance.support.examples import (
    MICROSECOND,
    NOW,
    a_session,
    an_event,
    new_id,
    refreshed,
)
from doorward.conformance.support.sessions import HERE, THERE, of_one_user

pytestmark = pytest.mark.asyncio


CHANGES: dict[str, object] = {
    "token_id": TokenId(new_id()),
    "refreshed_by": ClientDigest(True, 1, 2),
    "rotated_at": NOW + MICROSECOND,
    "expires_at": NOW + timedelta(minutes=61),
    "ends_at": NOW + timedelta(days=31),
}


@pytest.mark.parametrize(("name", "value"), CHANGES.items(), ids=CHANGES)
async def test_a_concurrently_changed_record_is_not_replaced(
    sessions: SessionStore, name: str, value: object
) -> None:
    old = a_session()
    await sessions.add(old)
    changed = replace(old, **{name: value})  # type: ignore[arg-type] # a field and its value
    assert (await sessions.replace(old, changed)).changed

    assert not (await sessions.replace(old, refreshed(old))).changed

    assert await sessions.get(old.user_id, old.id) == changed


@pytest.mark.parametrize("change", [{"strikes": 2}, {"intervals": (1000,)}], ids=str)
async def test_a_change_of_the_recorded_rotations_is_a_change(
    sessions: SessionStore, change: dict[str, Any]
) -> None:
    old = refreshed(a_session())
    changed = replace(old, **change)
    await sessions.add(old)
    assert (await sessions.replace(old, changed)).changed

    assert not (await sessions.replace(old, refreshed(old))).changed
    assert (await sessions.replace(changed, refreshed(changed))).changed


async def test_a_replacement_changes_no_other_session(sessions: SessionStore) -> None:
    one, other = of_one_user(2)
    other_users_session = a_session()
    for session in (one, other, other_users_session):
        await sessions.add(session)

    await sessions.replace(one, refreshed(one))

    assert await sessions.get(other.user_id, other.id) == other
    assert (
        await sessions.get(other_users_session.user_id, other_users_session.id)
        == other_users_session
    )


async def test_of_50_parallel_replacements_one_wins(sessions: SessionStore) -> None:
    old = a_session()
    await sessions.add(old)
    news = [replace(refreshed(old), token_id=TokenId(new_id())) for _ in range(50)]

    stored = await asyncio.gather(*(sessions.replace(old, new) for new in news))

    wins = [each.changed for each in stored]
    assert wins.count(True) == 1
    assert await sessions.get(old.user_id, old.id) == news[wins.index(True)]


async def test_a_session_is_replaced_by_one_with_another_id_in_one_step(
    sessions: SessionStore,
) -> None:
    old, other = of_one_user(2)
    await sessions.add(old, HERE)
    await sessions.add(other, THERE)
    new = a_session(user_id=old.user_id)

    assert (await sessions.replace(old, new)).changed

    assert await sessions.get(old.user_id, old.id) is None
    assert {each.id: each for each in await sessions.of_user(old.user_id)} == {
        other.id: other,
        new.id: new,
    }
    assert await sessions.activity_of(old.user_id) == {new.id: HERE, other.id: THERE}


async def test_a_session_without_activity_is_replaced_by_one_with_another_id(
    sessions: SessionStore,
) -> None:
    old = a_session()
    await sessions.add(old)
    new = a_session(user_id=old.user_id)

    assert (await sessions.replace(old, new)).changed

    assert await sessions.of_user(old.user_id) == [new]
    assert await sessions.activity_of(old.user_id) == {}


@pytest.mark.parametrize("is_deleted", [True, False])
async def test_a_changed_or_deleted_session_is_not_replaced_by_one_with_another_id(
    sessions: SessionStore, is_deleted: bool
) -> None:
    old, successor = (session := a_session()), refreshed(session)
    await sessions.add(old, HERE)
    await sessions.replace(old, successor)
    if is_deleted:
        await sessions.delete(old.user_id, old.id)

    assert not (await sessions.replace(old, a_session(user_id=old.user_id))).changed

    assert await sessions.of_user(old.user_id) == ([] if is_deleted else [successor])
    assert await sessions.activity_of(old.user_id) == ({} if is_deleted else {old.id: HERE})


async def test_a_missing_record_is_not_replaced(sessions: SessionStore) -> None:
    old = a_session()

    assert not (await sessions.replace(old, refreshed(old))).changed

    assert await sessions.get(old.user_id, old.id) is None
    assert await sessions.of_user(old.user_id) == []


async def test_a_deleted_session_is_not_replaced(sessions: SessionStore) -> None:
    old = a_session()
    await sessions.add(old)
    await sessions.delete(old.user_id, old.id)

    assert not (await sessions.replace(old, refreshed(old))).changed

    assert await sessions.get(old.user_id, old.id) is None


async def test_a_deleted_session_never_comes_back_through_a_racing_replacement(
    sessions: SessionStore,
) -> None:
    olds = of_one_user(20)
    for old in olds:
        await sessions.add(old)

    await asyncio.gather(
        *(
            step
            for old in olds
            for step in (
                sessions.replace(old, refreshed(old)),
                sessions.delete(old.user_id, old.id),
                sessions.replace(old, refreshed(old)),
            )
        )
    )

    assert await sessions.of_user(olds[0].user_id) == []


async def test_each_change_says_whether_it_changed_anything(sessions: SessionStore) -> None:
    old = a_session()
    new = refreshed(old)

    assert (await sessions.add(old)).changed
    assert (await sessions.replace(old, new)).changed
    assert not (await sessions.replace(old, new)).changed
    assert not (await sessions.delete(UserId(uuid4()), old.id)).changed
    assert (await sessions.delete(old.user_id, old.id)).changed
    assert not (await sessions.delete(old.user_id, old.id)).changed


async def test_away_from_the_audit_log_no_change_claims_to_have_stored_effects(
    sessions: SessionStore,
) -> None:
    old, effects = a_session(), Effects((an_event(),))

    stored = [
        await sessions.add(old, None, effects),
        await sessions.replace(old, refreshed(old), effects),
        await sessions.delete(old.user_id, old.id, effects),
    ]

    assert stored == [Stored(True, effects_stored=False)] * 3
