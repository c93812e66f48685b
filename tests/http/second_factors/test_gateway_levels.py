"""Gateways learn the level of a session, and demand level 2."""

import httpx
import pytest
from dishka import AsyncContainer

from tests.http.client import VERIFY, Client, bearer, visible_parts
from tests.http.conftest import each_stack
from tests.http.failing_requests import problems_of
from tests.http.second_factors.levels import raised_to_level_two

FOR_ENVOY = f"{VERIFY}/for"
LEVEL_TWO_FOR_ENVOY = f"{VERIFY}-level-2/for"
METHODS = ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PROPFIND"]


def level_in(answer: httpx.Response) -> str | None:
    level: str | None = answer.headers.get("x-session-level")
    return level


def assert_too_low(answer: httpx.Response) -> None:
    assert answer.status_code == 401
    assert level_in(answer) is None
    assert answer.headers["www-authenticate"] == (
        'Bearer realm="doorward", error="insufficient_user_authentication", acr_values="2"'
    )


@each_stack
async def test_a_gateway_learns_the_level_of_the_session(
    client: Client, container: AsyncContainer
) -> None:
    low = (await client.obtain_tokens())["access_token"]
    levels = [level_in(await client.verify(low)) for _ in range(3)]

    high = (await raised_to_level_two(container)).access
    levels += [level_in(await client.verify(high)) for _ in range(3)]

    assert levels == ["1", "1", "1", "2", "2", "2"]
    assert (await client.verify(low)).status_code == 401


@pytest.mark.parametrize("method", METHODS)
async def test_a_session_of_level_one_is_refused_where_two_is_demanded(
    client: Client, method: str
) -> None:
    token = bearer((await client.obtain_tokens())["access_token"])
    for _ in range(3):  # from the stores, and then past the cache
        assert (await client.get(VERIFY, headers=token)).status_code == 204

        assert_too_low(await client.request(method, f"{VERIFY}?level=2", headers=token))
        assert_too_low(await client.request(method, f"{LEVEL_TWO_FOR_ENVOY}/a", headers=token))
    assert (await client.get(f"{VERIFY}?level=1", headers=token)).status_code == 204


async def test_the_refusal_says_how_to_reach_the_level(client: Client) -> None:
    token = bearer((await client.obtain_tokens())["access_token"])

    answer = await client.get(f"{VERIFY}?level=2", headers=token)

    assert answer.json() == {
        "status": "fail",
        "message": "A second factor is needed for this",
        "code": "level_too_low",
        "methods": [],
    }


@pytest.mark.parametrize("method", METHODS)
async def test_a_session_of_level_two_is_accepted_where_two_is_demanded(
    client: Client, container: AsyncContainer, method: str
) -> None:
    await client.obtain_tokens()
    token = bearer((await raised_to_level_two(container)).access)

    for _ in range(3):
        answer = await client.request(method, f"{VERIFY}?level=2", headers=token)
        assert (answer.status_code, level_in(answer)) == (204, "2")
        answer = await client.request(method, f"{LEVEL_TWO_FOR_ENVOY}/a?level=1", headers=token)
        assert (answer.status_code, level_in(answer)) == (200, "2")


async def test_the_answer_for_level_two_from_the_cache_equals_the_one_from_the_stores(
    client: Client, container: AsyncContainer
) -> None:
    await client.obtain_tokens()
    token = bearer((await raised_to_level_two(container)).access)
    warm = [await client.get(f"{VERIFY}?level=2", headers=token) for _ in range(3)]

    slow = await client.get(f"{VERIFY}/?level=2", headers=token)

    assert {str(visible_parts(each)) for each in (*warm, slow)} == {str(visible_parts(slow))}


BAD_QUERIES = [
    "level=",
    "level=0",
    "level=3",
    "level=02",
    "level=%202",
    "level=2.0",
    "level=two",
    "level=1&level=2",
    "level=2&level=1",
    "level=2&level=2",
    "level=2&%6cevel=1",
    "level=1;level=2",
    "level=2?level=1",
    "level=2/orders?level=1",
    "Level=2",
    "levl=2",
    "level=2&x=1",
    "x=1",
    "level",
]


@pytest.mark.parametrize("query", BAD_QUERIES)
async def test_what_does_not_demand_one_level_is_refused(
    client: Client, container: AsyncContainer, query: str
) -> None:
    """A gateway that is misconfigured, or lets its client add to the query, gets no yes."""
    await client.obtain_tokens()
    token = (await raised_to_level_two(container)).access
    for _ in range(2):
        assert (await client.verify(token)).status_code == 204

        answer = await client.get(f"{VERIFY}?{query}", headers=bearer(token))

        assert problems_of(answer)
        assert level_in(answer) is None


@pytest.mark.parametrize("query", BAD_QUERIES)
async def test_the_query_of_the_other_request_changes_nothing_below_the_path(
    client: Client, query: str
) -> None:
    """Envoy appends the path of the request with its query, which is the client's."""
    token = bearer((await client.obtain_tokens())["access_token"])

    plain = await client.get(f"{FOR_ENVOY}/orders?{query}", headers=token)
    assert (plain.status_code, level_in(plain)) == (200, "1")
    assert_too_low(await client.get(f"{LEVEL_TWO_FOR_ENVOY}/orders?{query}", headers=token))


@pytest.mark.parametrize(
    "path",
    ["", "/", "/orders", "//orders", "/%2e%2e/verify", "/for/%2e%2e/%2e%2e/verify/for/x"],
)
async def test_no_path_of_the_other_request_lowers_the_level(client: Client, path: str) -> None:
    token = bearer((await client.obtain_tokens())["access_token"])

    assert_too_low(await client.get(f"{VERIFY}-level-2{path}", headers=token))


async def test_a_path_that_does_not_begin_with_a_slash_is_no_yes(client: Client) -> None:
    token = bearer((await client.obtain_tokens())["access_token"])

    for path in (f"{VERIFY}-level-2*", f"{VERIFY}-level-20/x", f"{VERIFY}-level-1/x"):
        assert (await client.get(path, headers=token)).status_code == 404


async def test_the_claims_of_a_raised_session_survive_refreshes(
    client: Client, container: AsyncContainer
) -> None:
    await client.obtain_tokens()
    refresh_token = (await raised_to_level_two(container)).refresh

    for _ in range(3):
        answer = (await client.refresh(refresh_token)).json()
        refresh_token = answer["refresh_token"]

        verified = await client.get(f"{VERIFY}?level=2", headers=bearer(answer["access_token"]))
        assert (verified.status_code, level_in(verified)) == (204, "2")
