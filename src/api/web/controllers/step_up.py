"""Confirm that it is the user, before a sensitive step."""

from typing import Any

from dishka.integrations.litestar import FromDishka, inject
from litestar import Response, get, post
from litestar.params import FromQuery

from api.json_request import JsonRequest
from api.request_context import context_of
from api.security.cookies import CookieWriter
from api.security.guard import FOR_ENROLMENT
from api.web.controllers.base import PageController
from api.web.forms import Form, read_form
from api.web.page import Pages
from api.web.proofs import factor_proof
from api.web.route_options import OWN_PAGE
from api.web.step_up_form import OWN, step_up_page
from application.step_up import FindStepUpMethods, PasswordProof, Proof, StepUp
from domain.errors import (
    InvalidInput,
    PasskeyInvalid,
    SecondFactorInvalid,
    StepUpRequired,
    WrongPassword,
)

_HOME = "/account"


class StepUpPages(PageController):
    path = "/account/step-up"
    opt = {**OWN_PAGE, **FOR_ENROLMENT}

    @get("/")
    @inject
    async def show_step_up(
        self,
        request: JsonRequest,
        pages: FromDishka[Pages],
        find_methods: FromDishka[FindStepUpMethods],
        return_to: FromQuery[str | None] = None,
    ) -> Response[Any]:
        target = pages.options.return_targets.choose(return_to, _HOME)
        methods = await find_methods(request.user.user)
        return step_up_page(request, pages, methods, Form(), return_to=target)

    @post("/")
    @inject
    async def step_up(
        self,
        request: JsonRequest,
        pages: FromDishka[Pages],
        find_methods: FromDishka[FindStepUpMethods],
        step_up: FromDishka[StepUp],
        cookies: FromDishka[CookieWriter],
    ) -> Response[Any]:
        """Step up, and go on: to a page, or with the form that was refused before."""
        form = await read_form(request)
        targets = pages.options.return_targets
        back, to = (
            targets.choose(form[f"{OWN}return_to"], _HOME),
            targets.own_form(form[f"{OWN}to"]),
        )
        try:
            tokens = await step_up(request.user, _proof_in(form), context_of(request))
        except (
            WrongPassword,
            InvalidInput,
            SecondFactorInvalid,
            PasskeyInvalid,
            StepUpRequired,
        ):
            return step_up_page(
                request,
                pages,
                await find_methods(request.user.user),
                form,
                to=to,
                return_to=back,
                is_refused=True,
            )
        of_session = cookies.of_tokens(tokens)
        if to:
            return pages.send_again(to, of_session)
        return pages.redirect(request, back, of_session)


def _proof_in(form: Form) -> Proof:
    """:raises PasskeyInvalid: the credential is none."""
    code, credential = form[f"{OWN}code"], form[f"{OWN}credential"]
    if code or credential:
        return factor_proof(code, credential)
    return PasswordProof(form[f"{OWN}password"])
