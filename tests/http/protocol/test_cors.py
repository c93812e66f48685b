"""CORS: pages of the configured origins may read the answers, and no others."""

import httpx
import pytest
from litestar import Litestar

from tests.http.client import (
    CLIENT_ORIGIN,
    HTTPS_ORIGIN,
    LOGIN,
    ME,
    ORIGIN,
    VERIFY,
    Client,
    routes,
)
from tests.http.failing_requests import FAILING_REQUESTS, FailingRequest
from tests.http.faults import Faults

CORS = {
    "access-control-allow-origin",
    "access-control-allow-credentials",
    "access-control-allow-methods",
    "access-control-allow-headers",
    "access-control-max-age",
    "access-control-expose-headers",
    "access-control-allow-private-network",
}

NOT_ALLOWED = [
    "https://evil.example",
    "null",
    "*",
    "",
    f"{CLIENT_ORIGIN}.evil.example",
    f"{CLIENT_ORIGIN}/",
    f"{CLIENT_ORIGIN}0",
    f"{CLIENT_ORIGIN},https://evil.example",
    "http://evil.localhost:3000",
    "http://localhost:3001",
    "https://localhost:3000",
    "http://localhost",
    "localhost:3000",
    "HTTP://LOCALHOST:3000",
]

PATHS = {
    "/api/healthchecker": 200,
    ME: 401,
    LOGIN: 405,
    "/nothing/here": 404,
    "/docs": 200,
    "/.well-known/jwks.json": 200,
}


READABLE = {
    "access-control-allow-credentials": "true",
    "access-control-expose-headers": (
        "Retry-After, RateLimit, RateLimit-Policy, WWW-Authenticate, X-Request-Id"
    ),
}


def cors(answer: httpx.Response) -> dict[str, str]:
    [vary] = answer.headers.get_list("vary")
    assert vary.split(", ")[0] == "Origin"
    assert "*" not in str(answer.headers)
    return {name: value for name, value in answer.headers.multi_items() if name in CORS}


def preflight(origin: str | None, method: str = "POST") -> dict[str, str]:
    asked = {
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "content-type, x-anything",
    }
    return asked if origin is None else asked | {"Origin": origin}


@pytest.mark.parametrize("origin", [CLIENT_ORIGIN, ORIGIN])
async def test_a_named_origin_may_read_with_credentials(client: Client, origin: str) -> None:
    for path, status in PATHS.items():
        answer = await client.get(path, headers={"Origin": origin})
        assert answer.status_code == status
        assert cors(answer) == READABLE | {"access-control-allow-origin": origin}


@pytest.mark.parametrize("origin", NOT_ALLOWED)
async def test_no_other_origin_may_read(client: Client, origin: str) -> None:
    for path, status in PATHS.items():
        answer = await client.get(path, headers={"Origin": origin})
        assert answer.status_code == status
        assert cors(answer) == {}


async def test_without_an_origin_there_is_nothing_to_say(client: Client) -> None:
    for path, status in PATHS.items():
        answer = await client.get(path)
        assert answer.status_code == status
        assert cors(answer) == {}


@pytest.mark.parametrize("path", PATHS)
async def test_a_preflight_of_a_named_origin_gets_the_allowed_methods(
    client: Client, path: str
) -> None:
    answer = await client.options(path, headers=preflight(CLIENT_ORIGIN))

    assert answer.status_code == 204
    assert answer.content == b""
    assert cors(answer) == {
        "access-control-allow-origin": CLIENT_ORIGIN,
        "access-control-allow-credentials": "true",
        "access-control-allow-methods": "GET, POST, PATCH, DELETE",
        "access-control-allow-headers": "Authorization, Accept, Content-Type",
        "access-control-max-age": "600",
    }


@pytest.mark.parametrize("origin", [*NOT_ALLOWED, None])
async def test_a_preflight_of_another_origin_gets_no_cors_headers(
    client: Client, origin: str | None
) -> None:
    for path in PATHS:
        answer = await client.options(path, headers=preflight(origin))
        assert answer.status_code == 204
        assert cors(answer) == {}


async def test_a_preflight_needs_no_credential_on_any_route(client: Client, app: Litestar) -> None:
    for method, path, _ in routes(app):
        if path.startswith(VERIFY):  # for gateways, which would take it for a yes
            continue
        answer = await client.options(path, headers=preflight(CLIENT_ORIGIN, method))
        assert answer.status_code == 204
        assert cors(answer)["access-control-allow-origin"] == CLIENT_ORIGIN


@pytest.mark.parametrize("failing_request", FAILING_REQUESTS.values(), ids=FAILING_REQUESTS)
async def test_the_page_of_a_client_can_read_why_it_is_refused(
    client: Client, faults: Faults, failing_request: FailingRequest
) -> None:
    answer = await failing_request.make(client, faults, {"Origin": CLIENT_ORIGIN})

    assert answer.status_code == failing_request.status
    assert cors(answer) == READABLE | {"access-control-allow-origin": CLIENT_ORIGIN}


@pytest.mark.parametrize("origin_policy", [HTTPS_ORIGIN], indirect=True)
async def test_under_https_the_plain_http_origin_is_refused(client: Client) -> None:
    plain = await client.get("/api/healthchecker", headers={"Origin": "http://auth.example.org"})
    ours = await client.get("/api/healthchecker", headers={"Origin": HTTPS_ORIGIN})

    assert cors(plain) == {}
    assert cors(ours)["access-control-allow-origin"] == HTTPS_ORIGIN
