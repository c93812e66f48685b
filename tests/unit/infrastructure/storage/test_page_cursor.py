"""Positions in lists: read as they were written, and refused if they were not written here."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidInput
from infrastructure.storage import page_cursor as cursor
from tests.support.cursors import NO_POSITIONS, forged

ID = UUID(int=7)
TIME = datetime(2026, 1, 31, 12, 0, 0, 123456, tzinfo=UTC)


def assert_refused(after: str, order: str, *parse: Any) -> None:
    with pytest.raises(InvalidInput) as refused:
        cursor.read(after, order, *parse)
    assert [problem.field for problem in refused.value.problems] == ["after"]


@pytest.mark.parametrize(
    ("position", "parse"),
    [
        (("Ada \U0010ffff", ID), (cursor.text, UUID)),
        (("", ID), (cursor.text, UUID)),
        ((10**18 - 1,), (cursor.number,)),
        ((TIME.isoformat(), ID), (cursor.time, UUID)),
        ((), ()),
    ],
    ids=["a text", "no text", "a number", "a time", "nothing"],
)
def test_a_position_is_read_as_it_was_written(position: Any, parse: Any) -> None:
    read = cursor.read(cursor.write("name", *position), "name", *parse)

    assert read == [TIME if part == TIME.isoformat() else part for part in position]


@pytest.mark.parametrize("after", NO_POSITIONS.values(), ids=NO_POSITIONS)
@pytest.mark.parametrize(
    "parse",
    [(cursor.text, UUID), (cursor.time, UUID), (cursor.number,)],
    ids=["text", "time", "number"],
)
def test_a_cursor_that_was_not_written_here_is_refused(after: str, parse: Any) -> None:
    assert_refused(after, "name", *parse)


def test_a_cursor_of_another_list_is_refused() -> None:
    after = cursor.write("name", "Ada", ID)

    assert_refused(after, "email", cursor.text, UUID)
    assert_refused(after, "name", cursor.text)
    assert_refused(after, "name", cursor.text, UUID, cursor.number)


@pytest.mark.parametrize(
    "text",
    ["", "-1", "+1", "1.5", "1e3", " 1", "1_0", "0x1", "²", "١", "NaN", "9" * 19],  # noqa: RUF001
)
def test_a_number_has_at_most_18_decimal_digits(text: str) -> None:
    assert_refused(forged(["number", text]), "number", cursor.number)


@pytest.mark.parametrize("text", ["2026-01-31", "2026-01-31T12:00:00", "yesterday", ""])
def test_a_time_has_a_zone(text: str) -> None:
    assert_refused(forged(["time", text]), "time", cursor.time)


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"])
def test_a_time_that_utc_cannot_express_is_refused(text: str) -> None:
    assert_refused(forged(["time", text]), "time", cursor.time)


def test_a_time_in_another_zone_is_read_in_utc() -> None:
    elsewhere = TIME.astimezone(timezone(timedelta(hours=5, minutes=45)))

    [read] = cursor.read(cursor.write("time", elsewhere.isoformat()), "time", cursor.time)

    assert (read, read.utcoffset()) == (TIME, timedelta())


@given(after=st.text(st.characters(), max_size=200) | st.text(st.characters(codec="ascii")))
def test_no_text_is_worse_than_refused(after: str) -> None:
    assert_refused(after, "name", cursor.text, UUID)
