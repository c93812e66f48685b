"""The rate limits."""

import structlog
from dishka import Provider, Scope, provide

from application.ports import ReportMailLimit
from application.rate_limiting import CurrentRateLimits
from infrastructure.config.rate_limits import RateLimitSettings

log = structlog.stdlib.get_logger("doorward")


class RateLimitProvider(Provider):
    """Provides the rate limits, which a reload replaces."""

    scope = Scope.APP

    @provide
    def limits(self, settings: RateLimitSettings) -> CurrentRateLimits:
        return CurrentRateLimits(settings)

    @provide
    def report_mail_limit(self) -> ReportMailLimit:
        return log_mail_limit


def log_mail_limit() -> None:
    """Log that a mail is not sent. Only the operator learns that."""
    log.warning("mail_limit_reached", limit="mail")
