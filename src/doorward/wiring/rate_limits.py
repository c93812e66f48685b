"""The rate limits."""

from dishka import Provider, Scope, provide

from application.rate_limiting import CurrentRateLimits
from infrastructure.config.rate_limits import RateLimitSettings


class RateLimitProvider(Provider):
    """Provides the rate limits, which a reload replaces."""

    scope = Scope.APP

    @provide
    def limits(self, settings: RateLimitSettings) -> CurrentRateLimits:
        return CurrentRateLimits(settings)
