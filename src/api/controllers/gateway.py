"""Whether a request that came to somebody else is somebody's: for gateways.

nginx (``auth_request``), Traefik (ForwardAuth) and Envoy (ext_authz) send the head of each request
here first, and pass it on with the headers of our answer, or not at all.
"""

from collections.abc import Iterable

from litestar import Controller, Response, get, route
from litestar.datastructures import ResponseHeader
from litestar.enums import HttpMethod

from api.json_request import JsonRequest
from api.openapi import ACCESS, NoContent, failures
from domain.actor import Principal
from domain.errors import NotLoggedIn, TokenRejected, Unavailable

FOR_GATEWAYS = "/api/auth/verify"

_IDENTITY = {
    "X-User-Id": "The user's id.",
    "X-User-Role": "The user's role, as of now.",
    "X-Session-Id": "The session's id.",
}
_NAMES = [name.lower().encode() for name in _IDENTITY]

_OTHER_METHODS = [
    HttpMethod.POST,
    HttpMethod.PUT,
    HttpMethod.PATCH,
    HttpMethod.DELETE,
]


def identity(principal: Principal) -> Iterable[tuple[bytes, str]]:
    """The headers that say who it is. A gateway must set them all anew, whatever was sent."""
    values = (str(principal.user.id), principal.user.role.value, principal.session.id)
    return zip(_NAMES, values, strict=True)


class VerifyController(Controller):
    path = FOR_GATEWAYS
    tags = ["auth"]
    security = ACCESS

    @get(
        status_code=204,
        summary="Verify",
        operation_class=NoContent,
        responses=failures(NotLoggedIn, TokenRejected, Unavailable),
        response_headers=[
            ResponseHeader(name=name, description=text, value="", documentation_only=True)
            for name, text in _IDENTITY.items()
        ],
    )
    async def verify(self, request: JsonRequest) -> Response[None]:
        """Whether the access token is good, and whose it is, in the answer's headers."""
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
        """For Envoy, which appends the path that it asks about and takes 200 alone for a yes."""
        return _verified(request, 200)


def _verified(request: JsonRequest, status: int) -> Response[None]:
    headers = {name.decode(): value for name, value in identity(request.user)}
    return Response(None, status_code=status, headers=headers)
