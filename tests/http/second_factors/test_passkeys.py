"""Passkeys over HTTP: both ceremonies, in both transports."""

import asyncio
from dataclasses import replace
from typing import Any

import httpx
import pytest

from application.ports import UserRepository
from application.registration_policy import RegistrationPolicy
from tests.http.client import (
    ADMIN_EMAIL,
    EMAIL,
    FORGOT,
    MY_EXPORT,
    MY_PASSKEY_OPTIONS,
    MY_PASSKEYS,
    NEW_PASSWORD,
    PASSKEY_LOGIN,
    PASSKEY_OPTIONS,
    RESET,
    SECOND_FACTOR,
    SESSIONS,
    STEP_UP,
    USERS,
    Client,
    an_administrator,
    bearer,
    stored_user,
)
from tests.http.conftest import ReadMail
from tests.http.failing_requests import problems_of
from tests.support.authenticator import Authenticator, Json, decode


@pytest.fixture
def device() -> Authenticator:
    return Authenticator()


async def credential(client: Client, device: Authenticator, **lies: Any) -> Json:
    """Return the answer of an authenticator to new options."""
    answer = await client.post(PASSKEY_OPTIONS)
    assert answer.status_code == 200
    return device.get(answer.json()["options"], **lies)


async def add(
    client: Client, device: Authenticator, token: str | None = None, **members: Any
) -> httpx.Response:
    """Add a passkey in a session that is stepped up."""
    headers = bearer(token) if token else {}
    options = await client.post(MY_PASSKEY_OPTIONS, headers=headers)
    assert options.status_code == 200
    made = device.create(options.json()["options"])
    return await client.post(MY_PASSKEYS, json={"credential": made} | members, headers=headers)


async def enrolled(client: Client, device: Authenticator) -> Json:
    """Return the answer to the first passkey of a new user, by a client without cookies."""
    tokens = await client.obtain_tokens()
    answer = await add(client, device, await client.stepped_up(tokens["access_token"]))
    assert answer.status_code == 200
    body: Json = answer.json()
    return body


def is_refused(answer: httpx.Response) -> bool:
    return (answer.status_code, answer.json()["code"], answer.json()["message"]) == (
        400,
        "passkey_invalid",
        "This passkey does not work here",
    )


async def test_the_options_of_a_login_name_no_user(client: Client) -> None:
    answer = await client.post(PASSKEY_OPTIONS)

    options = answer.json()["options"]
    assert len(decode(options.pop("challenge"))) == 32
    assert options == {"rpId": "localhost", "timeout": 300_000, "userVerification": "required"}
    assert answer.headers["cache-control"] == "no-store"
    assert "set-cookie" not in answer.headers


async def test_the_options_of_a_registration_are_those_of_the_standard(
    client: Client, device: Authenticator
) -> None:
    token = await client.stepped_up((await client.obtain_tokens())["access_token"])

    options = (await client.post(MY_PASSKEY_OPTIONS, headers=bearer(token))).json()["options"]

    assert len(decode(options.pop("challenge"))) == 32
    user = options.pop("user")
    assert len(decode(user["id"])) == 64
    assert (user["name"], user["displayName"]) == (EMAIL, "Ada Lovelace")
    assert options == {
        "rp": {"id": "localhost", "name": "localhost"},
        "excludeCredentials": [],
        "pubKeyCredParams": [{"alg": alg, "type": "public-key"} for alg in (-7, -8, -257)],
        "timeout": 300_000,
        "authenticatorSelection": {
            "residentKey": "required",
            "requireResidentKey": True,
            "userVerification": "required",
        },
        "attestation": "none",
        "extensions": {"credProps": True},
    }
    added = await add(client, device, token)
    token = added.json()["access_token"]
    again = (await client.post(MY_PASSKEY_OPTIONS, headers=bearer(token))).json()["options"]
    [existing] = again["excludeCredentials"]
    assert decode(existing["id"]) == device.credential_id
    assert existing["transports"] == ["internal", "hybrid"]
    assert again["user"] == user


async def test_a_passkey_is_added_with_bearer_tokens(
    client: Client, device: Authenticator
) -> None:
    before = await client.obtain_tokens()
    other = (await client.obtain_tokens())["access_token"]
    stepped_up = await client.stepped_up(before["access_token"])

    answer = await add(client, device, stepped_up, name="My phone")

    body = answer.json()
    assert "set-cookie" not in answer.headers
    passkey = body["data"]["passkey"]
    assert passkey["name"] == "My phone"
    assert decode(passkey["credentialId"]) == device.credential_id
    assert (passkey["synced"], passkey["lastUsedAt"]) == (False, None)
    assert len(body["recovery_codes"]) == 10
    assert (await client.me(body["access_token"])).status_code == 200
    assert (await client.refresh(body["refresh_token"])).status_code == 200
    for dead in (stepped_up, other):
        assert (await client.me(dead)).status_code == 401
    refused = await client.log_in()
    assert refused.json()["methods"] == ["passkey", "recovery_code"]


async def test_a_passkey_is_added_with_cookies(client: Client, device: Authenticator) -> None:
    await client.sign_up()
    await client.step_up()

    answer = await add(client, device)

    assert answer.status_code == 200
    assert "access_token" not in answer.json()
    assert (await client.me()).status_code == 200
    listed = (await client.get(MY_PASSKEYS)).json()["data"]["passkeys"]
    assert listed == [answer.json()["data"]["passkey"]]


async def test_a_passkey_logs_in_with_cookies(client: Client, device: Authenticator) -> None:
    await enrolled(client, device)

    answer = await client.post(
        PASSKEY_LOGIN,
        json={"credential": await credential(client, device), "transport": "cookie"},
    )

    assert answer.json() == {"status": "success", "expires_in": 900}
    assert (await client.me()).status_code == 200
    names = [each.partition("=")[0] for each in answer.headers.get_list("set-cookie")]
    assert names == ["access_token", "refresh_token", "logged_in", "device"]
    assert (await client.verify(params={"level": "2"})).status_code == 204


async def test_a_passkey_logs_in_with_bearer_tokens(client: Client, device: Authenticator) -> None:
    await enrolled(client, device)

    answer = await client.post(
        PASSKEY_LOGIN,
        json={"credential": await credential(client, device), "transport": "bearer"},
    )

    body = answer.json()
    assert body.keys() == {
        "status", "access_token", "token_type", "expires_in", "refresh_token", "device_token",
    }  # fmt: skip
    assert "set-cookie" not in answer.headers
    assert (await client.me(body["access_token"])).status_code == 200
    [mine] = (await client.get(MY_PASSKEYS, headers=bearer(body["access_token"]))).json()["data"][
        "passkeys"
    ]
    assert mine["lastUsedAt"] is not None


async def test_without_a_transport_the_access_token_is_in_the_body_too(
    client: Client, device: Authenticator
) -> None:
    await enrolled(client, device)

    answer = await client.post(
        PASSKEY_LOGIN, json={"credential": await credential(client, device)}
    )

    assert answer.json().keys() == {"status", "access_token", "token_type", "expires_in"}
    assert "refresh_token" in answer.cookies


async def test_all_refusals_of_a_passkey_are_alike(
    client: Client, device: Authenticator, users: UserRepository
) -> None:
    await enrolled(client, device)
    unknown = Authenticator(user_handle=device.user_handle)
    used = await credential(client, device)
    await client.post(PASSKEY_LOGIN, json={"credential": used})
    refused = [
        used,
        await credential(client, unknown),
        await credential(client, device, signature=b"wrong"),
        await credential(client, device, origin="https://evil.example"),
        await credential(client, device, user_handle=bytes(64)),
        await credential(client, device) | {"type": "password"},
        await credential(client, device) | {"id": "AAAA"},
        await credential(client, device) | {"rawId": "A+==", "id": "A+=="},
        await credential(client, device) | {"rawId": "A", "id": "A"},
    ]
    user = await stored_user(users)

    answers = [await client.post(PASSKEY_LOGIN, json={"credential": each}) for each in refused]
    await users.replace(user, replace(user, disabled=True))
    disabled = await credential(client, device)
    answers.append(await client.post(PASSKEY_LOGIN, json={"credential": disabled}))

    assert [is_refused(each) for each in answers] == [True] * 10
    assert {each.text for each in answers} == {answers[0].text}


async def test_members_of_later_browsers_are_ignored_and_others_refused(
    client: Client, device: Authenticator
) -> None:
    await enrolled(client, device)
    sent = await credential(client, device)
    sent |= {"later": 1, "response": sent["response"] | {"later": 2}}

    unknown = await client.post(PASSKEY_LOGIN, json={"credential": sent, "transprot": "cookie"})
    answer = await client.post(PASSKEY_LOGIN, json={"credential": sent})

    assert [each["field"] for each in problems_of(unknown)] == ["transprot"]
    assert answer.status_code == 200


async def test_of_parallel_uses_of_one_assertion_one_logs_in(
    client: Client, device: Authenticator
) -> None:
    tokens = await enrolled(client, device)
    body = {"credential": await credential(client, device), "transport": "bearer"}

    answers = await asyncio.gather(*(client.post(PASSKEY_LOGIN, json=body) for _ in range(20)))

    assert sorted(each.status_code for each in answers) == [200] + [400] * 19
    mine = await client.get(SESSIONS, headers=bearer(tokens["access_token"]))
    assert len(mine.json()["data"]["sessions"]) == 2


async def test_a_passkey_completes_a_login(client: Client, device: Authenticator) -> None:
    await enrolled(client, device)
    asked = (await client.log_in(transport="bearer")).json()
    body = {"challenge": asked["challenge"], "method": "passkey"}

    partial = await client.post(SECOND_FACTOR, json=body)
    wrong = await credential(client, device, signature=b"wrong")
    refused = await client.post(SECOND_FACTOR, json=body | {"credential": wrong})
    right = await credential(client, device)
    answer = await client.post(SECOND_FACTOR, json=body | {"credential": right})

    assert [each["field"] for each in problems_of(partial)] == ["body"]
    assert is_refused(refused)
    assert (await client.me(answer.json()["access_token"])).status_code == 200


async def test_a_passkey_steps_up_and_the_password_does_not(
    client: Client, device: Authenticator
) -> None:
    await enrolled(client, device)
    body = {"credential": await credential(client, device), "transport": "bearer"}
    token = (await client.post(PASSKEY_LOGIN, json=body)).json()["access_token"]

    refused = await client.step_up(token)
    proof = {"credential": await credential(client, device)}
    answer = await client.post(STEP_UP, json=proof, headers=bearer(token))

    assert refused.json()["code"] == "step_up_required"
    assert refused.json()["methods"] == ["passkey", "recovery_code"]
    stepped_up = answer.json()["access_token"]
    options = await client.post(MY_PASSKEY_OPTIONS, headers=bearer(stepped_up))
    assert options.status_code == 200


async def test_a_reset_asks_for_the_passkey(
    client: Client, device: Authenticator, read_mail: ReadMail
) -> None:
    await enrolled(client, device)
    await read_mail()
    await client.post(FORGOT, json={"email": EMAIL})
    [letter] = await read_mail()
    body = {"token": letter.token, "password": NEW_PASSWORD}

    asked = await client.post(RESET, json=body)
    proof = {"method": "passkey", "credential": await credential(client, device)}
    answer = await client.post(RESET, json=body | proof)

    assert asked.json()["methods"] == ["passkey", "recovery_code"]
    assert answer.status_code == 200


async def test_a_passkey_is_renamed_and_removed(client: Client, device: Authenticator) -> None:
    added = await enrolled(client, device)
    headers = bearer(added["access_token"])
    path = f"{MY_PASSKEYS}/{added['data']['passkey']['id']}"

    renamed = await client.patch(path, json={"name": "Key ring"}, headers=headers)
    removed = await client.delete(path, headers=headers)

    assert renamed.json()["data"]["passkey"]["name"] == "Key ring"
    token = removed.json()["access_token"]
    assert (await client.me(added["access_token"])).status_code == 401
    listed = await client.get(MY_PASSKEYS, headers=bearer(token))
    assert listed.json()["data"]["passkeys"] == []
    assert (await client.log_in()).status_code == 200
    gone = await client.delete(path, headers=bearer(await client.stepped_up(token)))
    assert gone.status_code == 404


async def test_my_passkeys_are_among_my_data(client: Client, device: Authenticator) -> None:
    added = await enrolled(client, device)

    answer = await client.get(MY_EXPORT, headers=bearer(added["access_token"]))

    assert answer.json()["data"]["passkeys"] == [added["data"]["passkey"]]


async def test_an_address_that_is_not_proven_is_asked_for(
    client: Client, device: Authenticator, monkeypatch: pytest.MonkeyPatch
) -> None:
    await enrolled(client, device)
    required = property(lambda _: True)
    monkeypatch.setattr(RegistrationPolicy, "requires_verification", required)

    answer = await client.post(
        PASSKEY_LOGIN, json={"credential": await credential(client, device)}
    )

    assert (answer.status_code, answer.json()["code"]) == (403, "email_unverified")


async def test_an_administrator_lists_and_removes_passkeys(
    client: Client, device: Authenticator, users: UserRepository
) -> None:
    added = await enrolled(client, device)
    admin = await an_administrator(client, users, ADMIN_EMAIL)
    path = f"{USERS}/{(await stored_user(users)).id}/passkeys"

    listed = await client.get(path, headers=admin)
    [passkey] = listed.json()["data"]["passkeys"]
    removed = await client.delete(f"{path}/{passkey['id']}", headers=admin)

    assert passkey == added["data"]["passkey"]
    assert removed.status_code == 200
    assert (await client.me(added["access_token"])).status_code == 401
    assert (await client.log_in()).status_code == 200
