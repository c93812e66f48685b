"""Who is logged in."""

from litestar import Controller, get

from api.body import JsonRequest
from api.openapi import ACCESS, failures
from api.schemas import UserAnswer
from domain.errors import NotLoggedIn, TokenRejected, Unavailable


class UserController(Controller):
    path = "/api/users"
    tags = ["users"]
    security = ACCESS

    @get("/me", summary="Me", responses=failures(NotLoggedIn, TokenRejected, Unavailable))
    async def me(self, request: JsonRequest) -> UserAnswer:
        """The user whose access token this is, as of now."""
        return UserAnswer.of(request.user.user)
