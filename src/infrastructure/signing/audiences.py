"""The issuer and the audiences of tokens, and those that are accepted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from domain.token import TokenClaims, TokenKind

END_OF_TIME = 253402300799
"""The end of the year 9999, where Python's dates end."""


@dataclass(frozen=True, slots=True)
class Audiences:
    """The issuer and the audiences of the tokens.

    :ivar issuer: the ``iss`` of all tokens.
    :ivar access: the ``aud`` of access tokens: the services that accept them.
    :ivar refresh: the ``aud`` of refresh tokens: this service alone.
    :ivar enrolment: the ``aud`` of access tokens of sessions that are good for the enrolment of a
        second factor alone: likewise.
    """

    issuer: str
    access: str
    refresh: str
    enrolment: str

    @classmethod
    def under(cls, issuer: str, access: str | None = None) -> "Audiences":
        """Return the audiences of an issuer.

        :param access: the services that accept access tokens, if the issuer does not name them.
        """
        return cls(
            issuer,
            access or issuer,
            refresh=f"{issuer}/api/auth/refresh",
            enrolment=f"{issuer}/api/users/me/second-factors",
        )

    def of(self, claims: TokenClaims) -> str:
        """Return the audience of a token with these claims."""
        if claims.kind is TokenKind.REFRESH:
            return self.refresh
        return self.enrolment if claims.is_restricted else self.access

    def all_of(self, kind: TokenKind) -> Mapping[str, bool]:
        """Return the audiences of a kind, and whether their tokens are restricted."""
        if kind is TokenKind.REFRESH:
            return {self.refresh: False}
        return {self.enrolment: True, self.access: False}


@dataclass(frozen=True, slots=True)
class FormerIssuer:
    """An issuer that this service was, whose tokens it still accepts.

    :ivar until: when they expire at the latest.
    """

    audiences: Audiences
    until: datetime


@dataclass(frozen=True, slots=True)
class Accepted:
    """Tokens of an accepted issuer and audience.

    :ivar latest_expiry: when they expire at the latest, in seconds since 1970.
    """

    latest_expiry: int
    is_restricted: bool


def accepted_audiences(
    audiences: Audiences, former: Sequence[FormerIssuer]
) -> Mapping[TokenKind, Mapping[tuple[str, str], Accepted]]:
    """Return the accepted pairs of issuer and audience."""
    issuers = [(each.audiences, int(each.until.timestamp())) for each in former]
    issuers.append((audiences, END_OF_TIME))
    return {
        kind: {
            (each.issuer, audience): Accepted(latest, is_restricted)
            for each, latest in issuers
            for audience, is_restricted in each.all_of(kind).items()
        }
        for kind in TokenKind
    }
