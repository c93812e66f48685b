"""Who may open a page, as an option of its route."""

from litestar.handlers import BaseRouteHandler

from api.security.guard import requires
from domain.permissions import Permission

PAGE = {"is_public": True, "page": "everybody"}
"""The options of a page that anyone may open."""
OWN_PAGE = {"page": "users"}
"""The options of a page for a user who is logged in."""
ADMIN = "administrators"


def admin_page(permission: Permission) -> dict[str, object]:
    """Return the options of a page for those whose role has this permission."""
    return {"page": ADMIN, **requires(permission)}


def is_page(handler: BaseRouteHandler) -> bool:
    return "page" in handler.opt
