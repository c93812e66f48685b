"""Guessable passwords, with small lists: each password is found by one rule only."""

import pytest

from domain.passwords.guessing import Guess, words_of, words_of_address

COMMON = frozenset({"password1", "a1bc", "fish", "flask", "1234567"})


def finds(password: str, predictable: str = "", own: str = "") -> bool:
    """Whether a guess finds the password; words are separated by spaces."""
    return Guess(COMMON, frozenset(predictable.split()), frozenset(own.split())).finds(password)


@pytest.mark.parametrize(
    ("password", "is_found"),
    [
        ("password1", True),
        ("pass.word.1", True),
        ("p-a-s-s-w-o-r-d-1", True),
        ("p-a-s-s-w-o-r-d-1-", False),  # half of it are signs
        ("p--a--s--s--w--o--r--d--1", False),
    ],
)
def test_a_common_password_between_fewer_signs_is_guessable(password: str, is_found: bool) -> None:
    assert finds(password) is is_found


@pytest.mark.parametrize(
    ("password", "is_found"),
    [("a1bc8675309", True), ("a1bc!?-8675309", True), ("8675309a1bc", False)],
)
def test_a_common_password_before_digits_and_signs_is_guessable(
    password: str, is_found: bool
) -> None:
    assert finds(password) is is_found


@pytest.mark.parametrize(
    ("password", "is_found"),
    [
        ("1975fish8675", True),
        ("1975fist8675", False),  # not a common word
        ("1975fish8675blue", False),  # two words
        ("8675309112358", False),
    ],
)
def test_one_common_word_among_digits_is_guessable(password: str, is_found: bool) -> None:
    assert finds(password) is is_found


def test_a_part_of_the_users_own_words_is_guessable_from_four_letters_on() -> None:
    assert finds("1975love8675", own="lovelace") is True
    assert finds("1975lov8675", own="lovelace") is False
    assert finds("1975hate8675", own="lovelace") is False


@pytest.mark.parametrize(
    ("password", "is_found"),
    [
        ("!@#$%^&", True),  # the keys of 1234567
        ("f1sh", True),
        ("f1ask", True),
        ("f1sh11", True),  # the digits at the end are digits
        ("f1st11", False),
    ],
)
def test_signs_are_read_as_digits_and_letters(password: str, is_found: bool) -> None:
    assert finds(password) is is_found


@pytest.mark.parametrize(
    ("password", "is_found"),
    [
        ("doorward9x", True),
        ("doorward-8675309", True),  # only digits and signs are left
        ("doorward9xkz", False),
    ],
)
def test_predictable_words_do_not_count_and_the_longest_is_removed_first(
    password: str, is_found: bool
) -> None:
    assert finds(password, predictable="doorward ward") is is_found


@pytest.mark.parametrize(
    ("password", "is_found"),
    [
        ("2024k9x", True),
        ("2024k9xz", False),  # four characters are left
        ("2024 k9x", True),
        ("2024k9!!", True),  # equal signs count once
        ("2024k9!?", False),
        ("20242023k9x", True),
        ("1899k9x", False),
        ("20241k9x", False),
        ("12024k9x", False),
    ],
)
def test_fewer_than_four_characters_beside_years_are_guessable(
    password: str, is_found: bool
) -> None:
    assert finds(password) is is_found


@pytest.mark.parametrize(
    ("password", "is_found"),
    [
        ("k9x123", True),
        ("k123x9", True),
        ("123k9x", True),
        ("k123x9y", False),
        ("k321x9", True),
        ("kqwex9", True),
        ("kaaax9", True),
        ("k%%%x9", True),
        ("k135x9", False),
        ("k12x9", False),
    ],
)
def test_fewer_than_four_characters_beside_sequences_are_guessable(
    password: str, is_found: bool
) -> None:
    assert finds(password) is is_found


@pytest.mark.parametrize(
    ("password", "is_found"),
    [
        ("abcdefghijabcdefghi", True),
        ("abcdefghijabcdefghij", False),
        ("x" * 20, True),
        ("x" * 40, True),
    ],
)
def test_sequences_of_20_characters_are_not_guessable_except_one_repeated_character(
    password: str, is_found: bool
) -> None:
    assert finds(password) is is_found


def test_the_words_of_a_name_are_its_parts_of_three_letters_and_the_whole() -> None:
    assert words_of("ada-b_lovelace io") == {
        "ada",
        "lovelace",
        "adablovelaceio",
        "ada-b_lovelace io",
    }
    assert words_of("io") == frozenset()
    assert words_of("-io-") == {"-io-"}


def test_the_last_at_sign_separates_the_parts_of_an_address() -> None:
    assert {"adahome", "big.example"} < words_of_address('"ada@home"@big.example')


def test_the_words_of_an_address_are_those_of_its_two_parts() -> None:
    assert words_of_address("ada.l@big.example") == {
        "ada",
        "adal",
        "ada.l",
        "big",
        "example",
        "bigexample",
        "big.example",
        "ada.l@big.example",
    }
