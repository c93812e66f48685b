"""When an attempt is one too many, and for how long."""

from datetime import timedelta

import pytest

from domain.rate_limit import RateLimit, TooManyRequests, Usage
from tests.support.builders import MICROSECOND, NOW

LIMIT = RateLimit("login-account", 5, timedelta(minutes=15))
END = NOW + LIMIT.window


@pytest.mark.parametrize("count", [1, 4, 5])
def test_attempts_up_to_the_limit_are_allowed(count: int) -> None:
    Usage(count, END).check(LIMIT, NOW)


@pytest.mark.parametrize("count", [6, 7, 10**9])
def test_attempts_beyond_the_limit_are_refused(count: int) -> None:
    with pytest.raises(TooManyRequests):
        Usage(count, END).check(LIMIT, NOW)


def test_a_limit_of_one_allows_one() -> None:
    once = RateLimit("once", 1, timedelta(seconds=1))

    Usage(1, END).check(once, NOW)
    with pytest.raises(TooManyRequests):
        Usage(2, END).check(once, NOW)


@pytest.mark.parametrize("left", [LIMIT.window, timedelta(seconds=1), MICROSECOND])
def test_the_refusal_says_which_limit_it_was_and_how_long_to_wait(left: timedelta) -> None:
    with pytest.raises(TooManyRequests) as refused:
        Usage(6, END).check(LIMIT, END - left)

    assert refused.value.limit == LIMIT
    assert refused.value.wait == left
    assert refused.value.outcome == "too_many_requests"
    assert str(refused.value) == "login-account"


def test_an_attempt_counts_in_its_window_and_opens_another_one_after_its_end() -> None:
    first = Usage.after(None, LIMIT.window, NOW)
    second = Usage.after(first, 2 * LIMIT.window, END - MICROSECOND)

    assert (first, second) == (Usage(1, END), Usage(2, END))
    assert Usage.after(second, LIMIT.window, END) == Usage(1, END + LIMIT.window)


def test_a_limit_is_written_as_the_configuration_has_it() -> None:
    assert str(RateLimit("login", 10, timedelta(minutes=15))) == "10/900s"
