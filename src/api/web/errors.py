"""Pages for errors."""

from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from litestar import Response

from api.json_request import JsonRequest, accepts_html
from api.problems import Answer, allowed_methods, answer_to, handle, limit_headers, log_failure
from api.web.page import Pages
from api.web.route_options import BACK
from domain.errors import EnrolmentRequired, NotLoggedIn, StepUpRequired, TokenRejected
from domain.rate_limit import TooManyRequests

PAGES = "pages"
"""In the state of a request: what renders its pages."""
PAGE_ROOTS = "page_roots"
"""In the state of the application: the first segments of the paths of pages."""


def handle_error(request: JsonRequest, error: Exception) -> Response[Any]:
    """Answer what no page does: below the paths of pages, browsers get a page for that, too."""
    root = request.scope["path"].strip("/").partition("/")[0]
    if accepts_html(request) and root in request.app.state.get(PAGE_ROOTS, ()):
        return handle_page_error(request, error)
    return handle(request, error)


def handle_page_error(request: JsonRequest, error: Exception) -> Response[Any]:
    """Answer every exception of a page: visitors who are not logged in go to the login, and those
    who need a second factor to the page where they set it up.
    """
    pages: Pages = request.scope["state"][PAGES]
    if isinstance(error, NotLoggedIn | TokenRejected):
        is_form = request.method != "GET"
        wanted = "/account" if is_form else request.scope["path"]
        # A form that is sent twice comes with the cookies that its first answer has replaced.
        is_over = isinstance(error, TokenRejected) and not is_form
        removed = pages.cookies.removal() if is_over else ()
        return pages.redirect(request, f"/login?return_to={quote(wanted)}", removed)
    if isinstance(error, StepUpRequired):  # what was typed there was a password
        back = request.route_handler.opt.get(BACK, request.scope["path"])
        return pages.redirect(request, f"/account/step-up?return_to={quote(back)}")
    if isinstance(error, EnrolmentRequired):
        return pages.redirect(request, "/account/security")
    answer: Answer = answer_to(error)
    log_failure(error, request, answer)
    page = pages.render(request, "error", status=answer.status, code=answer.code)
    headers = dict(answer.headers)
    if answer.status == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(sorted(allowed_methods(request)))
    if isinstance(error, TooManyRequests):
        headers = dict(limit_headers(error))
    for name, value in headers.items():
        if name != "WWW-Authenticate":
            page.set_header(name, value)
    return page
