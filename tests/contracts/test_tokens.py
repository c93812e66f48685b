"""The contract of TokenSigner."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from application.ports import TokenSigner
from domain.errors import TokenRejected
from domain.session import SessionId, TokenId
from domain.token import TokenClaims, TokenKind
from infrastructure.signing.algorithms import EDDSA, PS256
from infrastructure.signing.signing_key import SigningKey
from infrastructure.signing.verified_token_cache import VerifiedTokenCache
from tests.support.builders import NOW, a_session, a_signer, claims_of, refreshed

EDDSA_KEYS = {kind: SigningKey.generate(EDDSA) for kind in TokenKind}
SIGNERS: dict[str, Callable[[dict[TokenKind, SigningKey]], TokenSigner]] = {
    "rs256": a_signer,
    "near rs256": lambda keys: VerifiedTokenCache(a_signer(keys), 1000, lambda: NOW),
    "ps256": lambda keys: a_signer({kind: keys[kind].signing_with(PS256) for kind in keys}),
    "eddsa": lambda _: a_signer(EDDSA_KEYS),
}
"""Each with the same keys. A new signer, and a new algorithm, needs an entry here."""

SALTED = {"ps256"}
"""No two signatures of these are the same."""


@pytest.fixture(params=SIGNERS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def make(name: str, keys: dict[TokenKind, SigningKey]) -> Callable[[], TokenSigner]:
    return lambda: SIGNERS[name](keys)


@pytest.fixture
def signer(make: Callable[[], TokenSigner]) -> TokenSigner:
    return make()


@pytest.mark.parametrize("kind", TokenKind)
def test_a_signed_token_verifies(signer: TokenSigner, kind: TokenKind) -> None:
    claims = claims_of(a_session(), kind)

    assert signer.verify(signer.sign(claims), kind) == claims


async def test_tokens_that_are_signed_together_are_those_of_their_claims(
    name: str, signer: TokenSigner
) -> None:
    claims = [claims_of(a_session(), kind) for kind in TokenKind]

    together = await signer.sign_together(*claims)

    kinds = [each.kind for each in claims]
    assert list(map(signer.verify, together, kinds)) == claims
    if name not in SALTED:
        assert together == [signer.sign(each) for each in claims]


@pytest.mark.parametrize("kind", TokenKind)
def test_the_same_claims_give_the_same_token(
    name: str, make: Callable[[], TokenSigner], kind: TokenKind
) -> None:
    claims = claims_of(a_session(), kind)

    one, other = make().sign(claims), make().sign(replace(claims))

    assert one.rpartition(".")[0] == other.rpartition(".")[0]
    assert (one == other) is (name not in SALTED)


@pytest.mark.parametrize(
    "change",
    [
        lambda claims: replace(claims, user_id=a_session().user_id),
        lambda claims: replace(claims, session_id=SessionId("0" * 32)),
        lambda claims: replace(claims, token_id=TokenId("0" * 32)),
        lambda claims: replace(claims, issued_at=claims.issued_at - 1),
        lambda claims: replace(claims, expires_at=claims.expires_at + 1),
        lambda claims: replace(claims, kind=TokenKind.REFRESH),
    ],
    ids=["user", "session", "token", "issued", "expires", "kind"],
)
def test_other_claims_give_another_token(
    signer: TokenSigner, change: Callable[[TokenClaims], TokenClaims]
) -> None:
    claims = claims_of(a_session())

    assert signer.sign(claims) != signer.sign(change(claims))


@pytest.mark.parametrize("kind", TokenKind)
def test_no_kind_stands_in_for_another(signer: TokenSigner, kind: TokenKind) -> None:
    token = signer.sign(claims_of(a_session(), kind))

    for other in set(TokenKind) - {kind}:
        with pytest.raises(TokenRejected):
            signer.verify(token, other)


def test_a_signer_knows_no_clock(signer: TokenSigner) -> None:
    claims = replace(claims_of(a_session()), issued_at=0, expires_at=900)

    assert signer.verify(signer.sign(claims), TokenKind.ACCESS) == claims


@pytest.mark.parametrize("kind", TokenKind)
def test_no_character_of_a_token_may_change(signer: TokenSigner, kind: TokenKind) -> None:
    token = signer.sign(claims_of(a_session(), kind))
    for position in range(0, len(token), 7):
        other = "A" if token[position] != "A" else "B"
        with pytest.raises(TokenRejected):
            signer.verify(f"{token[:position]}{other}{token[position + 1 :]}", kind)


@pytest.mark.parametrize(
    "token", ["", ".", "..", "a.b.c", "null", "{}", "\x00", "é", "\ud800", "a" * 10**6]
)
@pytest.mark.parametrize("kind", TokenKind)
def test_rubbish_is_rejected(signer: TokenSigner, token: str, kind: TokenKind) -> None:
    with pytest.raises(TokenRejected):
        signer.verify(token, kind)


def test_tokens_fit_into_a_cookie(signer: TokenSigner) -> None:
    session = refreshed(a_session())

    assert all(len(signer.sign(claims_of(session, kind))) < 4000 for kind in TokenKind)


def test_the_published_keys_are_public(signer: TokenSigner) -> None:
    for key in signer.public_keys():
        assert key["kid"]
        assert not {"d", "p", "q", "dp", "dq", "qi", "oth", "k"} & set(key)
