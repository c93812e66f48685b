"""My logins with accounts of other providers: link and unlink one."""

from typing import Any

from dishka.integrations.litestar import FromDishka, inject
from litestar import Response, get, post
from litestar.params import FromPath

from api.json_request import JsonRequest
from api.request_context import context_of
from api.security.cookies import CookieWriter
from api.security.flow_cookies import FlowCookies
from api.web.controllers.base import PageController
from api.web.forms import read_form
from api.web.page import Pages
from api.web.route_options import OWN_PAGE
from api.web.social_login import way_to_provider
from application.social_login.begin import BeginLink
from application.social_login.identities import ListIdentities, UnlinkIdentity
from domain.errors import (
    AuthError,
    EmailUnverified,
    LastCredential,
    NotFound,
    ProviderRefused,
    ProviderUnavailable,
)
from domain.social_login.identity import IdentityId

_SECURITY = "/account/security"


class IdentityPages(PageController):
    path = f"{_SECURITY}/identities"
    opt = OWN_PAGE

    @post("/")
    @inject
    async def link(
        self,
        request: JsonRequest,
        pages: FromDishka[Pages],
        begin: FromDishka[BeginLink],
        flow_cookies: FromDishka[FlowCookies],
    ) -> Response[Any]:
        """Show the page that leads to the provider."""
        name, back = (await read_form(request))["provider"], f"{_SECURITY}?done=identity_linked"
        try:
            begun = await begin(request.user, name, back, context_of(request))
        except (EmailUnverified, ProviderRefused, ProviderUnavailable) as refused:
            return _refused(request, pages, refused)
        return way_to_provider(request, pages, begun, name, flow_cookies)

    @get("/{identity_id:str}")
    @inject
    async def ask(
        self,
        request: JsonRequest,
        identity_id: FromPath[str],
        pages: FromDishka[Pages],
        list_identities: FromDishka[ListIdentities],
    ) -> Response[Any]:
        """Say what will happen."""
        for each in await list_identities(request.user):
            if each.id == identity_id:
                return pages.render(request, "account/unlink", identity=each)
        raise NotFound

    @post("/{identity_id:str}")
    @inject
    async def unlink(
        self,
        request: JsonRequest,
        identity_id: FromPath[str],
        pages: FromDishka[Pages],
        unlink: FromDishka[UnlinkIdentity],
        cookies: FromDishka[CookieWriter],
    ) -> Response[Any]:
        try:
            renewed = await unlink(request.user, IdentityId(identity_id), context_of(request))
        except NotFound:  # it was unlinked in another tab
            return pages.redirect(request, _SECURITY)
        except LastCredential as refused:
            return _refused(request, pages, refused)
        done = f"{_SECURITY}?done=identity_unlinked"
        return pages.redirect(request, done, cookies.of_session(renewed))


def _refused(request: JsonRequest, pages: Pages, error: AuthError) -> Response[Any]:
    return pages.redirect(request, f"{_SECURITY}?problem={error.outcome}")
