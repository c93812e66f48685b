"""Users who are invited by pages, without scripts."""

from dataclasses import replace

import pytest

from application.ports import UserRepository
from domain.mail.message import MailKind
from domain.permissions import Role
from infrastructure.config.settings import Settings
from tests.http.client import NEW_PASSWORD, RESET, Client, stored_user
from tests.http.conftest import ReadMail
from tests.http.web.admin.helpers import ADA
from tests.http.web.browser import Browser, Page

NEW, EVE = "/admin/users/new", "eve@example.org"


async def invite(browser: Browser, **typed: str) -> Page:
    page = await browser.open(NEW)
    fields = {"name": "Eve", "email": EVE, "role": "auditor", "locale": "de", "reason": "new"}
    return await browser.submit(page, NEW, **{**fields, **typed})


@pytest.mark.usefixtures("stepped_up")
async def test_an_invited_user_gets_a_link_to_set_a_password(
    browser: Browser, client: Client, users: UserRepository, read_mail: ReadMail
) -> None:
    assert NEW in (await browser.open("/admin/users")).read.links

    page = await invite(browser)

    user = await stored_user(users, EVE)
    assert page.path == f"/admin/users/{user.id}?done=invitation"
    assert "The invitation is on its way." in page.text
    assert "active, invited" in page.text
    assert "role auditor; reason: new" in page.text
    assert (user.role, user.locale) == (Role.AUDITOR, "de")
    [letter] = [each for each in await read_mail() if each.kind is MailKind.INVITATION]
    page = await browser.submit(await browser.open("/reset"), "/reset", token=letter.token or "")
    assert page.title.startswith("Choose a password")
    assert "This logs out all devices" not in page.text
    page = await browser.submit(page, "/reset", password="short")
    assert page.title.startswith("Error: Choose a password")
    body = {"token": letter.token, "password": NEW_PASSWORD}
    assert (await client.post(RESET, json=body)).status_code == 200
    assert "invited" not in (await browser.open(f"/admin/users/{user.id}")).text


@pytest.mark.usefixtures("stepped_up")
async def test_an_invitation_is_sent_again(
    browser: Browser, users: UserRepository, read_mail: ReadMail
) -> None:
    await invite(browser)
    await read_mail()
    path = f"/admin/users/{(await stored_user(users, EVE)).id}/invitation"
    page = await browser.open(path.removesuffix("/invitation"))
    assert path in page.read.links
    assert path.replace("invitation", "password-reset") not in page.read.links

    page = await browser.submit(await browser.open(path), path, reason="it was lost")

    assert "The invitation is on its way." in page.text
    assert [each.kind for each in await read_mail()] == [MailKind.INVITATION]


@pytest.mark.usefixtures("stepped_up")
async def test_problems_are_beside_their_fields_and_what_was_typed_stays(
    browser: Browser, read_mail: ReadMail
) -> None:
    page = await invite(browser, name="", email="eve", role="king", reason="")
    assert page.status == 400
    assert "Role is none of the roles" in page.text

    page = await invite(browser, name="", email="eve", reason="")
    assert page.status == 400
    assert page.title.startswith("Error: Invite a user")
    for problem in ("Name must not be empty", "Reason must not be empty"):
        assert problem in page.text
    assert 'value="eve"' in page.source

    page = await invite(browser, email=ADA)
    assert page.status == 409
    assert "Email address is the address of an account already" in page.text
    assert [each for each in await read_mail() if each.kind is MailKind.INVITATION] == []


class TestWithoutMail:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        without = Settings.read({"MAIL_URL": "off", "USERS_URL": "memory:"})
        return replace(settings, mail=without.mail)

    @pytest.mark.usefixtures("stepped_up")
    async def test_the_page_says_what_else_to_do(self, browser: Browser) -> None:
        page = await browser.open(NEW)

        assert "doorward users create" in page.text
        assert set(page.read.forms) == {"/logout"}
        assert NEW not in (await browser.open("/admin/users")).read.links
