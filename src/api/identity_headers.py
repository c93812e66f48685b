"""The headers by which gateways learn whose request they forward."""

from collections.abc import Iterable

from litestar.utils import normalize_path

from domain.actor import Principal

FOR_GATEWAYS = "/api/auth/verify"
"""Path of the route that gateways call; below it, Envoy appends the path of the request."""


def is_for_gateways(path: str) -> bool:
    """Whether this path is the gateways' or below it, as the framework's router reads paths."""
    normal = normalize_path(path)
    return normal == FOR_GATEWAYS or normal.startswith(f"{FOR_GATEWAYS}/")


IDENTITY_HEADERS = {
    "X-User-Id": "The user's id.",
    "X-User-Role": "The user's role, as stored now.",
    "X-User-Email-Verified": "`true` or `false`: whether the user's address is proven.",
    "X-Session-Id": "The session's id.",
}
_NAMES = [name.lower().encode() for name in IDENTITY_HEADERS]


def identity(principal: Principal) -> Iterable[tuple[bytes, str]]:
    """Return the identity headers. A gateway must overwrite all of them in the request."""
    user = principal.user
    verified = "true" if user.verified else "false"
    values = (str(user.id), user.role.value, verified, principal.session.id)
    return zip(_NAMES, values, strict=True)
