"""Where browsers and password managers look, below ``/.well-known``, without being asked.

They look at the root of a host, whatever the path prefix of the service is.
"""

import msgspec
from litestar import Litestar, get
from litestar.response.base import ASGIResponse

from api.json_request import JsonRequest
from api.security.guard import PUBLIC

_KEPT = {"Cache-Control": "public, max-age=3600"}


@get("/.well-known/webauthn", include_in_schema=False, opt=PUBLIC)
async def related_origins(request: JsonRequest) -> ASGIResponse:
    """Return the origins that may use passkeys of this host (Web Authentication, Level 3,
    section 5.11.1).
    """
    response: ASGIResponse = request.app.state.related_origins
    return response


@get("/.well-known/change-password", include_in_schema=False, opt=PUBLIC)
async def change_password(request: JsonRequest) -> ASGIResponse:
    """Redirect to the page for it (W3C, A Well-Known URL for Changing Passwords)."""
    response: ASGIResponse = request.app.state.change_password
    return response


def add_well_known(app: Litestar, origins: tuple[str, ...], password_page: str | None) -> None:
    """Give the application what these routes answer.

    :param origins: outside the domain of passkeys, that may use them.
    :param password_page: the URL of the page to change passwords.
    """
    app.state.related_origins = ASGIResponse(
        body=msgspec.json.encode({"origins": origins}),
        media_type="application/json",
        headers=_KEPT,
    )
    app.state.change_password = ASGIResponse(
        status_code=302, headers=_KEPT | {"Location": password_page or ""}
    )
