"""When a one-time token is good."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from domain.email import Email
from domain.mail.one_time_token import OneTimeToken, Purpose, digest_of
from domain.user import User, UserId

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ADA = User.register(UserId(uuid4()), "Ada", Email.parse("ada@example.com"), "hash", NOW)


def a_token(purpose: Purpose = Purpose.PASSWORD_RESET, **changes: object) -> OneTimeToken:
    token = OneTimeToken(
        id="0" * 32,
        digest=digest_of("secret"),
        purpose=purpose,
        user_id=ADA.id,
        generation=ADA.generation,
        email=ADA.email,
        issued_at=NOW,
        expires_at=NOW + timedelta(minutes=30),
    )
    return replace(token, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("purpose", Purpose)
def test_a_new_token_is_usable(purpose: Purpose) -> None:
    assert a_token(purpose).is_usable(ADA, NOW)


@pytest.mark.parametrize("purpose", Purpose)
def test_a_token_ends_with_its_time_its_use_and_its_user(purpose: Purpose) -> None:
    token, stranger = a_token(purpose), replace(ADA, id=UserId(uuid4()))

    assert token.is_usable(ADA, token.expires_at - timedelta(microseconds=1))
    assert not token.is_usable(ADA, token.expires_at)
    assert not replace(token, used_at=NOW).is_usable(ADA, NOW)
    assert not token.is_usable(stranger, NOW)


@pytest.mark.parametrize("purpose", sorted(set(Purpose) - {Purpose.EMAIL_UNDO}))
def test_a_token_ends_with_the_generation_of_its_user(purpose: Purpose) -> None:
    assert not a_token(purpose).is_usable(ADA.without_sessions(), NOW)


def test_an_undo_outlives_the_generation_and_the_address() -> None:
    moved = replace(ADA.without_sessions(), email=Email.parse("thief@example.com"))

    assert a_token(Purpose.EMAIL_UNDO).is_usable(moved, NOW)


@pytest.mark.parametrize("purpose", [Purpose.PASSWORD_RESET, Purpose.EMAIL_VERIFICATION])
def test_a_token_ends_when_the_address_is_changed(purpose: Purpose) -> None:
    moved = replace(ADA, email=Email.parse("new@example.com"))

    assert not a_token(purpose).is_usable(moved, NOW)


def test_a_new_address_may_differ_from_the_present_one() -> None:
    assert a_token(Purpose.EMAIL_CHANGE, email=Email.parse("new@example.com")).is_usable(ADA, NOW)


def test_the_use_of_a_token_ends_all_of_its_user_and_purpose() -> None:
    used = a_token()

    assert a_token(issued_at=NOW - timedelta(minutes=1)).is_spent_with(used)
    assert a_token(issued_at=NOW + timedelta(minutes=1)).is_spent_with(used)
    assert not a_token(Purpose.EMAIL_VERIFICATION).is_spent_with(used)
    assert not a_token(user_id=UserId(uuid4())).is_spent_with(used)


def test_an_undo_ends_later_ones_and_no_earlier_one() -> None:
    used = a_token(Purpose.EMAIL_UNDO)

    assert used.is_spent_with(used)
    assert a_token(Purpose.EMAIL_UNDO, issued_at=NOW + timedelta(days=1)).is_spent_with(used)
    assert not a_token(Purpose.EMAIL_UNDO, issued_at=NOW - timedelta(days=1)).is_spent_with(used)


def test_an_undo_that_is_issued_after_the_undo_of_an_earlier_change_is_used_already() -> None:
    later = a_token(Purpose.EMAIL_UNDO, issued_at=NOW + timedelta(minutes=1))
    undone = a_token(Purpose.EMAIL_UNDO, used_at=NOW + timedelta(minutes=2))

    assert later.issued_beside([undone]).used_at is not None
    assert later.issued_beside([replace(undone, used_at=None)]) == later
    assert later.issued_beside([replace(undone, used_at=NOW + timedelta(seconds=59))]) == later
    assert a_token(issued_at=later.issued_at).issued_beside(
        [a_token(used_at=undone.used_at)]
    ) == a_token(issued_at=later.issued_at)


def test_an_undo_that_was_used_ends_no_earlier_one_that_is_issued_later() -> None:
    used = a_token(Purpose.EMAIL_UNDO, used_at=NOW + timedelta(days=2))
    earlier = a_token(Purpose.EMAIL_UNDO, issued_at=NOW - timedelta(minutes=1))

    assert earlier.issued_beside([used]) == earlier
