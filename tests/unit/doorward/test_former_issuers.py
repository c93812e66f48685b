"""The settings of issuers: sessions survive a change of the issuer."""

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from domain.errors import TokenRejected
from domain.token import TokenKind
from doorward.wiring.signing_keys.key_stores import make_signer
from infrastructure.config.settings import Settings
from infrastructure.signing.jwt_signer import JwtSigner
from infrastructure.signing.key_ring_watcher import KeyRingWatcher
from infrastructure.signing.signing_key import SigningKey
from tests.support.builders import NOW, a_session, claims_of

Environment = Mapping[str, str]

MOVED = {"PUBLIC_URL": "https://auth.example.com"}
UNTIL = {"FORMER_ISSUERS": "doorward until 2999-01-01"}


def signer_of(keys: dict[TokenKind, SigningKey], environment: Environment) -> JwtSigner:
    return make_signer(Settings.read(environment), KeyRingWatcher.fixed(keys))


@pytest.mark.parametrize("kind", TokenKind)
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {}),
        ({"AUDIENCE": "shop"}, {"AUDIENCE": "shop"}),
        ({}, {"AUDIENCE": "shop"}),
        ({"PUBLIC_URL": "http://auth.example.com", "ISSUER": "doorward"}, {}),
    ],
)
def test_tokens_from_before_public_url_was_set_are_good_until_the_configured_time(
    keys: dict[TokenKind, SigningKey], kind: TokenKind, before: Environment, after: Environment
) -> None:
    claims = claims_of(a_session(), kind)
    token = signer_of(keys, before).sign(claims)

    assert signer_of(keys, {**MOVED, **UNTIL, **after}).verify(token, kind) == claims
    with pytest.raises(TokenRejected):
        signer_of(keys, {**MOVED, **after}).verify(token, kind)


@pytest.mark.parametrize("former", ["https://Old.example/", "https://old.example:443"])
def test_a_former_issuer_may_be_written_as_its_public_url_was(
    keys: dict[TokenKind, SigningKey], former: str
) -> None:
    claims = claims_of(a_session(), TokenKind.REFRESH)
    token = signer_of(keys, {"PUBLIC_URL": former}).sign(claims)
    after = {**MOVED, "FORMER_ISSUERS": f"{former} until 2999-01-01"}

    assert signer_of(keys, after).verify(token, TokenKind.REFRESH) == claims


def test_the_time_of_a_former_issuer_ends_its_tokens(keys: dict[TokenKind, SigningKey]) -> None:
    day = NOW.astimezone(UTC).date()
    former = {"FORMER_ISSUERS": f"doorward until {day}T23:59:59Z"}
    token = signer_of(keys, {}).sign(claims_of(a_session(), TokenKind.REFRESH))

    claims = signer_of(keys, {**MOVED, **former}).verify(token, TokenKind.REFRESH)

    end = datetime.combine(day, datetime.max.time(), UTC).replace(microsecond=0)
    assert claims.expires_at <= int(end.timestamp())
