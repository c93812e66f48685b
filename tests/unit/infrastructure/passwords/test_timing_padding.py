"""Padding of the time that the verification of a cheap hash takes."""

import pytest

from infrastructure.passwords.timing_padding import missing_memory


@pytest.mark.parametrize(
    ("spent", "missing"),
    [(0, 47104), (0.01, 37683), (0.025, 23552), (0.049999, 0), (0.05, 0), (0.051, 0), (2, 0)],
)
def test_the_missing_memory_is_the_share_of_the_usual_time_that_was_not_spent(
    spent: float, missing: int
) -> None:
    assert missing_memory(47104, spent, usual=0.05) == missing


def test_no_memory_is_missing_where_the_clock_is_too_coarse_to_measure_a_hash() -> None:
    assert missing_memory(47104, 0, usual=0) == 0
