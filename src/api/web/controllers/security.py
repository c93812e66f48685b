"""My second factors: the authenticator app, recovery codes and passkeys."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from dishka.integrations.litestar import FromDishka, inject
from litestar import Response, get, post
from msgspec.json import encode

from api.json_request import JsonRequest
from api.qr_code import svg_of
from api.request_context import context_of
from api.schemas.second_factors.credentials import CreationOptionsAnswer
from api.security.cookies import CookieWriter
from api.security.guard import FOR_ENROLMENT
from api.web.controllers.base import PageController
from api.web.forms import Form, read_form
from api.web.page import Pages
from api.web.proofs import registration_in
from api.web.route_options import OWN_PAGE
from api.web.social_login import OF_LINK, cancelled_text, problem_text
from api.web.translations import Texts
from api.web.visitors import COOKIES
from application.enrolment.passkey_list import ListPasskeys, RemovePasskey, RenamePasskey
from application.enrolment.passkeys import AddPasskey, OfferPasskey
from application.enrolment.recovery_codes import RenewRecoveryCodes
from application.enrolment.totp import ConfirmTotp, ProposedTotp, ProposeTotp, RemoveTotp
from application.login.complete import LoggedIn
from application.second_factors.find import FindFactors
from application.second_factors.policy import SecondFactorPolicy
from application.social_login.identities import ListIdentities
from domain.errors import InvalidInput, NotFound, PasskeyInvalid, Problem, SecondFactorInvalid
from domain.second_factors.passkey import PasskeyId
from domain.social_login.identity import Identity

_DONE = {
    name: f"security.{name}"
    for name in ("totp_removed", "passkey_added", "passkey_removed", "passkey_renamed")
} | {name: f"identities.{name}" for name in ("identity_linked", "identity_unlinked")}
"""The texts of what has been done, by the query of the page."""
_SECURITY = "/account/security"


class SecurityPages(PageController):
    path = _SECURITY
    opt = OWN_PAGE

    @get("/", opt=FOR_ENROLMENT)
    @inject
    async def show_security(
        self,
        request: JsonRequest,
        pages: FromDishka[Pages],
        find_factors: FromDishka[FindFactors],
        list_passkeys: FromDishka[ListPasskeys],
        list_identities: FromDishka[ListIdentities],
        policy: FromDishka[SecondFactorPolicy],
    ) -> Response[Any]:
        factors = await find_factors(request.user.user)
        texts, query = pages.texts(request), request.query_params
        problem = query.get("problem")
        is_demanded = policy.restricts(request.user.session, request.user.user)
        name_refused = texts("security.name_refused") if query.get("refused") == "name" else None
        return pages.render(
            request,
            "account/security",
            is_demanded=is_demanded,
            has_totp=factors.stored.totp is not None,
            codes_left=len(factors.stored.recovery_codes),
            has_factor=bool(factors.methods),
            passkeys=await list_passkeys(request.user),
            done=_done_text(texts, query.get("done")),
            message=name_refused or problem_text(texts, problem, OF_LINK, "link"),
            note=cancelled_text(texts, problem),
            **_identities(pages, await list_identities(request.user), is_demanded=is_demanded),
        )

    @post("/totp", opt=FOR_ENROLMENT)
    @inject
    async def propose_totp(
        self,
        request: JsonRequest,
        pages: FromDishka[Pages],
        propose_totp: FromDishka[ProposeTotp],
    ) -> Response[Any]:
        """Show a new secret, with the form that confirms it."""
        proposed = await propose_totp(request.user, context_of(request))
        return await _totp_page(request, pages, proposed)

    @post("/totp/confirm", opt=FOR_ENROLMENT)
    @inject
    async def confirm_totp(
        self,
        request: JsonRequest,
        pages: FromDishka[Pages],
        confirm_totp: FromDishka[ConfirmTotp],
        cookies: FromDishka[CookieWriter],
    ) -> Response[Any]:
        form = await read_form(request)
        try:
            enrolled = await confirm_totp(request.user, form["code"], context_of(request))
        except SecondFactorInvalid:
            shown = ProposedTotp(form["secret"], form["uri"])
            return await _totp_page(request, pages, shown, form, is_refused=True)
        return _codes_page(request, pages, enrolled.recovery_codes, cookies, enrolled.logged_in)

    @post("/totp/remove")
    @inject
    async def remove_totp(
        self,
        request: JsonRequest,
        pages: FromDishka[Pages],
        remove_totp: FromDishka[RemoveTotp],
        cookies: FromDishka[CookieWriter],
    ) -> Response[Any]:
        with suppress(NotFound):  # it was removed in another tab
            logged_in = await remove_totp(request.user, context_of(request))
            return _changed(request, pages, "totp_removed", cookies, logged_in)
        return pages.redirect(request, _SECURITY)

    @post("/recovery-codes")
    @inject
    async def renew_recovery_codes(
        self,
        request: JsonRequest,
        pages: FromDishka[Pages],
        renew: FromDishka[RenewRecoveryCodes],
    ) -> Response[Any]:
        codes = await renew(request.user, context_of(request))
        return _codes_page(request, pages, codes)

    @post("/passkeys/new", opt=FOR_ENROLMENT)
    @inject
    async def offer_passkey(
        self, request: JsonRequest, pages: FromDishka[Pages], offer: FromDishka[OfferPasskey]
    ) -> Response[Any]:
        """Show the form whose script asks an authenticator for a new passkey."""
        return await _passkey_page(request, pages, offer, Form())

    @post("/passkeys/add", opt=FOR_ENROLMENT)
    @inject
    async def add_passkey(
        self,
        request: JsonRequest,
        pages: FromDishka[Pages],
        offer: FromDishka[OfferPasskey],
        add: FromDishka[AddPasskey],
        cookies: FromDishka[CookieWriter],
    ) -> Response[Any]:
        """Without a credential, the form comes with a new challenge."""
        form = await read_form(request)
        if not form["credential"]:
            return await _passkey_page(request, pages, offer, form, is_refused=True)
        try:
            registration, name = registration_in(form["credential"]), form["name"] or None
            added = await add(request.user, registration, name, context_of(request))
        except InvalidInput as invalid:
            form.problems = list(invalid.problems)
            return await _passkey_page(request, pages, offer, form)
        except PasskeyInvalid:
            return await _passkey_page(request, pages, offer, form, is_refused=True)
        if added.recovery_codes:
            return _codes_page(request, pages, added.recovery_codes, cookies, added.logged_in)
        return _changed(request, pages, "passkey_added", cookies, added.logged_in)

    @post("/passkeys")
    @inject
    async def change_passkey(
        self,
        request: JsonRequest,
        pages: FromDishka[Pages],
        rename: FromDishka[RenamePasskey],
        remove: FromDishka[RemovePasskey],
        cookies: FromDishka[CookieWriter],
    ) -> Response[Any]:
        """Rename or remove one, by the button that was pressed."""
        form = await read_form(request)
        passkey, caller = PasskeyId(form["passkey"]), context_of(request)
        if form["action"] == "remove":
            logged_in = await remove(request.user, passkey, caller)
            return _changed(request, pages, "passkey_removed", cookies, logged_in)
        try:
            await rename(request.user, passkey, form["name"], caller)
        except InvalidInput:  # such as an empty name: the former one stays
            return pages.redirect(request, f"{_SECURITY}?refused=name")
        return pages.redirect(request, f"{_SECURITY}?done=passkey_renamed")


def _done_text(texts: Texts, done: str | None) -> str | None:
    return texts(_DONE[done]) if done in _DONE else None


def _identities(
    pages: Pages, identities: Sequence[Identity], *, is_demanded: bool
) -> dict[str, Any]:
    """Return the linked accounts, and the providers of which none is linked."""
    offered = [] if is_demanded else pages.options.providers
    linked = {each.provider for each in identities}
    unlinked = [each for each in offered if each.name not in linked]
    return {"identities": identities, "unlinked": unlinked}


async def _totp_page(
    request: JsonRequest,
    pages: Pages,
    proposed: ProposedTotp,
    form: Form | None = None,
    *,
    is_refused: bool = False,
) -> Response[Any]:
    texts = pages.texts(request)
    try:
        qr = await asyncio.to_thread(svg_of, proposed.uri)
    except ValueError:  # too long: the form is not the one that this page has sent
        raise InvalidInput(Problem("body", "is not a form")) from None
    return pages.render(
        request,
        "account/totp",
        form=form,
        status=400 if is_refused else 200,
        proposed=proposed,
        qr=qr,
        message=texts("totp.refused") if is_refused else None,
    )


async def _passkey_page(
    request: JsonRequest,
    pages: Pages,
    offer: OfferPasskey,
    form: Form,
    *,
    is_refused: bool = False,
) -> Response[Any]:
    offered = await offer(request.user, context_of(request))
    options = CreationOptionsAnswer.of(offered).options
    return pages.render(
        request,
        "account/passkey",
        form=form,
        status=400 if is_refused else None,
        creation=encode(options).decode(),
        message=pages.texts(request)("passkey.refused") if is_refused else None,
    )


def _codes_page(
    request: JsonRequest,
    pages: Pages,
    codes: Sequence[str],
    cookies: CookieWriter | None = None,
    logged_in: LoggedIn | None = None,
) -> Response[Any]:
    """Show recovery codes, once."""
    if cookies and logged_in:  # in place of those of a session that was refreshed by the way
        request.scope["state"][COOKIES] = cookies.of_session(logged_in)
    return pages.render(request, "account/recovery_codes", codes=codes)


def _changed(
    request: JsonRequest, pages: Pages, done: str, cookies: CookieWriter, logged_in: LoggedIn
) -> Response[Any]:
    target = f"{_SECURITY}?done={done}"
    return pages.redirect(request, target, cookies.of_session(logged_in))
