"""The names by which the service may be called."""

import pytest
from litestar import Litestar

from api.security.origin_policy import OriginPolicy
from tests.http.client import ORIGIN, REGISTER, Client, a_client
from tests.http.protocol.test_request_context import PROXIES, PROXY


@pytest.fixture
def origin_policy(request: pytest.FixtureRequest) -> OriginPolicy:
    """The policy of the test's host names, behind proxies."""
    return OriginPolicy(ORIGIN, trusted_proxies=PROXIES, hosts=frozenset(request.param))


NAMES = [["auth.example.org", "[2001:db8::1]", "192.0.2.1"]]
by_name = pytest.mark.parametrize("origin_policy", NAMES, indirect=True, ids=["hosts"])


@by_name
@pytest.mark.parametrize(
    "host",
    [
        "auth.example.org",
        "AUTH.Example.org",
        "auth.example.org:8000",
        "auth.example.org:1",
        "[2001:db8::1]",
        "[2001:DB8::1]:8000",
        "192.0.2.1",
        "192.0.2.1:443",
    ],
)
async def test_the_service_answers_to_its_names_at_any_port(client: Client, host: str) -> None:
    answer = await client.get("/api/healthchecker", headers={"Host": host})

    assert answer.status_code == 200


@by_name
@pytest.mark.parametrize(
    "hosts",
    [
        ["evil.example"],
        [""],
        ["auth.example.org.evil.example"],
        ["evil.auth.example.org"],
        ["evilauth.example.org"],
        ["auth.example.org@evil.example"],
        ["evil.example:auth.example.org"],
        ["auth.example.org:8000:8000"],
        ["auth.example.org, evil.example"],
        ["auth.example.org/"],
        ["[2001:db8::2]"],
        ["2001:db8::1"],
        ["localhost:8000"],
        ["auth.example.org", "auth.example.org"],
        ["auth.example.org", "evil.example"],
        ["evil.example", "auth.example.org"],
    ],
    ids=" & ".join,
)
async def test_it_answers_to_no_other(client: Client, hosts: list[str]) -> None:
    headers = [("Host", host) for host in hosts]

    for method, path in (("GET", "/api/healthchecker"), ("POST", REGISTER), ("GET", "/nothing")):
        answer = await client.request(method, path, headers=headers)
        assert answer.status_code == 421
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.json() == {
            "status": "fail",
            "message": "The service does not go by this name",
            "code": "misdirected_request",
        }


@by_name
async def test_the_refusal_comes_as_problem_details_when_asked(client: Client) -> None:
    headers = {"Host": "evil.example", "Accept": "application/problem+json"}
    answer = await client.get("/api/healthchecker", headers=headers)

    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "misdirected_request"


@by_name
async def test_a_forwarded_name_is_not_looked_at(app: Litestar) -> None:
    async with a_client(app, ORIGIN, PROXY) as proxy:
        headers = {"Host": "evil.example", "X-Forwarded-Host": "auth.example.org"}
        assert (await proxy.get("/api/healthchecker", headers=headers)).status_code == 421


@by_name
@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
async def test_its_health_is_reported_under_every_host_name(client: Client, path: str) -> None:
    assert (await client.get(path, headers={"Host": "10.1.2.3:8000"})).status_code == 200


@by_name
@pytest.mark.parametrize(
    "path", ["/health", "/healthy", "/health/../api/users/me", "//health/live", "/Health/live"]
)
async def test_nothing_but_its_health_is(client: Client, path: str) -> None:
    answer = await client.get(f"{ORIGIN}{path}", headers={"Host": "evil.example"})

    assert answer.status_code in {404, 421}


@pytest.mark.parametrize("hosts", [[], ["evil.example"], ["a", "b"]])
def test_without_names_every_name_is_right(hosts: list[str]) -> None:
    assert OriginPolicy(ORIGIN).allows_host(hosts)


def test_a_request_without_a_name_is_not_for_us() -> None:
    assert not OriginPolicy(ORIGIN, hosts=frozenset({"auth.example.org"})).allows_host([])
