"""Undo a change of address, by the link of a mail."""

from dishka.integrations.litestar import FromDishka, inject
from litestar import Controller, post
from litestar.params import JSONBody

from api.json_request import JsonRequest
from api.openapi.operations import failures
from api.request_context import context_of
from api.schemas.account.password_reset import LinkToken
from api.schemas.success import Done
from api.security.guard import PUBLIC
from application.accounts.email_change import UndoEmailChange
from domain.errors import InvalidInput, OneTimeTokenInvalid, Unavailable
from domain.rate_limit import TooManyRequests

_USING = failures(
    InvalidInput, OneTimeTokenInvalid, TooManyRequests, Unavailable, status=(413, 415)
)


class EmailChangeController(Controller):
    path = "/api/auth/email"
    tags = ["auth"]
    opt = PUBLIC

    @post("/undo", status_code=200, summary="Undo a change of address", responses=_USING)
    @inject
    async def undo_email_change(
        self,
        request: JsonRequest,
        data: JSONBody[LinkToken],
        undo_change: FromDishka[UndoEmailChange],
    ) -> Done:
        """Restore the address that the token was sent to, or cancel a change that is not
        confirmed.

        It ends all sessions and the password, and sends a link that sets a new password."""
        await undo_change(data.token, context_of(request))
        return Done("success")
