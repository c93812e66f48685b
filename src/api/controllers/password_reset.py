"""Reset a password by the link in a mail."""

from dishka.integrations.litestar import FromDishka, inject
from litestar import Controller, post
from litestar.params import JSONBody

from api.json_request import JsonRequest
from api.openapi.operations import failures
from api.request_context import context_of
from api.schemas.account.password_reset import ForgottenPassword, LinkToken, PasswordReset
from api.schemas.success import Done
from api.security.guard import PUBLIC
from application.accounts.password_reset import (
    CheckPasswordReset,
    ResetPassword,
)
from application.mail.request_link import RequestLink
from domain.errors import (
    InvalidInput,
    MailOff,
    OneTimeTokenInvalid,
    PasskeyInvalid,
    SecondFactorInvalid,
    SecondFactorRequired,
    Unavailable,
)
from domain.mail.message import MailKind
from domain.rate_limit import TooManyRequests

_USING = failures(
    InvalidInput, OneTimeTokenInvalid, TooManyRequests, Unavailable, status=(413, 415)
)


class PasswordResetController(Controller):
    path = "/api/auth/password"
    tags = ["auth"]
    opt = PUBLIC

    @post(
        "/forgot",
        status_code=202,
        summary="Send a link to reset the password",
        responses=failures(InvalidInput, MailOff, Unavailable, status=(413, 415)),
    )
    @inject
    async def forgot_password(
        self,
        request: JsonRequest,
        data: JSONBody[ForgottenPassword],
        request_link: FromDishka[RequestLink],
    ) -> Done:
        """Send a mail with a link, if a user has the address.

        The answer is the same for every address, and over the rate limits, too."""
        await request_link(
            MailKind.PASSWORD_RESET, data.email, data.link_target, context_of(request)
        )
        return Done("success")

    @post("/reset/check", status_code=200, summary="Check a link", responses=_USING)
    @inject
    async def check_password_reset(
        self,
        request: JsonRequest,
        data: JSONBody[LinkToken],
        check_reset: FromDishka[CheckPasswordReset],
    ) -> Done:
        """Check whether the token can be used, without using it: for the page that asks for the
        new password."""
        await check_reset(data.token, context_of(request))
        return Done("success")

    @post(
        "/reset",
        status_code=200,
        summary="Reset the password",
        responses=_USING
        | failures(InvalidInput, OneTimeTokenInvalid, SecondFactorInvalid, PasskeyInvalid)
        | failures(SecondFactorRequired),
    )
    @inject
    async def reset_password(
        self,
        request: JsonRequest,
        data: JSONBody[PasswordReset],
        set_password: FromDishka[ResetPassword],
    ) -> Done:
        """Set a new password with the token of a link, and end all sessions.

        It uses up the token, and the user's others of this kind. It does not log in. A user with a
        second factor has to send it, too: without it, the answer is `401` with the code
        `second_factor_required` and the methods. Neither that nor a refused password or factor
        uses up the token."""
        await set_password(data.token, data.password, context_of(request), data.factor)
        return Done("success")
