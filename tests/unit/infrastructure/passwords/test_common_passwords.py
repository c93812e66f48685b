"""The rule for new passwords with its real lists refuses the first guesses of spraying."""

import random
from string import ascii_letters, ascii_lowercase, digits

import pytest
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from domain.errors import InvalidInput
from domain.passwords.password import PasswordRule
from infrastructure.passwords.common_passwords import COMMON_PASSWORDS, predictable_words

RULE = PasswordRule(
    8, COMMON_PASSWORDS, predictable_words(["Analytical Engines"], "https://id.babbage.example")
)

SPRAYED = [
    "Welcome1!",
    "Welcome123",
    "Welcome2024",
    "W3lc0me!",
    "Summer2024!",
    "Summer2024",
    "$ummer2024",
    "2024Summer!",
    "Winter23!",
    "Spring-2025",
    "Autumn2024",
    "Sommer2024!",
    "January2024",
    "Monday123!",
    "Password1",
    "Password2024!",
    "P@ssw0rd",
    "P@ssw0rd123!",
    "Pa$$w0rd1",
    "Passwort1!",
    "Qwerty123!",
    "1qaz@WSX",
    "Zaq12wsx!",
    "Abc@1234",
    "Aa123456!",
    "Admin@123",
    "Admin2024!",
    "Changeme1!",
    "Letmein2024",
    "Company123!",
    "Test@1234",
    "Iloveyou1!",
    "Hello123!",
    "Dragon2024",
    "Liverpool1",
    "Chicago2024!",
    "HelloWorld1!",
    "12345678!",
    "20242024",
    "doorward123",
    "D00rward!",
    "Analytical1",
    "Engines2024!",
    "Babbage24!",
    "Lovelace1",
    "Ada.Lovelace2024",
    "adalove2024!",
]

ACCEPTED = [
    "correct horse battery staple",
    "a fox that nobody knows",
    "tidal-grape-7-lantern",
    "MeinHundHeißtBello!",
    "my dog ate 3 socks",
    "GoForAWalkAtNoon",
    "J7rk-pw9Q-x2",
    "flow3r-Harbor-19",
    "ada lovelace's engine",
    "xkcd936comic",
    "8675309112358",
    "0123456789abcdef" * 16,
    "!?!?!?!?",
    "пароль-пароль",
]


def is_accepted(typed: str) -> bool:
    try:
        RULE.choose(typed, "Ada Lovelace", "ada.lovelace@countess.example")
    except InvalidInput:
        return False
    return True


def test_47_passwords_that_spraying_begins_with_are_refused() -> None:
    assert len(SPRAYED) == 47
    assert [each for each in SPRAYED if is_accepted(each)] == []


@pytest.mark.parametrize("typed", ["Countess1815!", "countess.example1", "Ada Lovelace 1815"])
def test_parts_of_the_own_name_and_address_with_digits_are_refused(typed: str) -> None:
    assert not is_accepted(typed)


def test_another_user_may_have_a_password_with_that_name() -> None:
    RULE.choose("Countess-1815-Oxen", "Bob", "bob@example.org")


@pytest.mark.parametrize("typed", ACCEPTED)
def test_passphrases_are_accepted(typed: str) -> None:
    assert is_accepted(typed)


@pytest.mark.parametrize("alphabet", [ascii_lowercase, ascii_letters + digits + "!#%+-_.:"])
def test_random_passwords_of_10_characters_are_accepted(alphabet: str) -> None:
    chance = random.Random(14)
    passwords = ["".join(chance.choices(alphabet, k=10)) for _ in range(1000)]

    assert [each for each in passwords if not is_accepted(each)] == []


def test_three_random_words_are_accepted() -> None:
    chance = random.Random(14)
    known = {each for words in FREQUENCY_LISTS.values() for each in words}
    words = sorted(each for each in known if each.isalpha() and len(each) > 3)
    phrases = ["-".join(chance.choices(words, k=3)) for _ in range(500)]

    assert [each for each in phrases if not is_accepted(each)] == []


def test_a_list_of_passwords_has_its_words_and_no_others() -> None:
    known = {each for words in FREQUENCY_LISTS.values() for each in words}
    others = {each[::-1] for each in known} - known

    assert all(each in COMMON_PASSWORDS for each in known)
    assert not any(each in COMMON_PASSWORDS for each in others)
