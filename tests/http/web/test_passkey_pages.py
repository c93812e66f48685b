"""Passkeys on pages. The tests do what the script does: fill in the field ``credential``."""

import json
import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest

from tests.http.client import ME, ORIGIN, VERIFY, Client
from tests.http.web.browser import Browser, Page
from tests.support.authenticator import Authenticator
from tests.support.builders import PASSWORD
from tests.support.doubles import SettableClock

ADA = "ada@example.org"
SECURITY = "/account/security"
ADD, OPTIONS = f"{SECURITY}/passkeys/add", "/login/passkey/options"


async def add(browser: Browser, authenticator: Authenticator, **typed: str) -> Page:
    """Add a passkey by the page for it."""
    page = await browser.submit(await browser.open(SECURITY), f"{SECURITY}/passkeys/new")
    if "/account/step-up" in page.read.forms:
        page = await browser.submit(page, "/account/step-up", step_up_password=PASSWORD)
    return await browser.submit(page, ADD, credential=created(authenticator, page), **typed)


def created(authenticator: Authenticator, page: Page) -> str:
    [options] = re.findall(r'data-create="([^"]+)"', page.source)
    return json.dumps(authenticator.create(json.loads(unescape(options))))


async def used(client: Client, authenticator: Authenticator) -> str:
    answer = await client.post(OPTIONS, headers={"Origin": ORIGIN})
    assert answer.status_code == 200
    return json.dumps(authenticator.get(answer.json()["options"]))


@pytest.fixture
async def authenticator(browser: Browser, client: Client) -> Authenticator:
    """That has a passkey of Ada, who is logged in."""
    await client.register(ADA)
    await browser.log_in(ADA, PASSWORD)
    authenticator = Authenticator()
    page = await add(browser, authenticator, name="Phone")
    assert len(re.findall(r"<code>([A-Z0-9-]{14})</code>", page.source)) == 10
    return authenticator


async def test_a_passkey_is_added_and_logs_in_alone(
    browser: Browser, client: Client, authenticator: Authenticator
) -> None:
    page = await browser.open(SECURITY)
    assert 'value="Phone"' in page.source
    await browser.submit(page, "/logout")
    page = await browser.open("/login?return_to=/account/sessions")
    assert 'autocomplete="username webauthn"' in page.source

    credential = await used(client, authenticator)
    page = await browser.submit(page, "/login", credential=credential)

    assert page.path == "/account/sessions"
    assert (await client.get(f"{VERIFY}?level=2")).status_code == 204


@pytest.mark.usefixtures("authenticator")
async def test_a_second_passkey_comes_without_codes(browser: Browser) -> None:
    page = await add(browser, Authenticator())

    assert page.path == f"{SECURITY}?done=passkey_added"
    assert "The passkey is added." in page.text


async def test_a_passkey_is_the_second_factor_of_a_password(
    browser: Browser, client: Client, authenticator: Authenticator
) -> None:
    await browser.submit(await browser.open(SECURITY), "/logout")
    page = await browser.log_in(ADA, PASSWORD)
    assert f'data-passkey="{OPTIONS}"' in page.source
    assert "One of your recovery codes." in page.text  # there is no app

    page = await browser.submit(page, "/login/second-factor", credential="{}")
    assert (page.status, f'data-passkey="{OPTIONS}"' in page.source) == (400, True)
    credential = await used(client, authenticator)
    page = await browser.submit(page, "/login/second-factor", credential=credential)

    assert page.path == "/account"


async def test_a_passkey_steps_up_and_the_refused_form_is_sent_again(
    browser: Browser, client: Client, authenticator: Authenticator, clock: SettableClock
) -> None:
    clock.advance(timedelta(minutes=11))
    form = f"{SECURITY}/passkeys"
    listed = (await browser.open(SECURITY)).read.forms[form]
    page = await browser.post(form, listed | {"action": "remove"})
    assert "Confirm that it is you" in page.text

    credential = await used(client, authenticator)
    page = await browser.submit(page, "/account/step-up", step_up_credential=credential)

    assert page.path == f"{SECURITY}?done=passkey_removed"


@pytest.mark.parametrize("credential", ["x", "[]", "{}", "null", "[" * 5000])
async def test_a_credential_that_is_none_is_refused(
    browser: Browser, client: Client, credential: str
) -> None:
    page = await browser.submit(await browser.open("/login"), "/login", credential=credential)

    assert page.status == 400
    assert "This passkey was not accepted." in page.text
    assert (await client.get(ME)).status_code == 401


@pytest.mark.usefixtures("authenticator")
async def test_a_passkey_that_was_made_too_late_is_asked_for_again_with_its_name(
    browser: Browser, clock: SettableClock
) -> None:
    page = await browser.submit(await browser.open(SECURITY), f"{SECURITY}/passkeys/new")
    credential = created(Authenticator(), page)
    clock.advance(timedelta(minutes=6))

    for late in (credential, ""):
        page = await browser.submit(page, ADD, credential=late, name="Key")
        assert page.status == 400
        assert "It may have taken too long" in page.text
        assert 'value="Key"' in page.source

    page = await browser.submit(page, ADD, credential=created(Authenticator(), page), name="Key")
    assert page.path == f"{SECURITY}?done=passkey_added"


@pytest.mark.usefixtures("authenticator")
async def test_a_name_that_is_not_accepted_is_a_problem_of_its_field(browser: Browser) -> None:
    page = await add(browser, Authenticator(), name="x" * 101)

    assert page.status == 400
    assert 'href="#name"' in page.source


@pytest.mark.parametrize("path", ["/login", f"{SECURITY}"])
async def test_a_page_says_that_passkeys_need_scripts(
    browser: Browser, client: Client, path: str
) -> None:
    await client.register(ADA)
    if path == SECURITY:
        await browser.log_in(ADA, PASSWORD)

    page = await browser.open(path)

    assert '<p class="hint no-script">Passkeys need JavaScript' in page.source


async def test_options_are_for_pages_of_this_service(client: Client) -> None:
    headers: dict[str, Any] = {"Origin": "https://evil.example"}

    assert (await client.post(OPTIONS, headers=headers)).status_code == 403
