"""Lies of an OpenID provider, and answers of another one in its place: each is refused."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from domain.errors import ProviderCancelled, ProviderRefused
from infrastructure.identity_providers.http import AllowedHosts
from infrastructure.signing import base64url
from tests.support.identity_provider import (
    CLIENT_ID,
    SUBJECT,
    Reply,
    a_provider,
    ec_key,
    jwk,
    rsa_key,
    signed,
    signed_with_public_key,
)
from tests.unit.infrastructure.identity_providers.logins import FRESH, REQUEST, Login

MINUTE = 60


def unsigned(header: bytes) -> str:
    """Return a token with this header, and no good signature."""
    return ".".join(base64url.encode(each).decode() for each in (header, b"{}", b"signature"))


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"iss": "https://evil.example"}, "issuer"),
        ({"aud": "another client"}, "audience"),
        ({"aud": ["another client"]}, "audience"),
        ({"aud": []}, "audience"),
        ({"aud": [CLIENT_ID, "another client"]}, "authorized_party"),
        ({"aud": [CLIENT_ID, "another client"], "azp": "another client"}, "authorized_party"),
        ({"azp": "another client"}, "authorized_party"),
        ({"nonce": "of another flow"}, "nonce"),
        ({"nonce": "\ud83d\ude00"}, "nonce"),
        ({"sub": ""}, "subject"),
        ({"sub": "x" * 256}, "subject"),
        ({"sub": "ad\u00e4"}, "subject"),
        ({"sub": "a\nb"}, "subject"),
        ({"sub": 5}, "claims_malformed"),
        ({"exp": None}, "claims_malformed"),
        ({"iat": None}, "claims_malformed"),
        ({"nonce": None}, "claims_malformed"),
        ({"aud": None}, "claims_malformed"),
        ({"exp": "tomorrow"}, "claims_malformed"),
    ],
)
async def test_a_token_with_a_wrong_claim_is_refused(
    login: Login, claims: dict[str, Any], reason: str
) -> None:
    login.server.claims |= claims

    assert await login.refusal() == f"id_token_{reason}"


async def test_a_token_for_several_clients_is_accepted_by_the_one_that_asked(
    login: Login,
) -> None:
    login.server.claims |= {"aud": ["another client", CLIENT_ID], "azp": CLIENT_ID}

    assert (await login()).subject == SUBJECT


@pytest.mark.parametrize(
    ("claim", "offset", "reason"),
    [
        ("exp", -MINUTE, "expired"),
        ("exp", -MINUTE + 1, None),
        ("iat", MINUTE + 1, "issued_in_future"),
        ("iat", MINUTE, None),
        ("iat", -11 * MINUTE - 1, "too_old"),
        ("iat", -11 * MINUTE, None),
        ("nbf", MINUTE + 1, "not_yet_valid"),
        ("nbf", MINUTE, None),
    ],
)
async def test_times_of_a_token_are_checked_with_a_minute_of_leeway(
    login: Login, claim: str, offset: int, reason: str | None
) -> None:
    login.server.claims[claim] = int(login.server.now.timestamp()) + offset

    if reason is None:
        assert (await login()).subject == SUBJECT
    else:
        assert await login.refusal() == f"id_token_{reason}"


async def test_a_provider_whose_clock_is_off_by_an_hour_is_refused(login: Login) -> None:
    now = int(login.server.now.timestamp()) - 3600
    login.server.claims |= {"iat": now, "exp": now + 300, "auth_time": now}

    assert await login.refusal() == "id_token_expired"


@pytest.mark.parametrize("minutes", [None, -12, 2])
async def test_an_old_authentication_is_no_fresh_login(login: Login, minutes: int | None) -> None:
    time = login.server.now + timedelta(minutes=minutes or 0)
    login.server.claims["auth_time"] = None if minutes is None else int(time.timestamp())

    assert await login.refusal(FRESH) == "id_token_auth_time"
    assert (await login()).subject == SUBJECT


@pytest.mark.parametrize(
    ("sign", "reason"),
    [
        (lambda claims: signed(claims, "", "none"), "algorithm"),
        (lambda claims: signed_with_public_key(claims, rsa_key()), "algorithm"),
        (lambda claims: signed(claims, "x" * 64, "HS256"), "algorithm"),
        (lambda claims: signed(claims, rsa_key(), "PS256"), "algorithm"),  # not announced
        (lambda claims: signed(claims, rsa_key(), "RS512"), "algorithm"),
        (lambda claims: signed(claims, rsa_key(number=1)), "signature"),
        (lambda claims: signed(claims, rsa_key())[:-8] + "AAAAAAAA", "signature"),
        (lambda claims: signed(claims, rsa_key(), kid="two"), "key_unknown"),
        (lambda claims: signed(claims, rsa_key(), crit=["exp"], exp=1), "malformed"),
        (lambda claims: signed(claims, rsa_key(), crit=["b64"], b64=True), "malformed"),
        (lambda claims: signed(claims, rsa_key(), typ="at+jwt"), "header"),
        (
            lambda claims: signed(
                claims, rsa_key(number=1), jwk=jwk(rsa_key(number=1)), jku="https://evil.example"
            ),
            "signature",
        ),
        (lambda _: unsigned(b"[]"), "malformed"),
        (lambda _: unsigned(b'{"alg":["RS256"]}'), "algorithm"),
        (lambda _: unsigned(b'{"alg":{}}'), "algorithm"),
        (lambda _: "a.b", "malformed"),
        (lambda _: "a" * 20000, "missing"),
        (lambda _: None, "missing"),
        (lambda _: ["x"], "missing"),
    ],
)
async def test_a_token_that_is_not_signed_as_announced_is_refused(
    login: Login, sign: Callable[[dict[str, Any]], Any], reason: str
) -> None:
    login.server.sign = sign

    assert await login.refusal() == f"id_token_{reason}"


@pytest.mark.parametrize(
    "key",
    [
        jwk(rsa_key(), kid="one", use="enc"),
        jwk(rsa_key(), kid="one", alg="PS256"),
        jwk(rsa_key(), kid="one", alg="HS256"),
        jwk(rsa_key(), kid="one") | {"key_ops": ["encrypt"]},
        jwk(rsa_key(), kid="one") | {"key_ops": "verify"},
        jwk(ec_key(), kid="one"),
        jwk(rsa_key(), kid="one") | {"kty": "oct", "k": "AAAA"},
        jwk(rsa_key(), kid="one") | {"n": "!"},
        {"kty": "RSA", "kid": "one"},
        "no key",
    ],
)
async def test_a_key_that_is_weak_or_for_another_purpose_verifies_nothing(
    login: Login, key: Any
) -> None:
    login.server.keys = [key]

    assert await login.refusal() == "id_token_key_unknown"


async def test_a_key_with_a_huge_exponent_verifies_nothing(login: Login) -> None:
    huge = base64url.encode((2**64 + 1).to_bytes(9, "big")).decode()
    login.server.keys = [jwk(rsa_key(), kid="one") | {"e": huge}]

    assert await login.refusal() == "id_token_key_unknown"


@pytest.mark.filterwarnings("ignore::jwt.InsecureKeyLengthWarning")
async def test_a_key_of_less_than_2048_bits_verifies_nothing(login: Login) -> None:
    login.server.keys = [jwk(rsa_key(1024), kid="one")]
    login.server.sign = lambda claims: signed(claims, rsa_key(1024))

    assert await login.refusal() == "id_token_key_unknown"


async def test_two_keys_with_one_id_verify_nothing(login: Login) -> None:
    login.server.keys *= 2

    assert await login.refusal() == "id_token_key_ambiguous"


async def test_a_token_that_does_not_say_which_of_several_keys_is_refused(login: Login) -> None:
    login.server.keys.append(jwk(rsa_key(number=1), kid="two"))
    login.server.sign = lambda claims: signed(claims, rsa_key(), kid=None)

    assert await login.refusal() == "id_token_key_ambiguous"


async def test_an_unknown_key_is_looked_up_at_most_once_a_minute(login: Login) -> None:
    await login()
    login.server.keys = [jwk(rsa_key(number=1), kid="two")]
    login.server.sign = lambda claims: signed(claims, rsa_key(number=1), kid="two")

    login.seconds = 59
    assert await login.refusal() == "id_token_key_unknown"
    assert login.server.asked("/keys") == 1

    login.seconds = 60
    assert (await login()).subject == SUBJECT
    assert login.server.asked("/keys") == 2


async def test_a_swapped_key_under_the_same_id_is_refused(login: Login) -> None:
    await login()
    login.server.sign = lambda claims: signed(claims, rsa_key(number=1))
    login.server.keys = [jwk(rsa_key(number=1), kid="one")]

    assert await login.refusal() == "id_token_signature"


async def test_keys_that_cannot_be_fetched_are_asked_for_again_after_seconds(
    login: Login,
) -> None:
    login.server.lies["/keys"] = Reply(status=500)

    for _ in range(3):
        assert await login.outage() == "keys_status_500"
    assert login.server.asked("/keys") == 1

    del login.server.lies["/keys"]
    login.seconds = 5
    assert (await login()).subject == SUBJECT


@pytest.mark.parametrize(
    ("discovery", "reason"),
    [
        ({"issuer": "https://evil.example"}, "discovery_issuer_differs"),
        ({"issuer": None}, "discovery_issuer_differs"),
        ({"token_endpoint": "https://evil.example/token"}, "token_endpoint_host_not_allowed"),
        ({"token_endpoint": "http://localhost:1/token"}, "token_endpoint_host_not_allowed"),
        ({"token_endpoint": None}, "token_endpoint_missing"),
        ({"jwks_uri": "http://169.254.169.254/keys"}, "jwks_uri_host_not_allowed"),
        ({"jwks_uri": "file:///etc/passwd"}, "jwks_uri_host_not_allowed"),
        ({"jwks_uri": "https://["}, "jwks_uri_host_not_allowed"),
        ({"userinfo_endpoint": "https://evil.example"}, "userinfo_endpoint_host_not_allowed"),
        ({"userinfo_endpoint": 5}, "userinfo_endpoint_missing"),
        ({"userinfo_endpoint": []}, "userinfo_endpoint_missing"),
        ({"userinfo_endpoint": ""}, "userinfo_endpoint_host_not_allowed"),
        (
            {"authorization_endpoint": "javascript:alert(1)"},
            "authorization_endpoint_host_not_allowed",
        ),
        (
            {"id_token_signing_alg_values_supported": ["none", "HS256"]},
            "discovery_algorithms_unknown",
        ),
        ({"id_token_signing_alg_values_supported": "RS256"}, "discovery_malformed"),
        (
            {"token_endpoint_auth_methods_supported": ["private_key_jwt"]},
            "discovery_client_authentication_unknown",
        ),
    ],
)
async def test_a_discovery_document_that_names_another_issuer_or_host_is_refused(
    login: Login, discovery: dict[str, Any], reason: str
) -> None:
    login.server.discovery |= discovery

    assert await login.refusal() == reason
    assert {each.path for each in login.server.requests} == {"/.well-known/openid-configuration"}


async def test_an_issuer_differs_by_a_slash(login: Login) -> None:
    login.configure(issuer=f"{login.server.url}/")

    assert await login.refusal() == "discovery_issuer_differs"


@pytest.mark.parametrize(
    ("base", "url", "is_allowed"),
    [
        ("https://a.example/x", "https://a.example/token", True),
        ("https://a.example/x", "https://A.example:443/token", True),
        ("https://a.example/x", "https://api.example/token", True),
        ("https://a.example/x", "https://api.example:8443/token", False),
        ("https://a.example/x", "https://a.example:8443/token", False),
        ("https://a.example/x", "https://a.example.evil.example/token", False),
        ("https://a.example/x", "https://ada@a.example/token", False),
        ("https://a.example/x", "https://a.example:443@evil.example/token", False),
        ("https://a.example/x", "https://a.example:x/token", False),
        ("https://a.example/x", "http://a.example:443/token", False),
        ("https://a.example/x", "//a.example/token", False),
        ("https://localhost:8443", "http://localhost:8443/token", False),
        ("http://localhost:9000", "http://localhost:9000/token", True),
        ("http://localhost:9000", "http://localhost:9001/token", False),
        ("http://localhost:9000", "http://api.example:443/token", False),
    ],
)
def test_only_the_host_of_the_issuer_and_listed_ones_are_asked(
    base: str, url: str, *, is_allowed: bool
) -> None:
    assert AllowedHosts(base, frozenset({"api.example"})).allow(url) is is_allowed


@pytest.mark.parametrize("suffix", ["#x", "\\@evil.example", "\u00e4", " "])
async def test_an_endpoint_at_the_right_host_has_nothing_to_mislead_with(
    login: Login, suffix: str
) -> None:
    login.server.discovery["token_endpoint"] = f"{login.server.url}/token{suffix}"

    assert await login.refusal() == "token_endpoint_host_not_allowed"


async def test_a_host_that_the_operator_lists_is_asked(login: Login) -> None:
    async with a_provider() as other:
        other.keys = login.server.keys
        login.server.discovery["jwks_uri"] = f"{other.url}/keys"
        assert await login.refusal() == "jwks_uri_host_not_allowed"

        login.configure(hosts=frozenset({other.authority}))
        assert (await login()).subject == SUBJECT


async def test_a_replayed_code_is_refused(login: Login) -> None:
    answer = login.server.authorize(await login.provider.authorization_url(REQUEST))
    await login.provider.account(answer, REQUEST)

    with pytest.raises(ProviderRefused) as refused:
        await login.provider.account(answer, REQUEST)
    assert refused.value.reason == "token_invalid_grant"


async def test_a_code_of_another_flow_is_refused_by_its_verifier_or_nonce(login: Login) -> None:
    answer = login.server.authorize(await login.provider.authorization_url(REQUEST))
    other = type(REQUEST)("other-state", "w" * 43, "other-nonce")

    with pytest.raises(ProviderRefused) as refused:
        await login.provider.account(answer, other)
    assert refused.value.reason == "token_invalid_grant"


@pytest.mark.parametrize("is_announced", [False, True])
async def test_the_answer_of_another_provider_is_refused_and_its_code_goes_nowhere(
    login: Login, *, is_announced: bool
) -> None:
    login.server.discovery["authorization_response_iss_parameter_supported"] = is_announced

    assert await login.refusal(issuer="https://evil.example") == "answer_issuer_differs"
    assert await login.refusal(issuer="", error="access_denied") == "answer_issuer_differs"
    assert login.server.asked("/token") == 0
    assert (await login(issuer=login.server.url)).subject == SUBJECT


async def test_an_answer_without_the_announced_issuer_is_refused(login: Login) -> None:
    login.server.discovery["authorization_response_iss_parameter_supported"] = True

    assert await login.refusal() == "answer_issuer_missing"
    assert await login.refusal(error="access_denied") == "answer_issuer_missing"
    with pytest.raises(ProviderCancelled):
        await login(error="access_denied", issuer=login.server.url)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"error": "login_required"}, "answer_login_required"),
        ({"error": "<script>"}, "answer_error"),
        ({"code": ""}, "answer_without_code"),
        ({"code": "x" * 5000}, "answer_without_code"),
    ],
)
async def test_an_answer_that_is_an_error_or_no_code_is_refused(
    login: Login, answer: dict[str, str], reason: str
) -> None:
    assert await login.refusal(**answer) == reason
    assert login.server.asked("/token") == 0


async def test_a_userinfo_of_another_person_is_refused(login: Login) -> None:
    login.server.claims["email"] = None

    login.server.userinfo["sub"] = "another person"
    assert await login.refusal() == "userinfo_subject_differs"
    login.server.userinfo["sub"] = None
    assert await login.refusal() == "userinfo_subject_differs"


async def test_a_wrong_client_secret_is_named_in_the_log_and_nothing_secret_is(
    login: Login, caplog: pytest.LogCaptureFixture
) -> None:
    login.configure(client_secret="wr0ng")

    assert await login.refusal() == "token_invalid_client"
    [record] = [each.msg for each in caplog.records if isinstance(each.msg, dict)]
    assert record["event"] == "identity_provider_refused"
    assert (record["provider"], record["reason"]) == ("any", "token_invalid_client")
    secrets = ("wr0ng", REQUEST.nonce, REQUEST.state, REQUEST.code_verifier)
    assert not any(each in caplog.text for each in secrets)
    assert "wr0ng" not in repr(login.client)
