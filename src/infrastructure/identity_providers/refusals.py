"""The log of what fails at providers."""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from domain.errors import ProviderRefused, ProviderUnavailable
from domain.social_login.identity import ProviderName

log = structlog.stdlib.get_logger("doorward")


@contextmanager
def refusals_logged(provider: ProviderName) -> Iterator[None]:
    """Log why a provider is refused or unavailable. Reasons have no secrets."""
    try:
        yield
    except ProviderRefused as error:
        log.warning("identity_provider_refused", provider=provider, reason=error.reason)
        raise
    except ProviderUnavailable as error:
        log.warning("identity_provider_unavailable", provider=provider, reason=error.reason)
        raise
