"""Map each error to its answer: the one table."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from litestar.exceptions import HTTPException

from api.security.origin_policy import CrossSiteRequest
from domain.errors import (
    AuthError,
    EmailTaken,
    EmailUnverified,
    EnrolmentRequired,
    IdentityTaken,
    InvalidCredentials,
    InvalidInput,
    LastAdministrator,
    LastCredential,
    LevelTooLow,
    LinkRequired,
    MailOff,
    NotFound,
    NotLoggedIn,
    OneTimeTokenInvalid,
    PasskeyInvalid,
    PermissionMissing,
    ProviderCancelled,
    ProviderEmailUnverified,
    ProviderRefused,
    ProviderUnavailable,
    RefreshTokenMissing,
    RegistrationClosed,
    SecondFactorInvalid,
    SecondFactorRequired,
    SecondFactorsOff,
    SocialFlowInvalid,
    StepUpRequired,
    TokenRejected,
    Unavailable,
    WrongPassword,
)
from domain.rate_limit import TooManyRequests
from domain.session import STEP_UP_LIFETIME


@dataclass(frozen=True, slots=True)
class Answer:
    status: HTTPStatus
    message: str
    code: str
    headers: Mapping[str, str] = field(default_factory=dict)


def _answer(
    error: type[AuthError], status: HTTPStatus, message: str, **headers: str
) -> tuple[type[AuthError], Answer]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return error, Answer(status, message, error.outcome.value, named)


# Clients match on the messages of the tutorial that this service replaces.
ANSWERS: Mapping[type[AuthError], Answer] = dict(
    (
        _answer(InvalidInput, HTTPStatus.BAD_REQUEST, "The input is not valid"),
        _answer(EmailTaken, HTTPStatus.CONFLICT, "User with that email already exists"),
        _answer(RegistrationClosed, HTTPStatus.FORBIDDEN, "Registration is closed"),
        _answer(InvalidCredentials, HTTPStatus.BAD_REQUEST, "Invalid email or password"),
        _answer(
            NotLoggedIn,
            HTTPStatus.UNAUTHORIZED,
            "You are not logged in, please provide token",
            WWW_Authenticate='Bearer realm="doorward"',
        ),
        _answer(
            TokenRejected,
            HTTPStatus.UNAUTHORIZED,
            "Token is invalid or session has expired",
            WWW_Authenticate='Bearer realm="doorward", error="invalid_token"',
        ),
        _answer(RefreshTokenMissing, HTTPStatus.FORBIDDEN, "could not refresh access token"),
        _answer(
            CrossSiteRequest, HTTPStatus.FORBIDDEN, "Requests from other sites are not accepted"
        ),
        _answer(
            PermissionMissing, HTTPStatus.FORBIDDEN, "You do not have the permission to do that"
        ),
        _answer(
            OneTimeTokenInvalid,
            HTTPStatus.BAD_REQUEST,
            "This link is not valid, or not any more: please ask for a new one",
        ),
        _answer(
            EmailUnverified,
            HTTPStatus.FORBIDDEN,
            "Please confirm your email address first, by the link that was sent to it",
        ),
        _answer(MailOff, HTTPStatus.NOT_IMPLEMENTED, "This service is set up to send no mail"),
        _answer(
            SecondFactorRequired,
            HTTPStatus.UNAUTHORIZED,
            "A second factor is needed to log in",
            WWW_Authenticate='Bearer realm="doorward"',
        ),
        _answer(
            SecondFactorInvalid,
            HTTPStatus.BAD_REQUEST,
            "The second factor was not accepted: please try again, or log in again",
        ),
        _answer(
            EnrolmentRequired,
            HTTPStatus.FORBIDDEN,
            "Please set up a second factor first: this account needs one",
        ),
        _answer(
            SecondFactorsOff,
            HTTPStatus.NOT_IMPLEMENTED,
            "This service is set up without second factors",
        ),
        _answer(
            StepUpRequired,
            HTTPStatus.UNAUTHORIZED,
            "Please confirm first that it is you",
            WWW_Authenticate='Bearer realm="doorward", error="insufficient_user_authentication", '
            f'max_age="{int(STEP_UP_LIFETIME.total_seconds())}"',
        ),
        _answer(
            LevelTooLow,
            HTTPStatus.UNAUTHORIZED,
            "A second factor is needed for this",
            WWW_Authenticate='Bearer realm="doorward", error="insufficient_user_authentication", '
            'acr_values="2"',
        ),
        _answer(PasskeyInvalid, HTTPStatus.BAD_REQUEST, "This passkey does not work here"),
        _answer(
            LastCredential,
            HTTPStatus.CONFLICT,
            "This is the last way to log in to the account: add another one first",
        ),
        _answer(
            SocialFlowInvalid,
            HTTPStatus.BAD_REQUEST,
            "This login is not valid, or not any more: please begin again, in the same browser",
        ),
        _answer(
            ProviderCancelled,
            HTTPStatus.BAD_REQUEST,
            "The login at the provider was not completed",
        ),
        # No 502: any client can cause it with a made-up code, and would set off alerts.
        _answer(
            ProviderRefused,
            HTTPStatus.BAD_REQUEST,
            "The provider did not confirm this login: please begin again",
        ),
        _answer(
            ProviderUnavailable,
            HTTPStatus.SERVICE_UNAVAILABLE,
            "The provider does not answer right now, please try again",
            Retry_After="1",
        ),
        _answer(
            ProviderEmailUnverified,
            HTTPStatus.FORBIDDEN,
            "The provider has not verified an email address of this account",
        ),
        _answer(
            LinkRequired,
            HTTPStatus.CONFLICT,
            "There is an account with this address: log in to it, and link the provider there",
        ),
        _answer(
            IdentityTaken,
            HTTPStatus.CONFLICT,
            "This account of the provider is linked to another user",
        ),
        _answer(NotFound, HTTPStatus.NOT_FOUND, "There is nothing at this address"),
        _answer(
            LastAdministrator,
            HTTPStatus.CONFLICT,
            "This is the last administrator: make somebody else one first",
        ),
        _answer(WrongPassword, HTTPStatus.BAD_REQUEST, "The current password is wrong"),
        _answer(TooManyRequests, HTTPStatus.TOO_MANY_REQUESTS, "Too many attempts, please wait"),
        _answer(
            Unavailable,
            HTTPStatus.SERVICE_UNAVAILABLE,
            "The service cannot answer right now, please try again",
            Retry_After="1",
        ),
    )
)

# Errors of the framework itself.
FRAMEWORK: Mapping[int, Answer] = {
    answer.status: answer
    for answer in (
        ANSWERS[InvalidInput],
        ANSWERS[NotFound],
        Answer(
            HTTPStatus.METHOD_NOT_ALLOWED, "This method is not allowed here", "method_not_allowed"
        ),
        Answer(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The request is too large", "content_too_large"
        ),
        Answer(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "The body must be JSON in UTF-8, sent as application/json",
            "unsupported_media_type",
        ),
    )
}
TOO_SLOW = Answer(
    HTTPStatus.REQUEST_TIMEOUT, "The request took too long to arrive", "request_timeout"
)
MISDIRECTED = Answer(
    HTTPStatus.MISDIRECTED_REQUEST,
    "The service does not go by this name",
    "misdirected_request",
)
FAULT = Answer(
    HTTPStatus.INTERNAL_SERVER_ERROR, "Something went wrong on our side", "internal_error"
)


def answer_to(error: Exception) -> Answer:
    """Return the response to an error. An unknown error is a 500 without details."""
    if isinstance(error, AuthError):
        return next(ANSWERS[kind] for kind in type(error).__mro__ if kind in ANSWERS)
    if isinstance(error, HTTPException) and error.status_code in FRAMEWORK:
        return FRAMEWORK[error.status_code]
    return FAULT
