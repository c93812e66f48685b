"""The OpenAPI document as a whole: its description, security schemes and tags."""

from dataclasses import dataclass, fields
from importlib.metadata import version
from typing import Any

from litestar import Router
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import (
    Components,
    License,
    OpenAPI,
    Reference,
    SecurityScheme,
    Server,
    Tag,
)
from litestar.routes import BaseRoute
from litestar.types import ControllerRouterHandler

from api.openapi.document import finish
from api.openapi.operations import ACCESS_COOKIE, BEARER, REFRESH_COOKIE
from api.security.cookies import CookieNames

SHORTEST_PASSWORD = 8
"""In characters, unless configured."""

_DESCRIPTION = """
Signed tokens that can be revoked at once.

Log in to get an access and a refresh token: as cookies, or with `{"transport": "bearer"}` in the
answer's body. Access tokens are JWTs (RFC 9068), RS256 as a rule; verify them with the keys at
`/.well-known/jwks.json`, or ask `/api/auth/verify`, which also knows whether the session has
ended.

Sensitive steps, and every change by an administrator, answer 401 `step_up_required` unless the
session was stepped up within the last ten minutes: see `/api/auth/step-up`.

Where the operator demands a second factor, users without one get sessions that are good for its
enrolment alone: every other route answers 403 `second_factor_enrolment_required`.

Routes with query parameters refuse others than those listed here (400), except the callback of
providers.

Every error has `status`, `message` and a stable `code`; send `Accept: application/problem+json`
to get it as RFC 9457.
"""


class _NoRoutes(Router):
    """Litestar would serve pages of its own, with HTML for unknown paths: see ``api_docs``."""

    def register(self, value: ControllerRouterHandler) -> list[BaseRoute]:  # noqa: ARG002
        return []


@dataclass
class _Document(OpenAPI):
    """The document, finished where Litestar's is imprecise."""

    shortest_password: int = SHORTEST_PASSWORD

    @property
    def _exclude_fields(self) -> set[str]:
        return {"shortest_password"}

    def to_schema(self) -> dict[str, Any]:
        return finish(super().to_schema(), self.shortest_password)


@dataclass
class _Config(OpenAPIConfig):
    shortest_password: int = SHORTEST_PASSWORD

    def to_openapi_schema(self) -> OpenAPI:
        plain = super().to_openapi_schema()
        members = {each.name: getattr(plain, each.name) for each in fields(plain)}
        return _Document(**members, shortest_password=self.shortest_password)


def config(
    names: CookieNames, shortest_password: int = SHORTEST_PASSWORD, path_prefix: str = ""
) -> OpenAPIConfig:
    """
    :param names: the names of the cookies.
    :param shortest_password: the minimum length of a new password, in characters.
    :param path_prefix: where browsers see the routes, such as ``/auth``.
    """
    schemes: dict[str, SecurityScheme | Reference] = {
        BEARER: SecurityScheme(
            type="http", scheme="bearer", bearer_format="JWT", description="The access token."
        ),
        ACCESS_COOKIE: SecurityScheme(
            type="apiKey",
            security_scheme_in="cookie",
            name=names.access,
            description="The access token, as the login sets it.",
        ),
        REFRESH_COOKIE: SecurityScheme(
            type="apiKey",
            security_scheme_in="cookie",
            name=names.refresh,
            description="The refresh token, as the login sets it.",
        ),
    }
    return _Config(
        title="Doorward",
        version=version("doorward"),
        description=_DESCRIPTION.strip(),
        license=License(name="Apache-2.0", identifier="Apache-2.0"),
        servers=[Server(url=path_prefix or "/", description="This service")],
        components=Components(security_schemes=schemes),
        tags=[
            Tag(name="auth", description="Register, log in, refresh, log out, verify."),
            Tag(name="users", description="The account of the user who is logged in."),
            Tag(
                name="second factors",
                description="Authenticator apps and recovery codes of the user who is logged in.",
            ),
            Tag(name="passkeys", description="Logins with passkeys, and my own ones."),
            Tag(name="social login", description="Logins with accounts of other providers."),
            Tag(name="sessions", description="The sessions of the user who is logged in."),
            Tag(name="administration", description="The accounts of others, and the audit log."),
            Tag(name="operation", description="Public keys and health."),
        ],
        openapi_router=_NoRoutes(path="/", route_handlers=[]),
        operation_id_creator=_operation_id,
        use_handler_docstrings=True,
        shortest_password=shortest_password,
    )


def _operation_id(handler: HTTPRouteHandler, _method: object, _path: object) -> str:
    """Return the name of the handler in camel case; generated clients name methods after it."""
    first, *others = handler.handler_name.split("_")
    return first + "".join(word.title() for word in others)
