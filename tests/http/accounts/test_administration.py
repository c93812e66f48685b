"""The administration of users: lists and changes."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import httpx
import pytest
from dishka import AsyncContainer
from litestar import Litestar

from application.pagination import EventQuery, UserQuery
from application.ports import AuditLog, SessionStore, UserRepository
from domain.audit.event import RecordedEvent
from domain.permissions import Role
from domain.user import User, UserId
from tests.http.client import (
    A_USER,
    ADMIN_EMAIL,
    AUDIT,
    EMAIL,
    ME,
    MY_ACTIVITY,
    NEW_PASSWORD,
    ORIGIN,
    SESSIONS,
    UNKNOWN_USER,
    USERS,
    Client,
    Tokens,
    a_client,
    an_administrator,
    headers_of,
    make_administrator,
    pages,
    stored_user,
)
from tests.http.conftest import each_stack
from tests.http.failing_requests import FOREIGN_WORDS, problems_of
from tests.support.builders import NOW, PASSWORD, SECOND
from tests.support.doubles import SettableClock

ADAM, BOB, EVE = "adam@example.org", "bob@example.com", "eve@example.net"
CO_BOSS = "coboss@example.org"
NEW_USERS = {
    EMAIL: "Ada Lovelace",
    ADAM: "adam Smith",
    BOB: "Bob 100% O'Neill",
    EVE: "Eve_Zoë",
    ADMIN_EMAIL: "The Boss",
}

Headers: TypeAlias = dict[str, str]
Json: TypeAlias = dict[str, Any]


@pytest.fixture
async def admin(client: Client, users: UserRepository) -> Headers:
    """The headers of the only administrator."""
    return await an_administrator(client, users, ADMIN_EMAIL)


async def path_of(users: UserRepository, email: str = EMAIL) -> str:
    return f"{USERS}/{(await stored_user(users, email)).id}"


async def statuses(client: Client, tokens: Tokens) -> tuple[int, int]:
    """Return the statuses of requests with the access token and the refresh token."""
    me = await client.me(tokens["access_token"])
    return me.status_code, (await client.refresh(tokens["refresh_token"])).status_code


ALIVE, DEAD = (200, 200), (401, 401)


async def found(client: Client, admin: Headers, **query: Any) -> list[str]:
    """Their addresses, in order; without the domain, which is of no matter."""
    listed = [
        user
        for page in await pages(client, USERS, admin, **query)
        for user in page["data"]["users"]
    ]
    return [user["email"].partition("@")[0] for user in listed]


SEARCHES: list[tuple[dict[str, str], list[str]]] = [
    ({"email": "ada"}, ["ada", "adam"]),
    ({"email": " ADA"}, ["ada", "adam"]),
    ({"email": "ada@"}, ["ada"]),
    ({"email": "Ada@Example.ORG"}, ["ada"]),
    ({"email": "example"}, []),
    ({"email": ""}, ["ada", "adam", "bob", "boss", "eve"]),
    ({"email": "%"}, []),
    ({"email": "_da"}, []),
    ({"name": "AD"}, ["ada", "adam"]),
    ({"name": "Ada L"}, ["ada"]),
    ({"name": "Lovelace"}, []),
    ({"name": "bob 100%"}, ["bob"]),
    ({"name": "bob 100_"}, []),
    ({"name": "eve_"}, ["eve"]),
    ({"name": "%"}, []),
    ({"name": "bob 100% o'"}, ["bob"]),
    ({"name": "' OR '1'='1"}, []),
    ({"email": "a", "name": "ada "}, ["ada"]),
    ({"role": "admin"}, ["boss"]),
    ({"email": "b", "role": "user"}, ["bob"]),
    ({"email": "b", "role": "admin"}, ["boss"]),
    ({"email": "x" * 255}, []),
]
"""What is searched for, and who is found, in order."""


class TestTheList:
    @pytest.fixture(autouse=True)
    async def people(self, client: Client, clock: SettableClock, users: UserRepository) -> None:
        """The administrator is the newest; the two before registered at the same moment."""
        for email, name in NEW_USERS.items():
            clock.advance(SECOND * (email != EVE))
            assert (await client.register(email, name=name)).status_code == 200
        await make_administrator(users)

    @pytest.mark.parametrize("limit", [1, 2, 5, 200])
    async def test_the_list_has_each_user_once_the_newest_first(
        self, client: Client, admin: Headers, limit: int
    ) -> None:
        listed = await pages(client, USERS, admin, limit=limit)

        views = [user for page in listed for user in page["data"]["users"]]
        assert {user["email"]: user["name"] for user in views} == NEW_USERS
        assert len(views) == len(NEW_USERS)
        times = [user["createdAt"] for user in views]
        assert times == sorted(times, reverse=True)
        assert all(len(page["data"]["users"]) <= limit for page in listed)

    @each_stack
    async def test_the_first_page_of_users_has_their_number(
        self, client: Client, admin: Headers
    ) -> None:
        for query, total in (({}, 5), ({"role": "admin"}, 1), ({"email": "a"}, 2)):
            first, *others = [
                each["page"] for each in await pages(client, USERS, admin, limit=1, **query)
            ]
            assert (first["total"], first["totalIsExact"]) == (total, True)
            assert len(others) == total - 1
            assert all(set(page) == {"next"} for page in others)

    @pytest.mark.parametrize("limit", [1, 50])
    async def test_users_are_searched_by_the_prefix_of_address_or_name(
        self, client: Client, admin: Headers, limit: int
    ) -> None:
        assert [
            (query, await found(client, admin, limit=limit, **query)) for query, _ in SEARCHES
        ] == SEARCHES

    async def test_users_are_filtered_by_disabled(
        self, client: Client, admin: Headers, users: UserRepository
    ) -> None:
        for email in (ADAM, EVE):
            path = await path_of(users, email)
            await client.patch(path, json={"disabled": True}, headers=admin)

        assert sorted(await found(client, admin, disabled=True)) == ["adam", "eve"]
        assert sorted(await found(client, admin, disabled=False)) == ["ada", "bob", "boss"]
        assert await found(client, admin, disabled=True, email="a") == ["adam"]
        assert await found(client, admin, disabled=True, role="admin") == []

    async def test_pages_of_users_neither_repeat_nor_lose_users_during_changes(
        self, client: Client, clock: SettableClock, admin: Headers, users: UserRepository
    ) -> None:
        first = (await client.get(USERS, params={"limit": 2}, headers=admin)).json()
        seen = [each["email"] for each in first["data"]["users"]]
        [gone, *_] = [email for email in (EVE, BOB) if email in seen]
        clock.advance(SECOND)
        await client.register("new@example.org")
        await client.delete(await path_of(users, gone), headers=admin)

        query = {"limit": 200, "after": first["page"]["next"]}
        second = (await client.get(USERS, params=query, headers=admin)).json()

        seen += [each["email"] for each in second["data"]["users"]]
        assert sorted(seen) == sorted(NEW_USERS)
        assert second["page"] == {"next": None}

    @pytest.mark.parametrize(
        ("field", "values"),
        [
            ("limit", ["0", "-1", "201", "9" * 30, "1.5", "many", "", "\x00"]),
            ("after", ["x", "", "\x00", "\U0001f600", "W10=", "WzFd", "x" * 10_000, "null"]),
            ("role", ["king", "ADMIN", "", "\x00", "Role.ADMIN"]),
            ("disabled", ["perhaps", "", "\x00", "2"]),
            ("email", ["\x00", "a\x00", "\u202e", "\n", "x" * 256]),
            ("name", ["\x00", "a\x00", "\u202e", "\n", "x" * 256]),
        ],
        ids=["limit", "after", "role", "disabled", "email", "name"],
    )
    async def test_an_invalid_filter_of_users_is_named(
        self, client: Client, admin: Headers, field: str, values: list[str]
    ) -> None:
        for value in values:
            answer = await client.get(USERS, params={field: value}, headers=admin)
            assert [each["field"] for each in problems_of(answer)] == [field]

    async def test_a_page_has_fifty_users_unless_more_are_requested(
        self, client: Client, admin: Headers
    ) -> None:
        for number in range(46):
            await client.register(f"number{number}@example.org")

        first, second = await pages(client, USERS, admin)

        assert len(first["data"]["users"]) == 50
        assert len(second["data"]["users"]) == 1
        [everybody] = await pages(client, USERS, admin, limit=200)
        assert len(everybody["data"]["users"]) == everybody["page"]["total"] == 51


class TestOne:
    async def test_a_user_is_shown_with_all_but_the_password(
        self, client: Client, admin: Headers, users: UserRepository
    ) -> None:
        await client.register()

        answer = await client.get(await path_of(users), headers=admin)

        assert answer.status_code == 200
        user = answer.json()["data"]["user"]
        assert user == {
            "id": str((await stored_user(users)).id),
            "name": "Ada Lovelace",
            "email": EMAIL,
            "role": "user",
            "photo": "default.png",
            "verified": False,
            "disabled": False,
            "hasSecondFactor": False,
            "createdAt": f"{NOW:%Y-%m-%dT%H:%M:%S.%f}Z",
            "updatedAt": f"{NOW:%Y-%m-%dT%H:%M:%S.%f}Z",
        }
        [listed] = (await pages(client, USERS, admin, email="ada"))[0]["data"]["users"]
        assert listed == user

    @pytest.mark.parametrize(
        "user_id",
        [
            "ffffffff-ffff-4fff-bfff-ffffffffffff",
            "x",
            "%00",
            f"{UNKNOWN_USER}0",
            "x" * 10_000,
            "%F0%9F%98%80",
            "0",
            "-1",
            "null",
            "'",
        ],
        ids=lambda user_id: str(user_id)[:40],
    )
    async def test_an_invalid_user_id_is_not_found(
        self, client: Client, admin: Headers, user_id: str
    ) -> None:
        await not_found(client, admin, user_id)

    async def test_a_missing_user_is_not_found(self, client: Client, admin: Headers) -> None:
        await not_found(client, admin, UNKNOWN_USER)


async def not_found(client: Client, admin: Headers, user_id: str) -> None:
    """Whatever an administrator asks."""
    path = f"{USERS}/{user_id}"
    for answer in (
        await client.get(path, headers=admin),
        await client.patch(path, headers=admin, json={"role": "admin", "disabled": True}),
        await client.delete(path, headers=admin),
        await client.get(f"{path}/sessions", headers=admin),
        await client.delete(f"{path}/sessions", headers=admin),
    ):
        assert answer.status_code == 404
        assert answer.json() == {
            "status": "fail",
            "message": "There is nothing at this address",
            "code": "not_found",
        }


class TestAChange:
    async def test_a_change_of_the_role_counts_with_the_next_request(
        self, client: Client, admin: Headers, users: UserRepository
    ) -> None:
        token = (await client.obtain_tokens())["access_token"]
        for _ in range(2):  # the second is answered from the cache
            assert (await client.verify(token)).headers["x-user-role"] == "user"

        answer = await client.patch(await path_of(users), json={"role": "admin"}, headers=admin)

        assert answer.status_code == 200
        assert answer.json()["data"]["user"]["role"] == "admin"
        assert (await client.verify(token)).headers["x-user-role"] == "admin"
        assert (await client.me(token)).json()["data"]["user"]["role"] == "admin"
        shown = await client.get(await path_of(users), headers=admin)
        assert shown.json() == answer.json()

    async def test_disabling_a_user_ends_all_sessions_for_good(
        self, client: Client, container: AsyncContainer, admin: Headers, users: UserRepository
    ) -> None:
        first, second = await client.obtain_tokens(), await client.obtain_tokens()
        other = await client.obtain_tokens(EVE)
        assert await statuses(client, first) == ALIVE
        path = await path_of(users)

        answer = await client.patch(path, json={"disabled": True}, headers=admin)

        assert answer.status_code == 200
        assert answer.json()["data"]["user"]["disabled"] is True
        assert await statuses(client, first) == await statuses(client, second) == DEAD
        refused = await client.log_in()
        assert (refused.status_code, refused.json()["code"]) == (400, "invalid_credentials")
        assert await kept(container, await stored_user(users)) == 0

        answer = await client.patch(path, json={"disabled": False}, headers=admin)

        assert answer.json()["data"]["user"]["disabled"] is False
        assert await statuses(client, first) == await statuses(client, second) == DEAD
        assert await statuses(client, await client.obtain_tokens()) == ALIVE
        assert await statuses(client, other) == ALIVE

    async def test_role_and_disabled_can_change_together(
        self, client: Client, admin: Headers, users: UserRepository
    ) -> None:
        await client.register()
        body = {"role": "admin", "disabled": True}

        answer = await client.patch(await path_of(users), json=body, headers=admin)

        assert answer.status_code == 200
        user = await stored_user(users)
        assert (user.role, user.disabled) == (Role.ADMIN, True)

    @each_stack
    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"role": None, "disabled": None},
            {"role": "user", "disabled": False},
        ],
        ids=["of nothing", "of none", "of what it is already"],
    )
    async def test_a_change_of_no_member_is_refused(
        self,
        client: Client,
        clock: SettableClock,
        admin: Headers,
        users: UserRepository,
        body: Json,
    ) -> None:
        tokens = await client.obtain_tokens()
        before = await stored_user(users)
        clock.advance(SECOND)

        answer = await client.patch(await path_of(users), json=body, headers=admin)

        assert answer.status_code == 200
        assert await stored_user(users) == before
        assert await statuses(client, tokens) == ALIVE
        assert (await client.log_in()).status_code == 200

    async def test_a_change_of_other_members_is_refused_and_names_them(
        self, client: Client, admin: Headers, users: UserRepository
    ) -> None:
        await client.register()
        before = await stored_user(users)
        members = {
            "id": UNKNOWN_USER,
            "name": "Eve",
            "email": EVE,
            "password": NEW_PASSWORD,
            "photo": "eve.png",
            "verified": True,
            "generation": 7,
            "createdAt": "2000-01-01T00:00:00Z",
        }

        body = {"role": "admin"} | members
        answer = await client.patch(await path_of(users), json=body, headers=admin)

        assert [each["field"] for each in problems_of(answer)] == list(members)
        assert await stored_user(users) == before

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"role": "king"}, "role"),
            ({"role": ""}, "role"),
            ({"role": "ADMIN"}, "role"),
            ({"role": 1}, "role"),
            ({"role": ["admin"]}, "role"),
            ({"role": "admin\x00"}, "role"),
            ({"role": "admin", "disabled": "yes"}, "disabled"),
            ({"disabled": 2}, "disabled"),
            ({"disabled": "\x00"}, "disabled"),
            ({"disabled": {}}, "disabled"),
            ([], "body"),
            ("admin", "body"),
            (None, "body"),
        ],
        ids=str,
    )
    async def test_an_impossible_change_is_refused(
        self, client: Client, admin: Headers, users: UserRepository, body: object, field: str
    ) -> None:
        await client.register()
        before = await stored_user(users)

        answer = await client.patch(await path_of(users), json=body, headers=admin)

        assert [each["field"] for each in problems_of(answer)] == [field]
        assert await stored_user(users) == before


async def kept(container: AsyncContainer, user: User) -> int:
    """Return the number of stored sessions of a user."""
    sessions: SessionStore = await container.get(SessionStore)
    return len(await sessions.of_user(user.id))


Step: TypeAlias = Callable[[Client, Headers, str], Awaitable[httpx.Response]]


async def demote(client: Client, who: Headers, path: str) -> httpx.Response:
    return await client.patch(path, json={"role": "user"}, headers=who)


async def disable(client: Client, who: Headers, path: str) -> httpx.Response:
    return await client.patch(path, json={"disabled": True}, headers=who)


async def delete(client: Client, who: Headers, path: str) -> httpx.Response:
    return await client.delete(path, headers=who)


async def delete_me(client: Client, who: Headers, _path: str) -> httpx.Response:
    return await client.request("DELETE", ME, json={"password": PASSWORD}, headers=who)


each_end = pytest.mark.parametrize("step", [demote, disable, delete])
each_end_of_oneself = pytest.mark.parametrize("step", [demote, disable, delete, delete_me])


async def all_at_once(
    client: Client, users: UserRepository, step: Step
) -> list[tuple[int, Headers]]:
    """Three administrators, and there are no others, do this to themselves.

    :returns: the status that each gets, and their credentials.
    """
    emails = [ADMIN_EMAIL, CO_BOSS, EMAIL]
    credentials = [await an_administrator(client, users, email) for email in emails]
    paths = [await path_of(users, email) for email in emails]
    answers = await asyncio.gather(
        *(step(client, who, path) for who, path in zip(credentials, paths, strict=True))
    )
    statuses = [answer.status_code for answer in answers]
    return list(zip(statuses, credentials, strict=True))


async def administrators(users: UserRepository) -> int:
    return (await users.count(UserQuery(role=Role.ADMIN, disabled=False))).count


class TestTheLastAdministrator:
    @each_end_of_oneself
    async def test_the_last_administrator_cannot_be_demoted_disabled_or_deleted(
        self,
        client: Client,
        container: AsyncContainer,
        admin: Headers,
        users: UserRepository,
        step: Step,
    ) -> None:
        before = await stored_user(users, ADMIN_EMAIL)

        answer = await step(client, admin, await path_of(users, ADMIN_EMAIL))

        assert answer.status_code == 409
        assert answer.json() == {
            "status": "fail",
            "message": "This is the last administrator: make somebody else one first",
            "code": "last_administrator",
        }
        assert "set-cookie" not in answer.headers
        assert await stored_user(users, ADMIN_EMAIL) == before
        assert await kept(container, before) == 1
        assert (await client.get(USERS, headers=admin)).status_code == 200
        logged_in, *_ = [
            each.event
            for each in await events_of(container, before.id)
            if each.event.type == "login"
        ]
        assert logged_in.caller.address == "127.0.0.1"

    @each_end_of_oneself
    async def test_the_last_enabled_administrator_is_the_last(
        self, client: Client, admin: Headers, users: UserRepository, step: Step
    ) -> None:
        await an_administrator(client, users, CO_BOSS)
        await disable(client, admin, await path_of(users, CO_BOSS))

        answer = await step(client, admin, await path_of(users, ADMIN_EMAIL))

        assert answer.json()["code"] == "last_administrator"

    @each_end_of_oneself
    async def test_an_administrator_may_be_removed_once_there_is_another(
        self, client: Client, admin: Headers, users: UserRepository, step: Step
    ) -> None:
        await client.register()
        await client.patch(await path_of(users), json={"role": "admin"}, headers=admin)

        assert (await step(client, admin, await path_of(users, ADMIN_EMAIL))).status_code == 200

        assert await administrators(users) == 1
        assert (await client.get(USERS, headers=admin)).status_code in {401, 403}

    @each_stack
    @each_end
    async def test_two_administrators_that_remove_each_other_leave_one(
        self, client: Client, admin: Headers, users: UserRepository, step: Step
    ) -> None:
        other = await an_administrator(client, users, CO_BOSS)
        paths = [await path_of(users, email) for email in (CO_BOSS, ADMIN_EMAIL)]

        answers = await asyncio.gather(
            step(client, admin, paths[0]), step(client, other, paths[1])
        )

        done, refused = sorted(answer.status_code for answer in answers)
        assert done == 200
        assert refused in {401, 403, 409}
        assert await administrators(users) == 1

    @each_stack
    @each_end_of_oneself
    async def test_of_administrators_that_remove_themselves_concurrently_one_keeps_access(
        self, client: Client, users: UserRepository, step: Step
    ) -> None:
        done = await all_at_once(client, users, step)

        assert sorted(status for status, _ in done) == [200, 200, 409]
        assert await administrators(users) == 1
        [left] = [who for status, who in done if status == 409]
        assert (await client.get(USERS, headers=left)).status_code == 200

    async def test_a_refused_deletion_of_an_account_is_recorded(
        self, client: Client, container: AsyncContainer, admin: Headers, users: UserRepository
    ) -> None:
        await demote(client, admin, await path_of(users, ADMIN_EMAIL))

        latest = (await events_of(container, (await stored_user(users, ADMIN_EMAIL)).id))[0].event
        assert (latest.type, latest.outcome) == ("change user", "last_administrator")


async def events_of(
    container: AsyncContainer, user_id: UserId | None = None
) -> list[RecordedEvent]:
    log: AuditLog = await container.get(AuditLog)
    return list((await log.page(EventQuery(user_id=user_id), None, 200)).items)


class TestADeletedUser:
    @each_stack
    async def test_a_deleted_user_is_removed_from_every_store(
        self, client: Client, container: AsyncContainer, admin: Headers, users: UserRepository
    ) -> None:
        first, second = await client.obtain_tokens(), await client.obtain_tokens()
        await client.log_in(password="a guess")
        assert await statuses(client, first) == ALIVE
        user, path = await stored_user(users), await path_of(users)

        answer = await client.delete(path, headers=admin)

        assert (answer.status_code, answer.json()) == (200, {"status": "success"})
        assert await statuses(client, first) == await statuses(client, second) == DEAD
        assert (await client.log_in()).status_code == 400
        assert (await client.get(path, headers=admin)).status_code == 404
        assert (await client.delete(path, headers=admin)).status_code == 404
        assert await found(client, admin) == ["boss"]
        assert await kept(container, user) == 0

        assert (await client.register()).status_code == 200
        assert (await stored_user(users)).id != user.id

    async def test_the_audit_log_has_only_the_id_of_a_deleted_user(
        self, client: Client, app: Litestar, admin: Headers, users: UserRepository
    ) -> None:
        async with a_client(app, ORIGIN, "203.0.113.7") as theirs:
            await theirs.obtain_tokens()
            await theirs.log_in(password="a guess")
        path = await path_of(users)

        await client.delete(path, headers=admin)

        query = {"user": path.rpartition("/")[2]}
        answer = await client.get(AUDIT, params=query, headers=admin)
        events = answer.json()["data"]["events"]
        assert [(each["what"], each["outcome"]) for each in events] == [
            ("delete user", "success"),
            ("login", "invalid_credentials"),
            ("login", "success"),
            ("register", "success"),
        ]
        assert [each["address"] for each in events] == ["127.0.0.1", "", "", ""]
        assert events[0]["actorId"] == str((await stored_user(users, ADMIN_EMAIL)).id)
        whole = (await client.get(AUDIT, headers=admin)).text
        assert "203.0.113.7" not in whole
        assert EMAIL not in whole

    @each_stack
    async def test_a_deleted_administrator_leaves_no_address(
        self,
        client: Client,
        app: Litestar,
        container: AsyncContainer,
        admin: Headers,
        users: UserRepository,
    ) -> None:
        await client.register()
        async with a_client(app, ORIGIN, "203.0.113.7") as theirs:
            credentials = await an_administrator(theirs, users, CO_BOSS)
            await disable(theirs, credentials, await path_of(users))
            path = await path_of(users, CO_BOSS)

            assert (await theirs.delete(path, headers=credentials)).status_code == 200

        events = [each.event for each in await events_of(container)]
        theirs_alone = [each for each in events if str(each.actor_id) in path]
        assert {each.type for each in theirs_alone} == {"change user", "delete user"}
        assert {each.caller.address for each in theirs_alone} == {""}
        assert "203.0.113.7" not in (await client.get(AUDIT, headers=admin)).text


class TestTheSessionsOfAUser:
    async def test_the_sessions_of_a_user_are_shown(
        self, client: Client, container: AsyncContainer, admin: Headers, users: UserRepository
    ) -> None:
        client.headers["User-Agent"] = "curl/8.5.0"
        await client.obtain_tokens()
        await client.obtain_tokens()

        answer = await client.get(f"{await path_of(users)}/sessions", headers=admin)

        assert answer.status_code == 200
        views = answer.json()["data"]["sessions"]
        assert len(views) == 2
        assert {each["device"] for each in views} == {"curl 8"}
        assert {each["isCurrent"] for each in views} == {False}
        assert await found(client, admin, email="a") == ["ada"]  # looking has changed nothing
        assert await kept(container, await stored_user(users)) == 2

    async def test_a_user_without_a_login_has_no_sessions(
        self, client: Client, admin: Headers, users: UserRepository
    ) -> None:
        await client.register()

        answer = await client.get(f"{await path_of(users)}/sessions", headers=admin)

        assert answer.json()["data"] == {"sessions": []}

    async def test_administrators_see_their_own_sessions(
        self, client: Client, admin: Headers, users: UserRepository
    ) -> None:
        theirs = await client.get(f"{await path_of(users, ADMIN_EMAIL)}/sessions", headers=admin)
        mine = await client.get(SESSIONS, headers=admin)

        assert theirs.json() == mine.json()
        assert [each["isCurrent"] for each in mine.json()["data"]["sessions"]] == [True]

    async def test_an_administrator_ends_all_sessions_of_a_user(
        self, client: Client, container: AsyncContainer, admin: Headers, users: UserRepository
    ) -> None:
        first, second = await client.obtain_tokens(), await client.obtain_tokens()
        other = await client.obtain_tokens(EVE)
        assert await statuses(client, first) == ALIVE
        path = f"{await path_of(users)}/sessions"

        answer = await client.delete(path, headers=admin)

        assert (answer.status_code, answer.json()) == (200, {"status": "success"})
        assert await statuses(client, first) == await statuses(client, second) == DEAD
        assert await kept(container, await stored_user(users)) == 0
        assert await statuses(client, other) == ALIVE
        assert (await client.get(USERS, headers=admin)).status_code == 200
        assert await statuses(client, await client.obtain_tokens()) == ALIVE
        assert (await client.delete(path, headers=admin)).status_code == 200

    async def test_administrators_can_end_their_own_sessions(
        self, client: Client, admin: Headers, users: UserRepository
    ) -> None:
        path = f"{await path_of(users, ADMIN_EMAIL)}/sessions"

        assert (await client.delete(path, headers=admin)).status_code == 200

        assert (await client.get(USERS, headers=admin)).status_code == 401


async def test_no_answer_shows_a_password_or_a_hash(
    client: Client, admin: Headers, users: UserRepository
) -> None:
    await client.obtain_tokens()
    path, hashed = await path_of(users), (await stored_user(users)).password_hash
    assert hashed.startswith("quick$")

    for answer in (
        await client.get(USERS, headers=admin),
        await client.get(USERS, params={"email": EMAIL}, headers=admin),
        await client.get(path, headers=admin),
        await client.get(f"{path}/sessions", headers=admin),
        await client.patch(path, json={"disabled": True}, headers=admin),
        await client.delete(f"{path}/sessions", headers=admin),
        await client.delete(path, headers=admin),
        await client.get(AUDIT, headers=admin),
        await client.get(A_USER, headers=admin),
    ):
        assert answer.status_code in {200, 404}
        assert answer.headers["cache-control"] == "no-store"
        assert "quick$" not in answer.text
        assert PASSWORD not in answer.text
        assert "hash" not in answer.text.lower()
        assert [word for word in FOREIGN_WORDS if word in answer.text] == []


@pytest.mark.parametrize("path", [USERS, AUDIT, SESSIONS, MY_ACTIVITY, f"{USERS}?limit=0", A_USER])
async def test_head_is_get_without_the_body(client: Client, admin: Headers, path: str) -> None:
    answer = await client.head(path, headers=admin)

    got = await client.get(path, headers=admin)
    assert answer.status_code == got.status_code
    assert headers_of(answer) == headers_of(got)
    assert answer.content == b""
    assert int(answer.headers["content-length"]) == len(got.content)
