"""The rules of passwords (NIST SP 800-63B-4, no composition rules)."""

import unicodedata
from types import SimpleNamespace
from typing import Literal

import pytest

from domain.errors import InvalidInput
from domain.passwords import password as password_rules
from domain.passwords.password import Password, PasswordRule

ADA = "Ada.L@example.org"
RULE = PasswordRule(shortest=8, common=frozenset({"password1", "trustno1", "strasse12"}))
TOO_LONG = "must be at most 256 characters and 1024 bytes long"
GUESSABLE = "is too easy to guess; choose another one"


def chosen(typed: str, name: str = "Ada Lovelace") -> str:
    return RULE.choose(typed, name, ADA).text


def refusal_of(typed: str, name: str = "Ada Lovelace") -> str:
    with pytest.raises(InvalidInput) as refused:
        RULE.choose(typed, name, ADA)
    [problem] = refused.value.problems
    assert problem.field == "password"
    return problem.message


def test_a_password_has_at_least_8_characters() -> None:
    assert chosen("8 chars.") == "8 chars."
    assert refusal_of("7 chars") == "must be at least 8 characters long"


def test_the_shortest_password_is_a_setting() -> None:
    rule = PasswordRule(shortest=15)

    assert rule.choose("15 characters..", "Ada", ADA).text == "15 characters.."
    with pytest.raises(InvalidInput):
        rule.choose("14 characters.", "Ada", ADA)


def test_characters_are_counted_as_people_see_them() -> None:
    assert refusal_of("e\u0301" * 7) == "must be at least 8 characters long"


def test_a_password_has_at_most_256_characters() -> None:
    assert chosen("ab" * 128) == "ab" * 128
    assert refusal_of("ab" * 128 + "c") == TOO_LONG


def test_256_characters_of_4_bytes_are_the_longest_password() -> None:
    assert len(chosen("🔑🚪" * 128).encode()) == 1024
    assert refusal_of("🔑🚪" * 128 + "a") == TOO_LONG


def test_a_huge_password_is_refused_before_it_is_normalised() -> None:
    with pytest.raises(InvalidInput):
        Password.parse("a" + "\u0301\u0323" * 5_000_000)  # would take hours


def test_a_login_takes_longer_passwords_than_a_user_can_choose() -> None:
    assert Password.parse("a" * 1024).text == "a" * 1024
    for too_long in ("a" * 1025, "\N{KEY}" * 1025):
        with pytest.raises(InvalidInput):
            Password.parse(too_long)


@pytest.mark.parametrize("hidden", ["\u200b", "\t", "\x00", "\u202e", "\ufeff"])
def test_a_login_takes_characters_that_a_user_cannot_choose(hidden: str) -> None:
    typed = f"pass{hidden}phrase"

    assert Password.parse(typed).text == typed
    assert refusal_of(typed) == "must not contain control characters"


@pytest.mark.parametrize("half", [0xD800, 0xDBFF, 0xDC00, 0xDFFF])
def test_half_a_surrogate_pair_is_no_password(half: int) -> None:
    with pytest.raises(InvalidInput):
        Password.parse(f"pass{chr(half)}phrase")
    Password.parse("pass\ud7ffphrase\ue000")


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
def test_the_spellings_of_a_password_are_its_normal_forms_and_the_typed_text(
    form: Literal["NFC", "NFD", "NFKC", "NFKD"],
) -> None:
    typed = unicodedata.normalize(form, "\ufb01nd the caf\u00e9")

    first, *others = Password.parse(typed).spellings()

    assert first == typed
    forms = {unicodedata.normalize(each, typed) for each in ("NFC", "NFD", "NFKC")}
    assert len(others) == len(set(others))
    assert set(others) == forms - {typed}


def test_a_password_of_ascii_has_one_spelling() -> None:
    assert list(Password.parse("correct horse").spellings()) == ["correct horse"]
    assert list(Password("correct horse").spellings()) == ["correct horse"]


@pytest.mark.parametrize("typed", [" leading", "trailing ", "in the middle", "\u3000wide space"])
def test_a_password_is_never_trimmed(typed: str) -> None:
    assert chosen(typed) == typed


def test_passwords_that_differ_after_byte_72_are_different() -> None:
    one, other = "x9" * 36 + "a", "x9" * 36 + "b"

    assert one[:72] == other[:72]
    assert Password.parse(one) != Password.parse(other)


def test_composed_and_decomposed_letters_are_the_same_password() -> None:
    assert Password.parse("caf\u00e9 au lait") == Password.parse("cafe\u0301 au lait")


def test_compatible_letters_are_different_passwords() -> None:
    assert Password.parse("\uff50assphrase") != Password.parse("passphrase")


@pytest.mark.parametrize(
    "typed",
    ["only small letters", "ONLY BIG LETTERS", "8675309112358", "!?!?!?!?", "пароль-пароль"],
)
def test_there_are_no_rules_of_composition(typed: str) -> None:
    assert chosen(typed) == typed


@pytest.mark.parametrize("character", ["\x00", "\t", "\n", "\x7f", "\x85", "\u202e", "\ud800"])
def test_control_characters_are_refused_in_a_password(character: str) -> None:
    assert refusal_of(f"pass{character}phrase") == "must not contain control characters"


@pytest.mark.parametrize(
    "typed",
    [
        "password1",
        "PassWord1",
        "\uff50assword1",
        "password1 ",
        "Straße12",
        "Ada Lovelace",
        "ADA LOVELACE",
        "ada.l@example.org",
        "Ada.L@Example.ORG",
        "aaaaaaaaa",
        "aAaAaAaAa",
    ],
)
def test_common_passwords_are_refused(typed: str) -> None:
    assert refusal_of(typed) == GUESSABLE


def test_the_part_before_the_at_sign_is_refused_as_a_password() -> None:
    email = "ada.lovelace@example.org"

    with pytest.raises(InvalidInput):
        RULE.choose("Ada.Lovelace", "Ada", email)


def test_the_name_of_the_service_and_the_users_own_do_not_strengthen_a_password() -> None:
    rule = PasswordRule(8, predictable=frozenset({"doorward"}))

    for typed in ("doorward9x", "lovelace9x"):
        with pytest.raises(InvalidInput):
            rule.choose(typed, "Ada Lovelace", ADA)
    rule.choose("babbage-9x", "Ada Lovelace", ADA)


def test_a_password_may_contain_the_name() -> None:
    assert chosen("ada lovelace's engine") == "ada lovelace's engine"


@pytest.mark.parametrize("name", ["ﷺ" * 10_000, "\u0301\u0323" * 5_000_000])
def test_a_huge_name_is_not_normalised_to_compare_a_password(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lengths = list[int]()

    def normalize(form: Literal["NFC", "NFKC"], text: str) -> str:
        lengths.append(len(text))
        return unicodedata.normalize(form, text)

    monkeypatch.setattr(password_rules, "unicodedata", SimpleNamespace(normalize=normalize))
    RULE.choose("a fox that nobody knows", name, f"{name}@example.org")

    assert max(lengths) <= 256


def test_a_login_accepts_an_old_password_that_the_rule_would_reject() -> None:
    assert Password.parse("short").text == "short"
    assert Password.parse("password1").text == "password1"


def test_the_repr_of_a_password_does_not_show_it() -> None:
    assert "trustno2" not in repr(Password.parse("trustno2"))
    assert "trustno1" not in repr(RULE)


def test_a_refusal_does_not_repeat_the_password() -> None:
    assert "trustno1" not in refusal_of("trustno1")


@pytest.mark.parametrize("password", ["password123", "123456", "aaaaaa", "qwerty", "admin123"])
def test_a_rule_without_the_blocklist_accepts_guessable_passwords(password: str) -> None:
    rule = PasswordRule(6, refuses_guessable=False)

    assert rule.choose(password, "Admin", "admin@example.org").text == password


@pytest.mark.parametrize("password", ["12345", "Ada Lovelace", "ADA@EXAMPLE.ORG", "lovelace"])
def test_a_rule_without_the_blocklist_refuses_short_ones_and_the_users_own_names(
    password: str,
) -> None:
    with pytest.raises(InvalidInput):
        PasswordRule(6, refuses_guessable=False).choose(
            password, "Ada Lovelace", "ada@example.org"
        )
