"""The claims of tokens as this service writes and reads them (RFC 9068)."""

import re
from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import Annotated, Literal
from uuid import UUID

import msgspec

from domain.authentication import Level, Method, level_of, references_of
from domain.errors import TokenRejected
from domain.permissions import Role
from domain.session import SessionId, TokenId
from domain.token import AuthenticationClaims, TokenClaims, TokenKind
from domain.user import UserId
from infrastructure.signing.audiences import END_OF_TIME, Accepted, Audiences

CLIENT_ID = "doorward"
"""The client that the token was issued to (RFC 9068): the login of this service."""

_ID = re.compile(r"[0-9a-f]{32}")
_CLOCK_SKEW = 5
"""How many seconds the clock of another service may be behind, if it has no leeway of its own."""
_NumericDate = Annotated[int, msgspec.Meta(ge=0, le=END_OF_TIME)]


class Claims(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The claims of a token. All are required (RFC 9068, section 2.2), except those that describe
    the user. Only access tokens have these: the roles (section 2.2.3.1), ``email_verified`` of
    OpenID Connect, and how the user has authenticated (section 2.2.1).
    """

    iss: str
    aud: str
    sub: str
    client_id: str
    sid: str
    jti: str
    iat: _NumericDate
    nbf: _NumericDate
    exp: _NumericDate
    roles: tuple[Role] | msgspec.UnsetType = msgspec.UNSET
    email_verified: bool | msgspec.UnsetType = msgspec.UNSET
    auth_time: _NumericDate | msgspec.UnsetType = msgspec.UNSET
    acr: Literal["1", "2"] | msgspec.UnsetType = msgspec.UNSET
    amr: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET


def written_claims(claims: TokenClaims, audiences: Audiences) -> Claims:
    """Return the claims as the token states them."""
    shown = claims.authentication
    return Claims(
        iss=audiences.issuer,
        aud=audiences.of(claims),
        sub=str(claims.user_id),
        client_id=CLIENT_ID,
        sid=claims.session_id,
        jti=claims.token_id,
        iat=claims.issued_at,
        nbf=_not_before(claims.issued_at, claims.kind),
        exp=claims.expires_at,
        roles=msgspec.UNSET if claims.role is None else (claims.role,),
        email_verified=(msgspec.UNSET if claims.email_verified is None else claims.email_verified),
        auth_time=shown.at if shown else msgspec.UNSET,
        acr=_ACR[shown.level] if shown else msgspec.UNSET,
        amr=shown.references if shown else msgspec.UNSET,
    )


def read_claims(
    written: Claims, kind: TokenKind, accepted: Mapping[tuple[str, str], Accepted]
) -> TokenClaims:
    """Return what the claims of a token mean.

    :param accepted: the accepted pairs of issuer and audience.
    :raises TokenRejected: this service writes no such claims.
    :raises ValueError: the subject is no UUID.
    """
    if not (_ID.fullmatch(written.sid) and _ID.fullmatch(written.jti)):
        raise TokenRejected
    user_id = UUID(written.sub)
    meaning = accepted.get((written.iss, written.aud))
    if meaning is None or str(user_id) != written.sub or written.client_id != CLIENT_ID:
        raise TokenRejected
    # Release 0.1 wrote nbf = iat and no roles. None before 0.3 wrote email_verified, nor how
    # the user has authenticated.
    if written.nbf not in {written.iat, _not_before(written.iat, kind)}:
        raise TokenRejected
    role = None if isinstance(written.roles, msgspec.UnsetType) else written.roles[0]
    verified = (
        None if isinstance(written.email_verified, msgspec.UnsetType) else written.email_verified
    )
    if role is not None and kind is not TokenKind.ACCESS:
        raise TokenRejected
    if verified is not None and role is None:
        raise TokenRejected
    authentication = _authentication(written)
    if authentication is not None and verified is None:
        raise TokenRejected
    return TokenClaims(
        kind=kind,
        user_id=UserId(user_id),
        session_id=SessionId(written.sid),
        token_id=TokenId(written.jti),
        issued_at=written.iat,
        expires_at=min(written.exp, meaning.latest_expiry),
        role=role,
        email_verified=verified,
        authentication=authentication,
        is_restricted=meaning.is_restricted,
    )


def _every_authentication() -> Iterable[tuple[tuple[str, ...], Level]]:
    for count in range(1, len(Method) + 1):
        for methods in combinations(Method, count):
            yield references_of(methods), level_of(methods)


_AUTHENTICATIONS = frozenset(_every_authentication())
"""The pairs of ``amr`` and level that this service writes."""
_ACR: Mapping[Level, Literal["1", "2"]] = {Level.ONE: "1", Level.TWO: "2"}


def _authentication(written: Claims) -> AuthenticationClaims | None:
    """
    :raises TokenRejected: only some of the claims are there, or they contradict each other.
    """
    at, acr, references = written.auth_time, written.acr, written.amr
    if at is acr is references is msgspec.UNSET:
        return None
    if (
        isinstance(at, msgspec.UnsetType)
        or isinstance(acr, msgspec.UnsetType)
        or isinstance(references, msgspec.UnsetType)
    ):
        raise TokenRejected
    level = Level(int(acr))
    if (references, level) not in _AUTHENTICATIONS:
        raise TokenRejected
    return AuthenticationClaims(references, level, at)


def _not_before(issued_at: int, kind: TokenKind) -> int:
    """Return the ``nbf``. Other services read that of access tokens, and their clocks may be slow.

    :param issued_at: in seconds since 1970.
    """
    return max(0, issued_at - _CLOCK_SKEW) if kind is TokenKind.ACCESS else issued_at
