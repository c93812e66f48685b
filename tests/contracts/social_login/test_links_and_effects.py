"""A link is made in one step with the events, the messages and the token of its change."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest
from sqlalchemy.exc import DBAPIError

from application.pagination import EventQuery
from application.ports import Effects, Stored
from domain.audit.details import OtherDetails
from domain.audit.event import Event
from domain.errors import Unavailable
from domain.mail.one_time_token import OneTimeToken
from domain.social_login.identity import Identity
from domain.user import User
from doorward.conformance.support.examples import NOW, a_message, a_token, an_event
from doorward.conformance.support.opening import PATIENT
from doorward.conformance.support.social_login import an_identity, another_user
from infrastructure.storage.stores import Stores, open_stores
from tests.conftest import url_for


@dataclass
class Scene:
    """Ada is stored, with one identity and a token."""

    stores: Stores
    ada: User
    identity: Identity
    token: OneTimeToken

    async def change(self, linked: Identity, event: Event | None = None) -> Stored[bool]:
        """Put an identity in the place of all others."""
        effects = Effects((event or an_event(),)).with_messages(a_message())
        effects = effects.spending(self.token.used(NOW)).unlinking_all_of(self.ada.id)
        changed = self.ada.without_sessions()
        return await self.stores.users.replace(self.ada, changed, effects.linking(linked))

    async def is_as_before(self) -> bool:
        stores = self.stores
        events = await stores.audit_log.page(EventQuery(), None, 9)
        return (
            await stores.users.get(self.ada.id) == self.ada
            and list(await stores.identities.of_user(self.ada.id)) == [self.identity]
            and list(events.items) == []
            and list(await stores.outbox.page(None, None, 9)) == []
        )


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
async def scene(request: pytest.FixtureRequest) -> AsyncIterator[Scene]:
    url = url_for(request.param, request)
    async with open_stores(url, url, replace(PATIENT, cached_users=9)) as stores:
        ada = another_user()
        identity, token = an_identity(ada), a_token(ada)
        await stores.users.add(ada, Effects(linked=identity))
        await stores.one_time_tokens.issue(token)
        yield Scene(stores, ada, identity, token)


async def test_a_link_is_stored_with_the_event_the_message_and_the_token(scene: Scene) -> None:
    stores, linked, event = scene.stores, an_identity(scene.ada), an_event()

    stored = await scene.change(linked, event)

    assert stored.changed
    assert list(await stores.identities.of_user(scene.ada.id)) == [linked]
    used = await stores.one_time_tokens.by_digest(scene.token.digest)
    assert used == scene.token.used(NOW)
    if stored.effects_stored:
        events = await stores.audit_log.page(EventQuery(), None, 9)
        assert [each.event for each in events.items] == [event]
        assert len(await stores.outbox.page(None, None, 9)) == 1


async def test_a_used_token_links_and_unlinks_nothing(scene: Scene) -> None:
    used = scene.ada.without_sessions()
    spending = Effects(spent=scene.token.used(NOW))
    assert (await scene.stores.users.replace(scene.ada, used, spending)).changed
    scene.ada = used

    assert await scene.change(an_identity(used)) == Stored(False)

    assert await scene.is_as_before()


async def test_a_link_that_cannot_be_made_spends_no_token_and_records_nothing(
    scene: Scene,
) -> None:
    eve = another_user()
    hers = an_identity(eve)
    await scene.stores.users.add(eve, Effects(linked=hers))

    stored = await scene.change(replace(an_identity(scene.ada), subject=hers.subject))

    assert stored == Stored(False)
    assert await scene.is_as_before()
    assert await scene.stores.one_time_tokens.by_digest(scene.token.digest) == scene.token


@pytest.mark.parametrize("scene", ["postgresql"], indirect=True)
async def test_a_link_whose_event_cannot_be_stored_is_not_made(scene: Scene) -> None:
    too_long = an_event(details=OtherDetails("d" * 256))  # for its column

    with pytest.raises((DBAPIError, Unavailable)):
        await scene.change(an_identity(scene.ada), too_long)

    assert await scene.is_as_before()
