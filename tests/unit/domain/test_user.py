"""The rules of names and of new users."""

from uuid import uuid4

import pytest

from domain.email import Email
from domain.errors import InvalidInput
from domain.permissions import Role
from domain.user import NO_PASSWORD, User, UserId, parse_locale, parse_name, parse_photo
from tests.support.builders import NOW, SECOND, a_user

HIDDEN = {
    "NUL": "\x00",
    "tab": "\t",
    "line break": "\n",
    "escape": "\x1b",
    "DEL": "\x7f",
    "next line": "\x85",
    "Arabic letter mark": "\u061c",
    "left-to-right mark": "\u200e",
    "right-to-left mark": "\u200f",
    "line separator": "\u2028",
    "paragraph separator": "\u2029",
    "left-to-right embedding": "\u202a",
    "right-to-left embedding": "\u202b",
    "pop directional formatting": "\u202c",
    "left-to-right override": "\u202d",
    "right-to-left override": "\u202e",
    "left-to-right isolate": "\u2066",
    "right-to-left isolate": "\u2067",
    "first strong isolate": "\u2068",
    "pop directional isolate": "\u2069",
    "lone surrogate": "\ud800",
}


def refusal_of(text: str) -> str:
    with pytest.raises(InvalidInput) as refused:
        parse_name(text)
    [problem] = refused.value.problems
    assert problem.field == "name"
    return problem.message


@pytest.mark.parametrize(
    "name",
    ["Ada", "Ada Lovelace", "O'Brien", "李小龍", "Zoë 👩‍💻", "محمد", "Ⅷ", "Anne-Marie, Dr."],
)
def test_names_in_any_script_are_kept(name: str) -> None:
    assert parse_name(name) == name


def test_a_name_is_trimmed_and_composed() -> None:
    assert parse_name("  Zoe\u0308\u3000") == "Zoë"


@pytest.mark.parametrize("text", ["", " ", "\u3000\t"])
def test_a_name_is_not_empty(text: str) -> None:
    assert refusal_of(text) == "must not be empty"


@pytest.mark.parametrize("character", HIDDEN.values(), ids=HIDDEN)
def test_hidden_characters_are_refused_in_a_name(character: str) -> None:
    assert refusal_of(f"Ada{character}Lovelace") == "must not contain control characters"


def test_a_name_has_at_most_100_characters() -> None:
    assert parse_name("a" * 100) == "a" * 100
    assert refusal_of("a" * 101) == "must be at most 100 characters long"


def test_a_name_that_composing_lengthens_is_measured_again() -> None:
    lengthened = "\u0958" * 51  # a letter that NFC always takes apart

    assert len(lengthened) < 100
    assert refusal_of(lengthened) == "must be at most 100 characters long"


def test_a_new_user_is_an_ordinary_one() -> None:
    user = User.register(UserId(uuid4()), "Ada", Email.parse("ada@example.org"), "a hash", NOW)

    assert user.role is Role.USER
    assert not user.verified
    assert not user.disabled
    assert user.photo == "default.png"
    assert user.created_at == user.updated_at == NOW


def test_a_password_hash_is_not_shown() -> None:
    assert "a hash" not in repr(a_user(password_hash="a hash"))


def test_a_renewed_hash_changes_nothing_else() -> None:
    user = a_user()

    renewed = user.with_password_hash("another hash")

    assert renewed == a_user(id=user.id, password_hash="another hash")


def test_a_new_role_is_a_change() -> None:
    changed = a_user().with_role(Role.ADMIN, NOW + SECOND)

    assert (changed.role, changed.updated_at) == (Role.ADMIN, NOW + SECOND)


def test_enabling_a_user_is_a_change_and_restores_no_session() -> None:
    user = a_user(disabled=True, generation=7)

    enabled = user.enable(NOW + SECOND)

    assert enabled == a_user(id=user.id, generation=7, updated_at=NOW + SECOND)


@pytest.mark.parametrize(
    "photo",
    [
        "default.png",
        "http://localhost:8000/a.png",
        "https://example.org",
        "https://example.org?size=2",
        "https://cdn.example.org./people/ada%20l.png?x=1,2&y=/a?b#c/d?e",
        "https://www.gravatar.com/avatar/205e460b479e2e5b48aec07710c08d50?s=200",
        "https://en.wikipedia.org/wiki/Ada_(ship);v=1.1/~x/!$&*+=:@",
        "https://my_bucket.s3.amazonaws.com/a",
        "https://[2001:db8::1]:8443/a.png",
    ],
)
def test_a_photo_is_a_file_name_or_a_url(photo: str) -> None:
    assert parse_photo(photo) == photo


def test_an_apostrophe_in_a_photo_is_encoded() -> None:
    photo = parse_photo("https://example.org/'onerror='alert(1)?o'b#'")

    assert photo == "https://example.org/%27onerror=%27alert(1)?o%27b#%27"
    with pytest.raises(InvalidInput):
        parse_photo("https://example.org/" + "'" * 79)


@pytest.mark.parametrize(
    "photo",
    [
        "",
        ".hidden",
        "a/b.png",
        "javascript:alert(1)",
        "data:image/png;base64,AAAA",
        "//example.org/a.png",
        "ftp://example.org/a.png",
        'http://x"onerror="alert(1)',
        "http://x'onerror='alert(1)/a.png",
        'https://example.org/a.png"onerror="alert(1)',
        "https://example.org/<script>",
        "https://example.org/`a`",
        "https://example.org/a b",
        "https://example.org/{a}|b^c",
        "https://example.org/%zz",
        "https://example.org/100%",
        "https://example.org\\@evil.example/a.png",
        "https:\\\\example.org\\a.png",
        "https://example.org/a\\b",
        "https://ada:secret@example.org/a.png",
        "https://example.org@evil.example/a.png",
        "https://@example.org/",
        "https://",
        "https:///a.png",
        "https://-a/",
        "https://example.org:/a",
        "https://example.org:123456/a",
        "https://[example.org]/a",
        "https://example.org/#a#b",
        "https://example.org/[a]",
        "https://exämple.org/a.png",
        "https://example.org/a.png\n",
        "https://example.org/" + "a" * 240,
    ],
)
def test_a_photo_with_anything_else_is_refused(photo: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_photo(photo)

    assert [problem.field for problem in refused.value.problems] == ["photo"]


def test_a_photo_has_at_most_255_characters() -> None:
    longest = "https://example.org/" + "a" * 235

    assert parse_photo(longest) == longest
    with pytest.raises(InvalidInput):
        parse_photo(f"{longest}a")


def test_ending_all_sessions_begins_the_next_generation() -> None:
    assert a_user(generation=7).without_sessions().generation == 8


@pytest.mark.parametrize("text", ["en", "de-AT", "pt-BR", "zh-Hans-CN", "sl-rozaj-biske-1994"])
def test_a_language_tag_is_a_locale(text: str) -> None:
    assert parse_locale(text) == text


@pytest.mark.parametrize(
    "text", ["", "e", "english", "de_AT", "*", "de-", "../de", "de\n", "de" + "-a" * 17]
)
def test_other_texts_are_no_locale(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_locale(text)


def test_a_new_address_is_proven_and_ends_no_session() -> None:
    user, new = a_user(generation=3), Email.parse("new@example.org")

    changed = user.with_email(new, NOW + SECOND)

    assert (changed.email, changed.verified, changed.generation) == (new, True, 3)
    assert changed.password_hash == user.password_hash
    assert changed.updated_at == NOW + SECOND


def test_a_restored_address_ends_the_sessions_and_the_password() -> None:
    former = Email.parse("former@example.org")

    restored = a_user(generation=3).with_restored_email(former, NOW + SECOND)

    assert (restored.email, restored.verified, restored.generation) == (former, True, 4)
    assert restored.password_hash == NO_PASSWORD
    assert restored.updated_at == NOW + SECOND
