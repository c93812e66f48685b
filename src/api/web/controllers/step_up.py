"""Confirm that it is the user, before a sensitive step."""

from typing import Any
from urllib.parse import quote

from dishka.integrations.litestar import FromDishka, inject
from litestar import Response, get, post
from litestar.params import FromQuery

from api.json_request import JsonRequest
from api.request_context import context_of
from api.security.cookies import CookieWriter
from api.security.flow_cookies import FlowCookies
from api.security.guard import FOR_ENROLMENT
from api.web.controllers.base import PageController
from api.web.forms import Form, read_form
from api.web.page import Pages
from api.web.proofs import factor_proof
from api.web.route_options import OWN_PAGE
from api.web.social_login import OF_STEP_UP, cancelled_text, problem_text, way_to_provider
from api.web.step_up_form import OWN, step_up_page
from application.social_login.begin import BeginStepUp
from application.social_login.identities import ListIdentities, ShownProvider
from application.step_up import FindStepUpMethods, PasswordProof, Proof, StepUp
from domain.authentication import Method
from domain.errors import (
    InvalidInput,
    PasskeyInvalid,
    ProviderRefused,
    ProviderUnavailable,
    SecondFactorInvalid,
    StepUpRequired,
    WrongPassword,
)

_HOME, _PATH = "/account", "/account/step-up"


class StepUpPages(PageController):
    path = _PATH
    opt = {**OWN_PAGE, **FOR_ENROLMENT}

    @get("/")
    @inject
    async def show_step_up(
        self,
        request: JsonRequest,
        pages: FromDishka[Pages],
        find_methods: FromDishka[FindStepUpMethods],
        list_identities: FromDishka[ListIdentities],
        return_to: FromQuery[str | None] = None,
        problem: FromQuery[str | None] = None,
    ) -> Response[Any]:
        target, texts = _target(pages, return_to), pages.texts(request)
        methods = await find_methods(request.user.user)
        providers: list[ShownProvider] = []
        if Method.FEDERATED in methods:
            linked = {each.provider for each in await list_identities(request.user)}
            providers = [each for each in pages.options.providers if each.name in linked]
        return step_up_page(
            request,
            pages,
            methods,
            Form(),
            return_to=target,
            providers=providers,
            message=problem_text(texts, problem, OF_STEP_UP, "step_up"),
            note=cancelled_text(texts, problem),
        )

    @post("/provider")
    @inject
    async def step_up_at_provider(
        self,
        request: JsonRequest,
        pages: FromDishka[Pages],
        begin: FromDishka[BeginStepUp],
        flow_cookies: FromDishka[FlowCookies],
    ) -> Response[Any]:
        """Show the page that leads to the provider."""
        form = await read_form(request)
        name, back = form[f"{OWN}provider"], _target(pages, form[f"{OWN}return_to"])
        try:
            begun = await begin(request.user, name, back, context_of(request))
        except (ProviderRefused, ProviderUnavailable) as refused:
            step_up = f"{_PATH}?problem={refused.outcome}&return_to={quote(back)}"
            return pages.redirect(request, step_up)
        except StepUpRequired:  # by now there is another method
            return pages.redirect(request, f"{_PATH}?return_to={quote(back)}")
        return way_to_provider(request, pages, begun, name, flow_cookies)

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
        back = _target(pages, form[f"{OWN}return_to"])
        to = pages.options.return_targets.own_form(form[f"{OWN}to"])
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
                status=400,
                message=pages.texts(request)("step_up.refused"),
            )
        of_session = cookies.of_tokens(tokens)
        if to:
            return pages.send_again(to, of_session)
        return pages.redirect(request, back, of_session)


def _target(pages: Pages, wanted: str | None) -> str:
    return pages.options.return_targets.choose(wanted, _HOME)


def _proof_in(form: Form) -> Proof:
    """:raises PasskeyInvalid: the credential is none."""
    code, credential = form[f"{OWN}code"], form[f"{OWN}credential"]
    if code or credential:
        return factor_proof(code, credential)
    return PasswordProof(form[f"{OWN}password"])
