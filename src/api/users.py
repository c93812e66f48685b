"""Who is logged in."""

from dishka.integrations.litestar import FromDishka, inject
from litestar import Controller, get, post
from litestar.params import JSONBody

from api.body import JsonRequest
from api.caller import caller_of
from api.openapi import ACCESS, failures
from api.schemas import Done, PasswordChange, UserAnswer
from api.site import CrossSiteRequest
from application.account import ChangePassword
from domain.errors import (
    InvalidInput,
    NotLoggedIn,
    TokenRejected,
    Unavailable,
    WrongPassword,
)
from domain.limit import TooManyRequests


class UserController(Controller):
    path = "/api/users"
    tags = ["users"]
    security = ACCESS

    @get("/me", summary="Me", responses=failures(NotLoggedIn, TokenRejected, Unavailable))
    async def me(self, request: JsonRequest) -> UserAnswer:
        """The user whose access token this is, as of now."""
        return UserAnswer.of(request.user.user)

    @post(
        "/me/password",
        status_code=200,
        summary="Change my password",
        responses=failures(
            InvalidInput,
            WrongPassword,
            NotLoggedIn,
            TokenRejected,
            CrossSiteRequest,
            TooManyRequests,
            Unavailable,
            status=(413, 415),
        ),
    )
    @inject
    async def change_password(
        self,
        request: JsonRequest,
        data: JSONBody[PasswordChange],
        change_password: FromDishka[ChangePassword],
    ) -> Done:
        """Whoever else is logged in as me is logged out."""
        await change_password(
            request.user, data.current_password, data.new_password, caller_of(request)
        )
        return Done("success")
