"""The pages that links in mails lead to, without scripts: people paste the link."""

from datetime import timedelta
from pathlib import Path

import pytest

from domain.mail.message import MailKind
from infrastructure.config.settings import Settings
from tests.http.client import ME, MY_EMAIL, NEW_PASSWORD, ORIGIN, Client, code_at
from tests.http.conftest import ReadMail
from tests.http.web.browser import Browser
from tests.support.builders import PASSWORD
from tests.support.doubles import SettableClock

ADA = "ada@example.org"
VERIFICATION = "/account/email/verification"
REQUIRED = {"EMAIL_VERIFICATION": "required"}
NOT_VALID = "This link is not valid"


@pytest.fixture
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Settings with pages or without, and with mails that prove addresses."""
    return Settings.read(
        {
            "USERS_URL": "memory:",
            "SESSIONS_URL": "memory:",
            "DOORWARD_DATA": str(tmp_path),
            "MAIL_URL": "memory:",
            "EMAIL_VERIFICATION": "optional",
            **getattr(request, "param", {}),
        }
    )


async def link(read_mail: ReadMail, kind: MailKind, page: str) -> str:
    """Return a link as mails have it, to be pasted."""
    [letter] = [each for each in await read_mail() if each.kind is kind]
    return f" {ORIGIN}/{page}#token={letter.token}\n"


async def forgot(client: Client, read_mail: ReadMail) -> str:
    await client.post("/api/auth/password/forgot", json={"email": ADA})
    return await link(read_mail, MailKind.PASSWORD_RESET, "reset")


@pytest.fixture(autouse=True)
async def ada(client: Client) -> None:
    await client.register(ADA)
    client.cookies.clear()


@pytest.mark.parametrize("settings", [{}, {"PAGES": "off"}], indirect=True)
async def test_a_password_is_reset_by_a_pasted_link(
    browser: Browser, client: Client, read_mail: ReadMail, settings: Settings
) -> None:
    page = await browser.open("/reset")
    assert page.read.forms["/reset"] == {"token": ""}
    empty = await browser.submit(page, "/reset")
    assert (empty.status, "Link from the mail must not be empty" in empty.text) == (400, True)
    page = await browser.submit(page, "/reset", token=await forgot(client, read_mail))
    assert (page.status, "code" in page.read.forms["/reset"]) == (200, False)
    refused = await browser.submit(page, "/reset", password="short")
    assert (refused.status, 'href="#password"' in refused.source) == (400, True)

    done = await browser.submit(refused, "/reset", password=NEW_PASSWORD)

    assert "The new password is set." in done.text
    assert ("/login" in done.path) == settings.pages.has_account_pages
    assert (await client.log_in(ADA, password=NEW_PASSWORD)).status_code == 200
    again = await browser.submit(page, "/reset", password=NEW_PASSWORD)
    assert (again.status, NOT_VALID in again.text) == (400, True)
    assert settings.pages.has_account_pages or "/login" not in again.source


async def test_a_link_that_is_not_valid_asks_for_no_password(browser: Browser) -> None:
    page = await browser.submit(await browser.open("/reset"), "/reset", token="x" * 43)

    assert page.status == 400
    assert page.title.startswith(NOT_VALID)
    assert "/reset" not in page.read.forms
    assert "/forgot" in page.read.links


async def test_a_reset_asks_for_the_second_factor(
    browser: Browser, client: Client, read_mail: ReadMail, clock: SettableClock
) -> None:
    page = await browser.submit(
        await browser.open("/verify"),
        "/verify",
        token=await link(read_mail, MailKind.EMAIL_VERIFICATION, "verify"),
        password=PASSWORD,
    )
    assert "The address is confirmed." in page.text
    await client.log_in(ADA)
    secret = (await client.enrol(clock())).extensions["secret"]
    client.cookies.clear()
    await read_mail()

    page = await browser.submit(
        await browser.open("/reset"), "/reset", token=await forgot(client, read_mail)
    )
    typed = {"password": NEW_PASSWORD}
    for code in ("", "000000"):
        refused = await browser.submit(page, "/reset", **typed, code=code)
        assert refused.status == 400
        assert "This code was not accepted." in refused.text
        assert NEW_PASSWORD not in refused.source
    clock.advance(timedelta(seconds=30))
    page = await browser.submit(page, "/reset", **typed, code=code_at(secret, clock()))

    assert page.path == "/login?done=password_set"


@pytest.mark.parametrize(("password", "keeps"), [(PASSWORD, True), ("", False)])
async def test_an_address_is_confirmed(
    browser: Browser, client: Client, read_mail: ReadMail, password: str, *, keeps: bool
) -> None:
    token = await link(read_mail, MailKind.EMAIL_VERIFICATION, "verify")
    page = await browser.open("/verify")
    refused = await browser.submit(page, "/verify", token=token, password="a wrong one")
    assert (refused.status, "Password is wrong" in refused.text) == (400, True)

    page = await browser.submit(refused, "/verify", password=password)

    assert page.title.startswith("Your address is confirmed")
    assert ("set a new password" in page.text) == (not keeps)
    assert ((await client.log_in(ADA)).status_code == 200) == keeps


async def test_the_cookies_of_the_browser_confirm_an_address_without_the_password(
    browser: Browser, client: Client, read_mail: ReadMail
) -> None:
    token = await link(read_mail, MailKind.EMAIL_VERIFICATION, "verify")
    await browser.log_in(ADA, PASSWORD)

    page = await browser.submit(await browser.open("/verify"), "/verify", token=token)

    assert "set a new password" not in page.text
    assert (await client.get(ME)).json()["data"]["user"]["verified"] is True


async def test_a_change_of_the_address_is_undone(
    browser: Browser, client: Client, read_mail: ReadMail
) -> None:
    await read_mail()
    await client.log_in(ADA)
    change = {"email": "new@example.org", "password": PASSWORD}
    await client.post(MY_EMAIL, json=change, headers={"Origin": ORIGIN})
    token = await link(read_mail, MailKind.EMAIL_CHANGE_REQUESTED, "undo")

    page = await browser.submit(await browser.open("/undo"), "/undo", token=token)

    assert page.title.startswith("Your former address is restored")
    assert (await client.get(ME)).status_code == 401


@pytest.mark.parametrize("path", ["/reset", "/verify", "/undo"])
async def test_a_form_of_another_site_uses_no_link(browser: Browser, path: str) -> None:
    page = await browser.post(path, {"token": "x"}, Origin="https://evil.example")

    assert page.status == 403


async def test_the_mail_that_confirms_an_address_is_sent_again(
    browser: Browser, client: Client, read_mail: ReadMail
) -> None:
    await read_mail()
    page = await browser.log_in(ADA, PASSWORD)
    assert "Your address is not confirmed yet" in page.text
    texts = set()
    for email in (ADA, "nobody@example.org"):
        page = await browser.post("/register/mail", {"email": email})
        assert page.status == 200
        texts.add(page.text.replace(email, "…"))

    assert len(texts) == 1
    [letter] = await read_mail()
    assert (letter.kind, letter.to) == (MailKind.EMAIL_VERIFICATION, ADA)
    assert client.cookies
    page = await browser.submit(await browser.open("/verify"), "/verify", token=letter.token or "")
    assert VERIFICATION not in (await browser.open("/account")).read.forms


async def test_a_user_who_is_logged_in_gets_the_mail_and_a_way_back_to_the_account(
    browser: Browser, read_mail: ReadMail
) -> None:
    await read_mail()
    page = await browser.log_in(ADA, PASSWORD)

    page = await browser.submit(page, VERIFICATION)

    assert f"We have sent a mail to {ADA}." in page.text
    assert "you can log in" not in page.text
    assert "/account" in page.read.links
    assert "/login" not in page.read.links
    assert [(each.kind, each.to) for each in await read_mail()] == [
        (MailKind.EMAIL_VERIFICATION, ADA)
    ]


@pytest.mark.parametrize("settings", [{"EMAIL_VERIFICATION": "off"}], indirect=True)
async def test_without_verification_no_page_asks_to_confirm_an_address(browser: Browser) -> None:
    page = await browser.log_in(ADA, PASSWORD)

    assert page.path == "/account"
    assert "not confirmed" not in page.text
    assert VERIFICATION not in page.read.forms


@pytest.mark.parametrize("settings", [REQUIRED], indirect=True)
async def test_a_refused_login_of_an_unconfirmed_address_offers_another_mail(
    browser: Browser, read_mail: ReadMail
) -> None:
    await read_mail()
    page = await browser.log_in(ADA, PASSWORD)
    assert page.status == 403

    page = await browser.submit(page, "/register/mail")

    assert "Check your mail" in page.text
    assert [each.to for each in await read_mail()] == [ADA]
