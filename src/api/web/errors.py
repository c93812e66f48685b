"""Pages for errors."""

from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from litestar import Response

from api.json_request import JsonRequest, accepts_html
from api.problems.answers import Answer, answer_to
from api.problems.responses import allowed_methods, handle, limit_headers, log_failure
from api.web.forms import FORM, Form
from api.web.page import HEADERS, Pages
from api.web.step_up_form import step_up_page
from api.web.visitors import PrefetchRefused
from domain.authentication import Method
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
    """Answer every exception of a page: by another page that helps, or by one that says it."""
    pages: Pages = request.scope["state"][PAGES]
    return _helping_page(request, pages, error) or _error_page(request, pages, error)


def _helping_page(request: JsonRequest, pages: Pages, error: Exception) -> Response[Any] | None:
    """Visitors who are not logged in go to the login, those who need a second factor to the page
    where they set it up, and those who need a step-up get its form, which sends the refused one
    again. A step-up at a provider leads back to the page of the form.
    """
    is_form = request.method != "GET"
    match error:
        case NotLoggedIn() | TokenRejected():
            # The cookies stay: another tab may have replaced them by now, which the login sees.
            wanted = "/account" if is_form else _address(request)
            return pages.redirect(request, f"/login?return_to={quote(wanted)}")
        case StepUpRequired(methods=methods):
            form: Form = request.scope["state"].get(FORM) or Form()
            if is_form and not form.has_secret and Method.FEDERATED not in methods:
                return step_up_page(request, pages, methods, form, to=_address(request))
            back = quote(_address_to_open(request))
            return pages.redirect(request, f"/account/step-up?return_to={back}")
        case PrefetchRefused():  # the browser forgets it, and asks again at the visit
            return Response(b"", status_code=HTTPStatus.SERVICE_UNAVAILABLE, headers=HEADERS)
        case EnrolmentRequired():
            return pages.redirect(request, "/account/security")
    return None


def _error_page(request: JsonRequest, pages: Pages, error: Exception) -> Response[Any]:
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


def _address_to_open(request: JsonRequest) -> str:
    """Return the address of a page, or of the page that has the form."""
    is_page = "GET" in allowed_methods(request)
    return _address(request) if is_page else "/account/security"


def _address(request: JsonRequest) -> str:
    """Return the path and the query of a request, without the path prefix of a proxy."""
    path, query = request.scope["path"], request.scope["query_string"].decode("latin-1")
    return f"{path}?{query}" if query else path
