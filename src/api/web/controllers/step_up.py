"""Confirm that it is the user, before a sensitive step."""

from typing import Any

from dishka.integrations.litestar import FromDishka, inject
from litestar import Response, get, post
from litestar.params import FromQuery

from api.json_request import JsonRequest
from api.request_context import context_of
from api.security.cookies import CookieWriter
from api.security.guard import FOR_ENROLMENT
from api.web.code_proof import proof_of
from api.web.controllers.base import PageController
from api.web.forms import Form, read_form
from api.web.page import Pages
from api.web.route_options import OWN_PAGE
from application.step_up import FindStepUpMethods, PasswordProof, StepUp
from domain.authentication import Method
from domain.errors import InvalidInput, SecondFactorInvalid, StepUpRequired, WrongPassword

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
        return await _step_up_page(request, pages, find_methods, Form(), target)

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
        form = await read_form(request)
        target = pages.options.return_targets.choose(form["return_to"], _HOME)
        code, password = form["code"], PasswordProof(form["password"])
        try:
            tokens = await step_up(
                request.user, proof_of(code) if code else password, context_of(request)
            )
        except (WrongPassword, InvalidInput, SecondFactorInvalid, StepUpRequired):
            return await _step_up_page(
                request, pages, find_methods, form, target, message="step_up.refused", status=400
            )
        return pages.redirect(request, target, cookies.of_tokens(tokens))


async def _step_up_page(
    request: JsonRequest,
    pages: Pages,
    find_methods: FindStepUpMethods,
    form: Form,
    return_to: str,
    *,
    message: str | None = None,
    status: int = 200,
) -> Response[Any]:
    methods = await find_methods(request.user.user)
    return pages.render(
        request,
        "step_up",
        form=form,
        status=status,
        asks_password=Method.PASSWORD in methods,
        asks_code=Method.TOTP in methods or Method.RECOVERY_CODE in methods,
        return_to=return_to,
        message=pages.texts(request)(message) if message else None,
    )
