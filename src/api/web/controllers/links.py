"""The pages that links in mails lead to, also where there are no other pages.

The token is in the fragment of the link, which no server sees: the script of these pages puts it
into the form. Without scripts, people paste the link.
"""

from contextlib import suppress
from dataclasses import replace
from typing import Any

from dishka.integrations.litestar import FromDishka, inject
from litestar import Response, get, post

from api.json_request import JsonRequest
from api.request_context import context_of
from api.security.credential_reader import CredentialReader
from api.web.controllers.base import PageController
from api.web.forms import Form, read_form
from api.web.page import Pages
from api.web.proofs import asked_factors, factor_proof
from api.web.route_options import PAGE
from application.accounts.email_change import UndoEmailChange
from application.accounts.email_links import UseEmailLink
from application.accounts.email_verification import RegistrantProof
from application.accounts.password_reset import CheckPasswordReset, ResetPassword
from application.second_factors.verify import FactorProof
from domain.errors import (
    AuthError,
    InvalidInput,
    OneTimeTokenInvalid,
    PasskeyInvalid,
    Problem,
    SecondFactorInvalid,
    SecondFactorRequired,
    TokenRejected,
    WrongPassword,
)


class LinkPages(PageController):
    opt = PAGE

    @get(["/reset", "/verify", "/undo"])
    @inject
    async def show_link(self, request: JsonRequest, pages: FromDishka[Pages]) -> Response[Any]:
        """Opening a page uses nothing: scanners of mail open links, too."""
        return _link_page(request, pages, Form())

    @post("/reset")
    @inject
    async def reset(
        self,
        request: JsonRequest,
        pages: FromDishka[Pages],
        check_reset: FromDishka[CheckPasswordReset],
        reset_password: FromDishka[ResetPassword],
    ) -> Response[Any]:
        """Check the link first, so that no password is typed in vain."""
        form = await _read_link(request)
        try:
            if "password" not in form.values:
                pending = await check_reset(form["token"], context_of(request))
                form.values |= {"email": pending.email, **asked_factors(pending.methods)}
                form.values["first"] = "yes" if pending.is_first else ""
                return pages.render(request, "reset", form=form)
            await reset_password(
                form["token"], form["password"], context_of(request), _factor_in(form)
            )
        except SecondFactorRequired as required:
            form.values |= asked_factors(required.methods)
            return _refused(request, pages, "reset", form, "second_factor.refused")
        except (InvalidInput, SecondFactorInvalid, PasskeyInvalid, OneTimeTokenInvalid) as refused:
            return _refusal(request, pages, "reset", form, refused)
        if pages.options.has_pages:
            return pages.redirect(request, "/login?done=password_set")
        return pages.render_message(request, "reset.title", "login.password_set")

    @post("/verify")
    @inject
    async def verify(
        self,
        request: JsonRequest,
        pages: FromDishka[Pages],
        use_link: FromDishka[UseEmailLink],
        credentials: FromDishka[CredentialReader],
    ) -> Response[Any]:
        """The cookies of the browser say that its user is the one who has registered, too."""
        form, access = await _read_link(request), None
        with suppress(TokenRejected):
            access = (await credentials.read(request)).access
        caller = replace(context_of(request), device_token=credentials.device_token(request))
        proof = RegistrantProof(form["password"] or None, access)
        try:
            keeps_password = await use_link(form["token"], proof, caller)
        except (InvalidInput, WrongPassword, OneTimeTokenInvalid) as refused:
            return _refusal(request, pages, "link", form, refused)
        text = "verify.done" if keeps_password else "verify.new_password_needed"
        return pages.render_message(request, "verify.verified", text)

    @post("/undo")
    @inject
    async def undo(
        self,
        request: JsonRequest,
        pages: FromDishka[Pages],
        undo_change: FromDishka[UndoEmailChange],
    ) -> Response[Any]:
        form = await _read_link(request)
        try:
            await undo_change(form["token"], context_of(request))
        except OneTimeTokenInvalid as refused:
            return _refusal(request, pages, "link", form, refused)
        return pages.render_message(request, "undo.restored", "undo.done")


async def _read_link(request: JsonRequest) -> Form:
    """Read the form, whose field ``token`` has a token or a whole link."""
    form = await read_form(request)
    form.values["token"] = form["token"].strip().rpartition("token=")[2]
    return form


def _factor_in(form: Form) -> FactorProof | None:
    """:raises PasskeyInvalid: the credential is none."""
    if form["code"] or form["credential"]:
        return factor_proof(form["code"], form["credential"])
    return None


def _link_page(request: JsonRequest, pages: Pages, form: Form) -> Response[Any]:
    """Return the page of the path: it asks for the link, if the script has not found it."""
    kind = request.scope["path"].strip("/")
    return pages.render(request, "link", form=form, kind=kind, message=None)


def _refusal(
    request: JsonRequest, pages: Pages, template: str, form: Form, refused: AuthError
) -> Response[Any]:
    """Show the form again, or say that the link is not valid."""
    match refused:
        case OneTimeTokenInvalid() if not form["token"]:
            form.problems = [Problem("token", "must not be empty")]
            return _refused(request, pages, "link", form)
        case OneTimeTokenInvalid():
            return pages.render(request, "link_invalid", status=400)
        case InvalidInput(problems=problems):
            form.problems = list(problems)
            return _refused(request, pages, template, form)
        case WrongPassword():
            text = "is wrong" if form["password"] else "must not be empty"
            form.problems = [Problem("password", text)]
            return _refused(request, pages, template, form)
    return _refused(request, pages, template, form, "second_factor.refused")


def _refused(
    request: JsonRequest, pages: Pages, template: str, form: Form, message: str | None = None
) -> Response[Any]:
    return pages.render(
        request,
        template,
        form=form,
        status=400,
        kind=request.scope["path"].strip("/"),
        message=pages.texts(request)(message) if message else None,
    )
