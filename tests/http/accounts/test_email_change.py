"""Changing the address over HTTP, and undoing it."""

from pathlib import Path

import pytest

from infrastructure.config.settings import Settings
from tests.http.client import (
    EMAIL,
    MY_EMAIL,
    NEW_PASSWORD,
    PROOF,
    RESET,
    UNDO_EMAIL,
    Client,
    visible_parts,
)
from tests.http.conftest import ReadMail, each_stack
from tests.http.failing_requests import problems_of
from tests.support.builders import PASSWORD

DONE = {"status": "success"}
KEPT = {"new_password_needed": False}
NEW, TAKEN = "new@example.org", "eve@example.org"
REQUEST = {"email": NEW, "password": PASSWORD}
UNKNOWN_TOKEN = "x" * 43


async def links(read_mail: ReadMail) -> dict[tuple[str, str], str | None]:
    return {(letter.to, letter.kind.value): letter.token for letter in await read_mail()}


@each_stack
async def test_an_address_is_changed_and_the_change_undone(
    client: Client, read_mail: ReadMail
) -> None:
    await client.sign_up()

    requested = await client.post(MY_EMAIL, json=REQUEST)
    letters = await links(read_mail)
    confirmed = await client.post(PROOF, json={"token": letters[NEW, "email_change"]})

    assert (requested.status_code, requested.json()) == (202, DONE)
    assert (confirmed.status_code, confirmed.json()["data"]) == (200, KEPT)
    me = (await client.me()).json()["data"]["user"]  # the session stays
    assert (me["email"], me["verified"]) == (NEW, True)

    letters = await links(read_mail)
    undone = await client.post(UNDO_EMAIL, json={"token": letters[EMAIL, "email_changed"]})

    assert (undone.status_code, undone.json()) == (200, DONE)
    assert (await client.me()).status_code == 401
    assert (await client.log_in()).status_code == 400
    letters = await links(read_mail)
    body = {"token": letters[EMAIL, "password_reset"], "password": NEW_PASSWORD}
    assert (await client.post(RESET, json=body)).status_code == 200
    assert (await client.log_in(password=NEW_PASSWORD)).status_code == 200
    assert (await client.me()).json()["data"]["user"]["email"] == EMAIL


async def test_a_request_is_answered_alike_for_every_address(
    client: Client, read_mail: ReadMail
) -> None:
    await client.register(TAKEN)
    await client.sign_up()

    answers = [
        visible_parts(await client.post(MY_EMAIL, json=REQUEST | {"email": email}))
        for email in (NEW, TAKEN, EMAIL)
    ]

    assert all(each == answers[0] for each in answers)
    assert {letter.to for letter in await read_mail()} == {NEW, TAKEN, EMAIL}


async def test_bad_links_are_answered_alike(client: Client, read_mail: ReadMail) -> None:
    await client.sign_up()
    await client.post(MY_EMAIL, json=REQUEST)
    letters = await links(read_mail)
    confirm = letters[NEW, "email_change"]
    await client.post(PROOF, json={"token": confirm})

    answers = [
        visible_parts(await client.post(path, json={"token": token}))
        for path in (PROOF, UNDO_EMAIL)
        for token in (confirm, UNKNOWN_TOKEN, "", "x" * 10_000)
    ]

    assert all(each == answers[0] for each in answers)
    assert answers[0][0] == 400


@pytest.mark.parametrize("path", [PROOF, UNDO_EMAIL])
async def test_following_a_link_uses_nothing(
    client: Client, read_mail: ReadMail, path: str
) -> None:
    """Mail scanners open links."""
    await client.sign_up()
    await client.post(MY_EMAIL, json=REQUEST)
    letters = await links(read_mail)
    kind = (NEW, "email_change") if path == PROOF else (EMAIL, "email_change_requested")

    for method in ("GET", "HEAD"):
        answer = await client.request(method, path, params={"token": letters[kind]})
        assert answer.status_code == 405

    assert (await client.post(path, json={"token": letters[kind]})).status_code == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"email": "no address"}, "email"),
        ({"email": "new@example.org\r\nBcc: all@example.org"}, "email"),
        ({"link_target": "https://evil.example/"}, "link_target"),
        ({"password": "x" * 5000}, "password"),
    ],
)
async def test_a_malformed_request_names_its_problem(
    client: Client, read_mail: ReadMail, body: dict[str, str], field: str
) -> None:
    await client.sign_up()

    [problem] = problems_of(await client.post(MY_EMAIL, json=REQUEST | body))

    assert problem["field"] == field
    assert await read_mail() == []


async def test_a_former_address_cannot_be_registered_while_it_can_be_restored(
    client: Client, read_mail: ReadMail
) -> None:
    await client.sign_up()
    await client.post(MY_EMAIL, json=REQUEST)
    letters = await links(read_mail)
    await client.post(PROOF, json={"token": letters[NEW, "email_change"]})

    answer = await client.register(EMAIL)

    assert (answer.status_code, answer.json()["code"]) == (409, "email_taken")


async def test_the_owner_of_an_address_that_an_attacker_asked_for_takes_the_account(
    client: Client, read_mail: ReadMail
) -> None:
    await client.sign_up()
    await client.post(MY_EMAIL, json=REQUEST)
    letters = await links(read_mail)
    client.cookies.clear()

    answer = await client.post(PROOF, json={"token": letters[NEW, "email_change"]})

    assert (answer.status_code, answer.json()["data"]) == (200, {"new_password_needed": True})
    assert (await client.log_in(NEW)).status_code == 400


class TestWithoutMail:
    @pytest.fixture
    def settings(self, tmp_path: Path) -> Settings:
        stores = {"USERS_URL": "memory:", "SESSIONS_URL": "memory:"}
        return Settings.read(stores | {"DOORWARD_DATA": str(tmp_path)})

    async def test_a_request_is_refused(self, client: Client) -> None:
        await client.sign_up()

        answer = await client.post(MY_EMAIL, json=REQUEST)

        assert (answer.status_code, answer.json()["code"]) == (501, "mail_off")
