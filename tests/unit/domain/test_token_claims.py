"""The claims of tokens, and their lifetimes."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.authentication import Level, Method
from domain.permissions import Role
from domain.session import Lifetimes
from domain.token import LEEWAY, AuthenticationClaims, TokenClaims, TokenKind
from tests.support.builders import (
    LIFETIMES,
    NOW,
    SECOND,
    a_session,
    a_user,
    claims_of,
    refreshed,
)


def moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@pytest.mark.parametrize("kind", TokenKind)
def test_the_same_session_always_yields_the_same_claims(kind: TokenKind) -> None:
    session = a_session()
    copy = a_session(**{name: getattr(session, name) for name in session.__slots__})

    assert claims_of(session, kind) == claims_of(copy, kind)


@pytest.mark.parametrize("kind", TokenKind)
def test_each_rotation_yields_other_claims(kind: TokenKind) -> None:
    session = a_session()

    assert claims_of(session, kind).token_id != claims_of(refreshed(session), kind).token_id


def test_a_refresh_token_has_the_token_id_of_the_session() -> None:
    session = a_session()

    assert claims_of(session, TokenKind.REFRESH).token_id == session.token_id


def test_an_access_token_does_not_reveal_the_id_of_its_refresh_token() -> None:
    session = a_session()
    token_id = claims_of(session, TokenKind.ACCESS).token_id

    assert token_id != session.token_id
    assert len(token_id) == 32
    assert int(token_id, 16)


@pytest.mark.parametrize("verified", [True, False])
def test_an_access_token_describes_the_user_and_a_refresh_token_does_not(verified: bool) -> None:
    user = a_user(role=Role.ADMIN, verified=verified)
    access, refresh = (
        TokenClaims.of(a_session(), kind, LIFETIMES, user)
        for kind in (TokenKind.ACCESS, TokenKind.REFRESH)
    )

    assert (access.role, access.email_verified) == (Role.ADMIN, verified)
    assert (refresh.role, refresh.email_verified) == (None, None)


@pytest.mark.parametrize(
    ("methods", "references", "level"),
    [
        ({Method.PASSWORD}, ("pwd",), Level.ONE),
        ({Method.PASSWORD, Method.TOTP}, ("mfa", "otp", "pwd"), Level.TWO),
        ({Method.PASSKEY}, ("mfa", "pop", "user"), Level.TWO),
        ({Method.FEDERATED}, (), Level.ONE),
    ],
)
def test_an_access_token_says_how_its_user_has_authenticated(
    methods: set[Method], references: tuple[str, ...], level: Level
) -> None:
    started_at = NOW.replace(microsecond=999_999)
    session = a_session(methods=frozenset(methods), started_at=started_at)

    shown = claims_of(session).authentication

    assert shown == AuthenticationClaims(references, level, int(started_at.timestamp()))
    assert claims_of(session, TokenKind.REFRESH).authentication is None


def test_a_refresh_changes_nothing_that_a_token_says_of_the_authentication() -> None:
    session = a_session(methods=frozenset({Method.PASSWORD, Method.TOTP}))
    later = refreshed(session, NOW + timedelta(minutes=20))

    assert claims_of(later).authentication == claims_of(session).authentication


@pytest.mark.parametrize("kind", TokenKind)
def test_only_an_access_token_is_restricted_to_the_enrolment(kind: TokenKind) -> None:
    claims = TokenClaims.of(a_session(), kind, LIFETIMES, a_user(), is_restricted=True)

    assert claims.is_restricted is (kind is TokenKind.ACCESS)


def test_an_access_token_lasts_for_its_lifetime_from_the_last_rotation() -> None:
    session = refreshed(a_session(), NOW + timedelta(minutes=20))

    claims = claims_of(session, TokenKind.ACCESS)

    assert claims.issued_at == int(session.rotated_at.timestamp())
    assert claims.lifetime == 15 * 60


def test_a_refresh_token_lasts_as_long_as_the_session() -> None:
    session = a_session()

    claims = claims_of(session, TokenKind.REFRESH)

    assert claims.expires_at == int(session.expires_at.timestamp())
    assert claims.lifetime == 60 * 60


@pytest.mark.parametrize("kind", TokenKind)
def test_no_token_outlasts_its_session(kind: TokenKind) -> None:
    session = a_session(expires_at=NOW + timedelta(minutes=5), ends_at=NOW + timedelta(minutes=5))

    assert claims_of(session, kind).lifetime == 5 * 60


def test_an_access_token_that_is_set_to_outlast_its_session_does_not() -> None:
    lifetimes = Lifetimes(timedelta(days=1), LIFETIMES.idle, LIFETIMES.absolute, LIFETIMES.grace)

    claims = TokenClaims.of(a_session(), TokenKind.ACCESS, lifetimes)

    assert claims.lifetime == 60 * 60


def test_clocks_may_differ_by_30_seconds() -> None:
    assert timedelta(seconds=30) == LEEWAY


@pytest.mark.parametrize(
    ("after", "is_current"), [(-1, True), (0, True), (29, True), (30, False), (31, False)]
)
def test_a_token_is_good_until_the_leeway_after_its_expiry(after: int, is_current: bool) -> None:
    claims = claims_of(a_session())

    assert claims.is_current(moment(claims.expires_at + after)) is is_current


@pytest.mark.parametrize(
    ("before", "is_current"), [(0, True), (29, True), (30, True), (31, False)]
)
def test_a_token_is_good_from_the_leeway_before_it_was_made(before: int, is_current: bool) -> None:
    claims = claims_of(a_session())

    assert claims.is_current(moment(claims.issued_at - before)) is is_current


def test_a_token_is_good_in_the_very_moment_in_which_it_was_made() -> None:
    for microsecond in (0, 1, 999_999):
        now = NOW.replace(microsecond=microsecond)
        session = a_session(rotated_at=now, expires_at=now + SECOND)

        assert claims_of(session).is_current(now)
