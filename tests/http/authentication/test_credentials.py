"""The sources of a token, and ambiguous credentials."""

import pytest

from tests.http.client import HTTPS_ORIGIN, LOGOUT, ME, REFRESH, Client, Tokens, bearer

REJECTED = "Token is invalid or session has expired"

at_https = pytest.mark.parametrize("origin_policy", [HTTPS_ORIGIN], indirect=True)

AMBIGUOUS = [
    ["{name}={token}; {name}={token}"],
    ["{name}={token}; {name}=other"],
    ["{name}=other; {name}={token}"],
    ["{name}={token}", "{name}={token}"],
    ["{name}=other", "theme=dark; {name}={token}"],
    ["{name}={token}; {name}"],
    ["{name}={token}; {name}="],
    ["{upper}={token}"],
    ["{name}={token}; {upper}=other"],
    ["{upper}=other; {name}={token}"],
    ["{title}={token}"],
    ["{name} ={token}"],
    ["{name}\t={token}"],
    ["theme=dark;  {name}={token}"],
    ["theme=dark;\t{name}={token}"],
    ["{name}={token}; {name} =other"],
    ["{name}={token};  {name}=other"],
    ["{name}\xa0={token}"],
]

UNREADABLE = ['{name}="{token}"', "{name}= {token}", "{name}==", "{name}", "{name}=", "{name}=,"]

NOT_OURS = ["x{name}={token}", "{name}x={token}", "theme={name}={token}", "={name}={token}"]


def filled(pattern: str, name: str, token: str) -> str:
    return pattern.format(name=name, upper=name.upper(), title=name.title(), token=token)


@pytest.fixture
async def tokens(client: Client) -> Tokens:
    return await client.obtain_tokens()


@pytest.mark.parametrize("patterns", AMBIGUOUS, ids=" | ".join)
async def test_a_cookie_that_may_be_read_in_two_ways_is_refused(
    client: Client, tokens: Tokens, patterns: list[str]
) -> None:
    for path, method, name in (
        (ME, "GET", "access_token"),
        (REFRESH, "GET", "refresh_token"),
        (REFRESH, "POST", "refresh_token"),
        (LOGOUT, "POST", "access_token"),
        (LOGOUT, "POST", "refresh_token"),
    ):
        cookies = [filled(pattern, name, tokens[name]) for pattern in patterns]
        answer = await client.with_cookies(path, *cookies, method=method)
        assert answer.status_code == 401
        assert answer.json()["message"] == REJECTED

    assert (await client.me(tokens["access_token"])).status_code == 200
    assert (await client.refresh(tokens["refresh_token"])).status_code == 200


@at_https
async def test_the_same_holds_under_https(client: Client, tokens: Tokens) -> None:
    name, token = "__Host-access_token", tokens["access_token"]

    for patterns in AMBIGUOUS:
        cookies = [filled(pattern, name, token) for pattern in patterns]
        answer = await client.with_cookies(ME, *cookies)
        assert answer.status_code == 401
        assert answer.json()["message"] == REJECTED


@pytest.mark.parametrize("pattern", UNREADABLE)
async def test_a_cookie_that_holds_no_token_is_refused(
    client: Client, tokens: Tokens, pattern: str
) -> None:
    answer = await client.with_cookies(ME, filled(pattern, "access_token", tokens["access_token"]))

    assert answer.status_code == 401
    assert answer.json()["message"] == REJECTED


@pytest.mark.parametrize("pattern", NOT_OURS)
async def test_foreign_cookies_are_ignored(client: Client, tokens: Tokens, pattern: str) -> None:
    stranger = filled(pattern, "access_token", tokens["access_token"])
    ours = f"access_token={tokens['access_token']}"

    alone = await client.with_cookies(ME, stranger)
    beside = await client.with_cookies(ME, f"{stranger}; {ours};; x; =; \xe9=\xff")

    assert alone.json()["code"] == "not_logged_in"
    assert beside.status_code == 200


async def test_cookies_may_come_in_any_order_and_in_several_headers(
    client: Client, tokens: Tokens
) -> None:
    access, refresh = (f"{name}={tokens[name]}" for name in ("access_token", "refresh_token"))

    for cookies in ([refresh + "; " + access], [access + ";" + refresh], [refresh, access]):
        assert (await client.with_cookies(ME, *cookies)).status_code == 200


@at_https
async def test_under_https_a_cookie_without_the_prefix_is_not_accepted(
    client: Client, tokens: Tokens
) -> None:
    for path, name in ((ME, "access_token"), (REFRESH, "refresh_token")):
        plain = await client.with_cookies(path, f"{name}={tokens[name]}")
        secure = f"__Secure-{name}={tokens[name]}"
        assert plain.status_code in {401, 403}
        assert plain.json()["code"] in {"not_logged_in", "refresh_token_missing"}
        assert (await client.with_cookies(path, secure)).status_code == plain.status_code
        prefixed = await client.with_cookies(path, f"__Host-{name}={tokens[name]}")
        assert prefixed.status_code == 200
        client.cookies.clear()


async def test_under_http_a_cookie_with_the_prefix_is_not_accepted(
    client: Client, tokens: Tokens
) -> None:
    answer = await client.with_cookies(ME, f"__Host-access_token={tokens['access_token']}")

    assert answer.json()["code"] == "not_logged_in"


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR", "Bearer  "])
async def test_the_scheme_may_be_in_any_case(client: Client, tokens: Tokens, scheme: str) -> None:
    headers = {"Authorization": f"{scheme} {tokens['access_token']}"}

    assert (await client.get(ME, headers=headers)).status_code == 200


@pytest.mark.parametrize(
    "value",
    [
        b"Bearer",
        b"Bearer ",
        b"Bearer %(token)b %(token)b",
        b"Bearer %(token)b, Bearer %(token)b",
        b"Bearer %(token)b,",
        b'Bearer "%(token)b"',
        b"Bearer \t%(token)b",
        b"Bearer \xe9%(token)b",
        b"Bearer Bearer %(token)b",
    ],
)
async def test_a_bearer_header_that_holds_no_token_is_refused(
    client: Client, tokens: Tokens, value: bytes
) -> None:
    header = value % {b"token": tokens["access_token"].encode()}

    answer = await client.get(ME, headers=[(b"Authorization", header)])

    assert answer.status_code == 401
    assert answer.json()["message"] == REJECTED


@pytest.mark.parametrize(
    "value",
    ["Basic YWRhOnNlY3JldA==", "Basic {token}", "Token {token}", "{token}", "Bearer:{token}"],
)
async def test_other_schemes_are_not_looked_at(client: Client, tokens: Tokens, value: str) -> None:
    token = tokens["access_token"]
    header = (b"Authorization", value.format(token=token).encode())
    cookie = (b"Cookie", b"access_token=" + token.encode())

    assert (await client.get(ME, headers=[header])).json()["code"] == "not_logged_in"
    assert (await client.get(ME, headers=[header, cookie])).status_code == 200


@pytest.mark.parametrize("second", ["Bearer {token}", "Basic YWRhOnNlY3JldA==", ""])
async def test_two_authorization_headers_are_refused(
    client: Client, tokens: Tokens, second: str
) -> None:
    token = tokens["access_token"]
    one = (b"Authorization", f"Bearer {token}".encode())
    two = (b"authorization", second.format(token=token).encode())

    for headers in ([one, two], [two, one]):
        for path in (ME, LOGOUT):
            answer = await client.get(path, headers=headers)
            assert answer.status_code == 401
            assert answer.json()["message"] == REJECTED
    assert (await client.me(token)).status_code == 200


async def test_a_bearer_token_wins_over_the_cookie(client: Client, tokens: Tokens) -> None:
    other = await client.obtain_tokens("eve@example.org")
    cookie = {"Cookie": f"access_token={tokens['access_token']}"}

    answer = await client.get(ME, headers=cookie | bearer(other["access_token"]))
    bad = await client.get(ME, headers=cookie | bearer("garbage"))

    assert answer.json()["data"]["user"]["email"] == "eve@example.org"
    assert bad.json()["message"] == REJECTED


@pytest.mark.parametrize("name", ["access_token", "token", "bearer", "Authorization", "jwt"])
async def test_a_token_in_the_query_string_is_never_read(
    client: Client, tokens: Tokens, name: str
) -> None:
    query = {name: tokens["access_token"], "refresh_token": tokens["refresh_token"]}

    assert (await client.get(ME, params=query)).json()["code"] == "not_logged_in"
    for method in ("GET", "POST"):
        refresh = await client.request(method, REFRESH, params=query)
        logout = await client.request(method, LOGOUT, params=query)
        assert refresh.json()["code"] == "refresh_token_missing"
        assert logout.json()["code"] == "not_logged_in"
    assert (await client.me(tokens["access_token"])).status_code == 200
