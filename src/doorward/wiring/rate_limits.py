"""The rate limits."""

from dishka import Provider, Scope, provide

from application.rate_limiting import CurrentRateLimits, RateLimits
from infrastructure.config.settings import Settings


def rate_limits(settings: Settings) -> RateLimits:
    """Return the rate limits as configured."""
    return RateLimits(
        login_account=settings.login_limit_account,
        login_address=settings.login_limit_address,
        login=settings.login_limit,
        register_address=settings.register_limit_address,
        register=settings.register_limit,
        change_account=settings.change_limit_account,
        refresh_account=settings.refresh_limit_account,
        refresh_address=settings.refresh_limit_address,
        refresh=settings.refresh_limit,
    )


class RateLimitProvider(Provider):
    """Provides the rate limits, which a reload replaces."""

    scope = Scope.APP

    @provide
    def limits(self, settings: Settings) -> CurrentRateLimits:
        return CurrentRateLimits(rate_limits(settings))
