"""The conformance tests of the outbox, on each built-in backend, and tests of its technology."""

import pytest
from sqlalchemy import update

from application.ports import NO_EFFECTS
from doorward.conformance.outbox.test_delivery import *  # noqa: F403
from doorward.conformance.outbox.test_queue import *  # noqa: F403
from doorward.conformance.outbox.test_retention import *  # noqa: F403
from doorward.conformance.support.examples import NOW, SECOND, a_message
from doorward.conformance.support.opening import open_mail
from infrastructure.storage.sql.tables import outbox
from tests.conftest import url_for
from tests.contracts.conftest import by_hand


@pytest.mark.parametrize("scheme", ["sqlite", "postgresql"])
async def test_a_message_of_a_later_release_is_left_to_its_nodes(
    request: pytest.FixtureRequest, scheme: str
) -> None:
    url = url_for(scheme, request)
    later, known = a_message(created_at=NOW - SECOND), a_message()
    async with open_mail(url) as mail:
        await mail.outbox.add(NO_EFFECTS.with_messages(later, known))
        the_later = update(outbox).where(outbox.c.id == later.id)
        await by_hand(url, the_later.values(kind="of a later release"))

        leased = await mail.outbox.lease(NOW, NOW + SECOND, 10)
        listed = await mail.outbox.page(None, None, 10)

        assert [each.message for each in (*leased, *listed)] == [known, known]
        assert await mail.outbox.get(later.id) is None
        assert (await mail.outbox.status()).queued == 2


@pytest.mark.parametrize("scheme", ["sqlite", "postgresql"])
@pytest.mark.parametrize("facts", ["damaged", '{"role": 1}', "[]"])
async def test_facts_that_cannot_be_read_hold_up_no_message(
    request: pytest.FixtureRequest, scheme: str, facts: str
) -> None:
    url = url_for(scheme, request)
    strange, known = a_message(facts={"role": "admin"}), a_message(facts={"role": "user"})
    async with open_mail(url) as mail:
        await mail.outbox.add(NO_EFFECTS.with_messages(strange, known))
        await by_hand(url, update(outbox).where(outbox.c.id == strange.id).values(facts=facts))

        leased = await mail.outbox.lease(NOW, NOW + SECOND, 10)

        assert {each.message.id: each.message.facts for each in leased} == {
            strange.id: {},
            known.id: {"role": "user"},
        }
