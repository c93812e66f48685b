"""Logging in and out by pages, without scripts."""

from datetime import timedelta
from urllib.parse import quote

import pytest
from dishka import AsyncContainer
from litestar import Litestar

from application.ports import FactorSecrets, SecondFactorStore, UserRepository
from domain.email import Email
from domain.second_factors import totp
from domain.second_factors.factors import SecondFactors, Totp
from tests.http.client import ME, ORIGIN, Client, a_client
from tests.http.web.browser import Browser
from tests.support.builders import PASSWORD
from tests.support.doubles import SettableClock

ADA = "ada@example.org"
SECRET = b"12345678901234567890"


@pytest.fixture(autouse=True)
async def ada(client: Client) -> None:
    await client.register(ADA)


async def test_people_log_in_and_out(browser: Browser, client: Client) -> None:
    page = await browser.log_in(ADA, PASSWORD)

    assert (page.path, page.status) == ("/account", 200)
    assert "My account" in page.text
    assert (await client.get(ME)).status_code == 200

    page = await browser.submit(page, "/logout")
    assert page.path == "/login?done=logged_out"
    assert "You are logged out." in page.text
    assert (await client.get(ME)).status_code == 401
    assert (await browser.open("/account")).path == "/login?return_to=/account"


async def test_a_refused_login_keeps_the_address_and_not_the_password(browser: Browser) -> None:
    for email in (ADA, "nobody@example.org"):
        page = await browser.log_in(email, "a wrong password")

        assert page.status == 400
        assert "The email address or the password is wrong." in page.text
        assert f'value="{email}"' in page.source
        assert "a wrong password" not in page.source
        assert page.title.startswith("Error: Log in")


async def test_a_page_for_users_leads_to_the_login_and_back(browser: Browser) -> None:
    page = await browser.open("/account/sessions")
    assert page.path == "/login?return_to=/account/sessions"

    page = await browser.submit(page, "/login", email=ADA, password=PASSWORD)

    assert page.path == "/account/sessions"


async def test_a_visitor_without_cookies_is_no_failed_refresh(
    browser: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    for path in ("/login", "/account"):
        await browser.open(path)

    events = [each.msg["event"] for each in caplog.records if isinstance(each.msg, dict)]
    assert "refresh" not in events


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "javascript:alert(1)",
        "/../of-another-service",
        "/account/%2e%2E?x",
        "",
        "%0d",
    ],
)
async def test_a_login_leads_to_no_page_of_strangers(browser: Browser, target: str) -> None:
    page = await browser.open(f"/login?return_to={quote(target)}")
    policy = page.response.headers["content-security-policy"]
    assert policy.endswith("; form-action 'self'")
    page = await browser.submit(page, "/login", email=ADA, password=PASSWORD, return_to=target)

    assert page.path == "/account"


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example", "Sec_Fetch_Site": "cross-site"},
        {"Origin": "https://evil.example", "Sec_Fetch_Site": ""},
        {"Origin": "null", "Sec_Fetch_Site": "same-origin"},
        {"Sec_Fetch_Site": "same-site"},
        {"Sec_Fetch_Site": "none"},
    ],
)
async def test_a_form_of_another_site_logs_nobody_in(
    browser: Browser, client: Client, headers: dict[str, str]
) -> None:
    page = await browser.post("/login", {"email": ADA, "password": PASSWORD}, **headers)

    assert page.status == 403
    assert "another site" in page.text
    assert not client.cookies


async def test_a_form_without_any_statement_of_its_origin_is_refused(client: Client) -> None:
    refused = await client.post("/login", data={"email": ADA, "password": PASSWORD})

    assert refused.status_code == 403
    assert refused.headers["content-type"].startswith("text/html")


async def test_an_expired_access_token_is_refreshed_by_the_way(
    browser: Browser, client: Client, clock: SettableClock
) -> None:
    await browser.log_in(ADA, PASSWORD)
    before = client.cookies["refresh_token"]
    clock.advance(timedelta(minutes=20))

    page = await browser.open("/account")

    assert page.path == "/account"
    assert client.cookies["refresh_token"] != before
    assert (await client.get(ME)).status_code == 200


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_two_tabs_and_a_lost_answer_log_nobody_out(
    browser: Browser, client: Client, clock: SettableClock, method: str
) -> None:
    await browser.log_in(ADA, PASSWORD)
    spent, answer = dict(client.cookies), None
    clock.advance(timedelta(minutes=20))

    for minutes in (0, 0, 1, 14, 20):  # the cookies of the answers are lost
        client.cookies.clear()
        client.cookies.update(spent)
        clock.advance(timedelta(minutes=minutes))
        headers = {"Origin": ORIGIN}
        form = {"name": "Ada"} if method == "POST" else None
        answer = await client.request(method, "/account", data=form, headers=headers)
        assert answer.headers.get("location") in {None, "/account?done=saved"}
    assert answer
    client.cookies.clear()
    client.cookies.update(spent | dict(answer.cookies))
    assert (await browser.open("/account")).path == "/account"


async def test_a_stolen_jar_of_cookies_ends_the_session_when_both_use_pages(
    browser: Browser, client: Client, app: Litestar, clock: SettableClock
) -> None:
    await browser.log_in(ADA, PASSWORD)
    async with a_client(app, ORIGIN, "203.0.113.9") as thief:
        thief.cookies.update(client.cookies)
        clock.advance(timedelta(minutes=20))
        assert (await Browser(thief).open("/account")).path == "/account"
        clock.advance(timedelta(minutes=1))

        assert (await browser.open("/account")).path == "/login?return_to=/account"
        assert (await Browser(thief).open("/account")).path == "/login?return_to=/account"


@pytest.mark.parametrize("name", ["Sec-Purpose", "Purpose"])
async def test_a_prefetch_refreshes_no_session(
    browser: Browser, client: Client, clock: SettableClock, name: str
) -> None:
    await browser.log_in(ADA, PASSWORD)
    prefetch = {name: "prefetch;prerender"}
    assert (await client.get("/account", headers=prefetch)).status_code == 200
    clock.advance(timedelta(minutes=20))
    before = dict(client.cookies)

    for path in ("/account", "/login"):
        answer = await client.get(path, headers=prefetch)
        assert (answer.status_code, answer.content) == (503, b"")
        assert answer.headers["cache-control"] == "no-store"
        assert "set-cookie" not in answer.headers

    assert dict(client.cookies) == before
    assert (await browser.open("/account")).path == "/account"


async def test_a_late_answer_to_another_tab_keeps_the_cookies_of_a_step_up(
    browser: Browser, client: Client
) -> None:
    await browser.log_in(ADA, PASSWORD)
    replaced = dict(client.cookies)
    page = await browser.open("/account/step-up")
    await browser.submit(page, "/account/step-up", step_up_password=PASSWORD)
    cookies = dict(client.cookies)

    client.cookies.clear()
    client.cookies.update(replaced)
    answer = await client.get("/account/sessions")  # sent before the step-up was answered
    client.cookies.update(cookies | dict(answer.cookies))

    assert "set-cookie" not in answer.headers
    assert (await browser.open(answer.headers["location"])).path == "/account/sessions"


async def test_a_session_that_has_ended_leads_to_the_login_without_its_cookies(
    browser: Browser, client: Client, clock: SettableClock
) -> None:
    await browser.log_in(ADA, PASSWORD)
    clock.advance(timedelta(days=40))

    page = await browser.open("/account")

    assert page.path == "/login?return_to=/account"
    assert "refresh_token" not in client.cookies


@pytest.fixture
async def with_factor(container: AsyncContainer) -> None:
    """Give Ada an authenticator app."""
    users = await container.get(UserRepository)
    user = await users.by_email(Email.parse(ADA))
    assert user
    secrets, store = await container.get(FactorSecrets), await container.get(SecondFactorStore)
    factors = SecondFactors(user.id, totp=Totp(secrets.seal(user.id, SECRET)))
    assert (await store.replace(SecondFactors(user.id), factors)).changed


def code(clock: SettableClock) -> str:
    return totp.code_at(SECRET, totp.step_at(clock()))


@pytest.mark.usefixtures("with_factor")
async def test_the_second_factor_is_asked_for_on_a_page(
    browser: Browser, client: Client, clock: SettableClock
) -> None:
    page = await browser.log_in(ADA, PASSWORD, return_to="/account/sessions")
    assert "Confirm that it is you" in page.text
    assert 'autocomplete="one-time-code"' in page.source
    assert "access_token" not in client.cookies

    page = await browser.submit(page, "/login/second-factor", code="000000")
    assert "This code was not accepted." in page.text
    page = await browser.submit(page, "/login/second-factor", code=code(clock))

    assert page.path == "/account/sessions"


@pytest.mark.usefixtures("with_factor")
async def test_a_sensitive_step_asks_for_the_factor_and_returns(
    browser: Browser, client: Client, clock: SettableClock
) -> None:
    page = await browser.log_in(ADA, PASSWORD)
    await browser.submit(page, "/login/second-factor", code=code(clock))
    page = await browser.open("/account/password")
    assert page.path == "/account/step-up?return_to=/account/password"
    assert 'autocomplete="one-time-code"' in page.source
    refused = await browser.submit(page, "/account/step-up", step_up_code=code(clock))
    assert refused.status == 400  # it was used for the login
    clock.advance(timedelta(seconds=30))
    before = client.cookies["access_token"]
    page = await browser.submit(page, "/account/step-up", step_up_code=code(clock))
    assert page.path == "/account/password"
    assert client.cookies["access_token"] != before

    assert "current_password" not in page.source
    page = await browser.submit(page, "/account/password", new_password="a better one than before")
    assert page.path == "/account?done=changed"


async def test_too_many_logins_are_answered_by_a_page(browser: Browser) -> None:
    page = await browser.log_in(ADA, "a wrong password")
    while page.status != 429:
        page = await browser.log_in(ADA, "a wrong password")

    assert "There were too many attempts." in page.text


async def test_pages_are_in_the_language_of_the_browser(client: Client) -> None:
    german = Browser(client, "de-AT, en;q=0.5")

    page = await german.log_in(ADA, "a wrong password")

    assert "Die E-Mail-Adresse oder das Passwort ist falsch." in page.text
    assert '<html lang="de">' in page.source


async def test_a_form_with_dead_cookies_removes_no_newer_ones(
    browser: Browser, client: Client, clock: SettableClock
) -> None:
    await browser.log_in(ADA, PASSWORD)
    clock.advance(timedelta(days=40))

    answer = await client.post("/account", data={"name": "Ada"}, headers={"Origin": ORIGIN})

    assert (answer.status_code, answer.headers["location"]) == (303, "/login?return_to=/account")
    assert "set-cookie" not in answer.headers


async def test_a_logout_with_doubled_cookies_ends_what_it_can_read(
    browser: Browser, client: Client
) -> None:
    await browser.log_in(ADA, PASSWORD)
    good = dict(client.cookies)
    client.cookies.clear()
    names = ("access_token", "refresh_token")
    doubled = "; ".join(f"{name}={value}" for name in names for value in ("x", good[name]))

    answer = await client.post("/logout", headers={"Origin": ORIGIN, "Cookie": doubled})

    assert answer.headers["location"] == "/login?done=logged_out"
    removed = [each for each in answer.headers.get_list("set-cookie") if "Max-Age=0" in each]
    assert len(removed) == 3
    client.cookies.update(good)
    assert (await client.get(ME)).status_code == 401
