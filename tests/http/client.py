"""A client of the HTTP API for tests, with its paths and bodies."""

import re
from base64 import b32decode
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

import httpx
from litestar import Litestar
from litestar.routes import HTTPRoute

from application.ports import UserRepository
from domain.email import Email
from domain.permissions import Role
from domain.second_factors import totp
from domain.user import User
from tests.support.builders import PASSWORD

ORIGIN = "http://localhost:8000"
HTTPS_ORIGIN = "https://auth.example.org"
CLIENT_ORIGIN = "http://localhost:3000"
REGISTER, LOGIN = "/api/auth/register", "/api/auth/login"
REFRESH, LOGOUT = "/api/auth/refresh", "/api/auth/logout"
ME = "/api/users/me"
VERIFY = "/api/auth/verify"
STEP_UP = "/api/auth/step-up"
SECOND_FACTOR = "/api/auth/login/second-factor"
MY_FACTORS, MY_CODES = "/api/users/me/second-factors", "/api/users/me/recovery-codes"
MY_TOTP, CONFIRM_TOTP = "/api/users/me/totp", "/api/users/me/totp/confirm"
MY_PASSWORD = "/api/users/me/password"
REQUEST_PROOF, PROOF = "/api/auth/email/verification", "/api/auth/email/verify"
FORGOT, RESET, CHECK_RESET = (
    f"/api/auth/password/{action}" for action in ("forgot", "reset", "reset/check")
)
MY_EMAIL = "/api/users/me/email"
UNDO_EMAIL = "/api/auth/email/undo"
MY_EXPORT = "/api/users/me/export"
MY_ACTIVITY = "/api/users/me/activity"
PASSKEY_OPTIONS, PASSKEY_LOGIN = (f"/api/auth/passkeys/{each}" for each in ("options", "login"))
MY_PASSKEYS = "/api/users/me/passkeys"
MY_PASSKEY_OPTIONS = f"{MY_PASSKEYS}/options"
SOCIAL = "/api/auth/social"
SOCIAL_START, SOCIAL_CALLBACK = (f"{SOCIAL}/acme/{step}" for step in ("start", "callback"))
SOCIAL_TOKEN = f"{SOCIAL}/token"
STEP_UP_SOCIAL = f"{STEP_UP}/social/acme"
MY_IDENTITIES = "/api/users/me/identities"
SESSIONS = "/api/sessions"
USERS, AUDIT = "/api/users", "/api/audit"

UNKNOWN_USER, NO_SESSION = str(UUID(int=0)), "0" * 32
A_SESSION = f"{SESSIONS}/{NO_SESSION}"
A_USER = f"{USERS}/{UNKNOWN_USER}"
NO_PASSKEY = "0" * 64
A_PASSKEY = f"{MY_PASSKEYS}/{NO_PASSKEY}"
THEIR_PASSKEYS = f"{A_USER}/passkeys"
THEIR_PASSKEY = f"{THEIR_PASSKEYS}/{NO_PASSKEY}"
NO_IDENTITY = "0" * 32
AN_IDENTITY = f"{MY_IDENTITIES}/{NO_IDENTITY}"
THEIR_IDENTITIES = f"{A_USER}/identities"
THEIR_IDENTITY = f"{THEIR_IDENTITIES}/{NO_IDENTITY}"
THEIR_SESSIONS = f"{A_USER}/sessions"
THEIR_SESSION = f"{THEIR_SESSIONS}/{NO_SESSION}"
THEIR_RESET = f"{A_USER}/password-reset"
THEIR_FACTORS = f"{A_USER}/second-factors"

EMAIL, ADMIN_EMAIL = "ada@example.org", "boss@example.org"
NEW_PASSWORD = "a better one than before"
NEW_USER: dict[str, Any] = {"name": "Ada Lovelace", "email": EMAIL, "password": PASSWORD}

Tokens: TypeAlias = dict[str, Any]
"""The body of a login or a refresh by a client that keeps its tokens itself."""

RawHeaders: TypeAlias = list[tuple[bytes, bytes]]


class Client(httpx.AsyncClient):
    """A client of the API with one method for each frequent request."""

    async def register(self, email: str = EMAIL, **members: Any) -> httpx.Response:
        return await self.post(REGISTER, json=NEW_USER | {"email": email} | members)

    async def log_in(self, email: str = EMAIL, **members: Any) -> httpx.Response:
        return await self.post(LOGIN, json={"email": email, "password": PASSWORD} | members)

    async def refresh(self, token: str | None = None, **options: Any) -> httpx.Response:
        return await self.post(REFRESH, **_body(token), **options)

    async def log_out(self, token: str | None = None, **options: Any) -> httpx.Response:
        return await self.post(LOGOUT, **_body(token), **options)

    async def step_up(self, token: str | None = None, **members: str) -> httpx.Response:
        """Step up a session, by default with the password."""
        headers = bearer(token) if token else {}
        return await self.post(STEP_UP, json=members or {"password": PASSWORD}, headers=headers)

    async def stepped_up(self, token: str) -> str:
        """Return the access token of the session that a step-up begins."""
        answer = await self.step_up(token)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    async def enrol(self, now: datetime, token: str | None = None) -> httpx.Response:
        """Add an authenticator app, after a step-up; :func:`code_at` reads it.

        :returns: the answer with the recovery codes.
        """
        headers = bearer(await self.stepped_up(token)) if token else {}
        if not token:
            assert (await self.step_up()).status_code == 200
        proposed = await self.post(MY_TOTP, headers=headers)
        assert proposed.status_code == 200
        body = {"code": code_at(proposed.json()["secret"], now)}
        confirmed = await self.post(CONFIRM_TOTP, json=body, headers=headers)
        assert confirmed.status_code == 200
        confirmed.extensions["secret"] = proposed.json()["secret"]
        return confirmed

    async def answer_challenge(
        self, refused: httpx.Response, code: str, method: str = "totp", **members: str
    ) -> httpx.Response:
        """Complete the login that this answer has refused."""
        body = {"challenge": refused.json()["challenge"], "method": method, "code": code}
        return await self.post(SECOND_FACTOR, json=body | members)

    @property
    def login_cookies(self) -> dict[str, str]:
        """The cookies except the device's, which survives a logout."""
        return {name: value for name, value in self.cookies.items() if not name.endswith("device")}

    async def change_password(
        self, current: str = PASSWORD, new: str = NEW_PASSWORD, **options: Any
    ) -> httpx.Response:
        body = {"current_password": current, "new_password": new}
        return await self.post(MY_PASSWORD, json=body, **options)

    async def me(self, token: str | None = None, **options: Any) -> httpx.Response:
        if token:
            options["headers"] = options.get("headers", {}) | bearer(token)
        return await self.get(ME, **options)

    async def verify(self, token: str | None = None, **options: Any) -> httpx.Response:
        if token:
            options["headers"] = options.get("headers", {}) | bearer(token)
        return await self.get(VERIFY, **options)

    async def sign_up(self, email: str = EMAIL) -> None:
        """Register and log in, with cookies."""
        assert (await self.register(email)).status_code == 200
        assert (await self.log_in(email)).status_code == 200

    async def obtain_tokens(self, email: str = EMAIL) -> Tokens:
        """Register, unless that was done before, and log in without cookies."""
        await self.register(email)
        answer = await self.log_in(email, transport="bearer")
        assert answer.status_code == 200, answer.text
        tokens: Tokens = answer.json()
        return tokens

    async def with_cookies(self, path: str, *cookies: str, method: str = "GET") -> httpx.Response:
        """Send a request with exactly these Cookie headers."""
        assert not self.cookies, "log in with obtain_tokens()"
        raw: RawHeaders = [(b"Cookie", cookie.encode("latin-1")) for cookie in cookies]
        return await self.request(method, path, headers=raw)


def a_client(app: Litestar, origin: str, address: str = "127.0.0.1") -> Client:
    """Make a client with a cookie jar.

    :param address: the IP address of the connection.
    """
    transport = httpx.ASGITransport(
        app,  # type: ignore[arg-type] # the two have different names for the same ASGI types
        raise_app_exceptions=False,
        client=(address, 40_000),
    )
    return Client(transport=transport, base_url=origin)


SESSION_MEMBERS = [
    "id",
    "device",
    "agent",
    "address",
    "lastSeenAt",
    "startedAt",
    "refreshedAt",
    "expiresAt",
    "endsAt",
    "isCurrent",
]
"""The members of a session that its owner sees."""


async def pages(
    client: Client, path: str, who: dict[str, str], **query: Any
) -> list[dict[str, Any]]:
    """Request all pages of a list, from the first to the last."""
    answers: list[dict[str, Any]] = []
    while not answers or answers[-1]["page"]["next"] is not None:
        after = {"after": answers[-1]["page"]["next"]} if answers else {}
        answer = await client.get(path, params=query | after, headers=who)
        assert answer.status_code == 200, answer.text
        answers.append(answer.json())
        assert len(answers) < 100
    return answers


def code_at(secret: str, now: datetime) -> str:
    """Return the code that an authenticator app with this secret, in base32, shows."""
    return totp.code_at(b32decode(secret), totp.step_at(now))


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def visible_parts(answer: httpx.Response) -> tuple[int, object, bytes]:
    """Return all that a client sees of an answer except the request id."""
    return answer.status_code, headers_of(answer), answer.content


def headers_of(answer: httpx.Response) -> list[tuple[bytes, bytes]]:
    """Return the headers except the request id."""
    return [header for header in answer.headers.raw if header[0] != b"x-request-id"]


async def stored_user(users: UserRepository, email: str = EMAIL) -> User:
    """Return the stored user."""
    user = await users.by_email(Email.parse(email))
    assert user is not None
    return user


async def make_administrator(users: UserRepository, email: str = ADMIN_EMAIL) -> User:
    """Make a registered user an administrator, as on the command line."""
    user = await stored_user(users, email)
    administrator = replace(user, role=Role.ADMIN)
    assert (await users.replace(user, administrator)).changed
    return administrator


async def an_administrator(
    client: Client, users: UserRepository, email: str = ADMIN_EMAIL
) -> dict[str, str]:
    """Make an administrator whose session is stepped up; return the headers of their requests."""
    await client.register(email)
    await make_administrator(users, email)
    token = (await client.obtain_tokens(email))["access_token"]
    return bearer(await client.stepped_up(token))


_IN_PLACE_OF = {
    "name": "start.js",
    "session_id": NO_SESSION,
    "user_id": UNKNOWN_USER,
    "passkey_id": NO_PASSKEY,
    "identity": NO_IDENTITY,
    "identity_id": NO_IDENTITY,
    "provider": "acme",
}


def filled(path: str) -> str:
    """Replace each known parameter of a path by a value."""
    return re.sub(r"\{(\w+)(:\w+)?\}", lambda found: _IN_PLACE_OF.get(found[1], found[0]), path)


def routes(app: Litestar) -> Iterator[tuple[str, str, Any]]:
    """Return each method, path and handler of the API except OPTIONS; see ``web`` for pages."""
    for route in app.routes:
        assert isinstance(route, HTTPRoute)
        for handler in (each for each in route.route_handlers if "page" not in each.opt):
            for method in handler.http_methods - {"OPTIONS"}:
                yield method, filled(route.path), handler


def _body(token: str | None) -> dict[str, Any]:
    return {"json": {"refresh_token": token}} if token else {}
