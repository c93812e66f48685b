"""The language that a client prefers."""

from typing import Any

import pytest

from api.accept_language import preferred_locale


def preferred(*headers: str) -> str | None:
    scope: Any = {"headers": [(b"accept-language", each.encode("latin-1")) for each in headers]}
    return preferred_locale(scope)


@pytest.mark.parametrize(
    ("header", "locale"),
    [
        ("de", "de"),
        ("de-AT,de;q=0.9,en;q=0.8", "de-AT"),
        ("en;q=0.2, de;q=0.8", "de"),
        ("en;q=0.8, de;q=0.8", "en"),
        ("*, de;q=0.1", "de"),
        ("fr ; Q=1.000\t, en", "fr"),
        (",, de , ", "de"),
        ("de;q=0, en;q=0.001", "en"),
        ("de;q=0", None),
        ("*", None),
        ("", None),
    ],
)
def test_the_first_language_of_the_highest_weight_is_preferred(
    header: str, locale: str | None
) -> None:
    assert preferred(header) == locale


def test_several_headers_are_one_list() -> None:
    assert preferred("en;q=0.5", "de") == "de"


@pytest.mark.parametrize(
    "header",
    [
        "de;q=1.1",
        "de;q=.5",
        "de;q=0.1234",
        "de;level=1",
        "de_AT",
        "../de",
        "d\xe9",
        "de;q=1, \x00",
    ],
)
def test_a_malformed_header_prefers_nothing(header: str) -> None:
    assert preferred(header) is None


def test_a_tag_that_is_too_long_is_passed_over() -> None:
    assert preferred("de" + "-abcdefgh" * 4 + ", en;q=0.1") == "en"


def test_a_header_of_any_size_is_read_in_no_time() -> None:
    assert preferred("de," * 10_000) is None


def test_without_the_header_nothing_is_preferred() -> None:
    assert preferred() is None
