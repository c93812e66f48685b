"""Authenticate requests for gateways in front of other services.

nginx (``auth_request``), Traefik (ForwardAuth) and Envoy (ext_authz) send the head of each request
here first, and forward it with the headers of this response, or not at all.
"""

from typing import Annotated, Literal

from dishka.integrations.litestar import FromDishka, inject
from litestar import Controller, Response, get, route
from litestar.datastructures import ResponseHeader
from litestar.enums import HttpMethod
from litestar.params import QueryParameter

from api.identity_headers import (
    FOR_GATEWAYS,
    IDENTITY_HEADERS,
    LEVEL_TWO_FOR_GATEWAYS,
    identity,
)
from api.json_request import JsonRequest
from api.openapi.operations import ACCESS, NoContent, failures
from api.unknown_members import only_parameters
from application.second_factors.require_level import RequireLevel
from domain.authentication import Level
from domain.errors import (
    EnrolmentRequired,
    InvalidInput,
    LevelTooLow,
    NotLoggedIn,
    TokenRejected,
    Unavailable,
)

_OTHER_METHODS = [
    HttpMethod.POST,
    HttpMethod.PUT,
    HttpMethod.PATCH,
    HttpMethod.DELETE,
]


_DemandedLevel = Annotated[
    Literal["1", "2"],
    QueryParameter(
        description="The lowest accepted level: `2` refuses sessions of users who have shown a "
        "single factor."
    ),
]


class VerifyController(Controller):
    path = FOR_GATEWAYS
    tags = ["auth"]
    security = ACCESS

    @get(
        status_code=204,
        before_request=only_parameters("level"),
        summary="Verify an access token",
        response_description="The token is good.",
        operation_class=NoContent,
        responses=failures(
            InvalidInput,
            NotLoggedIn,
            TokenRejected,
            LevelTooLow,
            EnrolmentRequired,
            Unavailable,
        ),
        response_headers=[
            ResponseHeader(name=name, description=text, value="", documentation_only=True)
            for name, text in IDENTITY_HEADERS.items()
        ],
    )
    @inject
    async def verify(
        self,
        request: JsonRequest,
        require_level: FromDishka[RequireLevel],
        level: _DemandedLevel = "1",
    ) -> Response[None]:
        """Verify the access token; the response headers name its user and session.

        With `?level=2`, a session that has reached level 1 only is refused as RFC 9470 says.
        """
        await require_level(request.user, Level(int(level)))
        return _verified(request, 204)

    @route(
        "/",
        http_method=_OTHER_METHODS,
        before_request=only_parameters("level"),
        status_code=204,
        include_in_schema=False,
    )
    @inject
    async def verify_other_method(
        self,
        request: JsonRequest,
        require_level: FromDishka[RequireLevel],
        level: _DemandedLevel = "1",
    ) -> Response[None]:
        await require_level(request.user, Level(int(level)))
        return _verified(request, 204)

    @route(
        "/{path:path}",
        http_method=[HttpMethod.GET, *_OTHER_METHODS],
        status_code=200,
        include_in_schema=False,
    )
    async def verify_path(self, request: JsonRequest) -> Response[None]:
        """Verify for Envoy, which appends the path of the request and accepts only 200.

        The query is that of the request, too, so it demands nothing here.
        """
        return _verified(request, 200)


class VerifyLevelTwoController(Controller):
    path = LEVEL_TWO_FOR_GATEWAYS

    @route(
        ["/", "/{path:path}"],
        http_method=[HttpMethod.GET, *_OTHER_METHODS],
        status_code=200,
        include_in_schema=False,
    )
    @inject
    async def verify_path(
        self, request: JsonRequest, require_level: FromDishka[RequireLevel]
    ) -> Response[None]:
        """Verify for Envoy that the session has level 2."""
        await require_level(request.user, Level.TWO)
        return _verified(request, 200)


def _verified(request: JsonRequest, status: int) -> Response[None]:
    headers = {name.decode(): value for name, value in identity(request.user)}
    return Response(None, status_code=status, headers=headers)
