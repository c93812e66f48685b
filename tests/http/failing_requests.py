"""Requests that fail: one for each kind of answer."""

from dataclasses import dataclass, field
from typing import Any

import httpx

from domain.errors import Unavailable
from tests.http.client import EMAIL, LOGIN, ME, NEW_USER, REFRESH, REGISTER, Client, bearer
from tests.http.faults import Faults
from tests.support.builders import PASSWORD

SECRET = "secret detail"
"""An internal detail of an error, which no answer may contain."""

FOREIGN_WORDS = [
    "`", "msgspec", "Expected", "Object missing", "litestar", "Traceback", "Error", "byte ", "$",
    "Unset", "NoneType", "Struct", "Registration", "LoginRequest", "RefreshToken", "codec",
]  # fmt: skip
"""Words of libraries and the interpreter that no answer may contain."""


def problems_of(answer: httpx.Response) -> list[dict[str, str]]:
    """Return the problems in an answer to invalid input; check that no library words them."""
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
class FailingRequest:
    """A request that fails, and the expected answer.

    :ivar users_error: raised by the store of users meanwhile.
    """

    status: int
    code: str
    message: str
    method: str
    path: str
    options: dict[str, Any] = field(default_factory=dict)
    users_error: Exception | None = None
    problems: list[dict[str, str]] | None = None

    async def make(
        self, client: Client, faults: Faults, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        """Register Ada, then send the request."""
        await client.register()
        faults.users = self.users_error
        own = self.options.get("headers", {})
        options = self.options | {"headers": own | (headers or {})}
        answer = await client.request(self.method, self.path, **options)
        faults.users = None
        return answer


_LOGIN = {"email": EMAIL, "password": PASSWORD}

FAILING_REQUESTS = {
    "invalid input": FailingRequest(
        400,
        "invalid_input",
        "password must be at least 8 characters long",
        "POST",
        REGISTER,
        {"json": NEW_USER | {"password": "short"}},
        problems=[{"field": "password", "message": "must be at least 8 characters long"}],
    ),
    "wrong password": FailingRequest(
        400,
        "invalid_credentials",
        "Invalid email or password",
        "POST",
        LOGIN,
        {"json": _LOGIN | {"password": "another one"}},
    ),
    "no credential": FailingRequest(
        401, "not_logged_in", "You are not logged in, please provide token", "GET", ME
    ),
    "bad token": FailingRequest(
        401,
        "invalid_token",
        "Token is invalid or session has expired",
        "GET",
        ME,
        {"headers": bearer("garbage")},
    ),
    "no refresh token": FailingRequest(
        403, "refresh_token_missing", "could not refresh access token", "POST", REFRESH
    ),
    "another site": FailingRequest(
        403,
        "cross_site_request",
        "Requests from other sites are not accepted",
        "POST",
        REFRESH,
        {"headers": {"Cookie": "refresh_token=x", "Sec-Fetch-Site": "cross-site"}},
    ),
    "unknown address": FailingRequest(
        404, "not_found", "There is nothing at this address", "GET", "/nothing/here"
    ),
    "wrong method": FailingRequest(
        405, "method_not_allowed", "This method is not allowed here", "PUT", ME
    ),
    "address taken": FailingRequest(
        409,
        "email_taken",
        "User with that email already exists",
        "POST",
        REGISTER,
        {"json": NEW_USER},
    ),
    "too large": FailingRequest(
        413,
        "content_too_large",
        "The request is too large",
        "POST",
        LOGIN,
        {"json": _LOGIN | {"more": "x" * 17 * 1024}},
    ),
    "no JSON": FailingRequest(
        415,
        "unsupported_media_type",
        "The body must be JSON in UTF-8, sent as application/json",
        "POST",
        LOGIN,
        {"data": _LOGIN},
    ),
    "our fault": FailingRequest(
        500,
        "internal_error",
        "Something went wrong on our side",
        "POST",
        LOGIN,
        {"json": _LOGIN},
        users_error=RuntimeError(SECRET),
    ),
    "a store is down": FailingRequest(
        503,
        "unavailable",
        "The service cannot answer right now, please try again",
        "POST",
        LOGIN,
        {"json": _LOGIN},
        users_error=Unavailable("users"),
    ),
}
