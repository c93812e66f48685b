"""No route gives tokens of an account with a second factor to a client that does not show it.

The client has everything but the factor: the password, the mailbox, the cookie of a known device,
and the tokens of a session from before the enrolment.
"""

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast, get_args, get_type_hints

import httpx
import pytest
from dishka import AsyncContainer
from litestar import Litestar
from litestar.routes import HTTPRoute

from api.web.route_options import is_page
from application.login.complete import CompleteLogin, IssueTokens
from application.ports import (
    FactorSecrets,
    IdentityProviders,
    SecondFactorStore,
    SessionStore,
    UserRepository,
)
from application.sessions.start import StartSession
from doorward.wiring.use_cases import USE_CASES
from infrastructure.config.settings import Settings
from tests.http.client import (
    A_PASSKEY,
    AN_IDENTITY,
    CHECK_RESET,
    CONFIRM_TOTP,
    EMAIL,
    FORGOT,
    LOGIN,
    LOGOUT,
    MY_PASSKEYS,
    MY_PASSWORD,
    MY_TOTP,
    NEW_PASSWORD,
    NEW_USER,
    ORIGIN,
    PASSKEY_LOGIN,
    PASSKEY_OPTIONS,
    PROOF,
    REFRESH,
    REGISTER,
    REQUEST_PROOF,
    RESET,
    SECOND_FACTOR,
    SOCIAL_CALLBACK,
    SOCIAL_TOKEN,
    STEP_UP,
    UNDO_EMAIL,
    Client,
    Tokens,
    a_client,
    bearer,
    routes,
    stored_user,
)
from tests.http.conftest import ReadMail
from tests.http.flows import APP, CODE, begin_flow, code_for_app
from tests.support.authenticator import Authenticator
from tests.support.builders import PASSWORD
from tests.support.doubles import SettableClock
from tests.support.factors import enrolled
from tests.support.social_login import FakeProvider, linked
from tests.support.world import World

GIVES_TOKENS = {
    ("POST", LOGIN): "the password alone is answered by a challenge",
    ("GET", REFRESH): "needs a session, and an enrolment ends those from before",
    ("POST", REFRESH): "likewise",
    ("POST", SECOND_FACTOR): "the challenge is answered by a factor",
    ("POST", PASSKEY_LOGIN): "a passkey is a factor",
    ("POST", MY_PASSKEYS): "needs a session and a step-up",
    ("DELETE", A_PASSKEY): "likewise",
    ("POST", CONFIRM_TOTP): "needs a session",
    ("DELETE", MY_TOTP): "needs a session and a step-up",
    ("POST", STEP_UP): "likewise, and the strongest method of the user",
    ("POST", MY_PASSWORD): "likewise",
    ("GET", SOCIAL_CALLBACK): "another provider is no factor, unless the operator trusts its own",
    ("POST", SOCIAL_TOKEN): "likewise",
    ("DELETE", AN_IDENTITY): "needs a session and a step-up",
}
"""The routes from whose use case the signing of tokens can be reached, and what protects them.

Who adds a route here gives it a request in ``Intruder`` if it needs no login.
"""

ANOTHER_PASSKEY = Authenticator(user_handle=bytes(64)).get({"challenge": "unknown"})

PAGES_GIVE_TOKENS = {
    ("GET", "/"): "it refreshes the session of a visitor who has one",
    ("GET", "/login"): "likewise",
    ("POST", "/login"): "the password alone is answered by a challenge",
    ("POST", "/login/second-factor"): "the challenge is answered by a factor",
    ("POST", "/account/password"): "needs a session",
    ("POST", "/account/step-up"): "likewise, and the strongest method of the user",
    ("POST", "/account/security/identities/{identity_id:str}"): "likewise, and a step-up",
    ("POST", "/account/security/passkeys"): "likewise, and a step-up",
    ("POST", "/account/security/passkeys/add"): "likewise, and a step-up",
    ("POST", "/account/security/totp/confirm"): "likewise",
    ("POST", "/account/security/totp/remove"): "likewise, and a step-up",
}
"""Each page for users refreshes their session by the way, too."""

A_JWT = re.compile(r"eyJ[A-Za-z0-9_-]+\.eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


@pytest.fixture
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    users, sessions = getattr(request, "param", None) or ("memory:", "memory:")
    return Settings.read(
        {
            "USERS_URL": users,
            "SESSIONS_URL": sessions,
            "DOORWARD_DATA": str(tmp_path),
            "MAIL_URL": "memory:",
            "EMAIL_VERIFICATION": "optional",
            "RETURN_TARGETS": APP,
        }
    )


def parts_of(use_case: Any) -> Iterator[type]:
    """Return the use case and all that it consists of, its parts' parts included."""
    for kind in (use_case, *get_args(use_case)):
        if isinstance(kind, type):
            yield kind
            if is_dataclass(kind) and kind.__module__.startswith(
                ("application.", "api.web.visitors")
            ):
                hints = get_type_hints(kind)
                for each in fields(kind):
                    yield from parts_of(hints[each.name])


def use_cases_of(handler: Any) -> Iterator[Any]:
    """Return what dishka injects into a handler."""
    function = getattr(handler.fn, "__dishka_orig_func__", None)
    hints = get_type_hints(function, include_extras=True) if function else {}
    for hint in hints.values():
        yield from get_args(hint)[:1]


def test_every_route_that_can_give_tokens_is_known(app: Litestar) -> None:
    found = {
        (method, path)
        for method, path, handler in routes(app)
        for use_case in use_cases_of(handler)
        if IssueTokens in parts_of(use_case)
    }

    assert found == GIVES_TOKENS.keys()


def test_every_page_that_can_give_tokens_is_known(app: Litestar) -> None:
    found = {
        (method, route.path)
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        if is_page(handler)
        for use_case in use_cases_of(handler)
        if IssueTokens in parts_of(use_case)
        for method in handler.http_methods - {"OPTIONS"}
    }

    assert found == PAGES_GIVE_TOKENS.keys()


async def test_no_page_sets_the_cookies_of_a_client_without_the_factor(
    client: Client, users: UserRepository, world: World
) -> None:
    await client.sign_up()
    before = dict(client.cookies)
    await enrolled(world, await stored_user(users))
    challenge = (await client.log_in()).json()["challenge"]
    form = {
        "email": EMAIL,
        "password": PASSWORD,
        "current_password": PASSWORD,
        "new_password": NEW_PASSWORD,
        "challenge": challenge,
        "code": "000000",
    }
    for method, path in PAGES_GIVE_TOKENS:
        client.cookies.clear()
        client.cookies.update(before)
        data = None if method == "GET" else form
        headers = {"Origin": ORIGIN, "Accept": "text/html"}
        answer = await client.request(method, path, data=data, headers=headers)

        assert not A_JWT.search(answer.text), path
        set_cookies = answer.headers.get_list("set-cookie")
        assert not any(A_JWT.search(cookie) for cookie in set_cookies), path


def calls(attribute: str) -> dict[str, set[str]]:
    """Return where the application calls a method of this name: module and receiver."""
    found: dict[str, set[str]] = {}
    for file in Path("src/application").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            match node:
                case ast.Call(func=ast.Attribute(value=receiver, attr=name)) if name == attribute:
                    found.setdefault(file.name, set()).add(ast.unparse(receiver))
    return found


def test_tokens_are_signed_and_sessions_are_started_in_one_place() -> None:
    assert calls("sign_together") == {"complete.py": {"self.signer"}}
    assert calls("sign") == {}
    assert calls("start") == {"start.py": {"Session"}}
    assert [kind for kind in USE_CASES if StartSession in get_type_hints(kind).values()] == [
        CompleteLogin
    ]


@dataclass
class Intruder:
    """A client that has everything but the factor.

    :ivar before: the tokens of a session from before the enrolment.
    :ivar challenge: the answer to the password.
    :ivar links: the tokens of links in mails, by the path that has asked for them.
    :ivar state: of a login at another provider, to be ended.
    :ivar code: of another one for an application, with the verifier.
    """

    client: Client
    before: Tokens
    challenge: str
    links: dict[str, str]
    state: str
    code: dict[str, str]

    async def requests(self, app: Litestar) -> list[tuple[str, httpx.Response]]:
        """Send a request to each route, with all that could help."""
        answers = []
        for method, path, handler in routes(app):
            is_public_post = method == "POST" and handler.opt.get("is_public")
            without_login = self._bodies(path) if is_public_post else None
            password = None if method in {"GET", "DELETE"} else {"password": PASSWORD}
            query = {"state": self.state, "code": CODE}
            params = query if (method, path) == ("GET", SOCIAL_CALLBACK) else None
            for body in without_login or [password]:
                headers = bearer(self.before["access_token"])
                answer = await self.client.request(
                    method, path, json=body, params=params, headers=headers
                )
                answers.append((f"{method} {path}", answer))
        return answers

    def _bodies(self, path: str) -> Sequence[dict[str, Any] | None]:
        login = {"email": EMAIL, "password": PASSWORD}
        device = login | {"device_token": self.before["device_token"]}
        known: dict[str, Sequence[dict[str, Any] | None]] = {
            REGISTER: [NEW_USER, NEW_USER | {"email": "eve@example.org"}],
            LOGIN: [login, device, device | {"transport": "bearer"}],
            SECOND_FACTOR: [
                {"challenge": self.challenge, "method": method, "code": code}
                for method, code in (("totp", "000000"), ("recovery_code", "ABCD-EFGH-JKLM"))
            ],
            PASSKEY_OPTIONS: [None],
            PASSKEY_LOGIN: [{"credential": ANOTHER_PASSKEY}],
            REFRESH: [{"refresh_token": self.before["refresh_token"]}],
            LOGOUT: [{"refresh_token": self.before["refresh_token"]}],
            FORGOT: [{"email": EMAIL}],
            CHECK_RESET: [{"token": self.links[FORGOT]}],
            RESET: [{"token": self.links[FORGOT], "password": NEW_PASSWORD}],
            REQUEST_PROOF: [{"email": EMAIL}],
            PROOF: [{"token": self.links[REQUEST_PROOF], "password": PASSWORD}],
            UNDO_EMAIL: [{"token": self.links[FORGOT]}],
            SOCIAL_TOKEN: [self.code],
            SOCIAL_CALLBACK: [None],
        }
        assert path in known, f"{path} is new: what can a client without the factor send there?"
        return known[path]


async def a_link(client: Client, read_mail: ReadMail, path: str) -> str:
    assert (await client.post(path, json={"email": EMAIL})).status_code == 202
    [letter] = await read_mail()
    assert letter.token
    return letter.token


@pytest.fixture
def identity_providers() -> IdentityProviders:
    return IdentityProviders((FakeProvider(),))


@pytest.fixture
async def world(container: AsyncContainer, clock: SettableClock) -> World:
    """What an enrolment needs of the application under test."""
    parts = {
        "second_factors": await container.get(SecondFactorStore),
        "factor_secrets": await container.get(FactorSecrets),
        "users": await container.get(UserRepository),
        "clock": clock,
    }
    return cast("World", SimpleNamespace(**parts))


async def test_no_route_answers_tokens_to_a_client_without_the_factor(
    client: Client,
    app: Litestar,
    container: AsyncContainer,
    users: UserRepository,
    read_mail: ReadMail,
    world: World,
) -> None:
    before = await client.obtain_tokens()
    user = await enrolled(world, await stored_user(users))
    await linked(world, user)
    async with a_client(app, ORIGIN) as other:
        await read_mail()
        links = {path: await a_link(other, read_mail, path) for path in (FORGOT, REQUEST_PROOF)}
        challenge = (await other.log_in()).json()["challenge"]
        state = await begin_flow(other)
        code = await code_for_app(other)
        intruder = Intruder(other, before, challenge, links, state, code)
        answers = await intruder.requests(app)

    assert len(answers) >= len(list(routes(app)))
    for route, answer in answers:
        assert not A_JWT.search(answer.text), route
        set_cookies = answer.headers.get_list("set-cookie")
        assert not any(A_JWT.search(cookie) for cookie in set_cookies), route
    ways = (f"POST {LOGIN}", f"POST {RESET}", f"GET {SOCIAL_CALLBACK}", f"POST {SOCIAL_TOKEN}")
    for route in ways:  # nothing else was wrong with these
        codes = [answer.json()["code"] for name, answer in answers if name == route]
        assert set(codes) == {"second_factor_required"}
    for name, answer in answers:
        if name == f"POST {SECOND_FACTOR}":
            assert answer.json()["code"] == "second_factor_invalid"
    sessions = await (await container.get(SessionStore)).of_user(user.id)
    assert not any(session.is_good_for(user) for session in sessions)
    assert (await stored_user(users)).has_second_factor
