"""Every answer has the security headers; few routes answer without a login."""

from typing import Any

import httpx
import pytest
from litestar import Litestar, get, post
from litestar.params import FromPath, JSONBody

from api.identity_headers import is_for_gateways
from api.security.origin_policy import OriginPolicy
from tests.http.client import (
    A_PASSKEY,
    A_SESSION,
    A_USER,
    AN_IDENTITY,
    AUDIT,
    CONFIRM_TOTP,
    HTTPS_ORIGIN,
    LOGOUT,
    ME,
    MY_ACTIVITY,
    MY_CODES,
    MY_EMAIL,
    MY_EXPORT,
    MY_FACTORS,
    MY_IDENTITIES,
    MY_PASSKEY_OPTIONS,
    MY_PASSKEYS,
    MY_PASSWORD,
    MY_TOTP,
    ORIGIN,
    PASSKEY_LOGIN,
    PASSKEY_OPTIONS,
    REFRESH,
    SECOND_FACTOR,
    SESSIONS,
    SOCIAL,
    SOCIAL_CALLBACK,
    SOCIAL_START,
    SOCIAL_TOKEN,
    STEP_UP,
    STEP_UP_SOCIAL,
    THEIR_FACTORS,
    THEIR_IDENTITIES,
    THEIR_IDENTITY,
    THEIR_PASSKEY,
    THEIR_PASSKEYS,
    THEIR_RESET,
    THEIR_SESSION,
    THEIR_SESSIONS,
    USERS,
    VERIFY,
    Client,
    Tokens,
    a_client,
    bearer,
    headers_of,
    routes,
)
from tests.http.failing_requests import FAILING_REQUESTS, FailingRequest
from tests.http.faults import Faults

EVERYWHERE = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "vary": "Origin",
}
HSTS = "max-age=31536000"
PLAIN_POLICY = "default-src 'none'; frame-ancestors 'none'"

MAY_BE_STORED = {
    "/.well-known/change-password": "public, max-age=3600",
    "/.well-known/jwks.json": "public, max-age=300",
    "/docs": "public, max-age=3600",
    "/docs/start.js": "public, max-age=3600",
    "/openapi.json": "no-cache",
}

PUBLIC = {
    ("GET", "/.well-known/change-password"),
    ("GET", "/.well-known/jwks.json"),
    ("GET", "/api/auth/logout"),
    ("GET", "/api/auth/refresh"),
    ("GET", "/api/healthchecker"),
    ("GET", "/docs"),
    ("GET", "/docs/start.js"),
    ("GET", "/health/live"),
    ("GET", "/health/ready"),
    ("GET", "/openapi.json"),
    ("POST", "/api/auth/email/undo"),
    ("POST", "/api/auth/email/verification"),
    ("POST", "/api/auth/email/verify"),
    ("POST", "/api/auth/login"),
    ("POST", SECOND_FACTOR),
    ("POST", "/api/auth/logout"),
    ("POST", PASSKEY_OPTIONS),
    ("POST", PASSKEY_LOGIN),
    ("GET", SOCIAL),
    ("GET", SOCIAL_START),
    ("GET", SOCIAL_CALLBACK),
    ("POST", SOCIAL_CALLBACK),
    ("POST", SOCIAL_TOKEN),
    ("POST", "/api/auth/password/forgot"),
    ("POST", "/api/auth/password/reset"),
    ("POST", "/api/auth/password/reset/check"),
    ("POST", "/api/auth/refresh"),
    ("POST", "/api/auth/register"),
}

MINE = {
    ("GET", ME),
    ("PATCH", ME),
    ("DELETE", ME),
    ("GET", MY_EXPORT),
    ("GET", MY_ACTIVITY),
    ("POST", MY_EMAIL),
    ("POST", STEP_UP),
    ("GET", MY_FACTORS),
    ("POST", MY_TOTP),
    ("DELETE", MY_TOTP),
    ("POST", CONFIRM_TOTP),
    ("POST", MY_CODES),
    ("POST", MY_PASSWORD),
    ("POST", MY_PASSKEY_OPTIONS),
    ("POST", MY_PASSKEYS),
    ("GET", MY_PASSKEYS),
    ("PATCH", A_PASSKEY),
    ("DELETE", A_PASSKEY),
    ("POST", STEP_UP_SOCIAL),
    ("GET", MY_IDENTITIES),
    ("POST", MY_IDENTITIES),
    ("POST", AN_IDENTITY),
    ("DELETE", AN_IDENTITY),
    ("GET", SESSIONS),
    ("DELETE", SESSIONS),
    ("DELETE", A_SESSION),
}

OTHERS = {
    ("GET", USERS),
    ("POST", USERS),
    ("GET", A_USER),
    ("PATCH", A_USER),
    ("DELETE", A_USER),
    ("GET", THEIR_SESSIONS),
    ("DELETE", THEIR_SESSIONS),
    ("DELETE", THEIR_SESSION),
    ("POST", THEIR_RESET),
    ("DELETE", THEIR_FACTORS),
    ("GET", THEIR_PASSKEYS),
    ("DELETE", THEIR_PASSKEY),
    ("GET", THEIR_IDENTITIES),
    ("DELETE", THEIR_IDENTITY),
    ("GET", AUDIT),
}

at_each_site = pytest.mark.parametrize("origin_policy", [ORIGIN, HTTPS_ORIGIN], indirect=True)


def check(answer: httpx.Response, path: str) -> None:
    """Check that each header is there once, with the right value."""
    expected = EVERYWHERE | {"cache-control": "no-store"}
    if not answer.is_error:
        expected["cache-control"] = MAY_BE_STORED.get(path, "no-store")
    if answer.is_success and path.startswith(("/docs", "/openapi.json")):
        expected["vary"] = "Origin, Accept-Encoding"
    if answer.is_success and path == "/":
        expected["vary"] = "Origin, Accept"
    if answer.url.scheme == "https":
        expected["strict-transport-security"] = HSTS
    for name, value in expected.items():
        assert answer.headers.get_list(name) == [value]
    [policy] = answer.headers.get_list("content-security-policy")
    if answer.is_success and path.startswith(("/docs", "/reset", "/undo", "/verify")):
        assert "frame-ancestors 'none'" in policy.split("; ")
        assert "default-src 'none'" in policy.split("; ")
    else:
        assert policy == PLAIN_POLICY
    if answer.url.scheme != "https":
        assert "strict-transport-security" not in answer.headers
    assert "server" not in answer.headers
    assert "x-powered-by" not in answer.headers


@at_each_site
async def test_every_route_has_the_security_headers(client: Client, app: Litestar) -> None:
    token = (await client.obtain_tokens())["access_token"]

    for method, path, _ in routes(app):
        for headers in ({}, bearer(token)):
            check(await client.request(method, path, headers=headers), path)


@at_each_site
@pytest.mark.parametrize("failing_request", FAILING_REQUESTS.values(), ids=FAILING_REQUESTS)
async def test_every_error_has_the_security_headers(
    client: Client, faults: Faults, failing_request: FailingRequest
) -> None:
    answer = await failing_request.make(client, faults)

    assert answer.status_code == failing_request.status
    check(answer, failing_request.path)


@at_each_site
async def test_a_preflight_has_the_security_headers(client: Client) -> None:
    check(await client.options(ME, headers={"Access-Control-Request-Method": "GET"}), ME)


@pytest.mark.parametrize(
    "origin_policy", [OriginPolicy(HTTPS_ORIGIN, hsts_subdomains=True)], indirect=True
)
async def test_hsts_includes_subdomains_where_that_is_configured(client: Client) -> None:
    answer = await client.get(ME)

    assert answer.headers["strict-transport-security"] == f"{HSTS}; includeSubDomains"


@pytest.mark.parametrize(
    "path",
    [
        "/index.html",
        "/%00",
        "/%ff",
        "/%0d%0aSet-Cookie:x=y",
        "/api",
        "/API/users/me",
        "/docs/nothing",
    ],
)
async def test_strange_addresses_are_not_found(client: Client, path: str) -> None:
    answer = await client.get(path)

    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"
    check(answer, "")


async def test_tokens_are_not_stored_on_their_way(client: Client) -> None:
    await client.register()
    tokens: Tokens = {}
    for answer in (
        await client.log_in(),
        await client.refresh(),
        await client.get("/api/auth/refresh"),
        await client.log_in(transport="bearer"),
    ):
        tokens = answer.json()
        assert answer.headers["cache-control"] == "no-store"
    assert (await client.refresh(tokens["refresh_token"])).headers["cache-control"] == "no-store"


async def test_a_405_lists_the_allowed_methods(client: Client, app: Litestar) -> None:
    allowed: dict[str, set[str]] = {}
    for method, path, _ in routes(app):
        if not is_for_gateways(path):  # those answer every method
            allowed.setdefault(path, {"OPTIONS"}).add(method)

    for path, methods in allowed.items():
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW"} - methods:
            answer = await client.request(method, path)
            assert answer.status_code == 405
            assert answer.headers["allow"] == ", ".join(sorted(methods))


async def test_the_public_routes_are_exactly_these(app: Litestar) -> None:
    assert {
        (method, path) for method, path, handler in routes(app) if handler.opt.get("is_public")
    } == PUBLIC


async def test_all_other_routes_need_a_login(client: Client, app: Litestar) -> None:
    guarded = {(method, path) for method, path, _ in routes(app)} - PUBLIC

    for_gateways = {
        (method, path)
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE")
        for verify in (VERIFY, f"{VERIFY}-level-2")
        for path in (verify, f"{verify}/{{path:path}}")
    }
    assert guarded == MINE | OTHERS | for_gateways
    for method, path in guarded:
        answer = await client.request(method, path)
        assert answer.status_code == 401
        assert answer.json()["code"] == "not_logged_in"


@get("/forgotten/{number:int}")
async def read_forgotten(number: FromPath[int]) -> int:
    return number


@post("/forgotten", opt={"is_public": False})
async def write_forgotten(data: JSONBody[dict[str, Any]]) -> dict[str, Any]:
    return data


async def test_a_route_that_says_nothing_of_it_needs_a_login(
    own_app: Litestar,
) -> None:
    own_app.register(read_forgotten)
    own_app.register(write_forgotten)

    async with a_client(own_app, ORIGIN) as client:
        for method, path in (("GET", "/forgotten/5"), ("POST", "/forgotten")):
            answer = await client.request(method, path, content=b"no JSON")
            assert answer.status_code == 401
            assert answer.json()["code"] == "not_logged_in"


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"},
        {"Forwarded": "for=1.2.3.4;host=evil.example;proto=https"},
        {"X-Original-URL": "/health/live", "X-Rewrite-URL": "/health/live"},
        {"X-HTTP-Method-Override": "DELETE"},
        {"X-Forwarded-Prefix": "/evil", "X-Forwarded-Port": "666"},
    ],
    ids=str,
)
async def test_forwarded_host_headers_change_nothing(
    client: Client, headers: dict[str, str]
) -> None:
    await client.register()
    plain = await client.log_in()
    me = await client.me()

    forwarded = await client.me(headers=headers)
    refreshed = await client.refresh(headers=headers)

    assert headers_of(forwarded) == headers_of(me)
    assert forwarded.content == me.content
    check(refreshed, "")
    assert "Secure" not in str(refreshed.headers.get_list("set-cookie"))
    assert sorted(refreshed.cookies) == sorted(set(plain.cookies) - {"device"})
    assert "evil" not in str(refreshed.headers) + refreshed.text


@pytest.mark.parametrize("path", ["/openapi.json", "/docs", "/nothing/here"])
async def test_no_other_address_is_mentioned(client: Client, path: str) -> None:
    answer = await client.get(path, headers={"Host": "evil.example"})

    assert "evil.example" not in answer.text + str(answer.headers)
    assert "location" not in answer.headers


@pytest.mark.parametrize("path", ["/api/auth//logout", "//api/auth/logout/", "/api//auth/refresh"])
async def test_head_changes_nothing_however_it_is_spelled(client: Client, path: str) -> None:
    await client.sign_up()

    # With a host, for a path that begins with two strokes would be taken for one.
    assert (await client.head(f"http://localhost:8000{path}")).status_code == 405

    assert (await client.me()).status_code == 200


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/docs", "/openapi.json"])
async def test_head_is_get_without_the_body(client: Client, path: str) -> None:
    answer = await client.head(path)

    assert answer.status_code == 200
    assert answer.content == b""
    assert headers_of(answer) == headers_of(await client.get(path))


@pytest.mark.parametrize("path", [REFRESH, LOGOUT, SOCIAL_START, SOCIAL_CALLBACK])
async def test_head_is_refused_where_get_changes_something(client: Client, path: str) -> None:
    await client.sign_up()

    assert (await client.head(path)).status_code == 405
    assert (await client.me()).status_code == 200
