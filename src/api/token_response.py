"""The response that hands out the tokens of a session."""

from litestar import Response

from api.schemas.auth import TokenAnswer, Transport
from api.security.cookies import CookieWriter
from application.authentication import TokenPair


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
