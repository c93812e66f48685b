"""Resetting a password over HTTP."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from application.ports import UserRepository
from domain.mail.message import MailKind
from infrastructure.config.settings import Settings
from tests.http.client import (
    CHECK_RESET,
    EMAIL,
    FORGOT,
    NEW_PASSWORD,
    RESET,
    THEIR_RESET,
    UNKNOWN_USER,
    Client,
    an_administrator,
    stored_user,
    visible_parts,
)
from tests.http.conftest import ReadMail, each_stack
from tests.http.failing_requests import problems_of
from tests.support.builders import PASSWORD
from tests.support.doubles import SettableClock

DONE = {"status": "success"}
PAGE = "https://app.example.com/reset"
NOBODY = "nobody@example.org"
UNKNOWN_TOKEN = "x" * 43
INVALID = {
    "status": "fail",
    "message": "This link is not valid, or not any more: please ask for a new one",
    "code": "one_time_token_invalid",
}


async def ask_for_link(client: Client, read_mail: ReadMail) -> str:
    """Return the token of the mail that a request causes."""
    answer = await client.post(FORGOT, json={"email": EMAIL})
    assert (answer.status_code, answer.json()) == (202, DONE)
    [letter] = await read_mail()
    assert letter.token
    return letter.token


async def reset(client: Client, token: str, password: str = NEW_PASSWORD) -> httpx.Response:
    return await client.post(RESET, json={"token": token, "password": password})


@each_stack
async def test_a_link_sets_a_new_password_once(client: Client, read_mail: ReadMail) -> None:
    tokens = await client.obtain_tokens()
    token = await ask_for_link(client, read_mail)

    checked = await client.post(CHECK_RESET, json={"token": token})
    answer = await reset(client, token)

    assert (checked.status_code, checked.json()) == (200, DONE)
    assert (answer.status_code, answer.json()) == (200, DONE)
    assert answer.headers.get("set-cookie") is None
    assert (await client.me(tokens["access_token"])).status_code == 401
    assert (await client.log_in(password=NEW_PASSWORD)).status_code == 200
    assert (await client.log_in()).status_code == 400
    assert (await client.me()).json()["data"]["user"]["verified"] is True
    again = await reset(client, token, PASSWORD)
    assert (again.status_code, again.json()) == (400, INVALID)
    assert [letter.kind for letter in await read_mail()] == [MailKind.PASSWORD_CHANGED]


async def test_a_refused_password_is_named_and_the_link_stays_good(
    client: Client, read_mail: ReadMail
) -> None:
    await client.register()
    token = await ask_for_link(client, read_mail)

    answer = await reset(client, token, "short")

    assert problems_of(answer) == [
        {"field": "password", "message": "must be at least 8 characters long"}
    ]
    assert (await reset(client, token)).status_code == 200


async def test_a_request_is_answered_alike_for_every_address(
    client: Client, read_mail: ReadMail
) -> None:
    await client.register()

    known = await client.post(FORGOT, json={"email": EMAIL})
    unknown = await client.post(FORGOT, json={"email": NOBODY})

    assert visible_parts(known) == visible_parts(unknown)
    assert [letter.to for letter in await read_mail()] == [EMAIL]


async def test_bad_links_are_answered_alike(client: Client, read_mail: ReadMail) -> None:
    await client.register()
    used = await ask_for_link(client, read_mail)
    await reset(client, used)

    answers = [
        visible_parts(await client.post(path, json={"token": token} | more))
        for token in (used, UNKNOWN_TOKEN, "", "x" * 10_000, "\u00e9")
        for path, more in ((RESET, {"password": NEW_PASSWORD}), (CHECK_RESET, {}))
    ]

    assert all(each == answers[0] for each in answers)
    assert answers[0][0] == 400


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        (FORGOT, {"email": "no address"}, "email"),
        (FORGOT, {"email": EMAIL, "link_target": "https://evil.example/"}, "link_target"),
        (FORGOT, {"email": EMAIL, "redirect": PAGE}, "redirect"),
        (FORGOT, {}, "email"),
        (RESET, {"token": UNKNOWN_TOKEN}, "password"),
        (RESET, {"token": UNKNOWN_TOKEN, "password": "x", "email": EMAIL}, "email"),
        (CHECK_RESET, {"token": UNKNOWN_TOKEN, "password": "x"}, "password"),
    ],
)
async def test_a_malformed_request_names_its_problem(
    client: Client, path: str, body: dict[str, str], field: str
) -> None:
    [problem] = problems_of(await client.post(path, json=body))

    assert problem["field"] == field


@pytest.mark.parametrize("path", [FORGOT, RESET, CHECK_RESET])
async def test_a_form_of_another_site_is_refused(client: Client, path: str) -> None:
    answer = await client.post(path, data={"email": EMAIL, "token": UNKNOWN_TOKEN})

    assert answer.status_code == 415


@pytest.mark.parametrize("path", [FORGOT, RESET, CHECK_RESET])
async def test_following_a_link_uses_nothing(
    client: Client, read_mail: ReadMail, path: str
) -> None:
    await client.register()
    token = await ask_for_link(client, read_mail)

    for method in ("GET", "HEAD"):
        answer = await client.request(method, path, params={"token": token})
        assert answer.status_code == 405

    assert (await reset(client, token)).status_code == 200


async def test_an_administrator_sends_a_link(
    client: Client, users: UserRepository, read_mail: ReadMail
) -> None:
    await client.register()
    admin = await an_administrator(client, users)
    path = THEIR_RESET.replace(UNKNOWN_USER, str((await stored_user(users)).id))

    answer = await client.post(path, headers=admin)

    assert (answer.status_code, answer.json()) == (202, DONE)
    assert (await client.log_in()).status_code == 200  # nothing has changed yet
    [letter] = await read_mail()
    assert letter.to == EMAIL
    assert letter.token
    assert (await reset(client, letter.token)).status_code == 200
    unknown = await client.post(THEIR_RESET, headers=admin)
    assert unknown.status_code == 404


class TestLifetime:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        """With links that are good for ten minutes."""
        mail = replace(settings.mail, reset_link_lifetime=timedelta(minutes=10))
        return replace(settings, mail=mail)

    @pytest.mark.parametrize(("minutes", "status"), [(9, 200), (10, 400)])
    async def test_a_link_is_good_as_long_as_configured(
        self, client: Client, read_mail: ReadMail, clock: SettableClock, minutes: int, status: int
    ) -> None:
        await client.register()
        token = await ask_for_link(client, read_mail)

        clock.advance(timedelta(minutes=minutes))

        assert (await client.post(CHECK_RESET, json={"token": token})).status_code == status


class TestWithoutMail:
    @pytest.fixture
    def settings(self, tmp_path: Path) -> Settings:
        """With the default of ``MAIL_URL`` beside any other database than the embedded one."""
        stores = {"USERS_URL": "memory:", "SESSIONS_URL": "memory:"}
        return Settings.read(stores | {"DOORWARD_DATA": str(tmp_path)})

    @pytest.mark.parametrize("email", [EMAIL, NOBODY, "no address"])
    async def test_a_request_is_refused(
        self, client: Client, email: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        await client.register()

        answer = await client.post(FORGOT, json={"email": email})

        assert (answer.status_code, answer.json()["code"]) == (501, "mail_off")
        failures = [each for each in caplog.records if each.levelname == "ERROR"]
        assert failures == []  # or any client could fill the log
