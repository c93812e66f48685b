"""Clients that are no browsers keep their tokens themselves, and get no cookie."""

import pytest

from tests.http.client import LOGOUT, REFRESH, Client, bearer


async def test_a_login_by_bearer_answers_with_both_tokens_and_sets_no_cookie(
    client: Client,
) -> None:
    await client.register()

    answer = await client.log_in(transport="bearer")

    body = answer.json()
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers
    assert body == {
        "status": "success",
        "access_token": body["access_token"],
        "refresh_token": body["refresh_token"],
        "token_type": "Bearer",
        "expires_in": 900,
        "device_token": body["device_token"],
    }
    assert body["access_token"] != body["refresh_token"]


async def test_a_refresh_by_body_answers_with_both_tokens_and_sets_no_cookie(
    client: Client,
) -> None:
    tokens = await client.obtain_tokens()

    answer = await client.refresh(tokens["refresh_token"])

    body = answer.json()
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers
    del tokens["device_token"]
    assert body == tokens | {
        "access_token": body["access_token"],
        "refresh_token": body["refresh_token"],
    }
    assert body["access_token"] != tokens["access_token"]
    assert body["refresh_token"] != tokens["refresh_token"]
    assert (await client.me(body["access_token"])).status_code == 200
    assert (await client.refresh(body["refresh_token"])).status_code == 200


async def test_a_logout_by_body_ends_the_session(client: Client) -> None:
    tokens = await client.obtain_tokens()

    answer = await client.log_out(tokens["refresh_token"])

    assert answer.status_code == 200
    assert answer.json() == {"status": "success"}
    assert (await client.me(tokens["access_token"])).status_code == 401
    assert (await client.refresh(tokens["refresh_token"])).status_code == 401


@pytest.mark.parametrize("transport", ["Bearer", "header", "", None, 1, ["bearer"]])
async def test_there_is_no_third_transport(client: Client, transport: object) -> None:
    await client.register()

    answer = await client.log_in(transport=transport)

    assert answer.status_code == 400
    assert [problem["field"] for problem in answer.json()["errors"]] == ["transport"]


async def test_the_token_in_the_body_wins_over_the_cookie(client: Client) -> None:
    other = await client.obtain_tokens("eve@example.org")
    await client.sign_up()

    answer = await client.refresh(other["refresh_token"])

    token = answer.json()["access_token"]
    assert "set-cookie" not in answer.headers
    client.cookies.clear()
    assert (await client.me(token)).json()["data"]["user"]["email"] == "eve@example.org"


@pytest.mark.parametrize("body", [None, {}, {"refresh_token": None}, {"other": 1}])
async def test_a_body_without_a_token_leaves_it_to_the_cookie(
    client: Client, body: object
) -> None:
    await client.sign_up()

    answer = await client.post(REFRESH, json=body)

    assert answer.status_code == 200
    assert client.cookies["access_token"] == answer.json()["access_token"]


async def test_a_refresh_token_is_not_taken_from_the_authorization_header(client: Client) -> None:
    tokens = await client.obtain_tokens()

    answer = await client.refresh(headers=bearer(tokens["refresh_token"]))

    assert answer.status_code == 403


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_bearer_token_alone_logs_out(client: Client, method: str) -> None:
    tokens = await client.obtain_tokens()

    answer = await client.request(method, LOGOUT, headers=bearer(tokens["access_token"]))

    assert answer.json() == {"status": "success"}
    assert (await client.refresh(tokens["refresh_token"])).status_code == 401
