"""Other services verify access tokens with the published keys alone."""

from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest

from application.ports import UserRepository
from domain.token import TokenKind
from infrastructure.signing.signing_key import SigningKey
from tests.http.client import EMAIL, Client, Tokens, make_administrator
from tests.support.builders import AUDIENCES
from tests.support.doubles import SettableClock

KEYS = "/.well-known/jwks.json"
CLAIMS = {
    "iss",
    "aud",
    "sub",
    "client_id",
    "sid",
    "jti",
    "iat",
    "nbf",
    "exp",
    "roles",
    "email_verified",
    "auth_time",
    "acr",
    "amr",
}


@pytest.fixture
async def tokens(client: Client, clock: SettableClock) -> Tokens:
    """Log in at the present time, because a verifier uses the real clock."""
    clock.now = datetime.now(UTC)
    return await client.obtain_tokens()


@pytest.fixture
async def published(client: Client) -> jwt.PyJWKSet:
    return jwt.PyJWKSet.from_dict((await client.get(KEYS)).json())


def verified(token: str, published: jwt.PyJWKSet) -> dict[str, Any]:
    """Return the claims, verified as a resource server does (RFC 9068, section 4)."""
    key = published[jwt.get_unverified_header(token)["kid"]]
    claims: dict[str, Any] = jwt.decode(
        token,
        key,
        algorithms=["RS256"],
        audience=AUDIENCES.access,
        issuer=AUDIENCES.issuer,
        leeway=30,
        options={"require": sorted(CLAIMS), "strict_aud": True},
    )
    return claims


async def test_the_published_keys_alone_verify_an_access_token(
    client: Client, tokens: Tokens, clock: SettableClock, published: jwt.PyJWKSet
) -> None:
    user = (await client.me(tokens["access_token"])).json()["data"]["user"]

    claims = verified(tokens["access_token"], published)

    now = int(clock().timestamp())
    assert set(claims) == CLAIMS
    assert claims["iss"] == AUDIENCES.issuer
    assert claims["aud"] == AUDIENCES.access
    assert claims["sub"] == user["id"]
    assert claims["client_id"] == "doorward"
    assert (claims["iat"], claims["nbf"], claims["exp"]) == (now, now - 5, now + 900)
    assert (claims["roles"], claims["email_verified"]) == (["user"], False)
    assert (claims["acr"], claims["amr"]) == ("1", ["pwd"])
    assert claims["auth_time"] == claims["iat"]
    assert len(bytes.fromhex(claims["sid"])) == len(bytes.fromhex(claims["jti"])) == 16


async def test_the_published_keys_verify_a_refreshed_access_token(
    client: Client, tokens: Tokens, published: jwt.PyJWKSet
) -> None:
    following = (await client.refresh(tokens["refresh_token"])).json()

    first = verified(tokens["access_token"], published)
    second = verified(following["access_token"], published)

    assert first["sid"] == second["sid"]
    assert first["sub"] == second["sub"]
    assert first["jti"] != second["jti"]


async def test_the_header_of_a_token_names_its_key_and_type(
    tokens: Tokens, keys: dict[TokenKind, SigningKey]
) -> None:
    assert jwt.get_unverified_header(tokens["access_token"]) == {
        "alg": "RS256",
        "kid": keys[TokenKind.ACCESS].kid,
        "typ": "at+jwt",
    }
    assert jwt.get_unverified_header(tokens["refresh_token"]) == {
        "alg": "RS256",
        "kid": keys[TokenKind.REFRESH].kid,
        "typ": "rt+jwt",
    }


async def test_a_published_key_has_its_purpose_and_no_private_part(
    client: Client, keys: dict[TokenKind, SigningKey]
) -> None:
    [key] = (await client.get(KEYS)).json()["keys"]

    assert set(key) == {"kty", "e", "n", "use", "alg", "kid"}
    assert (key["kty"], key["use"], key["alg"], key["e"]) == ("RSA", "sig", "RS256", "AQAB")
    assert key["kid"] == keys[TokenKind.ACCESS].kid
    assert jwt.PyJWK(key).key.public_numbers() == keys[TokenKind.ACCESS].public.public_numbers()


async def test_the_key_of_refresh_tokens_is_not_published(
    tokens: Tokens, published: jwt.PyJWKSet, keys: dict[TokenKind, SigningKey]
) -> None:
    kid = jwt.get_unverified_header(tokens["refresh_token"])["kid"]

    assert kid == keys[TokenKind.REFRESH].kid
    assert [key.key_id for key in published.keys] == [keys[TokenKind.ACCESS].kid]
    with pytest.raises(KeyError):
        published[kid]
    for key in published.keys:
        with pytest.raises(jwt.InvalidSignatureError):
            jwt.decode(tokens["refresh_token"], key, algorithms=["RS256"])


async def test_verifiers_may_cache_the_keys_for_five_minutes(client: Client) -> None:
    answer = await client.get(KEYS)

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    directives = {part.strip() for part in answer.headers["cache-control"].split(",")}
    assert directives == {"public", "max-age=300"}


async def test_the_published_keys_do_not_depend_on_the_users(client: Client) -> None:
    before = (await client.get(KEYS)).content
    await client.sign_up()

    assert (await client.get(KEYS)).content == before


async def test_a_client_with_the_current_etag_gets_304(client: Client) -> None:
    first = await client.get(KEYS)
    tag = first.headers["etag"]

    for known in (tag, f"W/{tag}", f'"another", {tag}', "*"):
        again = await client.get(KEYS, headers={"If-None-Match": known})

        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == tag
        assert again.headers["cache-control"] == first.headers["cache-control"]


@pytest.mark.parametrize("known", ['"another"', "", "rubbish"])
async def test_a_client_with_another_etag_gets_the_keys(client: Client, known: str) -> None:
    answer = await client.get(KEYS, headers={"If-None-Match": known})

    assert answer.status_code == 200
    assert answer.json()["keys"]


async def test_head_of_the_key_set_has_the_headers_of_get(client: Client) -> None:
    got, asked = await client.get(KEYS), await client.head(KEYS)

    assert (asked.status_code, asked.content) == (200, b"")
    for name in ("etag", "cache-control", "content-type"):
        assert asked.headers[name] == got.headers[name]


async def test_a_refreshed_access_token_has_the_role_of_now(
    client: Client, tokens: Tokens, published: jwt.PyJWKSet, users: UserRepository
) -> None:
    await make_administrator(users, EMAIL)

    following = (await client.refresh(tokens["refresh_token"])).json()

    assert verified(tokens["access_token"], published)["roles"] == ["user"]
    assert verified(following["access_token"], published)["roles"] == ["admin"]


async def test_a_verifier_whose_clock_is_four_seconds_slow_accepts_a_new_token(
    client: Client, clock: SettableClock, published: jwt.PyJWKSet
) -> None:
    clock.now = datetime.now(UTC) + timedelta(seconds=4)
    token = (await client.obtain_tokens())["access_token"]
    key = published[jwt.get_unverified_header(token)["kid"]]

    jwt.decode(  # PyJWT checks iat, too, which no RFC asks for; others check nbf only
        token,
        key,
        algorithms=["RS256"],
        audience=AUDIENCES.access,
        options={"verify_iat": False},
    )
