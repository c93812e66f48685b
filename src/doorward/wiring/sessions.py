"""The rules of sessions."""

from dishka import Provider, Scope, provide

from domain.session import Lifetimes, SessionsPerUser
from infrastructure.config.tokens import TokenSettings


class SessionProvider(Provider):
    """Provides the rules of sessions as configured."""

    scope = Scope.APP

    @provide
    def lifetimes(self, settings: TokenSettings) -> Lifetimes:
        return Lifetimes(
            access=settings.access_lifetime,
            idle=settings.refresh_lifetime,
            absolute=settings.session_lifetime,
            grace=settings.refresh_grace,
            bearer_idle=settings.bearer_refresh_lifetime,
            bearer_absolute=settings.bearer_session_lifetime,
        )

    @provide
    def sessions_per_user(self, settings: TokenSettings) -> SessionsPerUser:
        return SessionsPerUser(settings.sessions_per_user)
