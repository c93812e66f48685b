"""A login at another provider does not stand in for the second factor of the account."""

from types import SimpleNamespace
from typing import cast

import pytest
from dishka import AsyncContainer

from application.ports import FactorSecrets, SecondFactorStore, UserRepository
from domain.second_factors import totp
from tests.http.client import HTTPS_ORIGIN, ORIGIN, SOCIAL_TOKEN, Client, stored_user
from tests.http.flows import code_for_app
from tests.http.social_login.conftest import SPA, Browser, linked_to, place_of, without_pages
from tests.support.doubles import SettableClock
from tests.support.factors import SECRET, enrolled
from tests.support.social_login import FakeProvider, an_account
from tests.support.world import World


@pytest.fixture(autouse=True)
async def user_with_factor(
    container: AsyncContainer, client: Client, clock: SettableClock, users: UserRepository
) -> None:
    """Ada, who has linked her account at Acme, and has an authenticator app."""
    await client.register()
    await linked_to(users, await stored_user(users))
    parts = {
        "second_factors": await container.get(SecondFactorStore),
        "factor_secrets": await container.get(FactorSecrets),
        "users": users,
        "clock": clock,
    }
    world = cast("World", SimpleNamespace(**parts))
    await enrolled(world, await stored_user(users))
    client.cookies.clear()


@pytest.mark.parametrize(
    ("origin_policy", "prefix"),
    [(ORIGIN, ""), (HTTPS_ORIGIN, "__Host-")],
    indirect=["origin_policy"],
)
async def test_a_browser_goes_to_the_form_with_the_challenge_in_a_cookie(
    browser: Browser, client: Client, prefix: str
) -> None:
    answer = await browser.log_in(return_to="/account/profile")

    assert place_of(answer) == ("/login/second-factor", {"return_to": "/account/profile"})
    name = f"{prefix}second-factor"
    [cookie] = [each for each in answer.headers.get_list("set-cookie") if each.startswith(name)]
    assert "; HttpOnly" in cookie
    assert "Max-Age=300" in cookie
    challenge = client.cookies[name].partition(".")[0]
    assert challenge not in answer.headers["location"]
    assert f"{prefix}access_token" not in client.cookies
    assert browser.flows == []
    form = await client.get(answer.headers["location"], headers=browser.accept)
    assert challenge in form.text


@without_pages
async def test_without_pages_the_application_hears_of_it(browser: Browser) -> None:
    answer = await browser.log_in(return_to=SPA)

    assert place_of(answer) == (SPA, {"error": "second_factor_required"})


async def test_a_program_gets_the_challenge_in_the_answer(browser: Browser) -> None:
    browser.accept = {}

    answer = await browser.log_in()

    assert (answer.status_code, answer.json()["code"]) == (401, "second_factor_required")
    assert answer.json()["methods"] == ["totp", "recovery_code"]


async def test_an_application_completes_the_login_with_the_code_of_the_app(
    client: Client, clock: SettableClock
) -> None:
    body = await code_for_app(client) | {"transport": "bearer"}

    refused = await client.post(SOCIAL_TOKEN, json=body)

    assert (refused.status_code, refused.json()["code"]) == (401, "second_factor_required")
    answer = await client.answer_challenge(refused, code_now(clock))
    assert answer.status_code == 200
    assert (await client.verify(answer.json()["access_token"])).headers["x-session-level"] == "2"


async def test_a_provider_that_is_trusted_with_factors_is_one(
    browser: Browser, client: Client, acme: FakeProvider
) -> None:
    acme.says = an_account(has_second_factor=True)

    assert place_of(await browser.log_in())[0] == "/account"

    assert (await client.verify()).headers["x-session-level"] == "2"


def code_now(clock: SettableClock) -> str:
    return totp.code_at(SECRET, totp.step_at(clock()))
