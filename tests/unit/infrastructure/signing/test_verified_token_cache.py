"""The cache of verified tokens: hits, invalidations and memory."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from domain.errors import TokenRejected
from domain.token import LEEWAY, TokenClaims, TokenKind
from infrastructure.signing.jwt_signer import JwtSigner
from infrastructure.signing.key_ring_watcher import KeyRingWatcher
from infrastructure.signing.signing_key import SigningKey
from infrastructure.signing.verified_token_cache import VerifiedTokenCache
from tests.support.builders import (
    AUDIENCES,
    LIFETIMES,
    MICROSECOND,
    NOW,
    a_session,
    claims_of,
)
from tests.support.doubles import SettableClock

MAX_TOKENS = 3


class CountingSigner(JwtSigner):
    """
    :ivar verified: the tokens that it had to verify, in order.
    """

    def __init__(self, keys: Mapping[TokenKind, SigningKey]) -> None:
        super().__init__(KeyRingWatcher.fixed(keys), AUDIENCES, LIFETIMES.absolute)
        self.verified: list[str] = []

    def verify(self, token: str, kind: TokenKind) -> TokenClaims:
        self.verified.append(token)
        return super().verify(token, kind)


@dataclass
class Verifier:
    """
    :ivar cache: the cache in front of the signer.
    """

    signer: CountingSigner
    clock: SettableClock
    cache: VerifiedTokenCache

    def token(self, kind: TokenKind = TokenKind.ACCESS, **changes: Any) -> str:
        return self.signer.sign(claims_of(a_session(**changes), kind))

    def is_found(self, token: str, kind: TokenKind = TokenKind.ACCESS) -> bool:
        verified = len(self.signer.verified)
        self.cache.verify(token, kind)
        return len(self.signer.verified) == verified


@pytest.fixture
def verifier(keys: dict[TokenKind, SigningKey]) -> Verifier:
    counting, clock = CountingSigner(keys), SettableClock(NOW)
    return Verifier(counting, clock, VerifiedTokenCache(counting, MAX_TOKENS, clock))


@pytest.mark.parametrize("kind", TokenKind)
def test_the_cache_answers_as_the_signer_does(
    verifier: Verifier, signer: JwtSigner, kind: TokenKind
) -> None:
    token = verifier.token(kind)
    assert verifier.cache.cached(token, kind) is None

    for _ in range(3):
        assert verifier.cache.verify(token, kind) == signer.verify(token, kind)
    assert verifier.cache.cached(token, kind) == signer.verify(token, kind)
    assert verifier.signer.verified == [token]
    assert verifier.cache.public_keys() == signer.public_keys()
    claims = claims_of(a_session(), kind)
    assert verifier.cache.sign(claims) == signer.sign(claims)


@pytest.mark.parametrize("kind", TokenKind)
def test_a_token_that_was_signed_here_needs_no_verification(
    verifier: Verifier, kind: TokenKind
) -> None:
    claims = claims_of(a_session(), kind)

    token = verifier.cache.sign(claims)

    assert verifier.cache.cached(token, kind) == claims
    assert verifier.cache.verify(token, kind) == claims
    assert verifier.signer.verified == []


def test_a_cached_token_with_another_character_is_rejected(verifier: Verifier) -> None:
    """Each character of the signature, and some of the others."""
    token = verifier.token()
    verifier.cache.verify(token, TokenKind.ACCESS)
    signature = token.rindex(".")
    for position in [*range(0, signature, 29), *range(signature, len(token))]:
        for other in {"A", "B", "."} - {token[position]}:
            changed = f"{token[:position]}{other}{token[position + 1 :]}"
            assert verifier.cache.cached(changed, TokenKind.ACCESS) is None
            with pytest.raises(TokenRejected):
                verifier.cache.verify(changed, TokenKind.ACCESS)
            assert verifier.signer.verified[-1] == changed
    assert verifier.is_found(token)


@pytest.mark.parametrize(
    "change", [str.upper, str.swapcase, "{}=".format, " {}".format, "{}\n".format]
)
def test_another_spelling_of_a_cached_token_is_rejected(
    verifier: Verifier, change: Callable[[str], str]
) -> None:
    token = verifier.token()
    verifier.cache.verify(token, TokenKind.ACCESS)

    for kind in TokenKind:
        assert verifier.cache.cached(change(token), kind) is None
        with pytest.raises(TokenRejected):
            verifier.cache.verify(change(token), kind)


@pytest.mark.parametrize("kind", TokenKind)
def test_a_cached_token_is_found_under_its_own_kind_only(
    verifier: Verifier, kind: TokenKind
) -> None:
    token = verifier.token(kind)
    verifier.cache.verify(token, kind)
    [other] = set(TokenKind) - {kind}

    for _ in range(2):
        assert verifier.cache.cached(token, other) is None
        with pytest.raises(TokenRejected):
            verifier.cache.verify(token, other)
    assert verifier.is_found(token, kind)


@pytest.mark.parametrize("token", ["", "a.b.c", "é", "\ud800", "a" * 10**5])
def test_a_rejected_token_is_not_cached(verifier: Verifier, token: str) -> None:
    for verified in (1, 2):
        with pytest.raises(TokenRejected):
            verifier.cache.verify(token, TokenKind.ACCESS)
        assert verifier.cache.cached(token, TokenKind.ACCESS) is None
        assert len(verifier.signer.verified) == verified
    assert verifier.cache._verified == {}


def test_an_expired_token_is_forgotten(verifier: Verifier) -> None:
    token = verifier.token()
    claims = verifier.cache.verify(token, TokenKind.ACCESS)
    end = datetime.fromtimestamp(claims.expires_at, NOW.tzinfo) + LEEWAY

    verifier.clock.now = end - MICROSECOND
    assert verifier.is_found(token)
    verifier.clock.now = end
    assert verifier.cache.cached(token, TokenKind.ACCESS) is None
    assert verifier.cache._verified == {}
    for _ in range(2):  # expiry is not for the signer to check
        assert not verifier.is_found(token)
    assert verifier.cache._verified == {}


def test_a_token_that_is_not_yet_valid_is_not_cached(verifier: Verifier) -> None:
    token = verifier.token(rotated_at=NOW + LEEWAY + timedelta(seconds=2))

    for _ in range(2):
        assert not verifier.is_found(token)


@pytest.mark.parametrize("lifetime", [0, -1, 10**8])
def test_a_token_that_the_signer_would_reject_is_rejected_though_it_was_signed_here(
    verifier: Verifier, signer: JwtSigner, lifetime: int
) -> None:
    """A token of a session's very last second has no lifetime."""
    claims = claims_of(a_session())
    token = verifier.cache.sign(replace(claims, expires_at=claims.issued_at + lifetime))
    with pytest.raises(TokenRejected):
        signer.verify(token, TokenKind.ACCESS)

    assert verifier.cache.cached(token, TokenKind.ACCESS) is None
    with pytest.raises(TokenRejected):
        verifier.cache.verify(token, TokenKind.ACCESS)


def test_the_first_token_is_forgotten_first(verifier: Verifier) -> None:
    tokens = [verifier.token() for _ in range(MAX_TOKENS + 1)]
    for token in tokens:
        verifier.cache.verify(token, TokenKind.ACCESS)

    cached = [verifier.cache.cached(token, TokenKind.ACCESS) for token in tokens]
    assert [claims is not None for claims in cached] == [False] + [True] * MAX_TOKENS
    assert len(verifier.cache._verified) == MAX_TOKENS


def test_the_cache_holds_no_token_in_memory(signer: JwtSigner) -> None:
    """No object that the cache refers to, however indirectly, has the token or its signature."""
    cache = VerifiedTokenCache(signer, 1000, lambda: NOW)
    token = signer.sign(claims_of(a_session()))
    cache.verify(token, TokenKind.ACCESS)

    signature = token.rpartition(".")[2]
    kept = [*_all_within(cache.__dict__, without=signer)]

    assert any(isinstance(each, bytes) for each in kept)
    for each in kept:
        if isinstance(each, str | bytes):
            text = each if isinstance(each, str) else each.decode("latin-1")
            assert signature not in text
            assert signature[:20] not in text


def _all_within(thing: object, *, without: object) -> list[object]:
    if thing is without:
        return []
    if isinstance(thing, dict):
        inner = [*thing.keys(), *thing.values()]
    elif isinstance(thing, TokenClaims):
        inner = [getattr(thing, name) for name in thing.__slots__]
    else:
        return [thing]
    return [found for each in inner for found in _all_within(each, without=without)]


async def test_a_token_is_not_remembered_whose_key_was_replaced_while_it_was_signed(
    verifier: Verifier,
) -> None:
    claims = claims_of(a_session())
    [remembered] = await verifier.cache.sign_together(claims)
    assert verifier.is_found(remembered)

    signing = asyncio.create_task(verifier.cache.sign_together(claims))
    await asyncio.sleep(0)  # it has begun
    verifier.cache.clear()
    [token] = await signing

    assert not verifier.is_found(token)
