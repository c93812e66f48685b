"""The form that confirms that it is the user, on its own page or in place of a refused form."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from litestar import Response

from api.json_request import JsonRequest
from api.web.forms import Form
from api.web.page import Pages
from application.step_up import FindStepUpMethods, RequireStepUp
from domain.actor import Principal
from domain.authentication import Method
from domain.request_context import RequestContext

OWN = "step_up_"
"""What the names of its own fields begin with. The others are those of the refused form."""


@dataclass(frozen=True, slots=True)
class FindFormProof:
    """Decide how a form with secrets, which no page repeats, gets the proof that it needs."""

    find_step_up_methods: FindStepUpMethods
    require_step_up: RequireStepUp

    async def __call__(self, principal: Principal, caller: RequestContext) -> bool:
        """
        :returns: whether the form has a field for the password, which is a proof for this one
            step. Users with something stronger step up before they see the form.
        :raises StepUpRequired: see :class:`~application.step_up.RequireStepUp`.
        """
        if await self.find_step_up_methods(principal.user) == [Method.PASSWORD]:
            return True
        await self.require_step_up(principal, caller)
        return False


def step_up_page(
    request: JsonRequest,
    pages: Pages,
    methods: Collection[Method],
    form: Form,
    *,
    to: str = "",
    return_to: str = "",
    status: int = 200,
    **shown: Any,
) -> Response[Any]:
    """Return the page.

    :param methods: any one of them is enough.
    :param form: its fields go along, hidden: the browser sends them again after the step-up.
    :param to: the path of the refused form.
    :param return_to: the page to open after the step-up, if no form was refused.
    :param shown: ``providers``, at which the user can log in again if there is no other method,
        and ``message`` or ``note``: what the page says above its form.
    """
    return pages.render(
        request,
        "account/step_up",
        status=status,
        asks_password=Method.PASSWORD in methods,
        asks_code=Method.TOTP in methods or Method.RECOVERY_CODE in methods,
        factors=" ".join(methods),
        asks_passkey=Method.PASSKEY in methods,
        to=to,
        return_to=return_to,
        carried={name: each for name, each in form.values.items() if not name.startswith(OWN)},
        **{"providers": (), "message": None, "note": None} | shown,
    )
