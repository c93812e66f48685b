"""Logins at a provider that speaks OpenID Connect, when it says the truth."""

from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from domain.errors import ProviderCancelled
from domain.social_login.identity import ProviderAccount, ProviderName
from tests.support.identity_provider import (
    ADDRESS,
    CLIENT_ID,
    CLIENT_SECRET,
    SUBJECT,
    ec_key,
    ed25519_key,
    jwk,
    rsa_key,
    signed,
)
from tests.unit.infrastructure.identity_providers.logins import (
    FRESH,
    REDIRECT_URI,
    REQUEST,
    Login,
)

DISCOVERY = "/.well-known/openid-configuration"


async def query_of(login: Login, **changes: Any) -> dict[str, str]:
    url = await login.provider.authorization_url(replace(REQUEST, **changes))
    return dict(parse_qsl(urlsplit(url).query, strict_parsing=True))


async def test_a_login_returns_the_account_as_the_provider_describes_it(login: Login) -> None:
    account = await login()

    assert account == ProviderAccount(
        ProviderName("any"), login.server.url, SUBJECT, account.email, True, "Ada Lovelace"
    )
    assert account.email
    assert account.email.address == ADDRESS


@pytest.mark.parametrize("name", ["", " ", "Ada\0", "Ada\u202e", "a" * 101, 7, None])
async def test_a_name_that_no_user_can_have_is_left_out(login: Login, name: object) -> None:
    login.server.claims |= {"name": name, "preferred_username": " ada "}

    assert (await login()).name == "ada"


async def test_the_browser_is_sent_with_pkce_state_nonce_and_the_exact_redirect_uri(
    login: Login,
) -> None:
    login.server.discovery["authorization_endpoint"] = f"{login.server.url}/authorize?tenant=1"

    query = await query_of(login)

    # The SHA-256 digest of 43 times "v" (RFC 7636, section 4.2).
    assert query.pop("code_challenge") == "7w_YNF9DSfIdPf_pRjSq646_kPr-2-o9NAl16JGghdM"
    assert query == {
        "tenant": "1",
        "response_type": "code",
        "client_id": CLIENT_ID,
        "redirect_uri": REDIRECT_URI,
        "scope": "openid email profile",
        "state": "the-state",
        "nonce": "the-nonce",
        "code_challenge_method": "S256",
    }


@pytest.mark.parametrize(
    ("can_reauthenticate", "asked"),
    [(True, {"prompt": "login", "max_age": "0"}), (False, {"prompt": "select_account"})],
)
async def test_a_fresh_login_asks_the_provider_to_authenticate_again(
    login: Login, asked: dict[str, str], *, can_reauthenticate: bool
) -> None:
    login.configure(can_reauthenticate=can_reauthenticate)

    query = await query_of(login, is_fresh=True)

    assert query.items() >= asked.items()
    assert not asked.keys() & (await query_of(login)).keys()


@pytest.mark.parametrize(
    "methods", [None, ["client_secret_basic"], ["client_secret_post", "private_key_jwt"]]
)
async def test_the_client_authenticates_as_the_provider_announces(
    login: Login, methods: list[str] | None
) -> None:
    login.server.discovery["token_endpoint_auth_methods_supported"] = methods

    await login()

    [request] = [each for each in login.server.requests if each.path == "/token"]
    is_in_form = "client_secret" in request.form
    assert is_in_form is (methods is not None and "client_secret_post" in methods)
    assert ("authorization" in request.headers) is not is_in_form
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert CLIENT_SECRET not in request.path


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [("RS256", rsa_key), ("PS256", rsa_key), ("ES256", ec_key), ("EdDSA", ed25519_key)],
)
async def test_tokens_of_each_accepted_algorithm_are_verified(
    login: Login, algorithm: str, key: Any
) -> None:
    login.server.discovery["id_token_signing_alg_values_supported"] = ["HS256", algorithm]
    login.server.keys = [jwk(key(), kid="one")]
    login.server.sign = lambda claims: signed(claims, key(), algorithm)

    assert (await login()).subject == SUBJECT


async def test_a_token_without_a_key_id_is_verified_with_the_only_key(login: Login) -> None:
    login.server.keys = [jwk(rsa_key()), jwk(ec_key(), kid="two")]
    login.server.sign = lambda claims: signed(claims, rsa_key(), kid=None)

    assert (await login()).subject == SUBJECT


@pytest.mark.parametrize(
    ("given", "is_verified"),
    [(True, True), ("true", True), (False, False), ("false", False), (None, False), (1, False)],
)
async def test_an_address_is_verified_only_if_the_provider_says_so(
    login: Login, given: object, *, is_verified: bool
) -> None:
    login.server.claims["email_verified"] = given

    assert (await login()).is_email_verified is is_verified


async def test_an_operator_may_vouch_for_the_addresses_of_a_provider(login: Login) -> None:
    login.configure(emails_verified=True)
    login.server.claims["email_verified"] = None

    assert (await login()).is_email_verified

    login.server.claims["email"] = "no address"
    account = await login()
    assert (account.email, account.is_email_verified) == (None, False)


async def test_the_address_comes_from_the_userinfo_if_the_token_has_none(login: Login) -> None:
    login.server.claims |= {"email": None, "email_verified": None}
    login.server.userinfo["email_verified"] = True

    account = await login()

    assert account.email
    assert (account.email.address, account.is_email_verified) == (ADDRESS, True)
    assert login.server.asked("/userinfo") == 1


async def test_the_userinfo_is_not_asked_for_without_need(login: Login) -> None:
    await login()

    assert login.server.asked("/userinfo") == 0


async def test_a_verification_in_the_token_vouches_for_no_address_of_the_userinfo(
    login: Login,
) -> None:
    login.server.claims["email"] = None

    assert not (await login()).is_email_verified


async def test_a_provider_may_state_no_address_at_all(login: Login) -> None:
    login.server.claims["email"] = None
    login.server.discovery["userinfo_endpoint"] = None

    assert (await login()).email is None


@pytest.mark.parametrize(
    ("trust_amr", "amr", "counts"),
    [
        (True, ["pwd", "mfa"], True),
        (True, ["pwd"], False),
        (True, "mfa", False),
        (True, None, False),
        (False, ["mfa"], False),
    ],
)
async def test_several_factors_at_the_provider_count_where_the_operator_trusts_it(
    login: Login, amr: object, *, trust_amr: bool, counts: bool
) -> None:
    login.configure(trust_amr=trust_amr)
    login.server.claims["amr"] = amr

    assert (await login()).has_second_factor is counts


async def test_a_fresh_login_is_reported_as_one(login: Login) -> None:
    assert (await login(FRESH)).is_fresh
    assert not (await login()).is_fresh


async def test_a_person_who_does_not_agree_has_cancelled_the_login(login: Login) -> None:
    with pytest.raises(ProviderCancelled):
        await login(code="", error="access_denied")

    assert login.server.asked("/token") == 0


async def test_discovery_and_keys_are_fetched_once_an_hour(login: Login) -> None:
    for _ in range(3):
        await login()
    assert [login.server.asked(each) for each in (DISCOVERY, "/keys")] == [1, 1]

    login.seconds = 3600
    await login()
    assert [login.server.asked(each) for each in (DISCOVERY, "/keys")] == [2, 2]


GOOGLE = {
    "issuer": None,
    "response_modes_supported": ["query", "fragment", "form_post"],
    "scopes_supported": ["openid", "email", "profile"],
    "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
    "code_challenge_methods_supported": ["plain", "S256"],
    "grant_types_supported": ["authorization_code", "refresh_token"],
}
"""What else is in Google's discovery document."""
GOOGLE_CLAIMS = {
    "azp": CLIENT_ID,
    "sub": "110169484474386276334",
    "hd": "example.com",
    "email": "ada@example.com",
    "email_verified": True,
    "at_hash": "HK6E_P6Dh8Y93mRNtsDB1Q",
    "name": "Ada Lovelace",
    "picture": "https://lh3.googleusercontent.com/a/photo",
    "given_name": "Ada",
    "family_name": "Lovelace",
    "auth_time": None,
}


async def test_a_login_of_googles_shape_is_accepted(login: Login) -> None:
    login.configure(has_hosted_domain=True, can_reauthenticate=False)
    login.server.discovery |= GOOGLE | {"issuer": login.server.url}
    login.server.claims |= GOOGLE_CLAIMS

    account = await login(FRESH)

    assert (account.subject, account.is_fresh) == ("110169484474386276334", True)


@pytest.mark.parametrize(
    ("hd", "is_accepted"), [("example.com", True), ("evil.example", False), (None, False)]
)
async def test_the_organisation_of_a_google_account_is_checked(
    login: Login, hd: str | None, *, is_accepted: bool
) -> None:
    login.configure(has_hosted_domain=True, domains=frozenset({"example.com"}))
    login.server.claims |= GOOGLE_CLAIMS | {"hd": hd, "auth_time": None}

    if is_accepted:
        await login()
    else:
        assert await login.refusal() == "domain_not_allowed"


@pytest.mark.parametrize(
    "claims",
    [
        {"email": "ada@sub.example.com"},
        {"email_verified": False},
        {"email": "ada@example.com.evil.example"},
        {"email": "ada@evil.example", "hd": "example.com"},
    ],
)
async def test_a_domain_counts_only_of_a_verified_address(
    login: Login, claims: dict[str, Any]
) -> None:
    login.configure(domains=frozenset({"example.com"}))
    await login()
    login.server.claims |= claims

    assert await login.refusal() == "domain_not_allowed"
