"""Settings of tokens and sessions."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from infrastructure.config import parsers
from infrastructure.config.environment_variables import ConfigurationError, declare

_MINUTES = "The same in minutes. If both are set they must agree."


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSettings:
    """How long tokens and sessions live, and what tokens claim."""

    access_expired_in: timedelta | None = declare(
        "ACCESS_TOKEN_EXPIRED_IN",
        parsers.optional(parsers.lifetime),
        None,
        "Lifetime of an access token: `15m` unless set.",
    )
    access_maxage: timedelta | None = declare(
        "ACCESS_TOKEN_MAXAGE", parsers.optional(parsers.minutes), None, _MINUTES
    )
    refresh_expired_in: timedelta | None = declare(
        "REFRESH_TOKEN_EXPIRED_IN",
        parsers.optional(parsers.lifetime),
        None,
        "Lifetime of a session without a refresh: `60m` unless set.",
    )
    refresh_maxage: timedelta | None = declare(
        "REFRESH_TOKEN_MAXAGE", parsers.optional(parsers.minutes), None, _MINUTES
    )
    session_lifetime: timedelta = declare(
        "SESSION_LIFETIME",
        parsers.lifetime,
        "30d",
        "Maximum lifetime of a session, however often it is refreshed.",
    )
    bearer_refresh_expired_in: timedelta | None = declare(
        "BEARER_REFRESH_TOKEN_EXPIRED_IN",
        parsers.optional(parsers.lifetime),
        None,
        "`REFRESH_TOKEN_EXPIRED_IN` of sessions with bearer transport, such as those of a mobile "
        "app: the same unless set.",
    )
    bearer_session_expired_in: timedelta | None = declare(
        "BEARER_SESSION_LIFETIME",
        parsers.optional(parsers.lifetime),
        None,
        "`SESSION_LIFETIME` of sessions with bearer transport: the same unless set.",
    )
    sessions_per_user: int = declare(
        "SESSIONS_PER_USER",
        parsers.count(1, 1000),
        "50",
        "Maximum number of sessions of a user. A login beyond it ends the oldest one.",
    )
    refresh_grace: timedelta = declare(
        "REFRESH_GRACE",
        parsers.duration,
        "10s",
        "Grace period in which a spent refresh token still gets the valid one, if the client that "
        "spent it presents it again.",
    )
    issuer: str | None = declare(
        "ISSUER",
        parsers.optional(parsers.text),
        None,
        "The `iss` claim of tokens: `PUBLIC_URL` unless set, or else `doorward`. Another one logs "
        "all users out, unless `FORMER_ISSUERS` names the one before.",
    )
    audience: str | None = declare(
        "AUDIENCE",
        parsers.optional(parsers.text),
        None,
        "The `aud` claim of access tokens: `ISSUER` unless set.",
    )
    former_issuers: tuple[tuple[str, datetime], ...] = declare(
        "FORMER_ISSUERS",
        parsers.former_issuers,
        "",
        "Issuers that this service had, whose tokens it accepts for a while: "
        "`doorward until 2027-01-31`, for instance, after `PUBLIC_URL` was set. It is a date or a "
        "time (UTC); `REFRESH_TOKEN_EXPIRED_IN` after the change no such token is left, or "
        "`BEARER_REFRESH_TOKEN_EXPIRED_IN` if that is longer. Commas separate several.",
    )

    def __post_init__(self) -> None:
        """Report a contradiction at the start, not when the value is first needed."""
        _ = self.access_lifetime, self.refresh_lifetime
        idle = self.bearer_refresh_expired_in
        if idle and idle > self.bearer_session_lifetime:
            raise ConfigurationError(
                "BEARER_REFRESH_TOKEN_EXPIRED_IN",
                "is longer than the whole session: set BEARER_SESSION_LIFETIME to as much or more",
            )

    @property
    def access_lifetime(self) -> timedelta:
        """The lifetime of access tokens.

        :raises ConfigurationError: its two variables disagree.
        """
        return self._agreed("ACCESS", self.access_expired_in, self.access_maxage) or timedelta(
            minutes=15
        )

    @property
    def refresh_lifetime(self) -> timedelta:
        """The lifetime of refresh tokens, and of sessions without a refresh.

        :raises ConfigurationError: its two variables disagree.
        """
        return self._agreed("REFRESH", self.refresh_expired_in, self.refresh_maxage) or timedelta(
            minutes=60
        )

    @property
    def bearer_refresh_lifetime(self) -> timedelta:
        """The lifetime of refresh tokens, and of sessions without a refresh, by bearer."""
        return self.bearer_refresh_expired_in or self.refresh_lifetime

    @property
    def bearer_session_lifetime(self) -> timedelta:
        """The maximum lifetime of a session with bearer transport."""
        return self.bearer_session_expired_in or self.session_lifetime

    @property
    def longest_refresh_lifetime(self) -> timedelta:
        """The lifetime of refresh tokens of the transport where it is longer."""
        return max(self.refresh_lifetime, self.bearer_refresh_lifetime)

    @property
    def longest_session_lifetime(self) -> timedelta:
        """The maximum lifetime of a session of the transport where it is longer."""
        return max(self.session_lifetime, self.bearer_session_lifetime)

    @staticmethod
    def _agreed(
        kind: str, expired_in: timedelta | None, maxage: timedelta | None
    ) -> timedelta | None:
        if expired_in and maxage and expired_in != maxage:
            raise ConfigurationError(
                f"{kind}_TOKEN_EXPIRED_IN and {kind}_TOKEN_MAXAGE",
                "disagree: set one of them, or both to the same lifetime",
            )
        return expired_in or maxage
