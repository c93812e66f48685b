"""The rules by which second factors are accepted."""

from dataclasses import replace
from datetime import timedelta

import pytest

from domain.second_factors.factors import (
    FAILURE_WINDOW,
    LOCK,
    MAX_FAILURES,
    PENDING_LIFETIME,
    SecondFactors,
    Totp,
)
from domain.session import SessionId
from tests.support.builders import MICROSECOND, NOW, SECOND, a_user, new_id

NONE = SecondFactors(a_user().id)
MINE, ANOTHER = SessionId(new_id()), SessionId(new_id())


def failed(factors: SecondFactors, times: int) -> SecondFactors:
    for _ in range(times):
        factors = factors.after_failure(NOW)
    return factors


def test_ten_failures_within_the_window_lock_the_second_factor() -> None:
    assert not failed(NONE, MAX_FAILURES - 1).is_locked(NOW)

    locked = failed(NONE, MAX_FAILURES)

    assert locked.is_locked(NOW)
    assert locked.is_locked(NOW + LOCK - MICROSECOND)
    assert not locked.is_locked(NOW + LOCK)
    assert locked.failures == 0


@pytest.mark.parametrize(
    ("after", "failures"), [(FAILURE_WINDOW - MICROSECOND, 10), (FAILURE_WINDOW, 1)]
)
def test_failures_before_the_window_do_not_count(after: timedelta, failures: int) -> None:
    later = failed(NONE, 9).after_failure(NOW + after)

    assert later.is_locked(NOW + after) == (failures == MAX_FAILURES)
    assert later.failures == failures % MAX_FAILURES


def test_a_success_takes_no_failure_back() -> None:
    factors = replace(failed(NONE, 9), totp=Totp("sealed", 5), recovery_codes=frozenset("ab"))

    for accepted in (factors.accepting_step(6), factors.without_recovery_code("a")):
        assert accepted
        assert accepted.after_failure(NOW).is_locked(NOW)


@pytest.mark.parametrize(("step", "is_good"), [(4, False), (5, False), (6, True)])
def test_a_step_that_was_accepted_and_those_before_it_are_not_again(
    step: int, is_good: bool
) -> None:
    factors = replace(NONE, totp=Totp("sealed", 5))

    accepted = factors.accepting_step(step)

    assert accepted == (replace(NONE, totp=Totp("sealed", 6)) if is_good else None)
    assert NONE.accepting_step(step) is None


def test_a_recovery_code_is_good_once() -> None:
    factors = NONE.with_recovery_codes(frozenset("abc"))

    used = factors.without_recovery_code("b")

    assert used == NONE.with_recovery_codes(frozenset("ac"))
    assert used.without_recovery_code("b") is None


def test_a_new_secret_replaces_the_former_one_once_it_is_confirmed() -> None:
    factors = replace(NONE, totp=Totp("former", 9))

    proposed = factors.proposing("new", MINE, NOW)

    assert proposed.totp == Totp("former", 9)
    assert proposed.pending
    assert proposed.pending.is_confirmable(MINE, NOW + PENDING_LIFETIME - SECOND)
    assert not proposed.pending.is_confirmable(MINE, NOW + PENDING_LIFETIME)
    assert not proposed.pending.is_confirmable(ANOTHER, NOW)
    assert proposed.with_totp(7) == replace(NONE, totp=Totp("new", 7))
    assert proposed.without_totp() == NONE


def test_no_secret_is_printed() -> None:
    factors = replace(NONE, totp=Totp("s3aled"), recovery_codes=frozenset({"d1gest"}))

    assert "s3aled" not in str(factors.proposing("s3aled", MINE, NOW))
    assert "d1gest" not in str(factors)
