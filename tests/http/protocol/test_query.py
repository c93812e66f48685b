"""Query parameters: those that a route does not know are refused where it knows any."""

from functools import cache

import pytest

from api.app import openapi_document
from api.security.origin_policy import OriginPolicy
from application.ports import UserRepository
from tests.http.client import (
    ADMIN_EMAIL,
    AUDIT,
    ME,
    MY_ACTIVITY,
    NO_IDENTITY,
    NO_PASSKEY,
    NO_SESSION,
    ORIGIN,
    SESSIONS,
    UNKNOWN_USER,
    USERS,
    VERIFY,
    Client,
    make_administrator,
)
from tests.http.failing_requests import problems_of

ROUTES = [
    ("GET", VERIFY),
    ("DELETE", SESSIONS),
    ("GET", MY_ACTIVITY),
    ("GET", USERS),
    ("GET", AUDIT),
    ("DELETE", "/api/users/{user_id}"),
    ("POST", "/api/users/{user_id}/password-reset"),
    ("DELETE", "/api/users/{user_id}/second-factors"),
    ("DELETE", "/api/users/{user_id}/sessions"),
    ("DELETE", "/api/users/{user_id}/sessions/{session_id}"),
    ("DELETE", "/api/users/{user_id}/passkeys/{passkey_id}"),
    ("DELETE", "/api/users/{user_id}/identities/{identity_id}"),
    ("GET", "/api/auth/social/{provider}/start"),
]
"""Those with query parameters. Providers choose those of their callback."""


@cache
def documented() -> dict[tuple[str, str], list[str]]:
    """The documented query parameters of each route that has any."""
    return {
        (method.upper(), path): [
            each["name"] for each in operation["parameters"] if each["in"] == "query"
        ]
        for path, operations in openapi_document(OriginPolicy(ORIGIN))["paths"].items()
        for method, operation in operations.items()
        if any(each["in"] == "query" for each in operation.get("parameters", ()))
    }


@pytest.fixture
async def admin(client: Client, users: UserRepository) -> Client:
    await client.sign_up(ADMIN_EMAIL)
    await make_administrator(users)
    return client


def test_the_routes_with_query_parameters_are_known() -> None:
    of_provider = ("GET", "/api/auth/social/{provider}/callback")
    assert documented().keys() == {*ROUTES, of_provider}


@pytest.mark.parametrize("route", ROUTES, ids=" ".join)
async def test_an_unknown_query_parameter_is_refused_and_the_known_ones_are_named(
    admin: Client, route: tuple[str, str]
) -> None:
    known = ", ".join(documented()[route])

    method, path = route
    path = path.format(
        user_id=UNKNOWN_USER,
        session_id=NO_SESSION,
        passkey_id=NO_PASSKEY,
        identity_id=NO_IDENTITY,
        provider="acme",
    )

    answer = await admin.request(method, path, params={"\u202ex": "1"})

    assert problems_of(answer) == [
        {"field": "?x", "message": f"is not known; the parameters are {known}"}
    ]


async def test_a_misspelled_parameter_ends_no_session(client: Client) -> None:
    await client.sign_up()

    answer = await client.delete(SESSIONS, params={"al": "true"})

    assert problems_of(answer) == [{"field": "al", "message": "is not known; did you mean all?"}]
    assert (await client.me()).status_code == 200


async def test_a_query_parameter_that_is_there_twice_is_refused(client: Client) -> None:
    await client.sign_up()

    answer = await client.delete(f"{SESSIONS}?all=false&all=true")

    assert problems_of(answer) == [{"field": "all", "message": "is there twice"}]


async def test_few_of_many_unknown_parameters_are_named(client: Client) -> None:
    await client.sign_up()

    answer = await client.delete(SESSIONS, params={f"x{number}": "1" for number in range(1000)})

    assert len(problems_of(answer)) == 10


async def test_parameters_in_no_utf_8_are_refused(client: Client) -> None:
    await client.sign_up()

    answer = await client.delete(f"{SESSIONS}?%ff=1&%00=1")

    assert [each["field"] for each in problems_of(answer)] == ["\ufffd", "?"]


async def test_a_client_that_is_not_logged_in_learns_nothing_of_parameters(client: Client) -> None:
    assert (await client.delete(SESSIONS, params={"al": "true"})).status_code == 401


@pytest.mark.parametrize("path", [ME, "/api/healthchecker"])
async def test_a_route_without_query_parameters_ignores_them(client: Client, path: str) -> None:
    await client.sign_up()

    assert (await client.get(path, params={"time": "1"})).status_code == 200
