"""The reason of an administrator, in the text of an event."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.actor import Operator
from domain.audit.details import AccountChanged, OfPasskey
from domain.audit.event import CauseOfEnd, Event, EventType
from domain.audit.reason import REASON_LENGTH, parse_reason, split_reason, with_reason
from domain.errors import InvalidInput
from domain.outcome import Outcome
from domain.permissions import Role
from domain.request_context import UNKNOWN
from domain.second_factors.passkey import PasskeyId
from tests.support.builders import NOW, new_id


def an_event(**changes: Any) -> Event:
    return Event(new_id(), at=NOW, caller=UNKNOWN, outcome=Outcome.SUCCESS, **changes)


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("asked by phone", "asked by phone"),
        ("  Zu\u0308rich\t", "Zürich"),
        ("reason: 'x'; reason: \"y\"", "reason: 'x'; reason: \"y\""),
        ("r" * REASON_LENGTH, "r" * REASON_LENGTH),
    ],
)
def test_a_reason_is_kept_without_surrounding_space(typed: str, reason: str) -> None:
    assert parse_reason(typed.replace("\t", " ")) == reason


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("", "must not be empty"),
        (" \u200d ", "must not be empty"),
        ("r" * (REASON_LENGTH + 1), f"must be at most {REASON_LENGTH} characters long"),
        ("\u0958" * 100, f"must be at most {REASON_LENGTH} characters long"),
        ("two\nlines", "must not contain control characters"),
        ("\u202etxet", "must not contain control characters"),
    ],
)
def test_a_reason_is_one_visible_line_that_is_not_too_long(typed: str, message: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_reason(typed)

    [problem] = refused.value.problems
    assert (problem.field, problem.message) == ("reason", message)


@given(st.sampled_from(["", "disabled", "role admin, disabled"]), st.none() | st.text(min_size=1))
def test_details_and_reason_are_read_as_they_were_written(detail: str, reason: str | None) -> None:
    assert split_reason(with_reason(detail, reason)) == (detail, reason)


def test_the_recorded_text_has_the_reason_behind_the_details() -> None:
    event = an_event(
        type=EventType.CHANGE_USER, details=AccountChanged(Role.ADMIN), reason="new in the team"
    )

    assert event.recorded_detail == "role admin; reason: new in the team"
    assert event.detail == "role admin"
    assert an_event(type=EventType.DELETE_USER, reason="x").recorded_detail == "reason: x"
    assert an_event(type=EventType.DELETE_USER).recorded_detail == ""


def test_the_longest_reason_fits_into_a_row_beside_the_longest_details() -> None:
    details = OfPasskey(PasskeyId("d" * 64))
    event = an_event(type=EventType.REMOVE_PASSKEY, details=details, reason="r" * REASON_LENGTH)

    assert len(event.recorded_detail) <= 255


def test_a_session_that_an_administrator_ends_is_not_ended_by_its_owner() -> None:
    ended = an_event(type=EventType.END_SESSION)
    by_operator = an_event(type=EventType.END_SESSION, actor=Operator(), reason="stolen")

    assert ended.cause_of_end is CauseOfEnd.OWNER
    assert by_operator.cause_of_end is CauseOfEnd.ADMINISTRATOR
