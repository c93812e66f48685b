"""The tokens that a request carries. Tokens in a query string are never read."""

from collections.abc import Iterable
from dataclasses import dataclass

from api.security import cookies
from api.security.origin_policy import OriginPolicy
from domain.errors import TokenRejected


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


def bearer_token(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The token in the Authorization header (RFC 6750, section 2.1), the scheme in any case.

    Other schemes, a proxy's ``Basic`` for instance, are ignored.

    :raises TokenRejected: there are several Authorization headers.
    """
    values = [value for name, value in headers if name == b"authorization"]
    if not values:
        return None
    if len(values) > 1:
        raise TokenRejected
    scheme, _, token = values[0].decode("latin-1").partition(" ")
    return token.strip(" ") if scheme.lower() == "bearer" else None


def device_token(
    headers: Iterable[tuple[bytes, bytes]], origin_policy: OriginPolicy
) -> str | None:
    """Return the value of the device cookie, or ``None`` where the cookies are ambiguous."""
    cookie_headers = [value for name, value in headers if name == b"cookie"]
    try:
        return cookies.read(cookie_headers, cookies.names(origin_policy).device)
    except TokenRejected:
        return None


def read(headers: Iterable[tuple[bytes, bytes]], origin_policy: OriginPolicy) -> Credentials:
    """Read the credentials of a request from its headers.

    :raises TokenRejected: they are ambiguous; see :func:`bearer_token` and
        :func:`cookies.read`.
    """
    headers = list(headers)
    bearer = bearer_token(headers)
    cookie_headers = [value for name, value in headers if name == b"cookie"]
    if not cookie_headers:
        return Credentials(bearer, None, has_access_cookie=False)
    known = cookies.names(origin_policy)
    cookie = cookies.read(cookie_headers, known.access)
    refresh = cookies.read(cookie_headers, known.refresh)
    access = bearer if bearer is not None else cookie
    return Credentials(access, refresh, bearer is None and cookie is not None)
