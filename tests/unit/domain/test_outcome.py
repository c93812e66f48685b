"""Outcomes: each error has a stable name, and no name ever changes."""

from collections.abc import Iterator

import pytest

import api.security.origin_policy
import domain.key_ring
import domain.rate_limit
from domain.errors import (
    AuthError,
    DomainError,
    InvalidInput,
    LastAdministrator,
    Problem,
    RefreshTokenReused,
    TokenRejected,
    Unavailable,
    outcome_of,
)
from domain.outcome import Outcome

MODULES = [api.security.origin_policy, domain.key_ring, domain.rate_limit]
"""They define errors beside those of ``domain.errors``."""


def errors(parent: type[DomainError] = DomainError) -> Iterator[type[DomainError]]:
    for kind in parent.__subclasses__():
        # What an adapter refines for itself keeps the outcome of its parent.
        if kind is not AuthError and not kind.__module__.startswith("infrastructure."):
            yield kind
        yield from errors(kind)


def test_every_error_has_an_outcome_of_its_own() -> None:
    outcomes = [vars(error)["outcome"] for error in errors()]

    assert sorted(outcomes) == sorted(
        set(Outcome) - {Outcome.SUCCESS, Outcome.INTERNAL_ERROR, Outcome.UNKNOWN}
    )


def test_the_names_of_outcomes_never_change() -> None:
    """Rows, clients' filters, metrics and alerts hold them. Add names, and rename none."""
    assert [each.value for each in Outcome] == [
        "success",
        "invalid_input",
        "email_taken",
        "invalid_credentials",
        "not_logged_in",
        "invalid_token",
        "refresh_token_reused",
        "refresh_token_missing",
        "wrong_password",
        "permission_missing",
        "not_found",
        "last_administrator",
        "too_many_requests",
        "cross_site_request",
        "unavailable",
        "keys_read_only",
        "key_unknown",
        "registration_closed",
        "one_time_token_invalid",
        "email_unverified",
        "mail_off",
        "second_factor_required",
        "second_factor_invalid",
        "second_factor_enrolment_required",
        "second_factors_off",
        "step_up_required",
        "level_too_low",
        "passkey_invalid",
        "last_credential",
        "social_flow_invalid",
        "provider_cancelled",
        "provider_refused",
        "provider_unavailable",
        "provider_email_unverified",
        "link_required",
        "identity_taken",
        "internal_error",
        "unknown",
    ]


def test_an_error_that_no_rule_knows_is_an_internal_error() -> None:
    assert outcome_of(ZeroDivisionError()) is Outcome.INTERNAL_ERROR
    assert outcome_of(LastAdministrator()) is Outcome.LAST_ADMINISTRATOR


def test_a_reused_token_is_distinguished_from_another_rejected_one() -> None:
    assert outcome_of(RefreshTokenReused()) is Outcome.REFRESH_TOKEN_REUSED
    assert outcome_of(TokenRejected()) is Outcome.INVALID_TOKEN


def test_the_text_of_an_error_names_the_fields_or_the_dependency() -> None:
    """Logs and the command line print it."""
    error = InvalidInput(Problem("name", "is missing"), Problem("email", "is too long"))

    assert str(error) == "name, email"
    assert str(Unavailable("sessions")) == "sessions: no answer"


@pytest.mark.parametrize(
    ("earlier", "outcome"),
    [
        ("InvalidCredentials", Outcome.INVALID_CREDENTIALS),
        ("WrongPassword", Outcome.WRONG_PASSWORD),
        ("RefreshTokenReused", Outcome.REFRESH_TOKEN_REUSED),
        ("LastAdministrator", Outcome.LAST_ADMINISTRATOR),
    ],
)
def test_the_name_of_an_earlier_release_is_read(earlier: str, outcome: Outcome) -> None:
    assert Outcome(earlier) is outcome
    assert outcome.recorded_names == {earlier, outcome.value}


@pytest.mark.parametrize("text", ["", "SUCCESS", "Success", "EmailTaken", "mail_bounced", "%"])
def test_a_name_of_another_release_is_unknown(text: str) -> None:
    assert Outcome(text) is Outcome.UNKNOWN


def test_success_has_always_had_one_name() -> None:
    assert Outcome.SUCCESS.recorded_names == {"success"}
