"""A login with a second factor over HTTP: a challenge first, and then what a login answers."""

from typing import Any

import pytest
from litestar import Litestar

from tests.http.client import (
    LOGIN,
    ORIGIN,
    SECOND_FACTOR,
    Client,
    a_client,
    bearer,
    code_at,
)
from tests.http.failing_requests import problems_of
from tests.support.builders import SECOND
from tests.support.doubles import SettableClock


@pytest.fixture
async def secret(client: Client, clock: SettableClock) -> str:
    """The secret of the authenticator app of a user who is logged out."""
    tokens = await client.obtain_tokens()
    enrolled = await client.enrol(clock(), tokens["access_token"])
    clock.advance(30 * SECOND)  # the code that has confirmed it is used up
    return str(enrolled.extensions["secret"])


@pytest.mark.usefixtures("secret")
@pytest.mark.parametrize("members", [{}, {"transport": "cookie"}, {"transport": "bearer"}])
async def test_the_password_alone_answers_a_challenge_and_no_token(
    client: Client, members: dict[str, str]
) -> None:
    answer = await client.log_in(**members)

    assert answer.status_code == 401
    body = answer.json()
    assert len(body.pop("challenge")) == 43
    assert body == {
        "status": "fail",
        "message": "A second factor is needed to log in",
        "code": "second_factor_required",
        "methods": ["totp", "recovery_code"],
        "expires_in": 300,
    }
    assert "set-cookie" not in answer.headers
    assert dict(client.cookies) == {}
    assert answer.headers["www-authenticate"] == 'Bearer realm="doorward"'
    assert answer.headers["cache-control"] == "no-store"


async def test_a_wrong_password_does_not_tell_of_a_second_factor(
    client: Client, secret: str
) -> None:
    with_factor = await client.log_in(password="not it")
    unknown = await client.log_in("nobody@example.org")

    assert secret
    assert with_factor.json() == unknown.json()
    assert with_factor.json()["code"] == "invalid_credentials"


async def test_a_code_completes_a_login_with_bearer_transport(
    client: Client, clock: SettableClock, secret: str
) -> None:
    refused = await client.log_in(transport="bearer")

    answer = await client.answer_challenge(refused, code_at(secret, clock()))

    assert answer.status_code == 200
    assert set(answer.json()) == {
        *("status", "access_token", "token_type", "expires_in", "refresh_token", "device_token")
    }
    assert "set-cookie" not in answer.headers
    token = answer.json()["access_token"]
    assert (await client.verify(token)).headers["x-session-level"] == "2"
    assert (await client.refresh(answer.json()["refresh_token"])).status_code == 200


@pytest.mark.parametrize(
    ("members", "in_body"),
    [
        ({}, {"status", "access_token", "token_type", "expires_in"}),
        ({"transport": "cookie"}, {"status", "expires_in"}),
    ],
)
async def test_a_code_completes_a_login_with_cookies(
    client: Client,
    clock: SettableClock,
    secret: str,
    members: dict[str, str],
    in_body: set[str],
) -> None:
    refused = await client.log_in(**members)

    answer = await client.answer_challenge(refused, code_at(secret, clock()))

    assert set(answer.json()) == in_body
    assert set(client.cookies) == {"access_token", "refresh_token", "logged_in", "device"}
    assert (await client.me()).status_code == 200
    assert (await client.refresh()).status_code == 200


async def test_a_known_device_of_a_bearer_client_answers_its_challenge(
    client: Client, clock: SettableClock, secret: str
) -> None:
    first = await client.answer_challenge(
        await client.log_in(transport="bearer"), code_at(secret, clock())
    )
    clock.advance(30 * SECOND)
    device = {"device_token": first.json()["device_token"]}
    refused = await client.log_in(transport="bearer", **device)
    code = code_at(secret, clock())

    without = await client.answer_challenge(refused, code)
    answer = await client.answer_challenge(refused, code, **device)

    assert without.json()["code"] == "second_factor_invalid"
    assert answer.json()["device_token"] == device["device_token"]


async def test_a_challenge_is_good_once_and_for_its_client(
    client: Client, app: Litestar, clock: SettableClock, secret: str
) -> None:
    refused = await client.log_in(transport="bearer")
    code = code_at(secret, clock())

    async with a_client(app, ORIGIN) as other:
        other.headers["User-Agent"] = "another program"
        stolen = await other.answer_challenge(refused, code)
    first = await client.answer_challenge(refused, code)
    clock.advance(30 * SECOND)
    second = await client.answer_challenge(refused, code_at(secret, clock()))

    assert [each.status_code for each in (stolen, first, second)] == [400, 200, 400]
    assert stolen.json() == second.json()
    assert "set-cookie" not in stolen.headers


async def test_all_refusals_of_a_second_factor_are_the_same(
    client: Client, clock: SettableClock, secret: str
) -> None:
    refused = await client.log_in()
    wrong = await client.answer_challenge(refused, "000000")
    no_code = await client.answer_challenge(refused, "K7QF-2MXP-9TRA", "recovery_code")
    body = {"challenge": "unknown", "method": "totp", "code": code_at(secret, clock())}
    unknown = await client.post(SECOND_FACTOR, json=body)

    answers = [each.json() for each in (wrong, no_code, unknown)]
    assert (
        answers
        == [
            {
                "status": "fail",
                "message": "The second factor was not accepted: please try again, or log in again",
                "code": "second_factor_invalid",
            }
        ]
        * 3
    )


@pytest.mark.usefixtures("secret")
async def test_a_recovery_code_completes_a_login_in_any_spelling(
    client: Client, clock: SettableClock
) -> None:
    eve = await client.obtain_tokens("eve@example.org")
    enrolled = await client.enrol(clock(), eve["access_token"])
    [code, *_] = enrolled.json()["recovery_codes"]
    refused = await client.log_in("eve@example.org", transport="bearer")

    answer = await client.answer_challenge(
        refused, code.lower().replace("-", " "), "recovery_code"
    )

    left = await client.get(
        "/api/users/me/second-factors", headers=bearer(answer.json()["access_token"])
    )
    assert left.json()["recovery_codes_left"] == 9


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"method": "password"}, "method"),
        ({"method": "passkeys"}, "method"),
        ({"code": 123456}, "code"),
        ({"challenge": None}, "challenge"),
        ({"transport": "bearer"}, "transport"),
    ],
    ids=str,
)
async def test_a_malformed_answer_to_a_challenge_is_refused(
    client: Client, change: dict[str, Any], field: str
) -> None:
    body = {"challenge": "unknown", "method": "totp", "code": "123456"}

    answer = await client.post(SECOND_FACTOR, json=body | change)

    assert [each["field"] for each in problems_of(answer)] == [field]


async def test_the_challenge_is_a_member_of_a_problem_document_too(
    client: Client, clock: SettableClock, secret: str
) -> None:
    body = {"email": "ada@example.org", "password": "correct horse battery staple"}
    headers = {"Accept": "application/problem+json"}
    refused = await client.post(LOGIN, json=body, headers=headers)

    assert refused.json()["status"] == 401
    answer = await client.answer_challenge(refused, code_at(secret, clock()))

    assert answer.status_code == 200
