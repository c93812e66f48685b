"""Flows and codes: whom they belong to, and what is derived from their secrets."""

from dataclasses import replace
from datetime import timedelta

import pytest

from domain.errors import InvalidInput
from domain.social_login.flow import (
    CODE_LIFETIME,
    LIFETIME,
    LONGEST_APP_STATE,
    AppClient,
    Code,
    Flow,
    Intent,
    code_challenge_of,
    code_verifier_of,
    digest_of,
    flow_id_at,
    flow_id_of,
    nonce_of,
)
from domain.social_login.identity import ProviderName
from tests.support.builders import MICROSECOND, NOW
from tests.support.social_login import ACME, an_account

SECRET, VERIFIER = "s" * 43, "v" * 43
CHALLENGE = code_challenge_of(VERIFIER)
FLOW = Flow(digest_of("state"), ACME, Intent.LOGIN, digest_of(SECRET), "/account", NOW + LIFETIME)
CODE = Code(digest_of("code"), an_account(), CHALLENGE, NOW + CODE_LIFETIME)


def test_the_browser_that_began_a_flow_ends_it_in_time_at_its_provider() -> None:
    assert FLOW.is_good(ACME, SECRET, NOW + LIFETIME - MICROSECOND)


def test_a_flow_is_no_good_elsewhere_later_or_in_another_browser() -> None:
    assert not FLOW.is_good(ACME, SECRET, NOW + LIFETIME)
    assert not FLOW.is_good(ProviderName("umbrella"), SECRET, NOW)
    assert not FLOW.is_good(ACME, "another secret", NOW)
    assert not FLOW.is_good(ACME, "\udcff", NOW)


def test_a_code_is_good_for_its_verifier_and_for_a_minute() -> None:
    assert CODE.is_good(VERIFIER, NOW + timedelta(seconds=59))
    assert not CODE.is_good(VERIFIER, NOW + timedelta(seconds=60))
    assert not CODE.is_good("w" * 43, NOW)
    assert not CODE.is_good(CHALLENGE, NOW)
    assert not replace(CODE, code_challenge=VERIFIER).is_good(VERIFIER, NOW)


def test_the_challenge_is_that_of_the_standard() -> None:
    """RFC 7636, appendix B."""
    challenge = code_challenge_of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")

    assert challenge == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_verifier_and_nonce_follow_from_the_secret_and_tell_nothing_of_each_other() -> None:
    derived = {code_verifier_of(SECRET), nonce_of(SECRET), code_verifier_of("t"), nonce_of("t")}

    assert len(derived) == 4
    assert {len(each) for each in derived} == {43}
    # Flows that are under way during an upgrade need the same ones after it.
    assert code_verifier_of("secret") == "tiCX3_suqMCXsrpbNMlRA82pj9HH1pm6UxK3Yjklqpo"
    assert nonce_of("secret") == "BC3yX50ZgYZt_KuLzm9ONyEWhhawoC2UqHnCnp9xC1g"


def test_the_ids_of_flows_sort_by_time_and_are_read_from_the_state() -> None:
    first, second = flow_id_at(NOW, bytes(8)), flow_id_at(NOW + timedelta(seconds=1), bytes(8))

    assert first < second
    assert len(first) == 24
    assert flow_id_of(f"{first}.{SECRET}") == first


@pytest.mark.parametrize("state", ["", ".", "x" * 24, "A" * 24 + ".x", "0" * 25, "0" * 23 + "\n"])
def test_a_state_of_another_form_belongs_to_no_flow(state: str) -> None:
    assert flow_id_of(state) is None


def test_an_application_states_a_challenge_and_may_state_a_state() -> None:
    assert AppClient.parse(CHALLENGE) == AppClient(CHALLENGE)
    longest = "~" * LONGEST_APP_STATE
    assert AppClient.parse(CHALLENGE, longest) == AppClient(CHALLENGE, longest)


@pytest.mark.parametrize("challenge", ["", VERIFIER + "v", VERIFIER[1:], VERIFIER[1:] + "="])
def test_a_challenge_of_another_form_is_refused(challenge: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        AppClient.parse(challenge)

    assert refusal.value.problems[0].field == "code_challenge"


@pytest.mark.parametrize("state", ["~" * (LONGEST_APP_STATE + 1), "\n", "ä", "\0"])
def test_a_state_that_is_long_or_not_printable_is_refused(state: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        AppClient.parse(CHALLENGE, state)

    assert refusal.value.problems[0].field == "state"
