"""Characters that hide or reorder their neighbours."""

import pytest

from domain.text import is_clean, is_short_normalized, is_visible


@pytest.mark.parametrize(
    "text",
    ["", "Ada", "Zoë", "\u674e\u5c0f\u9f8d", "\u0645\u0631\u064a\u0645", "a b", "a\u00a0b",
     "\u0646\u0627\u0645\u0647\u200c\u0647\u0627", "\U0001f469\u200d\U0001f680"],
    ids=ascii,
)  # fmt: skip
def test_ordinary_text_is_clean(text: str) -> None:
    assert is_clean(text)


@pytest.mark.parametrize(
    "hidden",
    ["\x00", "\t", "\n", "\r", "\x1b", "\x7f", "\x85", "\x9f", "\xad", "\u061c", "\u200b",
     "\u200e", "\u200f", "\u2028", "\u2029", "\u202a", "\u202e", "\u2060", "\u2066", "\u2069",
     "\ufeff", "\ud800", "\U000e0041"],
    ids=ascii,
)  # fmt: skip
def test_text_with_hidden_or_reordering_characters_is_not_clean(hidden: str) -> None:
    for text in (hidden, f"{hidden}Ada", f"Ada{hidden}", f"A{hidden}da"):
        assert not is_clean(text)


@pytest.mark.parametrize("text", ["A", "7", "\u0669", "!", "-", "\u20ac", "\U0001f680", " a "])
def test_letters_numbers_signs_and_symbols_are_visible(text: str) -> None:
    assert is_visible(text)


@pytest.mark.parametrize(
    "text", ["", " ", "\u00a0\u3000", "\u200c\u200d", "\u200b", "\u0301", "\x00\t"], ids=ascii
)
def test_spaces_joiners_and_marks_alone_are_invisible(text: str) -> None:
    assert not is_visible(text)


@pytest.mark.parametrize("character", ["a", "\u00e9", "\U0001f680"], ids=ascii)
def test_a_text_of_the_longest_length_is_short(character: str) -> None:
    assert is_short_normalized(character * 5, 5)
    assert not is_short_normalized(character * 6, 5)


def test_the_length_is_that_of_the_normalized_text() -> None:
    ligature = "\ufdfa"  # eighteen characters in NFKC

    assert is_short_normalized(ligature, 18)
    assert not is_short_normalized(ligature, 17)
