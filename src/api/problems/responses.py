"""Make the response to an error, and log what is the own failure of the service."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from http import HTTPStatus
from math import ceil
from typing import Any

import structlog
from litestar import Request, Response
from litestar.exceptions import ValidationException
from litestar.routes import HTTPRoute
from litestar.utils import normalize_path
from msgspec import structs

from api.problems.answers import FAULT, Answer, answer_to
from api.schemas.errors import Details, Failure, FieldProblem, ProblemDetails
from domain.errors import (
    InvalidInput,
    LevelTooLow,
    MailOff,
    Problem,
    ProviderUnavailable,
    SecondFactorRequired,
    SecondFactorsOff,
    StepUpRequired,
)
from domain.rate_limit import TooManyRequests

log = structlog.stdlib.get_logger("doorward")

NO_DETAILS = Details()

PROBLEM_JSON = "application/problem+json"


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
        exc_info=error if answer is FAULT else None,
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
