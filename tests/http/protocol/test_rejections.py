"""Rejections do not reveal their cause: their answers do not differ by a byte."""

from dataclasses import replace
from datetime import timedelta

import jwt
import pytest

from application.ports import UserRepository
from domain.token import TokenKind
from infrastructure.signing.jwt_signer import JwtSigner
from infrastructure.signing.signing_key import SigningKey
from tests.http.client import (
    EMAIL,
    LOGOUT,
    ME,
    REFRESH,
    Client,
    Tokens,
    bearer,
    stored_user,
    visible_parts,
)
from tests.support.builders import a_signer, a_signing_key
from tests.support.doubles import SettableClock

SPOILED = [
    "no token at all",
    "three segments of nothing",
    "too long",
    "unsigned",
    "altered",
    "signed with another key",
    "signed with the key of the other kind",
    "of the wrong kind",
    "expired",
    "of a session that was logged out",
    "of a session that a late reuse ended",
    "of a deleted user",
    "of a disabled user",
]


@pytest.fixture(scope="session")
def forger() -> JwtSigner:
    """An attacker's signer, with all but the keys of the service."""
    return a_signer({kind: a_signing_key() for kind in TokenKind})


@pytest.fixture(scope="session")
def swapped_signer(keys: dict[TokenKind, SigningKey]) -> JwtSigner:
    """A signer with the service's keys, each for the other kind."""
    access, refresh = keys[TokenKind.ACCESS], keys[TokenKind.REFRESH]
    return a_signer({TokenKind.ACCESS: refresh, TokenKind.REFRESH: access})


@pytest.fixture
async def invalid_tokens(
    client: Client,
    clock: SettableClock,
    users: UserRepository,
    signer: JwtSigner,
    forger: JwtSigner,
    swapped_signer: JwtSigner,
) -> dict[str, Tokens]:
    """Pairs of invalid tokens by their fault: all of SPOILED."""
    expired = await client.obtain_tokens()
    clock.advance(timedelta(minutes=61))
    good, ended, reused = [await client.obtain_tokens() for _ in range(3)]
    deleted, disabled = [
        await client.obtain_tokens(f"{name}@example.org") for name in ("eve", "bob")
    ]
    await client.log_out(ended["refresh_token"])
    await users.delete((await stored_user(users, "eve@example.org")).id)
    bob = await stored_user(users, "bob@example.org")
    await users.replace(bob, replace(bob, disabled=True))
    await client.refresh(reused["refresh_token"])
    clock.advance(timedelta(seconds=11))
    await client.refresh(reused["refresh_token"])

    def resigned(by: JwtSigner) -> Tokens:
        return {
            f"{kind}_token": by.sign(signer.verify(good[f"{kind}_token"], kind))
            for kind in TokenKind
        }

    pairs = [
        _both("garbage"),
        _both("a.b.c"),
        _both("a" * 5000),
        {name: _unsigned(good[name]) for name in ("access_token", "refresh_token")},
        {name: _altered(good[name]) for name in ("access_token", "refresh_token")},
        resigned(forger),
        resigned(swapped_signer),
        {"access_token": good["refresh_token"], "refresh_token": good["access_token"]},
        expired,
        ended,
        reused,
        deleted,
        disabled,
    ]
    return dict(zip(SPOILED, pairs, strict=True))


def _both(text: str) -> Tokens:
    return {"access_token": text, "refresh_token": text}


def _unsigned(token: str) -> str:
    claims = jwt.decode(token, options={"verify_signature": False})
    return jwt.encode(claims, "", algorithm="none")


def _altered(token: str) -> str:
    header, payload, signature = token.split(".")
    other = "A" if signature[9] != "A" else "B"
    return ".".join((header, payload, signature[:9] + other + signature[10:]))


async def test_all_bad_access_tokens_get_the_same_answer(
    client: Client, invalid_tokens: dict[str, Tokens]
) -> None:
    answers = {}
    for what, tokens in invalid_tokens.items():
        token = tokens["access_token"]
        answers[what] = visible_parts(await client.me(token))
        answers[f"{what}, as a cookie"] = visible_parts(
            await client.with_cookies(ME, f"access_token={token}")
        )

    expected = answers["no token at all"]
    assert expected[0] == 401
    assert expected[2] == (
        b'{"status":"fail","message":"Token is invalid or session has expired",'
        b'"code":"invalid_token"}'
    )
    assert {what: answer for what, answer in answers.items() if answer != expected} == {}


async def test_all_bad_refresh_tokens_get_that_answer_too(
    client: Client, invalid_tokens: dict[str, Tokens]
) -> None:
    expected = visible_parts(await client.me("garbage"))
    answers = {}
    for what, tokens in invalid_tokens.items():
        token = tokens["refresh_token"]
        cookie = f"refresh_token={token}"
        answers[what] = visible_parts(await client.refresh(token))
        for method in ("GET", "POST"):
            answer = await client.with_cookies(REFRESH, cookie, method=method)
            answers[f"{what}, as a cookie, by {method}"] = visible_parts(answer)

    assert {what: answer for what, answer in answers.items() if answer != expected} == {}


async def test_an_access_token_expires_while_its_session_lives(
    client: Client, clock: SettableClock
) -> None:
    tokens = await client.obtain_tokens()
    clock.advance(timedelta(minutes=16))

    assert visible_parts(await client.me(tokens["access_token"])) == visible_parts(
        await client.me("garbage")
    )
    assert (await client.refresh(tokens["refresh_token"])).status_code == 200


async def test_a_wrong_password_and_an_unknown_or_disabled_account_get_the_same_answer(
    client: Client, users: UserRepository
) -> None:
    await client.register()
    await client.register("bob@example.org")
    bob = await stored_user(users, "bob@example.org")
    await users.replace(bob, replace(bob, disabled=True))

    answers = {
        "wrong password": visible_parts(await client.log_in(password="another one")),
        "wrong password by bearer": visible_parts(
            await client.log_in(password="another one", transport="bearer")
        ),
        "empty password": visible_parts(await client.log_in(password="")),
        "unknown address": visible_parts(await client.log_in("nobody@example.org")),
        "no address": visible_parts(await client.log_in("nobody")),
        "hidden characters in the address": visible_parts(await client.log_in("\u202e" + EMAIL)),
        "disabled": visible_parts(await client.log_in("bob@example.org")),
        "disabled and wrong password": visible_parts(
            await client.log_in("bob@example.org", password="another one")
        ),
    }

    expected = answers["wrong password"]
    assert expected[0] == 400
    assert expected[2] == (
        b'{"status":"fail","message":"Invalid email or password","code":"invalid_credentials"}'
    )
    assert {what: answer for what, answer in answers.items() if answer != expected} == {}


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_refresh_without_a_refresh_token_is_forbidden(client: Client, method: str) -> None:
    tokens = await client.obtain_tokens()
    access_only = f"access_token={tokens['access_token']}"

    answers = [
        await client.request(method, REFRESH),
        await client.with_cookies(REFRESH, access_only, method=method),
        await client.request(method, REFRESH, headers=bearer(tokens["access_token"])),
    ]

    for answer in answers:
        assert answer.status_code == 403
        assert answer.json() == {
            "status": "fail",
            "message": "could not refresh access token",
            "code": "refresh_token_missing",
        }


@pytest.mark.parametrize(
    ("path", "token", "expected"),
    [
        (ME, None, 'Bearer realm="doorward"'),
        (ME, "garbage", 'Bearer realm="doorward", error="invalid_token"'),
        (LOGOUT, None, 'Bearer realm="doorward"'),
        (LOGOUT, "garbage", 'Bearer realm="doorward", error="invalid_token"'),
    ],
)
async def test_a_401_says_which_credentials_are_asked_for(
    client: Client, path: str, token: str | None, expected: str
) -> None:
    answer = await client.get(path, headers=bearer(token) if token else {})

    assert answer.status_code == 401
    assert answer.headers.get_list("www-authenticate") == [expected]


async def test_a_guarded_route_without_a_credential_says_you_are_not_logged_in(
    client: Client,
) -> None:
    answer = await client.me()

    assert answer.status_code == 401
    assert answer.json() == {
        "status": "fail",
        "message": "You are not logged in, please provide token",
        "code": "not_logged_in",
    }
