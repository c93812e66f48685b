"""Applications get a code in place of cookies, and exchange it (RFC 6749, RFC 7636)."""

from urllib.parse import urlencode

import pytest

from application.ports import UserRepository
from domain.email import Email
from domain.errors import ProviderCancelled, ProviderUnavailable
from domain.social_login.flow import CODE_LIFETIME
from tests.http.client import (
    EMAIL,
    ME,
    MY_IDENTITIES,
    SOCIAL_START,
    SOCIAL_TOKEN,
    STEP_UP,
    STEP_UP_SOCIAL,
    Client,
    Tokens,
    bearer,
)
from tests.http.failing_requests import problems_of
from tests.http.flows import APP, CHALLENGE, VERIFIER, code_for_app
from tests.http.social_login.conftest import SPA, Browser, place_of
from tests.support.doubles import SettableClock
from tests.support.social_login import FakeProvider, an_account


async def test_a_code_is_exchanged_for_tokens(browser: Browser, client: Client) -> None:
    answer = await browser.log_in(return_to=APP, state="x y&z=%/", **CHALLENGE)

    address, query = place_of(answer)
    assert "state=x%20y%26z%3D%25" in answer.headers["location"]
    assert (address, query) == (APP, {"code": query["code"], "state": "x y&z=%/"})
    assert len(query["code"]) == 43
    assert "access_token" not in client.cookies
    assert browser.flows == []
    body = {"code": query["code"], "code_verifier": VERIFIER, "transport": "bearer"}
    tokens = await client.post(SOCIAL_TOKEN, json=body)
    assert tokens.status_code == 200
    assert {"access_token", "refresh_token", "device_token"} <= tokens.json().keys()
    me = (await client.me(tokens.json()["access_token"])).json()["data"]["user"]
    assert me["email"] == EMAIL


async def test_a_code_is_exchanged_for_cookies_by_default(client: Client) -> None:
    answer = await client.post(SOCIAL_TOKEN, json=await code_for_app(client))

    assert answer.json()["access_token"] == client.cookies["access_token"]
    assert "refresh_token" not in answer.json()
    assert (await client.me()).status_code == 200


async def test_a_page_of_an_application_gets_a_code_too(browser: Browser) -> None:
    address, query = place_of(await browser.log_in(return_to=SPA, **CHALLENGE))

    assert address == SPA
    assert query.keys() == {"code"}


async def test_an_abandoned_code_has_made_no_user(client: Client, users: UserRepository) -> None:
    await code_for_app(client)

    assert await users.by_email(Email.parse(EMAIL)) is None


@pytest.mark.parametrize("verifier", ["", "w" * 43, "v" * 42, "v" * 129, "é"])
async def test_a_wrong_verifier_gets_nothing_and_uses_the_code_up(
    client: Client, users: UserRepository, verifier: str
) -> None:
    body = await code_for_app(client)

    for wrong in (verifier, VERIFIER) if len(verifier) < 129 else (verifier,):
        answer = await client.post(SOCIAL_TOKEN, json=body | {"code_verifier": wrong})
        assert (answer.status_code, answer.json()["code"]) == (400, "social_flow_invalid")
    assert await users.by_email(Email.parse(EMAIL)) is None


async def test_a_code_works_once_and_for_a_minute(client: Client, clock: SettableClock) -> None:
    used, expired = await code_for_app(client), await code_for_app(client)
    assert (await client.post(SOCIAL_TOKEN, json=used)).status_code == 200
    clock.advance(CODE_LIFETIME)

    for body in (used, expired, used | {"code": "x" * 43}, used | {"code": ""}):
        answer = await client.post(SOCIAL_TOKEN, json=body)
        assert (answer.status_code, answer.json()["code"]) == (400, "social_flow_invalid")


async def test_an_unknown_member_of_the_exchange_is_refused(client: Client) -> None:
    body = await code_for_app(client)

    answer = await client.post(SOCIAL_TOKEN, json=body | {"redirect_uri": APP})

    assert [each["field"] for each in problems_of(answer)] == ["redirect_uri"]
    assert (await client.post(SOCIAL_TOKEN, json=body)).status_code == 200


@pytest.mark.parametrize(
    "return_to",
    [
        "https://evil.example/callback",
        f"{SPA}/more",
        f"{SPA}?x=1",
        SPA.upper(),
        "com.example.app:/callback/",
        "com.evil.app:/callback",
        "/account",
        "",
        None,
    ],
)
async def test_another_address_gets_no_code(
    browser: Browser, acme: FakeProvider, return_to: str | None
) -> None:
    query = {"return_to": return_to} if return_to is not None else {}

    answer = await browser.start(**query, **CHALLENGE)

    assert [each["field"] for each in problems_of(answer)] == ["return_to"]
    assert acme.sent == []


@pytest.mark.parametrize("settings", [{"LOGIN_LIMIT_ADDRESS": "1/1m"}], indirect=True)
async def test_no_failure_leads_to_another_address(browser: Browser, acme: FakeProvider) -> None:
    acme.failure = ProviderUnavailable("timeout")
    for _ in range(5):  # the limit is used up by then
        answer = await browser.start(return_to="https://evil.example/", **CHALLENGE)

        assert (answer.status_code, "location" in answer.headers) == (400, False)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"code_challenge_method": "plain"}, "code_challenge_method"),
        ({"code_challenge_method": ""}, "code_challenge_method"),
        ({"code_challenge_method": "s256"}, "code_challenge_method"),
        ({"code_challenge": "x" * 42}, "code_challenge"),
        ({"code_challenge": "x" * 44}, "code_challenge"),
        ({"code_challenge": "x" * 42 + "="}, "code_challenge"),
        ({"code_challenge": "x" * 42 + "\n"}, "code_challenge"),
        ({"code_challenge": ""}, "code_challenge"),
        ({"state": "x" * 513}, "state"),
        ({"state": "a\r\nSet-Cookie: b"}, "state"),
        ({"state": "é"}, "state"),
        ({"redirect_uri": APP}, "redirect_uri"),
        ({"fresh": "perhaps"}, "fresh"),
    ],
    ids=str,
)
async def test_malformed_parameters_are_named(
    browser: Browser, acme: FakeProvider, changes: dict[str, str], field: str
) -> None:
    answer = await browser.start(**({"return_to": APP} | CHALLENGE | changes))

    assert [each["field"] for each in problems_of(answer)] == [field]
    assert acme.sent == []


@pytest.mark.parametrize("name", ["state", "code_challenge_method"])
async def test_parameters_of_an_application_need_its_challenge(
    browser: Browser, name: str
) -> None:
    answer = await browser.start(return_to=SPA, **{name: "S256"})

    assert problems_of(answer) == [{"field": name, "message": "needs a code_challenge"}]


@pytest.mark.parametrize("name", ["return_to", "code_challenge", "state"])
async def test_a_doubled_parameter_is_refused(client: Client, name: str) -> None:
    query = urlencode([*{"return_to": APP, "state": "x", **CHALLENGE}.items(), (name, "x")])

    answer = await client.get(f"{SOCIAL_START}?{query}")

    assert problems_of(answer) == [{"field": name, "message": "is there twice"}]


async def test_an_application_hears_of_failures_with_its_state(
    browser: Browser, acme: FakeProvider
) -> None:
    acme.says = ProviderCancelled()
    answer = await browser.log_in(return_to=APP, state="mine", **CHALLENGE)
    assert place_of(answer) == (APP, {"error": "provider_cancelled", "state": "mine"})

    acme.failure = ProviderUnavailable("timeout")
    answer = await browser.start(return_to=APP, state="mine", **CHALLENGE)
    assert place_of(answer) == (APP, {"error": "provider_unavailable", "state": "mine"})


@pytest.mark.parametrize("settings", [{"RETURN_TARGETS": f"{SPA}?from=login"}], indirect=True)
async def test_the_query_of_an_address_is_kept(browser: Browser) -> None:
    address = f"{SPA}?from=login"

    answer = await browser.log_in(return_to=address, **CHALLENGE)

    assert answer.headers["location"].startswith(f"{address}&code=")


async def test_the_rules_apply_to_the_exchange(client: Client, acme: FakeProvider) -> None:
    acme.says = an_account(is_email_verified=False)

    answer = await client.post(SOCIAL_TOKEN, json=await code_for_app(client))

    assert (answer.status_code, answer.json()["code"]) == (403, "provider_email_unverified")


class TestStepUp:
    """Applications keep tokens that no redirect can hand them."""

    @pytest.fixture
    async def tokens(self, client: Client) -> Tokens:
        """Of a user who has but the account at the provider."""
        body = await code_for_app(client) | {"transport": "bearer"}
        tokens: Tokens = (await client.post(SOCIAL_TOKEN, json=body)).json()
        return tokens

    async def test_a_code_of_a_new_login_answers_tokens_for_sensitive_steps(
        self, client: Client, acme: FakeProvider, tokens: Tokens
    ) -> None:
        former = bearer(tokens["access_token"])
        refused = await client.delete(ME, headers=former)
        assert (refused.status_code, refused.json()["methods"]) == (401, ["federated"])
        code = await code_for_app(client, fresh="true")
        assert (acme.sent[-1].is_fresh, acme.checked[-1].is_fresh) == (True, True)

        answer = await client.post(STEP_UP, json=code, headers=former)

        assert answer.status_code == 200
        assert answer.json().keys() == tokens.keys() - {"device_token"}
        assert "set-cookie" not in answer.headers
        own = bearer(answer.json()["access_token"])
        assert (await client.get(ME, headers=former)).status_code == 401
        acme.says = an_account(subject="another one")
        linking = await code_for_app(client)
        assert (await client.post(MY_IDENTITIES, json=linking, headers=own)).status_code == 200
        assert (await client.delete(ME, headers=own)).status_code == 200

    async def test_a_code_of_a_login_that_was_not_new_is_refused(
        self, client: Client, acme: FakeProvider, tokens: Tokens
    ) -> None:
        own = bearer(tokens["access_token"])
        code = await code_for_app(client)
        assert not acme.checked[-1].is_fresh

        for _ in range(2):
            answer = await client.post(STEP_UP, json=code, headers=own)
            assert (answer.status_code, answer.json()["code"]) == (400, "social_flow_invalid")

        assert (await client.delete(ME, headers=own)).status_code == 401

    async def test_the_account_of_a_stranger_is_refused(
        self, client: Client, acme: FakeProvider, tokens: Tokens
    ) -> None:
        acme.says = an_account(subject="of a stranger")
        own = bearer(tokens["access_token"])
        code = await code_for_app(client, fresh="true")

        answer = await client.post(STEP_UP, json=code, headers=own)

        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_credentials")
        assert (await client.delete(ME, headers=own)).status_code == 401

    async def test_no_redirect_begins_it(self, client: Client, tokens: Tokens) -> None:
        own = bearer(tokens["access_token"])

        answer = await client.post(STEP_UP_SOCIAL, headers=own)

        assert [each["field"] for each in problems_of(answer)] == ["transport"]
