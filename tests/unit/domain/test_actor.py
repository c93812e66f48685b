"""Actors: the permissions of each, and their names in records."""

import pytest

from domain.actor import Actor, Operator, Principal, Scheduler, actor_without_request
from domain.errors import PermissionMissing
from domain.permissions import Permission
from tests.support.builders import a_session, a_user, an_administrator

ALLOWED: list[Actor] = [Operator(), an_administrator()]
REFUSED: list[Actor] = [Principal(a_user(), a_session()), Scheduler()]


@pytest.mark.parametrize("permission", Permission)
@pytest.mark.parametrize("actor", ALLOWED, ids=lambda actor: type(actor).__name__)
def test_the_operator_and_administrators_have_every_permission(
    actor: Actor, permission: Permission
) -> None:
    actor.require(permission)


@pytest.mark.parametrize("permission", Permission)
@pytest.mark.parametrize("actor", REFUSED, ids=lambda actor: type(actor).__name__)
def test_an_ordinary_user_and_the_scheduler_have_no_permission(
    actor: Actor, permission: Permission
) -> None:
    with pytest.raises(PermissionMissing):
        actor.require(permission)


def test_an_actor_without_a_request_is_recognised_by_its_row() -> None:
    assert actor_without_request("(command line)") == Operator()
    assert actor_without_request("(schedule)") == Scheduler()


@pytest.mark.parametrize("request_id", ["", "command line", "7a1f0c9be2d34f58"])
def test_every_other_id_is_that_of_a_request(request_id: str) -> None:
    assert actor_without_request(request_id) is None
