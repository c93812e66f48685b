"""Which users must have a second factor, and what their sessions are good for until then."""

import pytest

from application.second_factors.policy import SecondFactorPolicy
from domain.authentication import Method
from domain.errors import SecondFactorsOff
from domain.permissions import Role
from tests.support.builders import a_session, a_user

OFF, OPTIONAL, ADMINS, EVERYBODY = SecondFactorPolicy


@pytest.mark.parametrize(
    ("policy", "of_admins", "of_users"),
    [
        (OFF, False, False),
        (OPTIONAL, False, False),
        (ADMINS, True, False),
        (EVERYBODY, True, True),
    ],
)
def test_a_policy_restricts_the_sessions_of_users_that_it_demands_a_factor_of(
    policy: SecondFactorPolicy, of_admins: bool, of_users: bool
) -> None:
    for role in (Role.ADMIN, Role.AUDITOR):
        assert policy.restricts(a_session(), a_user(role=role)) is of_admins
    assert policy.restricts(a_session(), a_user()) is of_users
    assert policy.demands_factors is (of_admins or of_users)


@pytest.mark.parametrize("policy", SecondFactorPolicy)
@pytest.mark.parametrize("methods", [{Method.PASSWORD, Method.TOTP}, {Method.PASSKEY}])
def test_no_policy_restricts_a_session_of_level_two(
    policy: SecondFactorPolicy, methods: set[Method]
) -> None:
    session = a_session(methods=frozenset(methods))

    assert not policy.restricts(session, a_user(role=Role.ADMIN))


def test_only_the_policy_off_allows_no_enrolment() -> None:
    with pytest.raises(SecondFactorsOff):
        OFF.require_enrolment_allowed()
    for policy in (OPTIONAL, ADMINS, EVERYBODY):
        policy.require_enrolment_allowed()
