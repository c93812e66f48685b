"""What the routes of the login with another provider share."""

from domain.errors import (
    EmailUnverified,
    InvalidCredentials,
    LinkRequired,
    ProviderEmailUnverified,
    RegistrationClosed,
    SecondFactorRequired,
    Unavailable,
)
from domain.rate_limit import TooManyRequests

PATH = "/api/auth/social"
LOGGING_IN = (
    InvalidCredentials,
    EmailUnverified,
    ProviderEmailUnverified,
    RegistrationClosed,
    LinkRequired,
    SecondFactorRequired,
    TooManyRequests,
    Unavailable,
)
"""How a login can be refused, in a browser and by a code."""
