"""Administrators invite users, who set their passwords by the link in a mail."""

from datetime import timedelta
from pathlib import Path

import pytest
from dishka import AsyncContainer

from application.accounts.registration import CreateUser
from application.ports import UserRepository
from domain.actor import Operator
from domain.mail.message import MailKind
from domain.permissions import Role
from infrastructure.config.settings import Settings
from tests.http.client import (
    ADMIN_EMAIL,
    AUDIT,
    EMAIL,
    NEW_PASSWORD,
    RESET,
    USERS,
    Client,
    an_administrator,
    bearer,
    stored_user,
)
from tests.http.conftest import ReadMail
from tests.http.failing_requests import problems_of
from tests.support.builders import PASSWORD
from tests.support.doubles import SettableClock

INVITATION = {"name": "Ada", "email": EMAIL}


@pytest.fixture
async def admin(client: Client, container: AsyncContainer) -> dict[str, str]:
    """The headers of an administrator, whom the operator has created."""
    create_user: CreateUser = await container.get(CreateUser)
    await create_user(Operator(), "Grace", ADMIN_EMAIL, PASSWORD, Role.ADMIN)
    tokens = (await client.log_in(ADMIN_EMAIL, transport="bearer")).json()
    return bearer(await client.stepped_up(tokens["access_token"]))


class TestClosedRegistration:
    @pytest.fixture
    def settings(self, tmp_path: Path) -> Settings:
        stores = {"USERS_URL": "memory:", "SESSIONS_URL": "memory:", "MAIL_URL": "memory:"}
        closed = {"DOORWARD_DATA": str(tmp_path), "REGISTRATION": "closed"}
        return Settings.read(stores | closed)

    async def test_an_invited_user_sets_a_password_and_logs_in(
        self, client: Client, admin: dict[str, str], users: UserRepository, read_mail: ReadMail
    ) -> None:
        body = {**INVITATION, "role": "auditor", "locale": "de", "reason": "new in the team"}

        answer = await client.post(USERS, json=body, headers=admin)

        assert answer.status_code == 201
        user = answer.json()["data"]["user"]
        assert user == user | {**INVITATION, "role": "auditor", "verified": False}
        [letter] = [each for each in await read_mail() if each.to == EMAIL]
        assert (letter.kind, letter.locale) == (MailKind.INVITATION, "de")
        chosen = {"token": letter.token, "password": NEW_PASSWORD}
        assert (await client.post(RESET, json=chosen)).status_code == 200
        assert (await client.log_in(password=NEW_PASSWORD)).status_code == 200
        assert (await stored_user(users)).verified
        events = (await client.get(AUDIT, params={"what": "register"}, headers=admin)).json()
        assert events["data"]["events"][0]["detail"] == "role auditor; reason: new in the team"


async def test_an_invited_user_cannot_log_in_before_that(
    client: Client, admin: dict[str, str]
) -> None:
    await client.post(USERS, json=INVITATION, headers=admin)

    for password in ("", NEW_PASSWORD):
        answer = await client.log_in(password=password)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_credentials")


async def test_an_invitation_is_good_for_a_week_and_can_be_sent_again(
    client: Client,
    admin: dict[str, str],
    users: UserRepository,
    read_mail: ReadMail,
    clock: SettableClock,
) -> None:
    user = (await client.post(USERS, json=INVITATION, headers=admin)).json()["data"]["user"]
    [first] = [each for each in await read_mail() if each.to == EMAIL]
    clock.advance(timedelta(days=7))
    late = {"token": first.token, "password": NEW_PASSWORD}
    assert (await client.post(RESET, json=late)).status_code == 400
    headers = await an_administrator(client, users, "other@example.org")

    again = await client.post(f"{USERS}/{user['id']}/password-reset", headers=headers)

    assert again.status_code == 202
    [second] = [each for each in await read_mail() if each.kind is MailKind.INVITATION]
    chosen = {"token": second.token, "password": NEW_PASSWORD}
    assert (await client.post(RESET, json=chosen)).status_code == 200


async def test_an_invitation_with_problems_is_refused(
    client: Client, admin: dict[str, str], read_mail: ReadMail
) -> None:
    await client.register()
    await read_mail()
    bad = {"name": "", "email": "x", "locale": "?", "reason": ""}

    taken = await client.post(USERS, json=INVITATION, headers=admin)
    wrong = await client.post(USERS, json=bad, headers=admin)
    strange = await client.post(USERS, json={**INVITATION, "password": "x"}, headers=admin)
    king = await client.post(USERS, json={**INVITATION, "role": "king"}, headers=admin)

    assert (taken.status_code, taken.json()["code"]) == (409, "email_taken")
    assert [each["field"] for each in problems_of(wrong)] == ["name", "email", "locale", "reason"]
    assert (strange.status_code, king.status_code) == (400, 400)
    assert await read_mail() == []


class TestWithoutMail:
    @pytest.fixture
    def settings(self, tmp_path: Path) -> Settings:
        stores = {"USERS_URL": "memory:", "SESSIONS_URL": "memory:"}
        return Settings.read(stores | {"DOORWARD_DATA": str(tmp_path)})

    async def test_no_user_is_invited(self, client: Client, admin: dict[str, str]) -> None:
        answer = await client.post(USERS, json=INVITATION, headers=admin)

        assert (answer.status_code, answer.json()["code"]) == (501, "mail_off")
