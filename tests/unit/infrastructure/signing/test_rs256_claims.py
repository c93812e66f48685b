"""Forged claims: signed with the real key, and still refused (RFC 8725, section 3.8 to 3.11)."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import combinations
from typing import Any

import pytest

from domain.authentication import Level
from domain.permissions import Role
from domain.token import LEEWAY, TokenKind
from infrastructure.signing.audiences import Audiences, FormerIssuer
from infrastructure.signing.jwt_signer import JwtSigner
from infrastructure.signing.key_ring_watcher import KeyRingWatcher
from infrastructure.signing.signing_key import SigningKey
from tests.support.builders import AUDIENCES, LIFETIMES, NOW, a_session, a_signer, claims_of
from tests.unit.infrastructure.signing.forgery import (
    STRING_CLAIMS,
    TIME_CLAIMS,
    Attack,
    Forger,
    assert_rejected,
    attacks,
    octets_of,
    written,
)


@pytest.mark.parametrize("kind", TokenKind)
def test_a_token_of_the_other_kind_is_refused(signer: JwtSigner, kind: TokenKind) -> None:
    [other] = set(TokenKind) - {kind}

    assert_rejected(signer, signer.sign(claims_of(a_session(), other)), kind)


@attacks(
    {
        "typ": lambda forger: forger.with_header(typ="rt+jwt"),
        "typ JWT": lambda forger: forger.with_header(typ="JWT"),
        "typ in capitals": lambda forger: forger.with_header(typ="AT+JWT"),
        "typ in full": lambda forger: forger.with_header(typ="application/at+jwt"),
        "no typ": lambda forger: forger.sign(
            header=written({k: v for k, v in forger.header.items() if k != "typ"})
        ),
        "audience": lambda forger: forger.with_claims(aud=AUDIENCES.refresh),
        "key": lambda forger: forger.sign(key=forger.other),
        "key and its id": lambda forger: forger.sign(
            header=written(forger.header | {"kid": forger.other.kid}), key=forger.other
        ),
        "header and key": lambda forger: forger.sign(
            header=written(forger.header | {"kid": forger.other.kid, "typ": "rt+jwt"}),
            key=forger.other,
        ),
    }
)
def test_each_sign_of_its_kind_is_checked(forger: Forger, attack: Attack) -> None:
    token = attack(forger)

    for kind in TokenKind:
        assert_rejected(forger.signer, token, kind)


def test_a_refresh_token_with_the_audience_of_the_other_kind_is_refused(
    refresh_forger: Forger,
) -> None:
    token = refresh_forger.with_claims(aud=AUDIENCES.access)

    assert refresh_forger.sign() == refresh_forger.genuine
    assert_rejected(refresh_forger.signer, token, TokenKind.REFRESH)


@pytest.mark.parametrize("claim", [*STRING_CLAIMS, *TIME_CLAIMS])
def test_every_claim_is_required(forger: Forger, claim: str) -> None:
    assert_rejected(forger.signer, forger.without(claim))


@pytest.mark.parametrize("claim", [*STRING_CLAIMS, *TIME_CLAIMS])
@pytest.mark.parametrize("value", [None, [], {}, True, "", 0, -1, 0.5], ids=repr)
def test_no_claim_is_of_another_type(forger: Forger, claim: str, value: object) -> None:
    assert_rejected(forger.signer, forger.with_claims(**{claim: value}))


@pytest.mark.parametrize("claim", [*STRING_CLAIMS, *TIME_CLAIMS])
def test_a_list_that_has_the_right_value_is_not_the_right_value(
    forger: Forger, claim: str
) -> None:
    assert_rejected(forger.signer, forger.with_claims(**{claim: [forger.claims[claim]]}))
    assert_rejected(forger.signer, forger.with_claims(**{claim: {"0": forger.claims[claim]}}))


@pytest.mark.parametrize("claim", STRING_CLAIMS)
@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:-1],
        lambda text: text[1:],
        lambda text: text + "x",
        lambda text: text + "0",
        lambda text: text + "\n",
        lambda text: text + "\x00",
        lambda text: " " + text,
        lambda text: text.upper() if text.upper() != text else text.lower(),
    ],
    ids=["prefix", "suffix", "x", "0", "line break", "NUL", "space", "case"],
)
def test_a_claim_is_compared_as_a_whole(
    forger: Forger, claim: str, change: Callable[[str], str]
) -> None:
    changed = change(forger.claims[claim])

    assert changed != forger.claims[claim]
    assert_rejected(forger.signer, forger.with_claims(**{claim: changed}))


@pytest.mark.parametrize(
    "form",
    ["{{{}}}", "urn:uuid:{}", "{}-", "-{}"],
)
def test_a_user_id_is_written_in_one_way(forger: Forger, form: str) -> None:
    assert_rejected(forger.signer, forger.with_claims(sub=form.format(forger.claims["sub"])))
    without_hyphens = forger.claims["sub"].replace("-", "")
    assert_rejected(forger.signer, forger.with_claims(sub=without_hyphens))


@pytest.mark.parametrize("claim", ["sid", "jti"])
@pytest.mark.parametrize("value", ["0" * 31, "0" * 33, "F" * 32, "g" * 32, "\u0660" * 32])
def test_session_and_token_ids_are_128_bits_in_hexadecimal(
    forger: Forger, claim: str, value: str
) -> None:
    assert_rejected(forger.signer, forger.with_claims(**{claim: value}))


@attacks(
    {
        "additional claim": lambda forger: forger.with_claims(role="admin"),
        "other order": lambda forger: forger.sign(
            payload=written(dict(reversed(forger.claims.items())))
        ),
        "white space": lambda forger: forger.sign(payload=json.dumps(forger.claims).encode()),
        "space behind": lambda forger: forger.sign(payload=forger.payload + b" "),
        "line break in front": lambda forger: forger.sign(payload=b"\n" + forger.payload),
        "byte order mark": lambda forger: forger.sign(payload=b"\xef\xbb\xbf" + forger.payload),
        "UTF-16": lambda forger: forger.sign(payload=forger.payload.decode().encode("utf-16")),
        "invalid UTF-8": lambda forger: forger.sign(
            payload=forger.payload.replace(b"doorward", b"doorwar\xff")
        ),
        "escaped name": lambda forger: forger.sign(
            payload=forger.payload.replace(b'"iss"', b'"\\u0069ss"')
        ),
        "escaped slashes": lambda forger: forger.sign(
            payload=forger.payload.replace(b"/", b"\\/")
        ),
        "escaped letter": lambda forger: forger.sign(
            payload=forger.payload.replace(b"doorward", b"d\\u006forward")
        ),
        "lone surrogate": lambda forger: forger.with_raw_claim("client_id", '"\\ud800"'),
        "second document": lambda forger: forger.sign(payload=forger.payload + b"{}"),
        "no JSON": lambda forger: forger.sign(payload=b"claims"),
        "nothing": lambda forger: forger.sign(payload=b""),
        "list": lambda forger: forger.sign(payload=b"[" + forger.payload + b"]"),
        "null": lambda forger: forger.sign(payload=b"null"),
        "depth": lambda forger: forger.sign(payload=b"[" * 2000 + b"]" * 500),
        "depth in a claim": lambda forger: forger.with_raw_claim("sub", "[" * 900 + "]" * 900),
        "depth in an additional claim": lambda forger: forger.sign(
            payload=forger.payload[:-1] + b',"x":' + b"[" * 900 + b"]" * 900 + b"}"
        ),
    }
)
def test_claims_are_written_in_one_way(forger: Forger, attack: Attack) -> None:
    token = attack(forger)

    assert token != forger.genuine
    assert_rejected(forger.signer, token)


@pytest.mark.parametrize("claim", [*STRING_CLAIMS, *TIME_CLAIMS])
@pytest.mark.parametrize("is_same", [True, False], ids=["same", "other"])
def test_a_claim_that_appears_twice_is_refused(forger: Forger, claim: str, is_same: bool) -> None:
    other = forger.claims[claim] + (1 if claim in TIME_CLAIMS else "0")
    extra = written({claim: forger.claims[claim] if is_same else other})[1:-1]
    text = forger.payload

    assert_rejected(forger.signer, forger.sign(payload=b"{" + extra + b"," + text[1:]))
    assert_rejected(forger.signer, forger.sign(payload=text[:-1] + b"," + extra + b"}"))


STRANGE_TIMES = {
    "text": '"{}"',
    "whole float": "{}.0",
    "float": "1.5",
    "exponent": "{}e0",
    "true": "true",
    "null": "null",
    "1e308": "1e308",
    "1e400": "1e400",
    "NaN": "NaN",
    "Infinity": "Infinity",
    "leading zero": "0{}",
    "plus": "+{}",
    "negative": "-{}",
    "hexadecimal": "0x10",
    "underscore": "1_000",
    "Arabic digits": "١٢٣٤٥٦٧٨٩\u0660",
    "Arabic text": '"١٢٣٤٥٦٧٨٩\u0660"',
    "64 bits": "18446744073709551615",
    "65 bits": "18446744073709551616",
    "1000 digits": "9" * 1000,
    "2500 digits": "9" * 2500,
    "5000 digits": "9" * 5000,
    "date": '"2030-01-01T00:00:00Z"',
    "milliseconds": "{}000",
}


@pytest.mark.parametrize("form", STRANGE_TIMES.values(), ids=STRANGE_TIMES)
@pytest.mark.parametrize("claim", TIME_CLAIMS)
def test_a_time_is_a_whole_number_of_seconds(forger: Forger, claim: str, form: str) -> None:
    value = form.format(forger.claims[claim])

    assert_rejected(forger.signer, forger.with_raw_claim(claim, value))


@pytest.mark.parametrize("digits", [20, 100, 310, 700])
def test_times_beyond_all_time_are_refused_even_when_they_agree(
    forger: Forger, digits: int
) -> None:
    start = 10**digits
    claims = forger.claims | {"iat": start, "nbf": start, "exp": start + 900}

    assert_rejected(forger.signer, forger.sign(payload=written(claims)))


def test_a_token_that_is_not_yet_good_when_it_is_made_is_refused(forger: Forger) -> None:
    assert_rejected(forger.signer, forger.with_claims(nbf=forger.claims["iat"] + 1))
    assert_rejected(forger.signer, forger.with_claims(nbf=forger.claims["iat"] - 1))


@pytest.mark.parametrize("lifetime", [0, -1, -900])
def test_a_token_that_ends_before_it_begins_is_refused(forger: Forger, lifetime: int) -> None:
    assert_rejected(forger.signer, forger.with_claims(exp=forger.claims["iat"] + lifetime))


def test_the_lifetime_that_a_token_claims_is_capped(
    forger: Forger, keys: dict[TokenKind, SigningKey]
) -> None:
    signer = a_signer(keys, longest_lifetime=timedelta(hours=1))
    issued_at = forger.claims["iat"]

    longest = signer.verify(forger.with_claims(exp=issued_at + 3600), TokenKind.ACCESS)

    assert longest.lifetime == 3600
    assert_rejected(signer, forger.with_claims(exp=issued_at + 3601))


def test_access_tokens_of_the_previous_release_are_accepted(forger: Forger) -> None:
    before = without(forger.claims, "email_verified", *OF_AUTHENTICATION)

    claims = forger.signer.verify(forger.sign(payload=written(before)), TokenKind.ACCESS)

    assert (claims.role, claims.email_verified) == (Role.USER, None)
    assert claims.authentication is None


def test_access_tokens_of_release_0_1_are_accepted(forger: Forger) -> None:
    """Without roles, and with nbf = iat."""
    before = without(forger.claims, "roles", "email_verified", *OF_AUTHENTICATION)
    before["nbf"] = before["iat"]

    claims = forger.signer.verify(forger.sign(payload=written(before)), TokenKind.ACCESS)

    assert claims.role is None
    assert claims.issued_at == forger.claims["iat"]


OF_AUTHENTICATION = ("auth_time", "acr", "amr")


def without(claims: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in claims.items() if name not in names}


@pytest.mark.parametrize("verified", [True, False])
def test_an_access_token_says_whether_the_address_is_proven(
    forger: Forger, verified: bool
) -> None:
    token = forger.with_claims(email_verified=verified)

    assert forger.signer.verify(token, TokenKind.ACCESS).email_verified is verified


@pytest.mark.parametrize("verified", [None, "true", 1, 0, [True]])
def test_email_verified_is_a_boolean(forger: Forger, verified: object) -> None:
    assert_rejected(forger.signer, forger.with_claims(email_verified=verified))


def test_no_token_has_email_verified_without_roles(forger: Forger, refresh_forger: Forger) -> None:
    token = forger.sign(payload=written(without(forger.claims, "roles", *OF_AUTHENTICATION)))
    refresh = refresh_forger.with_claims(email_verified=True)

    assert_rejected(forger.signer, token)
    assert_rejected(refresh_forger.signer, refresh, TokenKind.REFRESH)


@pytest.mark.parametrize("count", [1, 2])
def test_a_token_says_all_or_nothing_about_the_authentication(forger: Forger, count: int) -> None:
    for names in combinations(OF_AUTHENTICATION, count):
        token = forger.sign(payload=written(without(forger.claims, *names)))

        assert_rejected(forger.signer, token)


def test_no_token_describes_the_authentication_without_the_user(
    forger: Forger, refresh_forger: Forger
) -> None:
    token = forger.sign(payload=written(without(forger.claims, "email_verified")))
    shown = {name: forger.claims[name] for name in OF_AUTHENTICATION}

    assert_rejected(forger.signer, token)
    refresh = refresh_forger.with_claims(**shown)
    assert_rejected(refresh_forger.signer, refresh, TokenKind.REFRESH)


def test_a_token_may_say_that_another_provider_has_asked_for_several_factors(
    forger: Forger,
) -> None:
    token = forger.with_claims(amr=["mfa"], acr="2")

    shown = forger.signer.verify(token, TokenKind.ACCESS).authentication

    assert shown is not None
    assert shown.level is Level.TWO


@pytest.mark.parametrize(
    "changes",
    [
        {"acr": 1},
        {"acr": "0"},
        {"acr": "3"},
        {"acr": None},
        {"acr": "2"},  # the password alone
        {"amr": "pwd"},
        {"amr": None},
        {"amr": [], "acr": "2"},
        {"amr": ["mfa"]},
        {"amr": [None]},
        {"amr": ["PWD"]},
        {"amr": ["pwd", "pwd"]},
        {"amr": ["pwd", "otp", "mfa"], "acr": "2"},
        {"amr": ["mfa", "otp", "pwd"]},
        {"amr": ["otp", "pwd"]},
        {"amr": ["hwk"]},
        {"auth_time": "1"},
        {"auth_time": 1.5},
        {"auth_time": -1},
        {"auth_time": None},
    ],
    ids=str,
)
def test_what_no_authentication_yields_is_refused(
    forger: Forger, changes: dict[str, object]
) -> None:
    assert_rejected(forger.signer, forger.with_claims(**changes))


def test_a_restricted_token_has_an_audience_that_other_services_do_not_accept(
    signer: JwtSigner,
) -> None:
    claims = replace(claims_of(a_session()), is_restricted=True)
    token = signer.sign(claims)

    audience = json.loads(octets_of(token.split(".")[1]))["aud"]

    assert audience == f"{AUDIENCES.issuer}/api/users/me/second-factors"
    assert audience not in {AUDIENCES.access, AUDIENCES.issuer, AUDIENCES.refresh}
    assert signer.verify(token, TokenKind.ACCESS) == claims
    assert_rejected(signer, token, TokenKind.REFRESH)


def test_a_refresh_token_has_never_the_audience_of_an_enrolment(refresh_forger: Forger) -> None:
    token = refresh_forger.with_claims(aud=AUDIENCES.enrolment)

    assert_rejected(refresh_forger.signer, token, TokenKind.REFRESH)


def test_a_restricted_token_of_a_former_issuer_stays_restricted(
    keys: dict[TokenKind, SigningKey],
) -> None:
    before = JwtSigner(KeyRingWatcher.fixed(keys), FORMER, LIFETIMES.absolute)
    token = before.sign(replace(claims_of(a_session()), is_restricted=True))
    signer = after_a_move(keys, NOW + timedelta(minutes=1))

    assert signer.verify(token, TokenKind.ACCESS).is_restricted


@pytest.mark.parametrize(
    "roles",
    [[], ["king"], ["user", "admin"], ["user", "user"], "user", None, {}, [None]],
)
def test_roles_other_than_one_known_one_are_refused(forger: Forger, roles: object) -> None:
    assert_rejected(forger.signer, forger.with_claims(roles=roles))


def test_a_refresh_token_has_no_roles(refresh_forger: Forger) -> None:
    token = refresh_forger.with_claims(roles=["user"])

    assert_rejected(refresh_forger.signer, token, TokenKind.REFRESH)


def test_the_nbf_of_a_refresh_token_is_its_iat(refresh_forger: Forger) -> None:
    token = refresh_forger.with_claims(nbf=refresh_forger.claims["iat"] - 5)

    assert_rejected(refresh_forger.signer, token, TokenKind.REFRESH)


FORMER = Audiences.under("doorward")


def after_a_move(keys: dict[TokenKind, SigningKey], until: datetime) -> JwtSigner:
    former = FormerIssuer(FORMER, until)
    return JwtSigner(KeyRingWatcher.fixed(keys), AUDIENCES, LIFETIMES.absolute, [former])


@pytest.mark.parametrize("kind", TokenKind)
def test_tokens_of_a_former_issuer_are_accepted_until_the_configured_time(
    keys: dict[TokenKind, SigningKey], kind: TokenKind
) -> None:
    before = JwtSigner(KeyRingWatcher.fixed(keys), FORMER, LIFETIMES.absolute)
    token = before.sign(claims_of(a_session(), kind))
    until = NOW + timedelta(minutes=1)

    claims = after_a_move(keys, until).verify(token, kind)

    assert claims.expires_at == int(until.timestamp())
    assert claims.is_current(NOW)
    assert not claims.is_current(until + LEEWAY)
    assert_rejected(after_a_move(keys, NOW - timedelta(minutes=1)), token, kind)
    assert_rejected(a_signer(keys), token, kind)


@pytest.mark.parametrize("kind", TokenKind)
def test_a_former_issuer_does_not_widen_the_lifetime_or_the_audience(
    keys: dict[TokenKind, SigningKey], kind: TokenKind
) -> None:
    mixed = replace(AUDIENCES, issuer=FORMER.issuer)
    signer = after_a_move(keys, NOW + timedelta(minutes=1))
    other = JwtSigner(KeyRingWatcher.fixed(keys), mixed, LIFETIMES.absolute)
    old = JwtSigner(KeyRingWatcher.fixed(keys), FORMER, timedelta(days=9999))
    claims = claims_of(a_session(), kind)
    too_long = replace(
        claims, expires_at=claims.issued_at + int(LIFETIMES.absolute.total_seconds()) + 1
    )

    assert_rejected(signer, other.sign(claims), kind)
    assert_rejected(signer, old.sign(too_long), kind)


def test_new_tokens_have_the_present_issuer(keys: dict[TokenKind, SigningKey]) -> None:
    token = after_a_move(keys, NOW + timedelta(minutes=1)).sign(claims_of(a_session()))

    assert json.loads(octets_of(token.split(".")[1]))["iss"] == AUDIENCES.issuer
