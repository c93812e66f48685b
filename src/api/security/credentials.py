"""The tokens that a request carries. Those in a query string are never read."""

from collections.abc import Iterable
from dataclasses import dataclass

from api.security import cookies
from api.security.cookies import CookieNames
from domain.errors import SecondFactorRequired, TokenRejected

Headers = Iterable[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Credentials:
    """
    :ivar access: from the Authorization header, else from the cookie.
    :ivar refresh: from the cookie.
    :ivar has_access_cookie: whether the access token is one that a browser sends on its own.
    """

    access: str | None
    refresh: str | None
    has_access_cookie: bool


def bearer_token(headers: Headers) -> str | None:
    """Return the token in the Authorization header (RFC 6750, section 2.1).

    The scheme is compared without regard to case. Other schemes, such as a proxy's ``Basic``, are
    ignored.

    :raises TokenRejected: there are several Authorization headers.
    """
    values = [value for name, value in headers if name == b"authorization"]
    if not values:
        return None
    if len(values) > 1:
        raise TokenRejected
    scheme, _, token = values[0].decode("latin-1").partition(" ")
    return token.strip(" ") if scheme.lower() == "bearer" else None


def device_token(headers: Headers, names: CookieNames) -> str | None:
    """Return the token of the device's cookie; ``None`` if there is none or it is ambiguous."""
    return _cookie(headers, names.device)


def pending_login(headers: Headers, names: CookieNames) -> SecondFactorRequired | None:
    """Return the login that waits for a second factor; ``None`` if there is none."""
    value = _cookie(headers, names.second_factor)
    return None if value is None else cookies.pending_login(value)


def _cookie(headers: Headers, name: str) -> str | None:
    """Return the value of a cookie; ``None`` if there is none or it is ambiguous."""
    cookie_headers = [value for key, value in headers if key == b"cookie"]
    try:
        return cookies.read(cookie_headers, name)
    except TokenRejected:
        return None


def read(headers: Headers, names: CookieNames) -> Credentials:
    """Return the tokens of a request.

    :raises TokenRejected: they are ambiguous; see :func:`bearer_token` and :func:`cookies.read`.
    """
    headers = list(headers)
    bearer = bearer_token(headers)
    cookie_headers = [value for name, value in headers if name == b"cookie"]
    if not cookie_headers:
        return Credentials(bearer, None, has_access_cookie=False)
    cookie = cookies.read(cookie_headers, names.access)
    refresh = cookies.read(cookie_headers, names.refresh)
    access = bearer if bearer is not None else cookie
    return Credentials(access, refresh, bearer is None and cookie is not None)
