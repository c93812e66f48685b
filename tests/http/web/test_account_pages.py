"""Registration and the account, by pages without scripts."""

import re

import pytest

from application.second_factors.policy import SecondFactorPolicy
from tests.http.client import Client
from tests.http.web.browser import Browser, Page
from tests.support.builders import PASSWORD

ADA, NEW = "ada@example.org", "a better one than before"


@pytest.fixture
async def account(browser: Browser) -> Page:
    """The page of an account that has just been made."""
    page = await browser.open("/register")
    page = await browser.submit(page, "/register", name="Ada", email=ADA, password=PASSWORD)
    assert page.path == "/login?done=registered"
    return await browser.submit(page, "/login", email=ADA, password=PASSWORD)


async def test_a_registration_that_is_refused_says_why_and_keeps_what_was_typed(
    browser: Browser,
) -> None:
    page = await browser.open("/register")
    page = await browser.submit(page, "/register", name="Ada", email="ada", password="short")

    assert page.status == 400
    assert page.title.startswith("Error: ")
    assert "Email address must be an email address" in page.text
    assert "Password must be at least 8 characters long" in page.text
    assert 'value="Ada"' in page.source
    assert page.source.count('aria-invalid="true"') == 2
    assert 'href="#email"' in page.source
    assert "short" not in re.findall(r'value="([^"]*)"', page.source)


async def test_problems_are_in_the_language_of_the_reader(client: Client) -> None:
    german = Browser(client, "de")
    page = await german.open("/register")
    page = await german.submit(page, "/register", name="", email="ada", password="kurz")

    assert "Name darf nicht leer sein" in page.text
    assert "E-Mail-Adresse muss eine E-Mail-Adresse sein" in page.text
    assert "Passwort muss mindestens 8 Zeichen lang sein" in page.text


async def test_an_address_that_is_taken_is_named(browser: Browser, account: Page) -> None:
    assert account.path == "/account"
    await browser.submit(account, "/logout")
    page = await browser.open("/register")

    page = await browser.submit(page, "/register", name="Eve", email=ADA, password=PASSWORD)

    assert page.status == 409
    assert "Email address is the address of an account already" in page.text


async def test_the_profile_is_changed(browser: Browser, account: Page) -> None:
    page = await browser.submit(account, "/account", name="Ada <b>Lovelace</b>", locale="de")

    assert page.path == "/account?done=saved"
    assert "Ihr Profil ist gespeichert." in page.text
    assert "Ada &lt;b&gt;Lovelace&lt;/b&gt;" in page.source
    assert "<b>" not in page.source

    page = await browser.submit(page, "/account", name="")
    assert (page.status, "Name darf nicht leer sein" in page.text) == (400, True)


@pytest.mark.usefixtures("account")
async def test_the_password_is_changed(browser: Browser) -> None:
    page = await browser.open("/account/password")
    refused = await browser.submit(
        page, "/account/password", current_password="a wrong one", new_password=NEW
    )
    assert (refused.status, "Current password is wrong" in refused.text) == (400, True)

    page = await browser.submit(
        page, "/account/password", current_password=PASSWORD, new_password=NEW
    )

    assert page.path == "/account?done=changed"
    assert (await browser.open("/account")).path == "/account"


async def test_other_devices_are_seen_and_logged_out(
    browser: Browser, account: Page, client: Client
) -> None:
    mine = dict(client.cookies)
    client.cookies.clear()
    for _ in range(2):
        await browser.log_in(ADA, PASSWORD)
        client.cookies.clear()
    client.cookies.update(mine)

    page = await browser.open("/account/sessions")
    assert page.source.count("<li>\n    <h2>") == 3
    assert page.text.count("this one") == 1

    page = await browser.submit(page, "/account/sessions")  # its last form: all others
    assert page.path == "/account/sessions?done=ended"
    assert page.source.count("<li>\n    <h2>") == 1
    assert (await browser.open("/account")).path == "/account"
    assert account.path == "/account"


@pytest.mark.usefixtures("account")
async def test_the_activity_is_in_plain_words(browser: Browser, client: Client) -> None:
    cookies = dict(client.cookies)
    client.cookies.clear()
    await browser.log_in(ADA, "a wrong password")
    client.cookies.update(cookies)

    page = await browser.open("/account/activity")

    assert "Account created" in page.text
    assert "Login: wrong password" in page.text


async def test_a_link_for_a_new_password_is_promised_for_every_address(browser: Browser) -> None:
    page = await browser.open("/forgot")
    texts = set()
    for email in (ADA, "nobody@example.org"):
        sent = await browser.submit(page, "/forgot", email=email)
        texts.add(sent.text.replace(email, "…"))
        assert sent.status == 200

    assert len(texts) == 1
    refused = await browser.submit(page, "/forgot", email="ada")
    assert refused.status == 400


@pytest.mark.usefixtures("account")
async def test_a_user_who_must_enrol_a_factor_gets_to_the_page_for_it(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SecondFactorPolicy, "requires_level_two", lambda _policy, _user: True)

    page = await browser.open("/account")

    assert (page.status, page.path) == (200, "/account/security")
