"""Requests that fail: one for each kind of answer."""

from dataclasses import dataclass, field
from typing import Any

import httpx

from domain.errors import Unavailable
from tests.http.people import EMAIL, LOGIN, ME, PERSON, REFRESH, REGISTER, Client, bearer
from tests.http.trouble import Trouble
from tests.support.builders import PASSWORD

SECRET = "secret detail"
"""What nobody outside may read of an error of ours."""

FOREIGN_WORDS = [
    "`", "msgspec", "Expected", "Object missing", "litestar", "Traceback", "Error", "byte ", "$",
    "Unset", "NoneType", "Struct", "Registration", "LoginRequest", "RefreshToken", "codec",
]  # fmt: skip
"""What the libraries and the interpreter say, and we do not."""


def refusal(answer: httpx.Response) -> list[dict[str, str]]:
    """The list of problems in an answer to invalid input, which is in words of ours."""
    assert answer.status_code == 400
    assert [word for word in FOREIGN_WORDS if word in answer.text] == []
    body = answer.json()
    errors: list[dict[str, str]] = body.pop("errors")
    assert body == {
        "status": "fail",
        "message": f"{errors[0]['field']} {errors[0]['message']}",
        "code": "invalid_input",
    }
    return errors


@dataclass(frozen=True)
class Mistake:
    """A request, what goes wrong in the store of users meanwhile, and the answer."""

    status: int
    code: str
    message: str
    method: str
    path: str
    options: dict[str, Any] = field(default_factory=dict)
    trouble: Exception | None = None
    problems: list[dict[str, str]] | None = None

    async def make(
        self, client: Client, trouble: Trouble, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        """The same request at any time gets the same answer: Ada has been registered."""
        await client.register()
        trouble.users = self.trouble
        own = self.options.get("headers", {})
        options = self.options | {"headers": own | (headers or {})}
        answer = await client.request(self.method, self.path, **options)
        trouble.users = None
        return answer


_LOGIN = {"email": EMAIL, "password": PASSWORD}

MISTAKES = {
    "invalid input": Mistake(
        400,
        "invalid_input",
        "password must be at least 8 characters long",
        "POST",
        REGISTER,
        {"json": PERSON | {"password": "short"}},
        problems=[{"field": "password", "message": "must be at least 8 characters long"}],
    ),
    "wrong password": Mistake(
        400,
        "invalid_credentials",
        "Invalid email or password",
        "POST",
        LOGIN,
        {"json": _LOGIN | {"password": "another one"}},
    ),
    "no credential": Mistake(
        401, "not_logged_in", "You are not logged in, please provide token", "GET", ME
    ),
    "bad token": Mistake(
        401,
        "invalid_token",
        "Token is invalid or session has expired",
        "GET",
        ME,
        {"headers": bearer("garbage")},
    ),
    "no refresh token": Mistake(
        403, "refresh_token_missing", "could not refresh access token", "POST", REFRESH
    ),
    "another site": Mistake(
        403,
        "cross_site_request",
        "Requests from other sites are not accepted",
        "POST",
        REFRESH,
        {"headers": {"Cookie": "refresh_token=x", "Sec-Fetch-Site": "cross-site"}},
    ),
    "unknown address": Mistake(
        404, "not_found", "There is nothing at this address", "GET", "/nothing/here"
    ),
    "wrong method": Mistake(
        405, "method_not_allowed", "This method is not allowed here", "PUT", ME
    ),
    "address taken": Mistake(
        409,
        "email_taken",
        "User with that email already exists",
        "POST",
        REGISTER,
        {"json": PERSON},
    ),
    "too large": Mistake(
        413,
        "content_too_large",
        "The request is too large",
        "POST",
        LOGIN,
        {"json": _LOGIN | {"more": "x" * 17 * 1024}},
    ),
    "no JSON": Mistake(
        415,
        "unsupported_media_type",
        "The body must be JSON in UTF-8, sent as application/json",
        "POST",
        LOGIN,
        {"data": _LOGIN},
    ),
    "our fault": Mistake(
        500,
        "internal_error",
        "Something went wrong on our side",
        "POST",
        LOGIN,
        {"json": _LOGIN},
        trouble=RuntimeError(SECRET),
    ),
    "a store is down": Mistake(
        503,
        "unavailable",
        "The service cannot answer right now, please try again",
        "POST",
        LOGIN,
        {"json": _LOGIN},
        trouble=Unavailable("users"),
    ),
}
