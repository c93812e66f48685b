"""Read lists page by page, and cursors that no list has returned."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import pytest

from application.pagination import Page
from domain.errors import InvalidInput

_T = TypeVar("_T")

NO_CURSORS = ("", " ", "garbage", "2", "\x00", "é", "\ud800", "AAAA", "A" * 100_000)
"""Texts that are no cursor of any list, whatever its format."""


async def pages_of(page: Callable[[str | None], Awaitable[Page[_T]]]) -> list[Sequence[_T]]:
    """Return the items of all pages, from the first to the last.

    :param page: returns the page at a cursor.
    """
    got = await page(None)
    pages = [got.items]
    while got.next is not None:
        assert len(pages) < 1000, "the list does not end"
        got = await page(got.next)
        pages.append(got.items)
    return pages


async def assert_no_cursor(page: Awaitable[object]) -> None:
    """Expect that the page is refused because of its cursor."""
    with pytest.raises(InvalidInput) as refused:
        await page
    assert [problem.field for problem in refused.value.problems] == ["after"]
