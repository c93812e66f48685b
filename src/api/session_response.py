"""The responses that begin and end a session in its client."""

from litestar import Response

from api.json_request import JsonRequest
from api.schemas.auth import TokenAnswer, Transport
from api.schemas.success import Done
from api.security.cookies import CookieWriter
from api.security.credential_reader import CredentialReader
from api.security.credentials import Credentials
from application.login.complete import LoggedIn, TokenPair
from domain.session import Transport as SessionTransport

CLEAR_SITE_DATA = '"cache"'
"""What a browser forgets of this origin when its session ends (W3C Clear Site Data): the pages
that an application has shown. Not ``cookies``, which would remove those of all other applications
of the site and the cookie of the device, and not ``storage``: it belongs to the applications.
"""


def transport_of(presented: Credentials) -> Transport:
    """Return the transport of a call: the tokens of a renewed session are answered by it."""
    return "cookie" if presented.has_access_cookie else "bearer"


def token_response(
    tokens: TokenPair,
    transport: Transport | None,
    cookies: CookieWriter,
    device_token: str | None = None,
) -> Response[TokenAnswer]:
    """Return the tokens by the transport that the client uses.

    :param transport: ``None`` sets the cookies and repeats the access token in the body, as
        clients of the tutorial expect.
    :param device_token: of a known device, if the client is to get one.
    """
    if transport == "bearer":
        return Response(TokenAnswer.of(tokens, transport, device_token))
    response = Response(TokenAnswer.of(tokens, transport), cookies=cookies.of_tokens(tokens))
    if device_token is not None:
        response.set_cookie(cookies.of_device(device_token))
    return response


def login_response(logged_in: LoggedIn, cookies: CookieWriter) -> Response[TokenAnswer]:
    """Return the tokens of a new session as its login has asked for them."""
    transport: Transport | None = None if logged_in.shows_access else "cookie"
    if logged_in.transport is SessionTransport.BEARER:
        transport = "bearer"
    return token_response(logged_in.tokens, transport, cookies, logged_in.device_token)


async def renewal_response(
    request: JsonRequest, renewed: LoggedIn, credentials: CredentialReader, cookies: CookieWriter
) -> Response[TokenAnswer]:
    """Return the tokens of a session that takes the place of the present one, in the transport of
    the call. All devices are forgotten: one that was known stays known.
    """
    transport = transport_of(await credentials.read(request))
    has_device = transport == "bearer" or credentials.device_token(request) is not None
    device_token = renewed.device_token if has_device else None
    return token_response(renewed.tokens, transport, cookies, device_token)


def logged_out(cookies: CookieWriter) -> Response[Done]:
    """Make the browser forget the session and what it has cached of this origin."""
    headers = {"Clear-Site-Data": CLEAR_SITE_DATA}
    return Response(Done("success"), cookies=cookies.removal(), headers=headers)
