"""What the login of an account leads to that no user has linked: one test for each row."""

from typing import Any

import pytest

from domain.permissions import Role
from domain.social_login.rules import Holder, LinkingPolicy, Verdict, decide, has_own_way_in
from domain.user import NO_PASSWORD
from doorward.conformance.support.examples import a_user
from tests.support.social_login import an_account

OFF, VERIFIED = LinkingPolicy.OFF, LinkingPolicy.VERIFIED
REGISTERED = {"self_registered": True, "verified": False}
INVITED = {"password_hash": NO_PASSWORD, "verified": False}

ROWS: dict[str, tuple[dict[str, Any] | None, LinkingPolicy, bool, Verdict]] = {
    "no user, open": (None, OFF, True, Verdict.REGISTER),
    "no user, closed": (None, VERIFIED, False, Verdict.REFUSE_CLOSED),
    "verified, no linking": ({"verified": True}, OFF, True, Verdict.REFUSE_KNOWN),
    "verified, linking": ({"verified": True}, VERIFIED, False, Verdict.LINK),
    "verified, with a role": (
        {"verified": True, "role": Role.ADMIN}, VERIFIED, True, Verdict.LINK,
    ),
    "verified, disabled": (
        {"verified": True, "disabled": True}, VERIFIED, True, Verdict.REFUSE_KNOWN,
    ),
    "registered, unverified": (REGISTERED, OFF, False, Verdict.TAKE_OVER),
    "registered, unverified, linking": (REGISTERED, VERIFIED, True, Verdict.TAKE_OVER),
    "registered, disabled": (
        {**REGISTERED, "disabled": True}, VERIFIED, True, Verdict.REFUSE_KNOWN,
    ),
    "registered, with a role": (
        {**REGISTERED, "role": Role.AUDITOR}, VERIFIED, True, Verdict.REFUSE_KNOWN,
    ),
    "created by an operator": ({"verified": False}, VERIFIED, True, Verdict.REFUSE_KNOWN),
    "invited": (INVITED, OFF, False, Verdict.ACCEPT_INVITATION),
    "invited with a role": (
        {**INVITED, "role": Role.ADMIN}, VERIFIED, True, Verdict.REFUSE_KNOWN,
    ),
    "invited, disabled": (
        {**INVITED, "disabled": True}, VERIFIED, True, Verdict.REFUSE_KNOWN,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("holder", "linking", "is_open", "verdict"), ROWS.values(), ids=ROWS)
def test_the_holder_of_a_verified_address_and_the_settings_decide(
    holder: dict[str, Any] | None, linking: LinkingPolicy, is_open: bool, verdict: Verdict
) -> None:
    known = None if holder is None else Holder(a_user(**holder))

    assert decide(an_account(), known, linking, is_registration_open=is_open) is verdict


@pytest.mark.parametrize("holder", [None, {"verified": True}, REGISTERED, INVITED])
@pytest.mark.parametrize("account", [an_account(None), an_account(is_email_verified=False)])
def test_an_address_that_the_provider_has_not_verified_leads_to_nothing(
    holder: dict[str, Any] | None, account: Any
) -> None:
    known = None if holder is None else Holder(a_user(**holder))

    verdict = decide(account, known, VERIFIED, is_registration_open=True)

    assert verdict is Verdict.REFUSE_UNVERIFIED


@pytest.mark.parametrize("holder", [REGISTERED, INVITED])
def test_an_unverified_user_with_an_identity_is_not_taken_over(holder: dict[str, Any]) -> None:
    known = Holder(a_user(**holder), has_identity=True)

    verdict = decide(an_account(), known, VERIFIED, is_registration_open=True)

    assert verdict is Verdict.REFUSE_KNOWN


@pytest.mark.parametrize("holder", [{"verified": True}, REGISTERED, INVITED])
def test_the_mailbox_of_a_user_with_a_second_factor_links_nothing(holder: dict[str, Any]) -> None:
    known = Holder(a_user(**holder), has_second_factor=True)

    verdict = decide(an_account(), known, VERIFIED, is_registration_open=True)

    assert verdict is Verdict.REFUSE_KNOWN


@pytest.mark.parametrize(
    ("password_hash", "can_reset", "others", "has"),
    [
        (NO_PASSWORD, False, 0, False),
        ("a hash", False, 0, True),
        (NO_PASSWORD, True, 0, True),
        (NO_PASSWORD, False, 1, True),
    ],
)
def test_a_password_a_mailbox_or_another_identity_is_a_way_in(
    password_hash: str, can_reset: bool, others: int, has: bool
) -> None:
    user = a_user(password_hash=password_hash)

    assert has_own_way_in(user, can_reset=can_reset, other_identities=others) is has
