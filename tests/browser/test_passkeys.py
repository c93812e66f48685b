"""Passkeys in a real browser, by the script in docs/second-factors.md."""

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Error, Page

from tests.browser.conftest import PREFIX, Site
from tests.browser.watch import Watch
from tests.http.client import LOGIN, LOGOUT, ME, PROOF, SECOND_FACTOR, STEP_UP, VERIFY
from tests.support.builders import PASSWORD
from tests.support.virtual_authenticator import Authenticator, add_authenticator

PASSKEYS = "/api/users/me/passkeys"
PAGE = Path("docs/second-factors.md").read_text().partition("\n## Passkeys\n")[2]
[SCRIPT] = re.findall(r"```js\n(.*?)```", PAGE, re.DOTALL)
LOG_IN = "(mediation) => logIn(mediation).then(() => 'logged in', (error) => error.code)"
POLICY = "default-src 'none'; script-src 'self'; connect-src 'self'; frame-ancestors 'none'"

pytestmark = pytest.mark.usefixtures("authenticator", "email")

Call = Callable[..., Awaitable[Any]]


@pytest_asyncio.fixture(loop_scope="session")
async def sample(page: Page) -> Page:
    """A page of the site with the script of the documentation."""
    script = SCRIPT.replace('"/api/', f'"{PREFIX}/api/')
    await page.route(
        "**/sample",
        lambda route: route.fulfill(
            content_type="text/html",
            headers={"Content-Security-Policy": POLICY},
            body="<!doctype html><title>Sample</title><script src='sample.js'></script>",
        ),
    )
    await page.route(
        "**/sample.js", lambda route: route.fulfill(content_type="text/javascript", body=script)
    )
    await page.goto("sample")
    return page


@pytest_asyncio.fixture(loop_scope="session")
async def authenticator(sample: Page) -> Authenticator:
    return await add_authenticator(sample)


@pytest.fixture
def call(sample: Page) -> Call:
    """Call the service from the page, with its cookies."""

    async def request(method: str, path: str, body: Any = None) -> Any:
        return await sample.evaluate(
            """async ([method, path, body]) => {
                const headers = { 'Content-Type': 'application/json' }
                const text = body === null ? undefined : JSON.stringify(body)
                const answer = await fetch(path, { method, headers, body: text })
                const type = answer.headers.get('Content-Type') ?? ''
                const json = type.includes('json') ? await answer.json() : {}
                return { ...json, http: answer.status }
            }""",
            [method, PREFIX + path, body],
        )

    return request


@pytest_asyncio.fixture(loop_scope="session")
async def email(site: Site, call: Call) -> str:
    """The address of a user who has proved the address, logged in, and stepped up."""
    email = await site.register()
    token = site.link(email, "email_verification").partition("#token=")[2]
    await site.post(PROOF, {"token": token, "password": PASSWORD})
    assert (await call("POST", LOGIN, {"email": email, "password": PASSWORD}))["http"] == 200
    assert (await call("POST", STEP_UP, {"password": PASSWORD}))["http"] == 200
    return email


async def test_a_passkey_is_added_and_logs_in_without_a_password(
    sample: Page, call: Call, email: str, authenticator: Authenticator
) -> None:
    assert len(await sample.evaluate("addPasskey()")) == 10  # recovery codes
    [kept] = await authenticator.passkeys()
    assert (kept["rpId"], kept["userName"]) == ("localhost", email)
    assert email not in str(kept["userHandle"])
    await call("POST", LOGOUT)
    assert (await call("GET", ME))["http"] == 401

    for mediation in ("optional", "conditional"):
        assert await sample.evaluate(LOG_IN, mediation) == "logged in"
        assert (await call("GET", ME))["data"]["user"]["email"] == email
        assert (await call("GET", f"{VERIFY}?level=2"))["http"] == 204
    [listed] = (await call("GET", PASSKEYS))["data"]["passkeys"]
    assert (listed["name"], listed["synced"]) == ("Passkey", True)
    assert listed["lastUsedAt"] is not None


async def test_a_passkey_is_the_second_factor_of_a_password(
    sample: Page, call: Call, email: str
) -> None:
    await sample.evaluate("addPasskey()")
    await call("POST", LOGOUT)

    asked = await call("POST", LOGIN, {"email": email, "password": PASSWORD})
    proof = await sample.evaluate("usePasskey()")
    answer = {"challenge": asked["challenge"], "method": "passkey", "credential": proof}

    assert (asked["http"], asked["code"]) == (401, "second_factor_required")
    assert "passkey" in asked["methods"]
    assert (await call("GET", ME))["http"] == 401
    assert (await call("POST", SECOND_FACTOR, answer))["http"] == 200
    assert (await call("GET", f"{VERIFY}?level=2"))["http"] == 204


async def test_an_authenticator_makes_one_passkey_for_a_user(sample: Page) -> None:
    await sample.evaluate("addPasskey('Phone')")

    with pytest.raises(Error, match="InvalidStateError"):
        await sample.evaluate("addPasskey('Phone')")


async def test_a_passkey_steps_up_and_is_removed(
    sample: Page, call: Call, authenticator: Authenticator
) -> None:
    await sample.evaluate("addPasskey()")
    await sample.evaluate("logIn()")
    [listed] = (await call("GET", PASSKEYS))["data"]["passkeys"]
    path = f"{PASSKEYS}/{listed['id']}"

    assert (await call("DELETE", path))["code"] == "step_up_required"
    proof = await sample.evaluate("usePasskey()")
    assert (await call("POST", STEP_UP, {"credential": proof}))["http"] == 200
    assert (await call("DELETE", path))["http"] == 200

    assert len(await authenticator.passkeys()) == 1  # which the service does not accept any more
    assert await sample.evaluate(LOG_IN, "optional") == "passkey_invalid"


@pytest.mark.parametrize("fault", ["isBadUV", "isBadUP", "isBogusSignature"])
async def test_a_login_without_proof_of_the_user_is_refused(
    sample: Page, call: Call, authenticator: Authenticator, fault: str
) -> None:
    await sample.evaluate("addPasskey()")
    await call("POST", LOGOUT)
    await authenticator.misbehave(**{fault: True})

    assert await sample.evaluate(LOG_IN, "optional") == "passkey_invalid"
    assert (await call("GET", ME))["http"] == 401


async def test_an_answer_is_good_once(sample: Page, call: Call) -> None:
    await sample.evaluate("addPasskey()")
    proof = await sample.evaluate("usePasskey()")

    first = await call("POST", "/api/auth/passkeys/login", {"credential": proof})
    second = await call("POST", "/api/auth/passkeys/login", {"credential": proof})

    assert (first["http"], second["code"]) == (200, "passkey_invalid")


async def test_the_passkey_of_another_page_of_the_host_is_refused(
    sample: Page, call: Call, watch: Watch
) -> None:
    """Another port is another origin: the browser signs it, and the service checks it."""
    await sample.evaluate("addPasskey()")
    options = (await call("POST", "/api/auth/passkeys/options", {}))["options"]
    elsewhere = "http://localhost:1234/"
    await sample.route(elsewhere, lambda route: route.fulfill(content_type="text/html", body="x"))
    await sample.goto(elsewhere)
    watch.problems.clear()

    proof = await sample.evaluate(
        """async (options) => {
            const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options)
            return (await navigator.credentials.get({ publicKey })).toJSON()
        }""",
        options,
    )

    await sample.goto("sample")
    refused = await call("POST", "/api/auth/passkeys/login", {"credential": proof})
    assert refused["code"] == "passkey_invalid"
