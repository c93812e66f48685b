"""The OpenAPI 3.1 document: what is not said by the handlers' types."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version

from litestar import Router
from litestar.openapi import OpenAPIConfig, ResponseSpec
from litestar.openapi.spec import (
    Components,
    Example,
    License,
    OpenAPIResponse,
    Operation,
    Reference,
    RequestBody,
    SecurityScheme,
    Server,
    Tag,
)
from litestar.routes import BaseRoute
from litestar.types import ControllerRouterHandler

from api.problems import ANSWERS, FRAMEWORK, Answer
from api.schemas.errors import Failure
from api.security.cookies import CookieNames
from api.security.origin_policy import OriginPolicy
from domain.errors import AuthError

BEARER, ACCESS_COOKIE, REFRESH_COOKIE = "bearer", "access_cookie", "refresh_cookie"

ACCESS = [{BEARER: list[str]()}, {ACCESS_COOKIE: list[str]()}]
"""The security of routes that need an access token."""

_DESCRIPTION = """
Signed tokens that can be revoked at once.

Log in to get an access and a refresh token: as cookies, or with `{"transport": "bearer"}` in the
answer's body. Access tokens are JWTs (RFC 9068), RS256 as a rule; verify them with the keys at
`/.well-known/jwks.json`, or ask `/api/auth/verify`, which also knows whether the session has
ended.

Every error has `status`, `message` and a stable `code`; send `Accept: application/problem+json`
to get it as RFC 9457.
"""


class _NoRoutes(Router):
    """Litestar would serve pages of its own, with HTML for unknown paths: see ``api_docs``."""

    def register(self, value: ControllerRouterHandler) -> list[BaseRoute]:  # noqa: ARG002
        return []


def config(origin_policy: OriginPolicy) -> OpenAPIConfig:
    known = CookieNames.under(origin_policy)
    schemes: dict[str, SecurityScheme | Reference] = {
        BEARER: SecurityScheme(
            type="http", scheme="bearer", bearer_format="JWT", description="The access token."
        ),
        ACCESS_COOKIE: SecurityScheme(
            type="apiKey",
            security_scheme_in="cookie",
            name=known.access,
            description="The access token, as the login sets it.",
        ),
        REFRESH_COOKIE: SecurityScheme(
            type="apiKey",
            security_scheme_in="cookie",
            name=known.refresh,
            description="The refresh token, as the login sets it.",
        ),
    }
    return OpenAPIConfig(
        title="Doorward",
        version=version("doorward"),
        description=_DESCRIPTION.strip(),
        license=License(name="Apache-2.0", identifier="Apache-2.0"),
        servers=[Server(url="/", description="This service")],
        components=Components(security_schemes=schemes),
        tags=[
            Tag(name="auth", description="Registering, logging in and out."),
            Tag(name="users", description="Who is logged in, and their account."),
            Tag(name="sessions", description="Where they are logged in."),
            Tag(name="administration", description="Other people's accounts, and the audit log."),
            Tag(name="operation", description="Keys and health."),
        ],
        openapi_router=_NoRoutes(path="/", route_handlers=[]),
        use_handler_docstrings=True,
    )


@dataclass
class OptionalBody(Operation):
    """Of a route that may be called without a body; Litestar calls each body required."""

    def __post_init__(self) -> None:
        if isinstance(self.request_body, RequestBody):
            self.request_body.required = False


@dataclass
class NeverInvalid(Operation):
    """Of a route that takes nothing but an id, and what is no id is not found; Litestar gives
    whatever has a parameter a 400.
    """

    def __post_init__(self) -> None:
        if self.responses:
            self.responses.pop("400")


@dataclass
class NoContent(Operation):
    """Of a route that answers 204; Litestar gives that a body of JSON's ``null``."""

    def __post_init__(self) -> None:
        answer = (self.responses or {}).get("204")
        if isinstance(answer, OpenAPIResponse):
            answer.content = None
            answer.headers = dict(sorted((answer.headers or {}).items()))  # they come as a set


@dataclass
class Revalidated(Operation):
    """Of a route that may answer 304, which Litestar has no way to say without a body."""

    def __post_init__(self) -> None:
        same = OpenAPIResponse(description="Not modified.")
        self.responses = dict(sorted({**(self.responses or {}), "304": same}.items()))
        answer = self.responses["200"]
        if isinstance(answer, OpenAPIResponse):
            answer.headers = dict(sorted((answer.headers or {}).items()))  # they come as a set


def failures(*errors: type[AuthError], status: tuple[int, ...] = ()) -> dict[int, ResponseSpec]:
    """The documentation of the ways in which a route can fail.

    :param errors: that the route raises.
    :param status: the framework's own answers that it can give.
    """
    answers: dict[int, list[Answer]] = {}
    for answer in [*(ANSWERS[error] for error in errors), *(FRAMEWORK[each] for each in status)]:
        answers.setdefault(answer.status, []).append(answer)
    return {each: _spec(of_status) for each, of_status in answers.items()}


def _spec(answers: list[Answer]) -> ResponseSpec:
    examples = [Example(summary=answer.message, value=_example(answer)) for answer in answers]
    return ResponseSpec(
        Failure,
        generate_examples=False,
        description=". ".join(answer.message for answer in answers),
        examples=examples,
    )


def _example(answer: Answer) -> Mapping[str, object]:
    return {
        "status": "error" if answer.status >= 500 else "fail",
        "message": answer.message,
        "code": answer.code,
    }
