"""The proof of an address over HTTP."""

from base64 import b64encode
from pathlib import Path
from typing import Any

import httpx
import pytest
from dishka import AsyncContainer
from litestar import Litestar

from application.mail.delivery import DeliverMail
from application.ports import Letter, MailSender
from infrastructure.config.settings import Settings
from infrastructure.mail.memory import MemoryMail
from tests.http.client import (
    CLIENT_ORIGIN,
    EMAIL,
    ORIGIN,
    PROOF,
    REGISTER,
    REQUEST_PROOF,
    Client,
    a_client,
    bearer,
)
from tests.http.failing_requests import problems_of
from tests.support.builders import PASSWORD

EVE = "eve@example.org"


@pytest.fixture
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    return Settings.read(
        {
            "USERS_URL": "memory:",
            "SESSIONS_URL": "memory:",
            "DOORWARD_DATA": str(tmp_path),
            "KEYS_SECRET": b64encode(bytes(32)).decode(),
            "MAIL_URL": "memory:",
        }
        | getattr(request, "param", {})
    )


def with_settings(**environment: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("settings", [environment], indirect=True)


async def letters(container: AsyncContainer) -> list[Letter]:
    """Deliver what is queued, and return all letters so far."""
    await (await container.get(DeliverMail))()
    sender = await container.get(MailSender)
    assert isinstance(sender, MemoryMail)
    return list(sender.sent)


async def last_token(container: AsyncContainer) -> str:
    token = (await letters(container))[-1].token
    assert token
    return token


@pytest.fixture
async def elsewhere(app: Litestar) -> Any:
    """A browser that has never been here."""
    async with a_client(app, ORIGIN) as other:
        yield other


async def test_the_browser_that_has_registered_proves_the_address_by_the_link_alone(
    client: Client, container: AsyncContainer
) -> None:
    assert (await client.register()).json()["data"]["user"]["verified"] is False

    answer = await client.post(PROOF, json={"token": await last_token(container)})

    assert answer.status_code == 200
    assert answer.json() == {"status": "success", "data": {"new_password_needed": False}}
    assert (await client.log_in()).status_code == 200
    assert (await client.me()).json()["data"]["user"]["verified"] is True
    assert (await client.verify()).headers["x-user-email-verified"] == "true"


async def test_another_browser_proves_it_with_the_password(
    client: Client, elsewhere: Client, container: AsyncContainer
) -> None:
    await client.register()
    body = {"token": await last_token(container), "password": PASSWORD}

    answer = await elsewhere.post(PROOF, json=body)

    assert answer.json()["data"] == {"new_password_needed": False}


async def test_another_program_proves_it_with_a_session(
    client: Client, elsewhere: Client, container: AsyncContainer
) -> None:
    tokens = await client.obtain_tokens()
    body = {"token": await last_token(container)}

    answer = await elsewhere.post(PROOF, json=body, headers=bearer(tokens["access_token"]))

    assert answer.json()["data"] == {"new_password_needed": False}


async def test_another_browser_without_the_password_ends_what_was_there(
    client: Client, elsewhere: Client, container: AsyncContainer
) -> None:
    await client.sign_up()

    answer = await elsewhere.post(PROOF, json={"token": await last_token(container)})

    assert answer.json() == {"status": "success", "data": {"new_password_needed": True}}
    assert (await client.me()).status_code == 401
    assert (await client.log_in()).status_code == 400
    assert [letter.kind for letter in await letters(container)] == [
        "email_verification",
        "password_reset",
    ]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_scanner_that_opens_links_uses_nothing_up(
    client: Client, container: AsyncContainer, method: str
) -> None:
    await client.register()
    token = await last_token(container)

    opened = await client.request(method, PROOF, params={"token": token})

    assert opened.status_code == 405
    assert (await client.post(PROOF, json={"token": token})).status_code == 200


async def test_a_link_that_is_not_good_is_refused_in_one_way(
    client: Client, container: AsyncContainer
) -> None:
    await client.register()
    token = await last_token(container)
    await client.post(PROOF, json={"token": token})

    answers = [await client.post(PROOF, json={"token": each}) for each in (token, "unknown", "")]

    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {
        (400, "one_time_token_invalid")
    }
    assert len({answer.content for answer in answers}) == 1


async def test_a_wrong_password_is_an_error_that_leaves_the_link_usable(
    client: Client, elsewhere: Client, container: AsyncContainer
) -> None:
    await client.register()
    token = await last_token(container)

    refused = await elsewhere.post(PROOF, json={"token": token, "password": "a wrong one"})

    assert (refused.status_code, refused.json()["code"]) == (400, "wrong_password")
    assert (await client.post(PROOF, json={"token": token})).status_code == 200


async def test_another_site_does_not_use_the_cookies_of_a_browser(
    client: Client, container: AsyncContainer
) -> None:
    await client.register()
    body = {"token": await last_token(container)}

    refused = await client.post(PROOF, json=body, headers={"Origin": "https://evil.example"})
    accepted = await client.post(PROOF, json=body, headers={"Origin": CLIENT_ORIGIN})

    assert (refused.status_code, refused.json()["code"]) == (403, "cross_site_request")
    assert accepted.status_code == 200


async def test_a_request_for_a_link_is_answered_the_same_for_every_address(
    client: Client, container: AsyncContainer
) -> None:
    await client.register()

    answers = [await client.post(REQUEST_PROOF, json={"email": each}) for each in (EMAIL, EVE)]

    assert {(each.status_code, each.content) for each in answers} == {
        (202, b'{"status":"success"}')
    }
    assert [letter.to for letter in await letters(container)] == [EMAIL, EMAIL]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"email": "no address"}, "email"),
        ({"email": EMAIL, "link_target": "https://evil.example"}, "link_target"),
        ({"email": EMAIL, "link": ORIGIN}, "link"),
    ],
)
async def test_a_bad_request_for_a_link_is_refused_by_field(
    client: Client, body: dict[str, str], field: str
) -> None:
    answer = await client.post(REQUEST_PROOF, json=body)

    assert [each["field"] for each in problems_of(answer)] == [field]


@with_settings(MAIL_URL="off")
async def test_without_mail_a_request_says_so(client: Client) -> None:
    answer = await client.post(REQUEST_PROOF, json={"email": EMAIL})

    assert (answer.status_code, answer.json()["code"]) == (501, "mail_off")


@with_settings(EMAIL_VERIFICATION="off")
async def test_without_verification_a_registration_sends_and_sets_nothing(
    client: Client, container: AsyncContainer
) -> None:
    answer = await client.register()

    assert "set-cookie" not in answer.headers
    assert await letters(container) == []


@with_settings(EMAIL_VERIFICATION_EXPIRED_IN="2h")
async def test_the_lifetime_of_the_link_is_configured(
    client: Client, container: AsyncContainer
) -> None:
    await client.register()

    [letter] = await letters(container)

    assert (letter.expires_at - letter.created_at).total_seconds() == 7200


@with_settings(EMAIL_VERIFICATION="required")
async def test_a_required_verification_is_asked_for_after_the_right_password_only(
    client: Client, container: AsyncContainer
) -> None:
    await client.register()

    right, wrong = await client.log_in(), await client.log_in(password="a wrong password")
    unknown = await client.log_in(EVE)

    assert (right.status_code, right.json()["code"]) == (403, "email_unverified")
    assert "access_token" not in right.cookies
    assert wrong.json()["code"] == "invalid_credentials"
    assert wrong.content == unknown.content
    await client.post(PROOF, json={"token": await last_token(container)})
    assert (await client.log_in()).status_code == 200


@with_settings(REGISTRATION_DISCLOSES="false")
async def test_a_silent_registration_is_answered_the_same_for_a_taken_address(
    client: Client, elsewhere: Client, container: AsyncContainer
) -> None:
    first = await client.register()
    new, taken = await client.register(EVE), await elsewhere.register(EMAIL)

    assert (first.status_code, first.json()["status"]) == (202, "success")
    assert _shown(new) == _shown(taken) == _shown(first)
    assert [(each.to, each.kind.value) for each in await letters(container)][-2:] == [
        (EVE, "email_verification"),
        (EMAIL, "already_registered"),
    ]
    for email in (EVE, EMAIL):  # whoever has registered with it, and with the right password
        assert (await client.log_in(email)).json()["code"] == "invalid_credentials"


@with_settings(REGISTRATION_DISCLOSES="false")
async def test_a_silent_registration_refuses_bad_input_as_ever(client: Client) -> None:
    answer = await client.post(REGISTER, json={"name": "Ada", "email": EMAIL, "password": "short"})

    assert [each["field"] for each in problems_of(answer)] == ["password"]


def _shown(answer: httpx.Response) -> tuple[object, ...]:
    """Return the response without what is random in it."""
    cookies = [len(each) for each in answer.headers.get_list("set-cookie")]
    names = [name for name, _ in answer.headers.multi_items()]
    return answer.status_code, answer.content, cookies, names
