"""Render pages, with the headers that all of them have."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from litestar import Response
from litestar.datastructures import Cookie
from litestar.response import Redirect, Template

from api.accept_language import preferred_locale
from api.json_request import JsonRequest
from api.security.cookies import CookieWriter
from api.security.return_to import ReturnTargets
from api.web.admin.sections import SECTIONS, Section
from api.web.assets import Assets
from api.web.brand import Brand
from api.web.forms import Form
from api.web.translations import Texts, Translations
from api.web.visitors import COOKIES
from application.social_login.identities import ShownProvider
from domain.actor import Principal

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; form-action"
)
HEADERS = {
    "Content-Security-Policy": f"{_POLICY} 'self'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "publickey-credentials-get=(self), publickey-credentials-create=(self), "
    "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    # With `no-referrer` browsers would send `Origin: null` with forms.
    "Referrer-Policy": "same-origin",
    "X-Robots-Tag": "noindex",
}


@dataclass(frozen=True, slots=True)
class PageOptions:
    """
    :ivar path_prefix: where browsers see the routes, such as ``/auth``.
    :ivar has_pages: whether there are pages beside those of links in mails.
    :ivar has_admin_pages: whether administrators get pages for their work.
    :ivar service: the name that pages show.
    :ivar brand: what else makes the pages those of this installation.
    :ivar has_docs: whether clients get the documentation of the API.
    :ivar can_register: whether people may register.
    :ivar sends_mail: whether a link for a new password can be sent.
    :ivar asks_for_verification: whether users prove their addresses.
    :ivar providers: where people have accounts that log them in here.
    :ivar shortest_password: the minimum length of a new password.
    :ivar revocation_bound: how long at most a worker accepts what another one has revoked.
    :ivar overrides: the folder of the operator's templates and texts.
    """

    path_prefix: str = ""
    has_pages: bool = True
    has_admin_pages: bool = False
    service: str = "Doorward"
    has_docs: bool = True
    can_register: bool = True
    sends_mail: bool = True
    asks_for_verification: bool = True
    providers: Sequence[ShownProvider] = ()
    shortest_password: int = 8
    revocation_bound: timedelta = timedelta(seconds=2)
    return_targets: ReturnTargets = field(default_factory=ReturnTargets)
    brand: Brand = field(default_factory=Brand)
    overrides: Path | None = None

    def provider_label(self, name: str) -> str:
        """Return the label of a provider, or the name of one that is not configured any more."""
        return next((each.label for each in self.providers if each.name == name), name)


class Pages:
    """Writes pages in the language of their reader."""

    def __init__(self, options: PageOptions, cookies: CookieWriter, assets: Assets) -> None:
        self.options = options
        self.cookies = cookies
        self._assets = assets
        self._translations = Translations(options.overrides)

    def url(self, path: str) -> str:
        """Return where browsers see a path of this service."""
        return self.options.path_prefix + path

    def render(
        self,
        request: JsonRequest,
        template: str,
        *,
        form: Form | None = None,
        status: int | None = None,
        **values: Any,
    ) -> Response[Any]:
        """Return a page.

        :param form: what was typed before, if the page shows it again.
        :param status: by default 400 with a form that has problems, else 200.
        """
        form = form or Form()
        visitor = request.scope.get("user")
        principal = visitor if isinstance(visitor, Principal) else None
        context: dict[str, Any] = {
            "t": self.texts(request),
            "url": self.url,
            "asset": lambda name: self.url(f"/assets/{self._assets.name(name)}"),
            "options": self.options,
            "languages": self._translations.languages,
            "principal": principal,
            "sections": self._sections(principal),
            "form": form,
            **values,
        }
        return Template(
            f"{template}.html",
            context=context,
            status_code=status or (400 if form.problems else 200),
            headers=_headers(values.get("return_to", "")),
            media_type="text/html",
            cookies=refreshed_cookies(request),
        )

    def render_message(
        self, request: JsonRequest, heading: str, text: str, **values: str
    ) -> Response[Any]:
        """Return the page that says how something went.

        :param heading: the key of the text, as ``text`` is.
        :param values: of the text.
        """
        texts = self.texts(request)
        return self.render(request, "message", heading=texts(heading), text=texts(text, **values))

    def _sections(self, principal: Principal | None) -> list[Section]:
        """Return the pages for administrators that this visitor may open."""
        if principal is None or not self.options.has_admin_pages:
            return []
        role = principal.user.role
        return [section for section in SECTIONS if role.may(section.permission)]

    def texts(self, request: JsonRequest) -> Texts:
        visitor = request.scope.get("user")
        own = visitor.user.locale if isinstance(visitor, Principal) else None
        return self._translations.in_language(own, preferred_locale(request.scope))

    def redirect(
        self, request: JsonRequest, target: str, cookies: Sequence[Cookie] = ()
    ) -> Response[Any]:
        """Send the browser on by GET.

        :param target: a path of this service, or an accepted address elsewhere.
        :param cookies: to set, in place of those of a session that was refreshed by the way.
        """
        location = self.url(target) if target.startswith("/") else target
        return Redirect(
            location,
            status_code=303,
            cookies=list(cookies) or refreshed_cookies(request),
            headers=HEADERS,
        )

    def send_again(self, target: str, cookies: Sequence[Cookie]) -> Response[Any]:
        """Have the browser send the same form to another path, by itself (RFC 9110, 15.4.8).

        :param target: a path of this service.
        """
        location = self.url(target)
        return Redirect(location, status_code=307, cookies=list(cookies), headers=HEADERS)


def _headers(return_to: str) -> dict[str, str]:
    """Return the headers of a page whose forms lead there: browsers apply ``form-action`` to the
    redirect that answers a form, too.

    :param return_to: a path of this service, or an accepted address elsewhere.
    """
    target = urlsplit(return_to)
    if return_to.startswith("/") or not target.netloc:
        return HEADERS
    policy = f"{_POLICY} 'self' {target.scheme}://{target.netloc}"
    return {**HEADERS, "Content-Security-Policy": policy}


def refreshed_cookies(request: JsonRequest) -> list[Cookie]:
    """Return the cookies of a session that was refreshed to open this page."""
    cookies: list[Cookie] = request.scope["state"].get(COOKIES, [])
    return cookies
