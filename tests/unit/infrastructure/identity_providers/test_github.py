"""Logins at GitHub, in its wire shapes."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from domain.errors import ProviderCancelled, ProviderRefused
from domain.social_login.identity import ProviderAccount, ProviderName
from infrastructure.identity_providers.github import GitHubClient
from tests.support.identity_provider import ADDRESS, CLIENT_ID, GITHUB_ID, Reply
from tests.unit.infrastructure.identity_providers.logins import (
    FRESH,
    REDIRECT_URI,
    REQUEST,
    Login,
)

TOKEN, USER, EMAILS = "/login/oauth/access_token", "/api/v3/user", "/api/v3/user/emails"


@pytest.fixture(autouse=True)
def github(login: Login) -> None:
    login.use_github()


async def test_a_login_returns_the_numeric_id_and_the_primary_verified_address(
    login: Login,
) -> None:
    account = await login()

    assert account == ProviderAccount(
        ProviderName("github"),
        login.server.url,
        str(GITHUB_ID),
        account.email,
        True,
        "Ada Lovelace",
    )
    assert account.email
    assert account.email.address == ADDRESS


async def test_the_browser_is_sent_with_pkce_and_state(login: Login) -> None:
    url = await login.provider.authorization_url(REQUEST)

    query = dict(parse_qsl(urlsplit(url).query))
    assert url.startswith(f"{login.server.url}/login/oauth/authorize?")
    assert query.pop("code_challenge") == "7w_YNF9DSfIdPf_pRjSq646_kPr-2-o9NAl16JGghdM"
    assert query == {
        "response_type": "code",
        "client_id": CLIENT_ID,
        "redirect_uri": REDIRECT_URI,
        "scope": "read:user user:email",
        "state": "the-state",
        "code_challenge_method": "S256",
    }
    assert "prompt=select_account" in await login.provider.authorization_url(FRESH)


async def test_its_api_gets_the_headers_that_it_demands(login: Login) -> None:
    await login()

    for request in login.server.requests:
        assert request.headers["user-agent"] == "Doorward"
    token, user, emails = login.server.requests
    assert token.headers["accept"] == "application/json"
    assert user.headers["accept"] == emails.headers["accept"] == "application/vnd.github+json"
    assert "access-" not in user.path + emails.path


@pytest.mark.parametrize(
    "emails",
    [
        [],
        [{"email": ADDRESS, "primary": True, "verified": False}],
        [{"email": ADDRESS, "primary": False, "verified": True}],
        [{"email": ADDRESS, "primary": "true", "verified": "true"}],
        [{"email": "no address", "primary": True, "verified": True}],
        [{"email": None, "primary": True, "verified": True}, "x"],
    ],
)
async def test_an_account_without_a_primary_verified_address_has_none(
    login: Login, emails: list[Any]
) -> None:
    login.server.emails = emails

    account = await login()

    assert (account.email, account.is_email_verified) == (None, False)


async def test_a_replayed_code_is_refused_by_an_error_with_status_200(login: Login) -> None:
    answer = login.server.authorize(await login.provider.authorization_url(REQUEST))
    await login.provider.account(answer, REQUEST)

    with pytest.raises(ProviderRefused) as refused:
        await login.provider.account(answer, REQUEST)
    assert refused.value.reason == "token_bad_verification_code"


@pytest.mark.parametrize(
    ("path", "content", "reason"),
    [
        (TOKEN, {"error": "<script>"}, "token_error"),
        (TOKEN, {"error": ["x"]}, "token_error"),
        (TOKEN, {}, "token_access_token_missing"),
        (TOKEN, {"access_token": "a\r\nX: y"}, "token_access_token_missing"),
        (TOKEN, [], "token_malformed"),
        (USER, {"login": "ada"}, "user_without_id"),
        (USER, {"id": True}, "user_without_id"),
        (USER, {"id": "583231"}, "user_without_id"),
        (USER, {"id": -1}, "user_without_id"),
        (USER, {"id": 10**400}, "user_without_id"),
        (USER, [], "user_without_id"),
        (EMAILS, {"message": "no"}, "emails_malformed"),
    ],
)
async def test_an_answer_of_another_shape_is_refused(
    login: Login, path: str, content: Any, reason: str
) -> None:
    login.server.lies[path] = Reply(content)

    assert await login.refusal() == reason


@pytest.mark.parametrize("path", [TOKEN, USER, EMAILS])
async def test_answers_are_bounded_as_those_of_other_providers(login: Login, path: str) -> None:
    login.server.lies[path] = Reply(status=302, headers={"Location": "/elsewhere"})
    assert (await login.refusal()).endswith("_redirect")

    login.server.lies[path] = Reply(body=b" " * 65536, is_endless=True)
    assert (await login.refusal()).endswith("_too_large")

    login.server.lies[path] = Reply(status=502)
    assert (await login.outage()).endswith("_status_502")


async def test_the_answer_of_another_provider_is_refused(login: Login) -> None:
    assert await login.refusal(issuer="https://evil.example") == "answer_issuer_differs"
    assert login.server.asked(TOKEN) == 0
    await login(issuer=f"{login.server.url}/login/oauth")


async def test_a_person_who_does_not_agree_has_cancelled_the_login(login: Login) -> None:
    with pytest.raises(ProviderCancelled):
        await login(error="access_denied")


@pytest.mark.parametrize(
    ("url", "api"),
    [
        ("https://github.com", "https://api.github.com"),
        ("https://octocorp.ghe.com", "https://api.octocorp.ghe.com"),
        ("https://git.example.com", "https://git.example.com/api/v3"),
    ],
)
def test_the_api_is_where_each_github_has_it(url: str, api: str) -> None:
    client = GitHubClient(
        name=ProviderName("github"),
        label="GitHub",
        url=url,
        client_id="c",
        client_secret="s",
        redirect_uri=REDIRECT_URI,
    )

    assert client.api == api
