"""Answers of a provider are bounded in time, size and redirects."""

import asyncio
import ssl
from pathlib import Path
from typing import Any

import pytest

from infrastructure.identity_providers.http import MOST_AT_A_TIME, AllowedHosts, ProviderHttp
from tests.support.certificates import Authority
from tests.support.identity_provider import HOST, SUBJECT, Reply, a_provider
from tests.unit.infrastructure.identity_providers.logins import Login

DISCOVERY = "/.well-known/openid-configuration"
NAMES = {DISCOVERY: "discovery", "/keys": "keys", "/token": "token", "/userinfo": "userinfo"}
KIB = 1024
REFUSED = {
    "redirect": Reply(status=302, headers={"Location": "/elsewhere"}),
    "too_large": Reply(body=b" " * (256 * KIB + 1)),
    "not_json": Reply("{}", headers={"Content-Type": "text/html"}),
    "status_404": Reply({"message": "no"}, 404),
    "compressed": Reply(headers={"Content-Encoding": "gzip"}),
}


@pytest.fixture(params=NAMES)
def path(request: pytest.FixtureRequest, login: Login) -> str:
    """Each URL that a login asks."""
    login.server.claims["email"] = None
    path: str = request.param
    return path


@pytest.mark.parametrize("reason", REFUSED)
async def test_an_answer_of_the_wrong_kind_is_refused(
    login: Login, path: str, reason: str
) -> None:
    login.server.lies[path] = REFUSED[reason]

    assert await login.refusal() == f"{NAMES[path]}_{reason}"
    assert login.server.asked("/elsewhere") == 0


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"error": "invalid_client"}, "discovery_invalid_client"),
        ({"error": "No such Realm"}, "discovery_status_400"),
        ({"error": ["x"]}, "discovery_status_400"),
        ([], "discovery_status_400"),
        ("error", "discovery_status_400"),
    ],
)
async def test_an_error_is_named_by_its_code_or_status(
    login: Login, content: Any, reason: str
) -> None:
    login.server.lies[DISCOVERY] = Reply(content, 400)

    assert await login.refusal() == reason


async def test_an_error_page_is_named_by_its_status(login: Login) -> None:
    page = {"Content-Type": "text/html"}
    login.server.lies[DISCOVERY] = Reply(status=404, headers=page, body=b"<h1>Not found</h1>")

    assert await login.refusal() == "discovery_status_404"


async def test_an_endless_answer_is_cut_off(login: Login, path: str) -> None:
    login.server.lies[path] = Reply(body=b" " * 64 * KIB, is_endless=True)

    assert await login.refusal() == f"{NAMES[path]}_too_large"


async def test_a_slow_answer_counts_as_none(login: Login, path: str) -> None:
    login.configure(timeout=0.5)
    login.server.slow.add(path)

    assert await login.outage() == f"{NAMES[path]}_timeout"


async def test_an_answer_in_a_trickle_counts_as_none(login: Login) -> None:
    login.configure(timeout=0.5)
    login.server.lies[DISCOVERY] = Reply(body=b"{", is_cut=True, is_left_open=True)

    assert await login.outage() == "discovery_timeout"


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_provider_that_is_out_of_order_is_unavailable(login: Login, status: int) -> None:
    login.server.lies[DISCOVERY] = Reply("<h1>sorry</h1>", status)

    assert await login.outage() == f"discovery_status_{status}"


async def test_a_provider_that_hangs_up_is_unavailable(login: Login) -> None:
    login.server.lies[DISCOVERY] = Reply(body=b"{", is_cut=True)

    assert await login.outage() == "discovery_remote_protocol_error"


async def test_a_provider_that_cannot_be_reached_is_unavailable(login: Login) -> None:
    login.configure(issuer="http://127.0.0.1:1")

    assert await login.outage() == "discovery_connect_error"


@pytest.mark.parametrize("body", [b"{", b"\xff", b"[" * 100_000, b"", b'{"a": NaN}'])
async def test_an_answer_that_is_no_json_is_refused(login: Login, body: bytes) -> None:
    login.server.lies[DISCOVERY] = Reply(body=body)

    assert await login.refusal() == "discovery_not_json"


@pytest.mark.parametrize(
    ("path", "content", "reason"),
    [
        (DISCOVERY, [], "discovery_malformed"),
        ("/keys", [], "keys_malformed"),
        ("/keys", {"keys": {}}, "keys_malformed"),
        ("/keys", {"keys": [{}] * 51}, "keys_malformed"),
        ("/token", [], "token_malformed"),
        ("/userinfo", [], "userinfo_subject_differs"),
    ],
)
async def test_json_of_another_shape_is_refused(
    login: Login, path: str, content: Any, reason: str
) -> None:
    login.server.claims["email"] = None
    login.server.lies[path] = Reply(content)

    assert await login.refusal() == reason


async def test_a_provider_whose_certificate_no_ca_has_signed_gets_no_request(
    login: Login, tmp_path: Path
) -> None:
    certificate, key = Authority(tmp_path).issue(HOST)
    file = tmp_path / "server.pem"
    file.write_bytes(certificate + key)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(file)
    async with a_provider(tls) as server:
        login.configure(issuer=f"https://{server.authority}")

        assert await login.outage() == "discovery_connect_error"
        assert not server.requests


async def test_cookies_of_a_provider_are_not_kept(login: Login) -> None:
    document = Reply({"message": "no"}, 404, {"Set-Cookie": "session=of-the-first-login; Path=/"})
    login.server.lies[DISCOVERY] = document
    await login.refusal()
    login.seconds = 5
    await login.refusal()

    assert login.server.asked(DISCOVERY) == 2
    assert not any("cookie" in each.headers for each in login.server.requests)


async def test_a_failure_of_the_discovery_is_repeated_to_all_for_seconds(login: Login) -> None:
    login.server.lies[DISCOVERY] = Reply(status=500)
    for _ in range(3):
        await login.outage()
    assert login.server.asked(DISCOVERY) == 1

    login.server.lies.clear()
    login.seconds = 5
    assert (await login()).subject == SUBJECT


async def test_a_slow_provider_gets_a_bounded_number_of_requests_at_a_time(login: Login) -> None:
    server, more = login.server, 5
    server.slow.add("/keys")
    busy, other = (ProviderHttp(AllowedHosts(server.url)) for _ in range(2))
    waiting = [
        asyncio.create_task(busy.get("keys", f"{server.url}/keys"))
        for _ in range(MOST_AT_A_TIME + more)
    ]
    while server.asked("/keys") < MOST_AT_A_TIME:
        await other.get("discovery", server.url + DISCOVERY)
    await other.get("discovery", server.url + DISCOVERY)  # others would have come meanwhile

    assert server.asked("/keys") == MOST_AT_A_TIME
    server.may_go_on.set()
    assert len(await asyncio.gather(*waiting)) == server.asked("/keys") == MOST_AT_A_TIME + more
    for each in (busy, other):
        await each.close()
