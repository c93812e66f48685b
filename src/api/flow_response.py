"""The responses that begin and end a browser's way to another provider.

They redirect only to the provider, to pages of this service and to where the flow returns to,
which was accepted at its begin.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import quote, urlencode

from litestar import Response
from litestar.datastructures import Cookie
from litestar.response import Redirect

from api.json_request import JsonRequest, accepts_html
from api.problems.answers import answer_to
from api.problems.responses import handle, log_failure
from api.request_context import header_values
from api.security.cookies import CookieWriter
from api.security.flow_cookies import FlowCookies
from api.security.origin_policy import OriginPolicy
from api.security.return_to import ReturnTargets
from application.login.complete import LoggedIn
from application.social_login.begin import Begun
from application.social_login.codes import IssuedCode
from application.social_login.finish import Finished, SteppedUp
from domain.errors import AuthError, SecondFactorRequired
from domain.social_login.flow import AppClient, Flow, Intent

_PAGES: Mapping[Intent, tuple[str, str]] = {
    Intent.LOGIN: ("/login", "/account"),
    Intent.LINK: ("/account/security", "/account/security"),
    Intent.STEP_UP: ("/account/step-up", "/account"),
}
"""By intent: the page that says what went wrong, and where the browser goes by default."""


@dataclass(frozen=True, slots=True)
class FlowEnd:
    """Where a flow ends.

    :ivar return_to: a path of this service, or an accepted address elsewhere.
    """

    intent: Intent
    return_to: str
    app: AppClient | None = None

    @classmethod
    def of(cls, flow: Flow) -> Self:
        return cls(flow.intent, flow.return_to, flow.app)


@dataclass(frozen=True, slots=True)
class FlowResponses:
    """
    :ivar path_prefix: where browsers see the routes, such as ``/auth``.
    :ivar has_pages: whether people get pages to log in and to manage their accounts.
    """

    origin_policy: OriginPolicy
    cookies: CookieWriter
    flow_cookies: FlowCookies
    return_targets: ReturnTargets = field(default_factory=ReturnTargets)
    path_prefix: str = ""
    has_pages: bool = False

    def end(self, intent: Intent, wanted: str | None, app: AppClient | None = None) -> FlowEnd:
        """Return where a flow will end. The policy accepts the address of an application.

        :param wanted: by default it is a page, if there are any.
        :raises InvalidInput: the browser may not go there.
        """
        if app is not None:
            return FlowEnd(intent, wanted or "", app)
        default = _PAGES[intent][1] if self.has_pages else None
        target = self.return_targets.require(default if wanted is None else wanted)
        return FlowEnd(intent, target)

    def under_main_name(self, request: JsonRequest) -> Response[Any] | None:
        """Send a browser that has come under another name of this service to the same address
        under the main one: the provider sends it back there, and cookies have one host.
        """
        host = next(header_values(request.scope, b"host"), "")
        if f"{request.scope['scheme']}://{host}" not in self.origin_policy.other_names:
            return None
        path, query = request.scope["path"], request.scope["query_string"].decode("latin-1")
        address = self.origin_policy.origin + self._url(path)
        return _see_other(f"{address}?{query}" if query else address)

    def begun(self, request: JsonRequest, begun: Begun) -> Response[Any]:
        """Send the browser to the provider."""
        return _see_other(begun.url, self.flow_cookies.begun(request, begun))

    def forwarded(self, path: str, parameters: Mapping[str, str]) -> Response[Any]:
        """Have the browser come back by GET, with its cookies."""
        return _see_other(self._url(_with(path, parameters)))

    def finished(self, finished: Finished, end: FlowEnd) -> Response[Any]:
        """Send the browser to where the flow returns to, with cookies or with a code."""
        match finished:
            case LoggedIn():
                return _see_other(self._url(end.return_to), self.cookies.of_session(finished))
            case SteppedUp():
                cookies = self.cookies.of_tokens(finished.tokens)
                return _see_other(self._url(end.return_to), cookies)
            case IssuedCode():
                return _see_other(_for_app(end, code=finished.secret))
        return _see_other(self._url(end.return_to))

    def failed(
        self, request: JsonRequest, error: AuthError, end: FlowEnd | None = None
    ) -> Response[Any]:
        """Tell the application, or the person by a page, or else the caller.

        :param end: of the flow; ``None`` if none is known.
        """
        has_page = self.has_pages and accepts_html(request)
        is_for_app = end is not None and end.app is not None
        if has_page and not is_for_app and isinstance(error, SecondFactorRequired):
            return self._second_factor_page(error, end)
        answer = answer_to(error)
        place = self._place_of(answer.code, end, has_page=has_page)
        if place is None:
            return handle(request, error)
        log_failure(error, request, answer)
        return _see_other(place)

    def _place_of(self, code: str, end: FlowEnd | None, *, has_page: bool) -> str | None:
        if end is not None and end.app is not None:
            return _for_app(end, error=code)
        if has_page:
            intent = end.intent if end else Intent.LOGIN
            parameters = {"problem": code}
            if end is not None and intent is not Intent.LINK:
                parameters["return_to"] = end.return_to
            return self._url(_with(_PAGES[intent][0], parameters))
        if end is not None and not end.return_to.startswith("/"):
            return _for_app(end, error=code)
        return None

    def _second_factor_page(
        self, required: SecondFactorRequired, end: FlowEnd | None
    ) -> Response[Any]:
        """Its challenge is in a cookie: addresses are kept in histories and logs."""
        return_to = end.return_to if end else _PAGES[Intent.LOGIN][1]
        page = _with("/login/second-factor", {"return_to": return_to})
        return _see_other(self._url(page), [self.cookies.of_second_factor(required)])

    def _url(self, target: str) -> str:
        return self.path_prefix + target if target.startswith("/") else target


def _for_app(end: FlowEnd, **parameters: str) -> str:
    """Return the address of an application, with these parameters and its ``state``."""
    if end.app is not None and end.app.state:
        parameters["state"] = end.app.state
    return _with(end.return_to, parameters)


def _with(address: str, parameters: Mapping[str, str]) -> str:
    """Add parameters to an address, which has no fragment."""
    query = urlencode(parameters, quote_via=quote)  # not all applications read `+` as a space
    return f"{address}{'&' if '?' in address else '?'}{query}"


def _see_other(location: str, cookies: list[Cookie] | None = None) -> Response[Any]:
    return Redirect(location, status_code=303, cookies=cookies or [])
