"""Map errors to responses: the one table, and the bodies."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from math import ceil
from typing import Any

import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.routes import HTTPRoute
from litestar.utils import normalize_path
from msgspec import structs

from api.schemas.errors import Details, Failure, FieldProblem, ProblemDetails
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
    Problem,
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

log = structlog.stdlib.get_logger("doorward")

NO_DETAILS = Details()

PROBLEM_JSON = "application/problem+json"


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
_FAULT = Answer(
    HTTPStatus.INTERNAL_SERVER_ERROR, "Something went wrong on our side", "internal_error"
)


def answer_to(error: Exception) -> Answer:
    """Return the response to an error. An unknown error is a 500 without details."""
    if isinstance(error, AuthError):
        return next(ANSWERS[kind] for kind in type(error).__mro__ if kind in ANSWERS)
    if isinstance(error, HTTPException) and error.status_code in FRAMEWORK:
        return FRAMEWORK[error.status_code]
    return _FAULT


def handle(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """Handle every exception of a route, for Litestar."""
    answer = answer_to(error)
    log_failure(error, request, answer)
    if isinstance(error, TooManyRequests):
        answer = replace(answer, headers=limit_headers(error))
    return respond(answer, request, _details(error))


def _details(error: Exception) -> Details:
    """Return what the client needs to go on."""
    match error:
        case SecondFactorRequired(challenge=challenge) if challenge:
            return Details(challenge=challenge, methods=error.methods, expires_in=error.expires_in)
        case SecondFactorRequired() | StepUpRequired() | LevelTooLow():
            return Details(methods=error.methods)
    problems = [FieldProblem(each.field, each.message) for each in _problems(error)]
    return Details(errors=problems) if problems else NO_DETAILS


def log_failure(error: Exception, request: Request[Any, Any, Any], answer: Answer) -> None:
    """Log what is the service's own failure.

    A cause is logged by its type only: a driver's message may quote a URL. A missing configuration
    is no failure, and any client could fill the log with it. Nor is a provider that is down: its
    adapter logs that.
    """
    is_no_failure = isinstance(error, MailOff | SecondFactorsOff | ProviderUnavailable)
    if answer.status < HTTPStatus.INTERNAL_SERVER_ERROR or is_no_failure:
        return
    log.error(
        "request_failed",
        method=request.method,
        path=request.scope["path"],
        error=str(error),
        cause=type(error.__cause__).__name__ if error.__cause__ else None,
        exc_info=error if answer is _FAULT else None,
    )


def respond(
    answer: Answer, request: Request[Any, Any, Any], details: Details = NO_DETAILS
) -> Response[Any]:
    content, media_type = worded(answer, request.headers.get("accept", ""), details)
    headers = dict(answer.headers)
    if answer.status == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(sorted(allowed_methods(request)))
    return Response(
        content,
        status_code=answer.status,
        media_type=media_type,
        headers=headers,
    )


def worded(
    answer: Answer, accept: str = "", details: Details = NO_DETAILS
) -> tuple[Failure | ProblemDetails, str]:
    """
    :param accept: the Accept header of the request.
    :param details: the first of its problems is the message.
    :returns: the body and its media type.
    """
    message = answer.message
    if details.errors:  # old clients show nothing but the message
        message = f"{details.errors[0].field} {details.errors[0].message}"
    members = structs.asdict(details)
    if PROBLEM_JSON in accept.lower():
        problem = ProblemDetails(
            type="about:blank",
            title=answer.status.phrase,
            status=answer.status,
            detail=message,
            code=answer.code,
            **members,
        )
        return problem, PROBLEM_JSON
    is_ours = answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR
    failure = Failure(
        status="error" if is_ours else "fail",
        message=message,
        code=answer.code,
        **members,
    )
    return failure, "application/json"


def limit_headers(error: TooManyRequests) -> Mapping[str, str]:
    """RFC 6585, section 4, and draft-ietf-httpapi-ratelimit-headers-10. Times are in seconds."""
    wait = max(1, ceil(error.wait.total_seconds()))
    limit = error.limit
    window = int(limit.window.total_seconds())
    return {
        "Retry-After": str(wait),
        "RateLimit-Policy": f'"{limit.name}";q={limit.attempts};w={window}',
        "RateLimit": f'"{limit.name}";r=0;t={wait}',
    }


def allowed_methods(request: Request[Any, Any, Any]) -> set[str]:
    """Return the methods that the path of this request supports (RFC 9110, section 10.2.1)."""
    asked = [part for part in normalize_path(request.scope["path"]).split("/") if part]
    routes = [
        route
        for route in request.app.routes
        if isinstance(route, HTTPRoute) and _matches(route, asked)
    ]
    # A path such as /users/me is not also /users/{id}: the router takes the more literal one.
    most = max(map(_literals, routes), default=0)
    return {method for route in routes if _literals(route) == most for method in route.methods}


def _literals(route: HTTPRoute) -> int:
    return sum(isinstance(part, str) for part in route.path_components)


def _matches(route: HTTPRoute, asked: Sequence[str]) -> bool:
    parts = route.path_components
    return len(parts) == len(asked) and all(
        part == value or not isinstance(part, str)
        for part, value in zip(parts, asked, strict=True)
    )


def _problems(error: Exception) -> Iterable[Problem]:
    if isinstance(error, InvalidInput):
        return error.problems
    if isinstance(error, ValidationException):
        extra = error.extra if isinstance(error.extra, list) else []
        return [_problem(each.get("message", ""), each.get("key", "data")) for each in extra]
    return []


def _problem(message: str, place: str) -> Problem:
    """Translate the framework's message, so that no library's text is in a body."""
    if missing := re.search(r"missing required field `(\w+)`", message):
        return Problem(missing[1], "is required")
    if place == "data":
        return Problem("body", "must be a JSON object with the members of the documentation")
    return Problem(place, "has a wrong type or value")
