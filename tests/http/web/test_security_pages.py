"""Second factors, by pages without scripts."""

import base64
import re
from datetime import timedelta

import pytest

from domain.second_factors import totp
from tests.http.client import MY_PASSKEY_OPTIONS, MY_PASSKEYS, ORIGIN, Client
from tests.http.web.browser import Browser, Page
from tests.support.authenticator import Authenticator
from tests.support.builders import PASSWORD
from tests.support.doubles import SettableClock

ADA = "ada@example.org"
SECURITY = "/account/security"


@pytest.fixture
async def stepped_up(browser: Browser, client: Client) -> Page:
    """The page about security, after a step-up."""
    await client.register(ADA)
    await browser.log_in(ADA, PASSWORD)
    page = await browser.submit(await browser.open(SECURITY), f"{SECURITY}/totp")
    assert (page.status, page.path) == (200, f"{SECURITY}/totp")
    page = await browser.submit(page, "/account/step-up", step_up_password=PASSWORD)
    assert page.path == f"{SECURITY}/totp"
    return await browser.open(SECURITY)


async def enrol(browser: Browser, page: Page, clock: SettableClock) -> tuple[bytes, Page]:
    """Set an app up, and return its secret and the page with the recovery codes."""
    page = await browser.submit(page, f"{SECURITY}/totp")
    [shown] = re.findall(r"<code>([A-Z2-7]+)</code>", page.source)
    assert "<svg" in page.source
    secret = base64.b32decode(shown + "=" * (-len(shown) % 8))
    code = totp.code_at(secret, totp.step_at(clock()))
    return secret, await browser.submit(page, f"{SECURITY}/totp/confirm", code=code)


async def test_an_authenticator_app_is_set_up_used_and_removed(
    browser: Browser, stepped_up: Page, clock: SettableClock
) -> None:
    assert stepped_up.path == SECURITY
    secret, page = await enrol(browser, stepped_up, clock)
    codes = re.findall(r"<code>([A-Z0-9-]{14})</code>", page.source)
    assert len(set(codes)) == 10

    page = await browser.open(SECURITY)
    assert "You have 10 of them left." in page.text
    await browser.submit(page, "/logout")
    page = await browser.log_in(ADA, PASSWORD)
    clock.advance(timedelta(seconds=30))
    code = totp.code_at(secret, totp.step_at(clock()))
    page = await browser.submit(page, "/login/second-factor", code=code)
    assert page.path == "/account"

    page = await browser.submit(await browser.open(SECURITY), f"{SECURITY}/totp/remove")
    page = await browser.submit(page, "/account/step-up", step_up_code=codes[0])
    assert "The app is removed." in page.text
    await browser.submit(page, "/logout")
    assert (await browser.log_in(ADA, PASSWORD)).path == "/account"


async def test_a_wrong_code_shows_the_same_key_again(browser: Browser, stepped_up: Page) -> None:
    page = await browser.submit(stepped_up, f"{SECURITY}/totp")
    key = re.findall(r"<code>([A-Z2-7]+)</code>", page.source)

    page = await browser.submit(page, f"{SECURITY}/totp/confirm", code="000000")

    assert page.status == 400
    assert "This code was not right." in page.text
    assert re.findall(r"<code>([A-Z2-7]+)</code>", page.source) == key


async def test_an_app_that_is_confirmed_with_an_expired_token_sets_each_cookie_once(
    browser: Browser, stepped_up: Page, client: Client, clock: SettableClock
) -> None:
    page = await browser.submit(stepped_up, f"{SECURITY}/totp")
    [shown] = re.findall(r"<code>([A-Z2-7]+)</code>", page.source)
    code = totp.code_at(base64.b32decode(shown), totp.step_at(clock()))
    client.cookies.delete("access_token")

    page = await browser.submit(page, f"{SECURITY}/totp/confirm", code=code)

    cookies = page.response.headers.get_list("set-cookie")
    names = [each.partition("=")[0] for each in cookies]
    assert sorted(names) == ["access_token", "device", "logged_in", "refresh_token"]
    assert (await browser.open("/account")).path == "/account"


async def test_recovery_codes_are_renewed(
    browser: Browser, stepped_up: Page, clock: SettableClock
) -> None:
    _, first = await enrol(browser, stepped_up, clock)
    page = await browser.submit(await browser.open(SECURITY), f"{SECURITY}/recovery-codes")

    codes = [re.findall(r"<code>([A-Z0-9-]{14})</code>", each.source) for each in (first, page)]
    assert len({*codes[0], *codes[1]}) == 20


async def test_a_forged_picture_is_no_fault_of_the_service(
    browser: Browser, stepped_up: Page
) -> None:
    page = await browser.submit(stepped_up, f"{SECURITY}/totp")

    page = await browser.submit(page, f"{SECURITY}/totp/confirm", code="000000", uri="x" * 5000)

    assert page.status == 400
    assert "The form was not complete." in page.text


MARKUP = "\"><script>alert(1)</script><b x='y"
ESCAPED = "&#34;&gt;&lt;script&gt;alert(1)&lt;/script&gt;"


@pytest.mark.usefixtures("stepped_up")
async def test_a_passkey_is_renamed_and_removed(browser: Browser, client: Client) -> None:
    headers = {"Origin": ORIGIN}
    offered = (await client.post(MY_PASSKEY_OPTIONS, headers=headers)).json()["options"]
    body = {"credential": Authenticator().create(offered), "name": "Phone"}
    assert (await client.post(MY_PASSKEYS, json=body, headers=headers)).status_code == 200
    page = await browser.open(SECURITY)
    assert re.search(r"Added \d+ \w+ 20\d\d", page.text)

    form = f"{SECURITY}/passkeys"
    sent = page.read.forms[form]
    page = await browser.post(form, sent | {"name": "", "action": "rename"})
    assert page.path == f"{SECURITY}?refused=name"
    assert "The passkey keeps its name" in page.text
    assert 'value="Phone"' in page.source
    page = await browser.post(form, sent | {"name": MARKUP, "action": "rename"})
    assert page.path == f"{SECURITY}?done=passkey_renamed"
    assert page.source.count(ESCAPED) == 3
    assert "<script" not in page.source

    page = await browser.post(form, sent | {"action": "remove"})
    assert page.path == f"{SECURITY}?done=passkey_removed"
    assert form not in page.read.forms


async def test_markup_in_what_a_device_says_is_text(browser: Browser, client: Client) -> None:
    await client.register(ADA, name=MARKUP)
    client.headers["User-Agent"] = MARKUP
    await browser.log_in(ADA, PASSWORD)

    for path in ("/account", "/account/sessions"):
        source = (await browser.open(path)).source
        assert ESCAPED in source
        assert "<script" not in source
