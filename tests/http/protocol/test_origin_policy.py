"""A browser sends cookies with requests of any page: only known pages may use them."""

import logging

import pytest
from litestar import Litestar, delete, get, patch, post

from tests.http.client import (
    CLIENT_ORIGIN,
    HTTPS_ORIGIN,
    LOGOUT,
    ME,
    MY_PASSWORD,
    ORIGIN,
    REFRESH,
    Client,
    bearer,
)

Headers = dict[str, str]

REFUSED: dict[str, Headers] = {
    "another site": {"Sec-Fetch-Site": "cross-site"},
    "another site, another origin": {
        "Sec-Fetch-Site": "cross-site",
        "Origin": "https://evil.example",
    },
    "another site with our origin": {"Sec-Fetch-Site": "cross-site", "Origin": ORIGIN},
    "another site with the client's origin": {
        "Sec-Fetch-Site": "cross-site",
        "Origin": CLIENT_ORIGIN,
    },
    "a sibling that shows no origin": {"Sec-Fetch-Site": "same-site"},
    "no page": {"Sec-Fetch-Site": "none"},
    "a value that is not known": {"Sec-Fetch-Site": "same-planet"},
    "an empty value": {"Sec-Fetch-Site": ""},
    "a navigation": {"Sec-Fetch-Mode": "navigate"},
    "a navigation from the address bar": {
        "Sec-Fetch-Site": "none",
        "Sec-Fetch-Mode": "navigate",
    },
    "a navigation from our page": {
        "Sec-Fetch-Site": "same-origin",
        "Sec-Fetch-Mode": "navigate",
        "Origin": ORIGIN,
    },
    "another origin": {"Origin": "https://evil.example"},
    "another origin on our site": {
        "Sec-Fetch-Site": "same-site",
        "Origin": "http://localhost:9999",
    },
    "another origin that calls itself ours": {
        "Sec-Fetch-Site": "same-origin",
        "Origin": "https://evil.example",
    },
    "the null origin": {"Origin": "null"},
    "an empty origin": {"Origin": ""},
    "our origin as a prefix": {"Origin": f"{ORIGIN}.evil.example"},
    "our origin as a user name": {"Origin": f"{ORIGIN}@evil.example"},
    "our origin as a suffix": {"Origin": f"http://evil.example/{ORIGIN}"},
    "our host as a suffix": {"Origin": "http://evil.localhost:8000"},
    "our host as an end": {"Origin": "http://evillocalhost:8000"},
    "another port": {"Origin": "http://localhost:8001"},
    "a longer port": {"Origin": f"{ORIGIN}0"},
    "no port": {"Origin": "http://localhost"},
    "another scheme": {"Origin": "https://localhost:8000"},
    "a path": {"Origin": f"{ORIGIN}/"},
    "another name of this machine": {"Origin": "http://127.0.0.1:8000"},
    "the client as a prefix": {"Origin": f"{CLIENT_ORIGIN}.evil.example"},
    "the client's other port": {"Origin": "http://localhost:3001"},
    "the client's other scheme": {"Origin": "https://localhost:3000"},
    "two origins": {"Origin": f"{ORIGIN}, https://evil.example"},
    "two origins in old form": {"Origin": f"{ORIGIN} {CLIENT_ORIGIN}"},
}

ACCEPTED: dict[str, Headers] = {
    "no browser": {},
    "our page": {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"},
    "our page by POST": {"Sec-Fetch-Site": "same-origin", "Origin": ORIGIN},
    "our page in an old browser": {"Origin": ORIGIN},
    "the client's page": {
        "Sec-Fetch-Site": "same-site",
        "Sec-Fetch-Mode": "cors",
        "Origin": CLIENT_ORIGIN,
    },
    "the client's page in an old browser": {"Origin": CLIENT_ORIGIN},
}

each_refused = pytest.mark.parametrize("headers", REFUSED.values(), ids=REFUSED)
each_accepted = pytest.mark.parametrize("headers", ACCEPTED.values(), ids=ACCEPTED)
ROUTES = [(method, path) for method in ("GET", "POST") for path in (REFRESH, LOGOUT)]


@each_refused
async def test_a_call_with_cookies_from_elsewhere_is_refused_and_changes_nothing(
    client: Client, headers: Headers
) -> None:
    await client.sign_up()
    before = dict(client.cookies)

    for method, path in ROUTES:
        answer = await client.request(method, path, headers=headers)
        assert answer.status_code == 403
        assert answer.json() == {
            "status": "fail",
            "message": "Requests from other sites are not accepted",
            "code": "cross_site_request",
        }
        assert "set-cookie" not in answer.headers

    assert dict(client.cookies) == before
    assert (await client.me()).status_code == 200
    assert (await client.refresh()).json()["access_token"] != before["access_token"]


async def test_a_refused_call_leaves_a_record(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    await client.sign_up()
    caplog.set_level(logging.INFO, "doorward.audit")
    caplog.clear()

    for path in (REFRESH, LOGOUT, MY_PASSWORD):
        answer = await client.post(path, headers={"Sec-Fetch-Site": "cross-site"}, json={})
        assert answer.status_code == 403

    messages = [each.getMessage() for each in caplog.records if each.name == "doorward.audit"]
    assert len(messages) == 3
    assert all("use cookies" in each and "cross_site_request" in each for each in messages)


@pytest.mark.parametrize(("method", "path"), [("GET", ME), ("POST", REFRESH), ("POST", LOGOUT)])
async def test_ambiguous_credentials_leave_a_record(
    client: Client, caplog: pytest.LogCaptureFixture, method: str, path: str
) -> None:
    caplog.set_level(logging.INFO, "doorward.audit")

    answer = await client.with_cookies(path, "access_token=a; access_token=b", method=method)

    assert answer.status_code == 401
    [messages] = [each.getMessage() for each in caplog.records if each.name == "doorward.audit"]
    assert "read credentials" in messages


@each_accepted
async def test_a_call_with_cookies_from_a_known_page_passes(
    client: Client, headers: Headers
) -> None:
    for method, path in ROUTES:
        await client.register()
        await client.log_in()
        assert (await client.request(method, path, headers=headers)).status_code == 200


@pytest.mark.parametrize("name", ["access_token", "refresh_token"])
async def test_either_cookie_alone_is_protected(client: Client, name: str) -> None:
    tokens = await client.obtain_tokens()
    cookie = {"Cookie": f"{name}={tokens[name]}"}

    for headers in REFUSED.values():
        answer = await client.get(LOGOUT, headers=headers | cookie)
        assert answer.status_code == 403
    assert (await client.me(tokens["access_token"])).status_code == 200


async def test_calls_without_cookies_are_not_affected(client: Client) -> None:
    for headers in REFUSED.values():
        tokens = await client.obtain_tokens()
        refreshed = await client.refresh(tokens["refresh_token"], headers=headers)
        mine = bearer(refreshed.json()["access_token"])
        me = await client.get(ME, headers=headers | mine)
        logout = await client.post(LOGOUT, headers=headers | mine)
        assert (refreshed.status_code, me.status_code, logout.status_code) == (200, 200, 200)


@pytest.mark.parametrize("origin_policy", [HTTPS_ORIGIN], indirect=True)
@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (HTTPS_ORIGIN, 200),
        (CLIENT_ORIGIN, 200),
        ("http://auth.example.org", 403),
        ("https://auth.example.org:443", 403),
        ("https://example.org", 403),
        ("https://evil.auth.example.org", 403),
        ("https://AUTH.example.org", 403),
        (ORIGIN, 403),
    ],
)
async def test_under_https_the_public_origin_counts(
    client: Client, origin: str, status: int
) -> None:
    await client.sign_up()

    answer = await client.refresh(headers={"Origin": origin})

    assert answer.status_code == status


async def test_the_host_header_makes_no_origin_trusted(client: Client) -> None:
    await client.sign_up()
    headers = {"Host": "evil.example", "Origin": "http://evil.example"}

    answer = await client.log_out(headers=headers)

    assert answer.status_code == 403


CHANGES = ("POST", "PATCH", "DELETE")


@post("/changes")
async def change_by_post() -> None: ...


@patch("/changes")
async def change_by_patch() -> None: ...


@delete("/changes")
async def change_by_delete() -> None: ...


@get("/changes")
async def read_by_get() -> None: ...


class TestAnyGuardedRoute:
    @pytest.fixture
    def app(self, own_app: Litestar) -> Litestar:
        for handler in (change_by_post, change_by_patch, change_by_delete, read_by_get):
            own_app.register(handler)
        return own_app

    async def test_a_guarded_route_takes_cookies_of_other_sites_only_to_read(
        self, client: Client
    ) -> None:
        await client.sign_up()

        for headers in REFUSED.values():
            for method in CHANGES:
                answer = await client.request(method, "/changes", headers=headers)
                assert answer.status_code == 403
            assert (await client.get("/changes", headers=headers)).status_code == 200
            assert (await client.me(headers=headers)).status_code == 200

    async def test_a_guarded_route_takes_cookies_of_known_pages(self, client: Client) -> None:
        await client.sign_up()

        for headers in ACCEPTED.values():
            for method in CHANGES:
                assert (await client.request(method, "/changes", headers=headers)).is_success

    async def test_a_guarded_route_takes_bearer_tokens_of_every_site(self, client: Client) -> None:
        mine = bearer((await client.obtain_tokens())["access_token"])

        for headers in REFUSED.values():
            for method in CHANGES:
                answer = await client.request(method, "/changes", headers=headers | mine)
                assert answer.is_success
