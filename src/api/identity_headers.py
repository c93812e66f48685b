"""The headers by which gateways learn whose request they forward."""

from collections.abc import Iterable

from litestar.utils import normalize_path

from domain.actor import Principal

FOR_GATEWAYS = "/api/auth/verify"
"""Path of the route that gateways call; below it, Envoy appends the path of the request."""
LEVEL_TWO_FOR_GATEWAYS = f"{FOR_GATEWAYS}-level-2"
"""Path of the route below which Envoy appends the path of a request that needs level 2. It is not
below the other one: there, each path may be the one that a client asks for.
"""


def is_for_gateways(path: str) -> bool:
    """Whether this path is the gateways' or below it, as the framework's router reads paths."""
    normal = normalize_path(path)
    return any(
        normal == each or normal.startswith(f"{each}/")
        for each in (FOR_GATEWAYS, LEVEL_TWO_FOR_GATEWAYS)
    )


IDENTITY_HEADERS = {
    "X-User-Id": "The user's id.",
    "X-User-Role": "The user's role, as stored now.",
    "X-User-Email-Verified": "`true` or `false`: whether the user's address is proven.",
    "X-Session-Id": "The session's id.",
    "X-Session-Level": "`1` or `2`: how many independent factors the user has shown.",
}
_NAMES = [name.lower().encode() for name in IDENTITY_HEADERS]


def identity(principal: Principal) -> Iterable[tuple[bytes, str]]:
    """Return the identity headers. A gateway must overwrite all of them in the request."""
    user = principal.user
    verified = "true" if user.verified else "false"
    session = principal.session
    values = (str(user.id), user.role.value, verified, session.id, str(int(session.level)))
    return zip(_NAMES, values, strict=True)
