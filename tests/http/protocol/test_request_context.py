"""The context of a request: its address, its id and the host that it names."""

from ipaddress import ip_network
from typing import Any

import pytest
from litestar import Litestar

from api.security.origin_policy import OriginPolicy
from domain.actor import Operator, Scheduler
from tests.http.client import EMAIL, LOGIN, ORIGIN, Client, a_client
from tests.support.builders import PASSWORD
from tests.support.log_lines import Lines, lines_of

PROXIES = tuple(map(ip_network, ("10.0.0.0/8", "192.0.2.7/32", "fd00::/8")))
PROXY, STRANGER = "10.0.0.1", "198.51.100.7"

Line = dict[str, Any]


@pytest.fixture
def origin_policy() -> OriginPolicy:
    return OriginPolicy(ORIGIN, trusted_proxies=PROXIES)


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Lines:
    return lines_of("doorward.audit", caplog)


async def line_of(app: Litestar, lines: Lines, peer: str, *headers: tuple[bytes, bytes]) -> Line:
    """Return the recorded event of a login from this peer, with these headers."""
    async with a_client(app, ORIGIN, peer) as client:
        body = {"email": EMAIL, "password": PASSWORD}
        await client.post(LOGIN, json=body, headers=list(headers))
    return lines()[-1]


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        (STRANGER, [], STRANGER),
        (STRANGER, ["203.0.113.1"], STRANGER),
        (STRANGER, [PROXY], STRANGER),
        (PROXY, [], PROXY),
        (PROXY, [""], PROXY),
        (PROXY, ["203.0.113.1"], "203.0.113.1"),
        (PROXY, ["203.0.113.1, 203.0.113.2"], "203.0.113.2"),
        (PROXY, ["203.0.113.1", "203.0.113.2"], "203.0.113.2"),
        (PROXY, ["203.0.113.1, 203.0.113.2, 10.9.9.9"], "203.0.113.2"),
        (PROXY, ["203.0.113.1", "203.0.113.2, 192.0.2.7", "10.9.9.9"], "203.0.113.2"),
        (PROXY, ["203.0.113.1,10.9.9.9,203.0.113.2"], "203.0.113.2"),
        (PROXY, ["10.1.1.1, 10.2.2.2"], "10.1.1.1"),
        (PROXY, ["203.0.113.1, garbage"], PROXY),
        (PROXY, ["203.0.113.1, garbage, 10.9.9.9"], "10.9.9.9"),
        (PROXY, ["203.0.113.1, "], PROXY),
        (PROXY, ["203.0.113.1:4711"], "203.0.113.1"),
        (PROXY, ["203.0.113.7:41234, 10.1.2.3"], "203.0.113.7"),
        (PROXY, ["203.0.113.7, 10.1.2.3:80"], "203.0.113.7"),
        (PROXY, ["[2001:db8::1]:80"], "2001:db8::1"),
        (PROXY, ["[2001:db8::1]"], "2001:db8::1"),
        (PROXY, [f"[::ffff:{STRANGER}]:80"], STRANGER),
        (PROXY, ["[fe80::1%typed by somebody]:80"], PROXY),
        (PROXY, ["203.0.113.1:"], PROXY),
        (PROXY, ["203.0.113.1:port"], PROXY),
        (PROXY, ["203.0.113.1:4711:80"], PROXY),
        (PROXY, ["[2001:db8::1]80"], PROXY),
        (PROXY, ["[[2001:db8::1]]:80"], PROXY),
        (PROXY, ["[203.0.113.1"], PROXY),
        (PROXY, ["unknown"], PROXY),
        ("192.0.2.7", ["203.0.113.1"], "203.0.113.1"),
        ("192.0.2.8", ["203.0.113.1"], "192.0.2.8"),
        ("fd00::1", ["2001:db8::1"], "2001:db8::1"),
        ("fd00::1", ["2001:DB8:0::0001"], "2001:db8::1"),
        ("2001:db8::2", ["2001:db8::1"], "2001:db8::2"),
        (f"::ffff:{STRANGER}", [], STRANGER),
        (PROXY, [f"::ffff:{STRANGER}"], STRANGER),
        (f"::ffff:{PROXY}", ["203.0.113.1"], "203.0.113.1"),
        (PROXY, ["203.0.113.1, ::ffff:10.9.9.9"], "203.0.113.1"),
        (PROXY, ["fe80::1%typed by somebody"], PROXY),
    ],
)
async def test_the_address_is_the_nearest_that_is_no_proxy(
    app: Litestar,
    lines: Lines,
    peer: str,
    forwarded: list[str],
    address: str,
) -> None:
    headers = [(b"X-Forwarded-For", value.encode()) for value in forwarded]

    line = await line_of(app, lines, peer, *headers)

    assert line["address"] == address


@pytest.mark.parametrize(
    "header", ["Forwarded", "X-Real-IP", "True-Client-IP", "X-Client-IP", "X-Forwarded"]
)
async def test_no_other_header_is_believed(app: Litestar, lines: Lines, header: str) -> None:
    line = await line_of(app, lines, PROXY, (header.encode(), b"203.0.113.1"))

    assert line["address"] == PROXY


@pytest.mark.parametrize("request_id", ["7", "a-B_c.9", "x" * 64, "0af7651916cd43dd" * 2])
async def test_a_proxy_may_name_the_request(app: Litestar, lines: Lines, request_id: str) -> None:
    line = await line_of(app, lines, PROXY, (b"X-Request-Id", request_id.encode()))

    assert line["request_id"] == request_id


@pytest.mark.parametrize(
    ("peer", "request_id"),
    [
        (PROXY, Operator.request_id),
        (PROXY, Scheduler.request_id),
        (STRANGER, "abc"),
        (PROXY, ""),
        (PROXY, "x" * 65),
        (PROXY, "with space"),
        (PROXY, 'with"quote'),
        (PROXY, "a,b"),
        (PROXY, "{}"),
        (PROXY, "<script>"),
        (PROXY, "caf\xe9"),
    ],
)
async def test_an_invalid_request_id_is_replaced(
    app: Litestar, lines: Lines, peer: str, request_id: str
) -> None:
    header = (b"X-Request-Id", request_id.encode("latin-1"))

    named = [(await line_of(app, lines, peer, header))["request_id"] for _ in range(2)]

    assert all(len(bytes.fromhex(name)) == 8 for name in named)
    assert named[0] != named[1]


async def test_the_id_of_a_request_is_in_its_lines_and_in_no_body(
    client: Client, lines: Lines
) -> None:
    answers = [await client.register(), await client.log_in()]

    registered, logged_in = lines()
    assert (registered["event"], logged_in["event"]) == ("register", "login")
    assert registered["request_id"] != logged_in["request_id"]
    for answer, line in zip(answers, lines(), strict=True):
        assert line["request_id"] == answer.headers["x-request-id"]
        assert line["request_id"] not in answer.text


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/health/live"),
        ("GET", "/no/such/path"),
        ("GET", "/api/users/me"),
        ("POST", "/api/auth/login"),
        ("OPTIONS", "/api/auth/login"),
    ],
)
async def test_each_response_has_the_id_of_its_request(
    app: Litestar, method: str, path: str
) -> None:
    headers = {"x-request-id": "from-the-proxy-1", "access-control-request-method": "POST"}
    async with a_client(app, ORIGIN, PROXY) as client:
        response = await client.request(method, path, headers=headers)
    async with a_client(app, ORIGIN, STRANGER) as client:
        ids = [(await client.request(method, path)).headers["x-request-id"] for _ in range(2)]

    assert response.headers["x-request-id"] == "from-the-proxy-1"
    assert len({*ids, "from-the-proxy-1"}) == 3
