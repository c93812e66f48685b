"""Reasons of administrators: in the audit log, and not for the user."""

from typing import Any

import pytest

from application.ports import UserRepository
from tests.http.client import (
    ADMIN_EMAIL,
    AUDIT,
    EMAIL,
    MY_ACTIVITY,
    MY_EXPORT,
    SESSIONS,
    USERS,
    Client,
    an_administrator,
    bearer,
)
from tests.http.failing_requests import problems_of

WHY = 'lost the phone; reason: "unknown"'


@pytest.fixture
async def admin(client: Client, users: UserRepository) -> dict[str, str]:
    """The headers of an administrator, beside a user who is registered."""
    await client.register()
    return await an_administrator(client, users, ADMIN_EMAIL)


@pytest.fixture
async def path(client: Client, admin: dict[str, str]) -> str:
    """The path of the user."""
    listed = await client.get(USERS, params={"email": EMAIL}, headers=admin)
    return f"{USERS}/{listed.json()['data']['users'][0]['id']}"


@pytest.mark.parametrize(
    ("method", "below", "body", "detail"),
    [
        ("PATCH", "", {"disabled": True, "reason": WHY}, f"disabled; reason: {WHY}"),
        ("DELETE", "", None, f"reason: {WHY}"),
        ("DELETE", "/sessions", None, f"reason: {WHY}"),
        ("DELETE", "/second-factors", None, f"reason: {WHY}"),
        ("POST", "/password-reset", None, f"reason: {WHY}"),
    ],
)
async def test_the_audit_log_shows_the_reason_of_a_change(
    client: Client,
    admin: dict[str, str],
    path: str,
    method: str,
    below: str,
    body: Any,
    detail: str,
) -> None:
    query = None if body else {"reason": f" {WHY} "}

    answer = await client.request(method, path + below, json=body, params=query, headers=admin)

    assert answer.is_success, answer.text
    events = (await client.get(AUDIT, headers=admin)).json()["data"]["events"]
    assert events[0]["detail"] == detail


async def test_one_session_of_a_user_is_ended_with_a_reason(
    client: Client, admin: dict[str, str], path: str
) -> None:
    first, other = [await client.obtain_tokens(EMAIL) for _ in range(2)]
    mine = bearer(first["access_token"])
    listed = (await client.get(SESSIONS, headers=mine)).json()["data"]["sessions"]
    [ended] = [each["id"] for each in listed if each["isCurrent"]]

    answer = await client.delete(f"{path}/sessions/{ended}", params={"reason": WHY}, headers=admin)

    assert answer.status_code == 200
    assert (await client.me(first["access_token"])).status_code == 401
    assert (await client.me(other["access_token"])).status_code == 200
    again = await client.delete(f"{path}/sessions/{ended}", headers=admin)
    malformed = await client.delete(f"{path}/sessions/x", headers=admin)
    assert (again.status_code, malformed.status_code) == (404, 404)
    [event] = [
        each
        for each in (await client.get(AUDIT, headers=admin)).json()["data"]["events"]
        if each["what"] == "end session"
    ]
    assert (event["sessionId"], event["detail"]) == (ended, f"reason: {WHY}")


async def test_the_user_does_not_see_the_reason(
    client: Client, admin: dict[str, str], path: str
) -> None:
    await client.patch(path, json={"role": "auditor", "reason": WHY}, headers=admin)
    tokens = await client.obtain_tokens(EMAIL)
    mine = bearer(await client.stepped_up(tokens["access_token"]))

    activity = await client.get(MY_ACTIVITY, headers=mine)
    export = await client.get(MY_EXPORT, headers=mine)

    for answer in (activity, export):
        assert answer.status_code == 200
        assert '"detail":"role auditor"' in answer.text.replace(": ", ":")
        assert "phone" not in answer.text


@pytest.mark.parametrize("reason", ["", " ", "r" * 181, "two\nlines"])
async def test_a_reason_that_is_not_accepted_changes_nothing(
    client: Client, admin: dict[str, str], path: str, reason: str
) -> None:
    changed = await client.patch(path, json={"disabled": True, "reason": reason}, headers=admin)
    deleted = await client.delete(path, params={"reason": reason}, headers=admin)

    for answer in (changed, deleted):
        assert answer.status_code == 400
        assert [each["field"] for each in problems_of(answer)] == ["reason"]
    user = (await client.get(path, headers=admin)).json()["data"]["user"]
    assert user["disabled"] is False
