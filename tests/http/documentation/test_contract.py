"""The parts of the HTTP contract that clients of the service before rely on."""

from typing import Any
from uuid import UUID

import pytest

from tests.http.client import EMAIL, LOGIN, LOGOUT, ME, REFRESH, REGISTER, Client, bearer
from tests.support.builders import PASSWORD
from tests.support.doubles import SettableClock

LONGEST_EMAIL = "a" * 243 + "@example.org"


async def test_the_greeting_names_the_service_in_one_line(client: Client) -> None:
    answer = await client.get("/api/healthchecker")

    assert answer.status_code == 200
    assert answer.json() == {
        "status": "success",
        "message": "Doorward: signed tokens that can be revoked at once",
    }


async def test_a_registration_answers_with_exactly_these_members(
    client: Client, clock: SettableClock
) -> None:
    answer = await client.register()

    user = answer.json()["data"]["user"]
    now = clock().isoformat().replace("+00:00", "Z")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {"status": "success", "data": {"user": user}}
    assert UUID(user["id"]).version == 4
    assert user == {
        "id": str(UUID(user["id"])),
        "name": "Ada Lovelace",
        "email": EMAIL,
        "role": "user",
        "photo": "default.png",
        "verified": False,
        "createdAt": now,
        "updatedAt": now,
    }


async def test_a_registration_does_not_log_in(client: Client) -> None:
    answer = await client.register()

    assert "set-cookie" not in answer.headers
    assert (await client.me()).status_code == 401


@pytest.mark.parametrize(
    "members",
    [
        {"role": "admin"},
        {"verified": True},
        {"photo": "me.png"},
        {"disabled": True},
        {"id": "00000000-0000-4000-8000-000000000000"},
        {"createdAt": "2001-01-01T00:00:00Z", "updatedAt": "2001-01-01T00:00:00Z"},
        {"password_hash": "quick$1$00$00", "passwordHash": "quick$1$00$00"},
        {"transport": 5, "nothing we know": {"of": [None, 1.5]}},
    ],
    ids=lambda members: next(iter(members)),
)
async def test_a_registration_binds_no_unlisted_member(
    client: Client, members: dict[str, Any]
) -> None:
    plain = (await client.register("eve@example.org")).json()["data"]["user"]

    answer = await client.register(**members)

    user = answer.json()["data"]["user"]
    assert answer.status_code == 200
    assert user == plain | {"id": user["id"], "email": EMAIL}
    assert user["id"] != members.get("id")
    assert (await client.log_in()).status_code == 200


@pytest.mark.parametrize("member", ["password_confirm", "passwordConfirm"])
@pytest.mark.parametrize(
    ("confirmation", "status"),
    [
        (PASSWORD, 200),
        (None, 200),
        ("", 400),
        (PASSWORD + " ", 400),
        (PASSWORD.upper(), 400),
        (5, 400),
    ],
)
async def test_a_confirmation_that_is_sent_must_equal_the_password(
    client: Client, member: str, confirmation: Any, status: int
) -> None:
    answer = await client.register(**{member: confirmation})

    assert answer.status_code == status
    assert (await client.log_in()).status_code == status  # registered or not


async def test_both_confirmations_must_equal_the_password(client: Client) -> None:
    answer = await client.register(password_confirm=PASSWORD, passwordConfirm="something else")

    assert answer.status_code == 400
    assert answer.json()["errors"] == [
        {"field": "password_confirm", "message": "must equal the password"}
    ]


@pytest.mark.parametrize(
    ("member", "value", "status"),
    [
        ("name", "", 400),
        ("name", " ", 400),
        ("name", "A", 200),
        ("name", "a" * 100, 200),
        ("name", "a" * 101, 400),
        ("email", LONGEST_EMAIL, 200),
        ("email", "a" + LONGEST_EMAIL, 400),
        ("email", "ada", 400),
        ("email", "", 400),
        ("password", "7 chars", 400),
        ("password", "8 chars!", 200),
        ("password", "0123456789abcdef" * 16, 200),
        ("password", "0123456789abcdef" * 16 + "g", 400),
        ("password", "password1", 400),
        ("password", "Ada Lovelace", 400),
    ],
    ids=lambda value: str(value)[:12],
)
async def test_a_registration_accepts_fields_of_valid_length(
    client: Client, member: str, value: str, status: int
) -> None:
    answer = await client.register(**{member: value})

    assert answer.status_code == status
    if status == 400:
        assert [problem["field"] for problem in answer.json()["errors"]] == [member]
        assert not value.strip() or value not in answer.json()["errors"][0]["message"]


@pytest.mark.parametrize("email", [EMAIL, " ADA@Example.ORG ", "ada@example.org."])
async def test_an_address_in_any_spelling_is_registered_once(client: Client, email: str) -> None:
    await client.register()

    answer = await client.register(email)

    assert answer.status_code == 409
    assert answer.json() == {
        "status": "fail",
        "message": "User with that email already exists",
        "code": "email_taken",
    }
    assert (await client.log_in(email)).status_code == 200


async def test_a_login_answers_with_the_access_token_and_three_cookies(client: Client) -> None:
    await client.register()

    answer = await client.log_in()

    assert answer.status_code == 200
    assert answer.json() == {
        "status": "success",
        "access_token": answer.cookies["access_token"],
        "token_type": "Bearer",
        "expires_in": 900,
    }
    assert sorted(answer.cookies) == ["access_token", "device", "logged_in", "refresh_token"]
    assert answer.cookies["logged_in"] == "true"


async def test_the_access_token_is_good_as_a_cookie_and_as_a_bearer_token(client: Client) -> None:
    user = (await client.register()).json()
    token = (await client.log_in()).json()["access_token"]

    by_cookie = await client.me()
    client.cookies.clear()
    by_header = await client.me(token)

    assert by_cookie.status_code == by_header.status_code == 200
    assert by_cookie.json() == by_header.json() == user


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_refresh_by_cookie_answers_with_new_tokens(client: Client, method: str) -> None:
    await client.sign_up()
    before = client.login_cookies

    answer = await client.request(method, REFRESH)

    assert answer.status_code == 200
    assert answer.json() == {
        "status": "success",
        "access_token": client.cookies["access_token"],
        "token_type": "Bearer",
        "expires_in": 900,
    }
    assert client.cookies["access_token"] != before["access_token"]
    assert client.cookies["refresh_token"] != before["refresh_token"]
    assert (await client.me()).status_code == 200


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_logout_by_cookie_removes_all_cookies(client: Client, method: str) -> None:
    await client.sign_up()

    answer = await client.request(method, LOGOUT)

    assert answer.status_code == 200
    assert answer.json() == {"status": "success"}
    assert not client.login_cookies


@pytest.mark.parametrize("path", [REGISTER, LOGIN])
async def test_registering_and_logging_in_is_not_for_get(client: Client, path: str) -> None:
    assert (await client.get(path)).status_code == 405


async def test_old_clients_get_a_login_by_cookies_whatever_else_they_send(
    client: Client,
) -> None:
    await client.register()

    answer = await client.log_in(remember=True, transport="cookie")

    assert answer.status_code == 200
    assert "refresh_token" not in answer.json()
    assert sorted(client.login_cookies) == ["access_token", "logged_in", "refresh_token"]


async def test_an_earlier_access_token_stays_good_after_a_refresh(client: Client) -> None:
    tokens = await client.obtain_tokens()
    await client.refresh(tokens["refresh_token"])

    answer = await client.get(ME, headers=bearer(tokens["access_token"]))

    assert answer.status_code == 200
