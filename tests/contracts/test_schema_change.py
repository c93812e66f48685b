"""A change of the schema under a running node costs it no request."""

import pytest

from doorward.conformance.examples import an_event
from infrastructure.storage.stores import open_stores
from tests.contracts.conftest import by_hand, effects
from tests.support.builders import NOW, a_session, ada
from tests.support.waiting import PATIENT


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE users ALTER COLUMN name TYPE varchar(120)",
        "ALTER TABLE users ALTER COLUMN name TYPE text",
        "ALTER TABLE users ADD COLUMN size integer",
    ],
)
async def test_a_read_after_a_change_of_the_schema_is_answered(
    postgres_url: str, change: str
) -> None:
    async with open_stores(postgres_url, postgres_url, PATIENT) as stores:
        user = ada()
        await stores.users.add(user)
        assert await stores.users.get(user.id) == user

        await by_hand(postgres_url, change)

        assert await stores.users.get(user.id) == user


async def test_a_change_with_its_event_after_a_change_of_the_schema_is_made(
    postgres_url: str,
) -> None:
    async with open_stores(postgres_url, postgres_url, PATIENT) as stores:
        user = ada()
        await stores.users.add(user, effects(an_event()))
        await stores.sessions.add(
            a_session(user_id=user.id, started_at=NOW), effects=effects(an_event())
        )

        await by_hand(
            postgres_url, "ALTER TABLE audit_chain ALTER COLUMN last_digest TYPE varchar(70)"
        )

        stored = await stores.sessions.add(a_session(user_id=user.id), effects=effects(an_event()))
        assert stored.changed
        assert stored.effects_stored
