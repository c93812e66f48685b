"""Authenticate requests for gateways in front of other services.

nginx (``auth_request``), Traefik (ForwardAuth) and Envoy (ext_authz) send the head of each request
here first, and forward it with the headers of this response, or not at all.
"""

from litestar import Controller, Response, get, route
from litestar.datastructures import ResponseHeader
from litestar.enums import HttpMethod

from api.identity_headers import FOR_GATEWAYS, IDENTITY_HEADERS, identity
from api.json_request import JsonRequest
from api.openapi.operations import ACCESS, NoContent, failures
from domain.errors import NotLoggedIn, TokenRejected, Unavailable

_OTHER_METHODS = [
    HttpMethod.POST,
    HttpMethod.PUT,
    HttpMethod.PATCH,
    HttpMethod.DELETE,
]


class VerifyController(Controller):
    path = FOR_GATEWAYS
    tags = ["auth"]
    security = ACCESS

    @get(
        status_code=204,
        summary="Verify an access token",
        response_description="The token is good.",
        operation_class=NoContent,
        responses=failures(NotLoggedIn, TokenRejected, Unavailable),
        response_headers=[
            ResponseHeader(name=name, description=text, value="", documentation_only=True)
            for name, text in IDENTITY_HEADERS.items()
        ],
    )
    async def verify(self, request: JsonRequest) -> Response[None]:
        """Verify the access token; the response headers name its user and session."""
        return _verified(request, 204)

    @route("/", http_method=_OTHER_METHODS, status_code=204, include_in_schema=False)
    async def verify_other_method(self, request: JsonRequest) -> Response[None]:
        return _verified(request, 204)

    @route(
        "/{path:path}",
        http_method=[HttpMethod.GET, *_OTHER_METHODS],
        status_code=200,
        include_in_schema=False,
    )
    async def verify_path(self, request: JsonRequest) -> Response[None]:
        """Verify for Envoy, which appends the path of the request and accepts only 200."""
        return _verified(request, 200)


def _verified(request: JsonRequest, status: int) -> Response[None]:
    headers = {name.decode(): value for name, value in identity(request.user)}
    return Response(None, status_code=status, headers=headers)
