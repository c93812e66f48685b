"""Who may open a page, as an option of its route."""

from litestar.handlers import BaseRouteHandler

PAGE = {"is_public": True, "page": "everybody"}
"""The options of a page that anyone may open."""
OWN_PAGE = {"page": "users"}
"""The options of a page for a user who is logged in."""
BACK = "back"
"""The option that names the page to return to, where a form has another address."""


def is_page(handler: BaseRouteHandler) -> bool:
    return "page" in handler.opt
