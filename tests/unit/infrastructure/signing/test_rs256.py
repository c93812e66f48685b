"""The signed claims: those of the contract, and no others (RFC 7519, RFC 9068)."""

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from itertools import combinations

import jwt
import pytest

from domain.authentication import Method
from domain.token import TokenKind
from infrastructure.signing import jwt_signer
from infrastructure.signing.algorithms import EDDSA, RS256
from infrastructure.signing.jwt_signer import JwtSigner
from infrastructure.signing.signing_key import SigningKey, thumbprint
from tests.support.builders import AUDIENCES, NOW, a_session, a_signer, a_signing_key, claims_of
from tests.unit.infrastructure.signing.forgery import (
    Forger,
    octets_of,
)

Keys = dict[TokenKind, SigningKey]


@pytest.mark.parametrize("kind", TokenKind)
def test_claims_round_trip_through_a_token(signer: JwtSigner, kind: TokenKind) -> None:
    claims = claims_of(a_session(), kind)

    assert signer.verify(signer.sign(claims), kind) == claims


def test_the_same_claims_give_the_same_token_to_the_byte(keys: Keys) -> None:
    claims = claims_of(a_session())

    assert a_signer(keys).sign(claims) == a_signer(keys).sign(claims)


@pytest.mark.parametrize(
    ("make", "is_aside"),
    [
        (SigningKey.generate, True),
        (partial(SigningKey.generate, EDDSA), False),
        (a_signing_key, False),
    ],
    ids=["3072 bits", "Ed25519", "2048 bits"],
)
async def test_slow_signatures_are_made_beside_the_event_loop(
    monkeypatch: pytest.MonkeyPatch, make: Callable[[], SigningKey], *, is_aside: bool
) -> None:
    signer = a_signer({kind: make() for kind in TokenKind})
    monkeypatch.setattr(jwt_signer, "_signed", lambda *_: threading.current_thread().name)

    names = await signer.sign_together(*(claims_of(a_session(), kind) for kind in TokenKind))

    assert [name.startswith("signing") for name in names] == [is_aside] * 2


@pytest.mark.parametrize(
    ("kind", "typ", "audience", "early"),
    [
        (TokenKind.ACCESS, "at+jwt", AUDIENCES.access, 5),
        (TokenKind.REFRESH, "rt+jwt", AUDIENCES.refresh, 0),
    ],
)
def test_a_token_has_the_header_and_claims_of_the_contract(
    signer: JwtSigner, keys: Keys, kind: TokenKind, typ: str, audience: str, early: int
) -> None:
    claims = claims_of(a_session(), kind)
    header, payload, _ = signer.sign(claims).split(".")

    assert json.loads(octets_of(header)) == {
        "alg": "RS256",
        "kid": thumbprint(RS256.members(keys[kind].public)),
        "typ": typ,
    }
    assert json.loads(octets_of(payload)) == {
        "iss": AUDIENCES.issuer,
        "aud": audience,
        "sub": str(claims.user_id),
        "client_id": "doorward",
        "sid": claims.session_id,
        "jti": claims.token_id,
        "iat": claims.issued_at,
        "nbf": claims.issued_at - early,
        "exp": claims.expires_at,
        **(OF_THE_USER if kind is TokenKind.ACCESS else {}),
    }


OF_THE_USER = {
    "roles": ["user"],
    "email_verified": False,
    "auth_time": int(NOW.timestamp()),
    "acr": "1",
    "amr": ["pwd"],
}


@pytest.mark.parametrize("count", range(1, len(Method) + 1))
def test_every_authentication_round_trips(signer: JwtSigner, count: int) -> None:
    for methods in combinations(Method, count):
        claims = claims_of(a_session(methods=frozenset(methods)))

        assert signer.verify(signer.sign(claims), TokenKind.ACCESS) == claims


def test_another_library_verifies_a_token_with_the_published_key(signer: JwtSigner) -> None:
    # It goes by the clock on the wall, and the suite may have begun a while ago.
    claims = claims_of(a_session(rotated_at=datetime.now(UTC)))
    [key] = signer.public_keys()
    token = signer.sign(claims)

    read = jwt.decode(
        token,
        jwt.PyJWK(dict(key)),
        algorithms=["RS256"],
        audience=AUDIENCES.access,
        issuer=AUDIENCES.issuer,
        options={"require": ["exp", "iat", "nbf", "sub", "jti", "iss", "aud"]},
    )

    assert read["sub"] == str(claims.user_id)
    assert jwt.get_unverified_header(token)["kid"] == key["kid"]


def test_the_published_keys_have_no_secret_and_are_for_access_only(
    signer: JwtSigner, keys: Keys
) -> None:
    [key] = signer.public_keys()
    access = keys[TokenKind.ACCESS]

    assert key == RS256.members(access.public) | {
        "use": "sig",
        "alg": "RS256",
        "kid": access.kid,
    }


def test_the_forgers_tools_are_good(forger: Forger) -> None:
    """Were they not, the refusals below would prove nothing."""
    assert forger.sign() == forger.genuine
    assert forger.with_header() == forger.genuine
    assert forger.with_claims() == forger.genuine
    assert forger.with_raw_claim("exp", str(forger.claims["exp"])) == forger.genuine
    other = forger.with_claims(sid="0" * 32)
    earlier = forger.with_raw_claim("exp", str(forger.claims["exp"] - 1))
    assert forger.signer.verify(other, TokenKind.ACCESS).session_id == "0" * 32
    assert forger.signer.verify(earlier, TokenKind.ACCESS).expires_at == forger.claims["exp"] - 1
