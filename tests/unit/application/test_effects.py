"""What a change causes."""

import pytest

from application.ports import NO_EFFECTS, Effects
from domain.social_login.identity import Identity, IdentityId
from tests.support.builders import NOW, a_user, new_id
from tests.support.social_login import an_account

USER = a_user()
IDENTITY = Identity.of(an_account(), IdentityId(new_id()), USER.id, NOW)


@pytest.mark.parametrize(
    "effects",
    [
        NO_EFFECTS.linking(IDENTITY),
        NO_EFFECTS.unlinking(IDENTITY),
        NO_EFFECTS.unlinking_all_of(USER.id),
    ],
)
def test_links_are_changes_of_identities(effects: Effects) -> None:
    assert effects.changes_identities
    assert not NO_EFFECTS.changes_identities
