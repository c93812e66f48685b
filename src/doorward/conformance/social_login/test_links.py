"""Changes of users link and unlink identities, in one step with the change."""

import asyncio
from collections.abc import Awaitable
from dataclasses import replace

import pytest

from application.ports import Effects, Stored
from domain.errors import EmailTaken, LastAdministrator
from domain.permissions import Role
from domain.social_login.identity import MAX_IDENTITIES, Identity
from domain.user import User
from doorward.conformance.support.examples import NOW, a_message, an_event
from doorward.conformance.support.opening import SocialStores
from doorward.conformance.support.social_login import (
    a_stored_user,
    an_identity,
    another_user,
    link,
)

pytestmark = pytest.mark.asyncio


def noted() -> Effects:
    return Effects((an_event(),)).with_messages(a_message())


async def linked_to(social: SocialStores, user: User) -> list[Identity]:
    return list(await social.identities.of_user(user.id))


async def winners(*changes: Awaitable[Stored[bool]]) -> int:
    """Make changes in parallel; return how many changed anything."""
    return [each.changed for each in await asyncio.gather(*changes)].count(True)


async def test_a_new_user_is_stored_with_an_identity(social: SocialStores) -> None:
    ada = another_user()
    identity = an_identity(ada)

    stored = await social.users.add(ada, noted().linking(identity))

    assert stored.changed
    assert await social.users.get(ada.id) == ada
    assert await linked_to(social, ada) == [identity]
    assert len(await social.outbox.page(None, None, 9)) == int(stored.effects_stored)


async def test_no_user_is_stored_without_the_identity(social: SocialStores) -> None:
    eve = await a_stored_user(social)
    identity = an_identity(eve)
    await link(social, eve, identity)
    ada = another_user()
    same_account = replace(an_identity(ada), issuer=identity.issuer, subject=identity.subject)

    stored = await social.users.add(ada, noted().linking(same_account))

    assert stored == Stored(False)
    assert await social.users.get(ada.id) is None
    assert await social.users.by_email(ada.email) is None
    assert await linked_to(social, eve) == [identity]
    assert await social.outbox.page(None, None, 9) == []


async def test_no_user_is_changed_without_the_identity(social: SocialStores) -> None:
    ada, eve = await a_stored_user(social), await a_stored_user(social)
    identity, other = an_identity(eve), an_identity(ada)
    await link(social, eve, identity)
    await link(social, ada, other)
    same_account = replace(an_identity(ada), issuer=identity.issuer, subject=identity.subject)
    effects = noted().unlinking_all_of(ada.id).linking(same_account)

    stored = await social.users.replace(ada, ada.without_sessions(), effects)

    assert stored == Stored(False)
    assert await social.users.get(ada.id) == ada
    assert await linked_to(social, ada) == [other]
    assert await linked_to(social, eve) == [identity]
    assert await social.outbox.page(None, None, 9) == []


async def test_nothing_is_linked_to_a_user_who_has_changed_or_is_unknown(
    social: SocialStores,
) -> None:
    ada, unknown = await a_stored_user(social), another_user()
    await social.users.replace(ada, ada.without_sessions())

    for user in (ada, unknown):
        effects = noted().linking(an_identity(user))
        assert await social.users.replace(user, user.disable(NOW), effects) == Stored(False)
        assert await linked_to(social, user) == []
    assert await social.outbox.page(None, None, 9) == []


async def test_nothing_is_linked_or_unlinked_by_a_refused_change(social: SocialStores) -> None:
    admin = another_user(role=Role.ADMIN)
    await social.users.add(admin)
    eve, new = await a_stored_user(social), another_user()
    identity = an_identity(admin)
    await link(social, admin, identity)

    with pytest.raises(EmailTaken):
        await social.users.add(replace(new, email=eve.email), Effects(linked=an_identity(new)))
    with pytest.raises(EmailTaken):
        await social.users.replace(
            admin, admin.with_email(eve.email, NOW), Effects(unlinks_all_of=admin.id)
        )
    with pytest.raises(LastAdministrator):
        await social.users.replace(
            admin, admin.with_role(Role.USER, NOW), Effects(unlinked=identity)
        )
    with pytest.raises(LastAdministrator):
        await social.users.delete(admin.id)

    assert await linked_to(social, admin) == [identity]
    assert await linked_to(social, new) == []


async def test_of_parallel_links_of_one_account_one_wins(social: SocialStores) -> None:
    users = [await a_stored_user(social) for _ in range(5)]
    account = an_identity(users[0])
    changes = [
        social.users.replace(
            user,
            user.without_sessions(),
            Effects(linked=replace(an_identity(user), subject=account.subject)),
        )
        for user in users
    ]

    assert await winners(*changes) == 1

    linked = [each for user in users for each in await linked_to(social, user)]
    changed = [user for user in users if await social.users.get(user.id) != user]
    assert [each.user_id for each in linked] == [user.id for user in changed]
    assert await social.identities.find(account.issuer, account.subject) in linked


async def test_of_parallel_new_users_with_one_account_one_is_stored(
    social: SocialStores,
) -> None:
    users = [another_user() for _ in range(5)]
    subject = an_identity(users[0]).subject
    changes = [
        social.users.add(user, Effects(linked=replace(an_identity(user), subject=subject)))
        for user in users
    ]

    assert await winners(*changes) == 1

    stored = [user for user in users if await social.users.get(user.id)]
    assert [len(await linked_to(social, user)) for user in stored] == [1]


async def test_a_user_has_a_bounded_number_of_identities(social: SocialStores) -> None:
    ada = await a_stored_user(social)
    await link(social, ada, *(an_identity(ada) for _ in range(MAX_IDENTITIES - 2)))

    # No change loses because of another one: each finds the user as expected.
    changes = [social.users.replace(ada, ada, Effects(linked=an_identity(ada))) for _ in range(6)]
    assert await winners(*changes) == 2

    mine = await linked_to(social, ada)
    assert len(mine) == MAX_IDENTITIES
    in_place = Effects(unlinked=mine[0], linked=an_identity(ada))
    assert (await social.users.replace(ada, ada, in_place)).changed
    assert len(await linked_to(social, ada)) == MAX_IDENTITIES


async def test_an_identity_is_unlinked_with_the_change_once(social: SocialStores) -> None:
    ada = await a_stored_user(social)
    first, second = an_identity(ada), an_identity(ada)
    await link(social, ada, first, second)
    used = replace(first, last_used_at=None)
    await social.identities.replace(first, used)

    changes = [social.users.replace(ada, ada, Effects(unlinked=first)) for _ in range(5)]
    assert await winners(*changes) == 1

    assert await linked_to(social, ada) == [second]


async def test_nothing_is_changed_if_the_identity_is_not_linked_any_more(
    social: SocialStores,
) -> None:
    ada, eve = await a_stored_user(social), await a_stored_user(social)
    gone, other, hers = an_identity(ada), an_identity(ada), an_identity(eve)
    await link(social, ada, gone, other)
    await link(social, eve, hers)
    await social.identities.delete(gone)

    for each in (gone, replace(hers, user_id=ada.id)):
        effects = noted().unlinking(each).linking(an_identity(ada))
        assert await social.users.replace(ada, ada.disable(NOW), effects) == Stored(False)

    assert await social.users.get(ada.id) == ada
    assert await linked_to(social, ada) == [other]
    assert await linked_to(social, eve) == [hers]
    assert await social.outbox.page(None, None, 9) == []


async def test_a_link_takes_the_place_of_all_others(social: SocialStores) -> None:
    ada, eve = await a_stored_user(social), await a_stored_user(social)
    mine, hers = [an_identity(ada) for _ in range(MAX_IDENTITIES)], an_identity(eve)
    await link(social, ada, *mine)
    await link(social, eve, hers)
    same_account = replace(an_identity(ada), subject=mine[0].subject)
    effects = noted().unlinking_all_of(ada.id).linking(same_account)

    stored = await social.users.replace(ada, ada.without_sessions(), effects)

    assert stored.changed
    assert await linked_to(social, ada) == [same_account]
    assert await social.identities.find(mine[0].issuer, mine[0].subject) == same_account
    assert await social.identities.find(mine[1].issuer, mine[1].subject) is None
    assert await linked_to(social, eve) == [hers]
    assert len(await social.outbox.page(None, None, 9)) == int(stored.effects_stored)


async def test_all_identities_are_unlinked_also_if_there_are_none(social: SocialStores) -> None:
    ada = await a_stored_user(social)
    identity = an_identity(ada)
    await link(social, ada, identity)
    everything = Effects(unlinked=identity).unlinking_all_of(ada.id)

    assert (await social.users.replace(ada, ada, everything)).changed
    assert await linked_to(social, ada) == []
    none = Effects(unlinks_all_of=ada.id)
    assert (await social.users.replace(ada, ada.without_sessions(), none)).changed


async def test_the_identities_of_a_user_are_deleted_with_the_user(social: SocialStores) -> None:
    ada, eve = await a_stored_user(social), await a_stored_user(social)
    identity, hers = an_identity(ada), an_identity(eve)
    await link(social, ada, identity, an_identity(ada))
    await link(social, eve, hers)

    await social.users.delete(ada.id)

    assert await linked_to(social, ada) == []
    assert await linked_to(social, eve) == [hers]
    new = another_user()
    again = replace(an_identity(new), issuer=identity.issuer, subject=identity.subject)
    assert (await social.users.add(new, Effects(linked=again))).changed


async def test_no_identity_is_left_of_a_user_who_is_deleted_at_this_moment(
    social: SocialStores,
) -> None:
    for _ in range(5):
        ada = await a_stored_user(social)
        await asyncio.gather(
            social.users.replace(ada, ada, Effects(linked=an_identity(ada))),
            social.users.delete(ada.id),
            social.users.replace(ada, ada, Effects(linked=an_identity(ada))),
        )

        assert await linked_to(social, ada) == []
