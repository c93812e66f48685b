"""Activity: the user's own, and the audit log of administrators."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, TypeAlias

import pytest
from dishka import AsyncContainer
from litestar import Litestar

from application.ports import SessionStore, UserRepository
from domain.user import User
from tests.http.client import (
    ADMIN_EMAIL,
    AUDIT,
    EMAIL,
    ME,
    MY_ACTIVITY,
    MY_EXPORT,
    MY_PASSWORD,
    NEW_PASSWORD,
    ORIGIN,
    SESSIONS,
    UNKNOWN_USER,
    USERS,
    Client,
    a_client,
    bearer,
    make_administrator,
    pages,
    stored_user,
)
from tests.http.conftest import each_stack
from tests.http.failing_requests import problems_of
from tests.support.builders import MICROSECOND, NOW, PASSWORD, SECOND
from tests.support.doubles import SettableClock

EVE = "eve@example.org"
ELSEWHERE = "198.51.100.7"
HOUR = timedelta(hours=1)

Headers: TypeAlias = dict[str, str]
Json: TypeAlias = dict[str, Any]


@pytest.fixture
async def admin(client: Client, users: UserRepository, container: AsyncContainer) -> Headers:
    """The headers of the administrator."""
    await client.register(ADMIN_EMAIL)
    await make_administrator(users)
    tokens = await client.obtain_tokens(ADMIN_EMAIL)
    await step_up_without_event(container, await stored_user(users, ADMIN_EMAIL))
    return bearer(tokens["access_token"])


async def step_up_without_event(container: AsyncContainer, user: User) -> None:
    """Step up the only session of a user, and leave no event that the tests would count."""
    sessions: SessionStore = await container.get(SessionStore)
    [session] = await sessions.of_user(user.id)
    assert (await sessions.replace(session, session.stepped_up())).changed


async def obtain_tokens(client: Client, email: str = EMAIL) -> Headers:
    return bearer((await client.obtain_tokens(email))["access_token"])


async def events(client: Client, path: str, who: Headers, **query: Any) -> list[Json]:
    listed = await pages(client, path, who, **query)
    return [event for page in listed for event in page["data"]["events"]]


def types_and_outcomes(some: Sequence[Json]) -> list[tuple[str, str]]:
    return [(each["what"], each["outcome"]) for each in some]


async def guess(app: Litestar, email: str = EMAIL) -> None:
    """Try a wrong password from another address."""
    async with a_client(app, ORIGIN, ELSEWHERE) as stranger:
        assert (await stranger.log_in(email, password="a guess")).status_code in {400, 429}


class TestMyActivity:
    @each_stack
    async def test_own_activity_shows_own_acts_and_attempts_of_others(
        self, client: Client, app: Litestar
    ) -> None:
        await client.register()
        await guess(app)
        mine = await obtain_tokens(client)
        await client.patch(ME, json={"name": "Ada King"}, headers=mine)
        await client.change_password("a guess", headers=mine)
        changed = (await client.change_password(headers=mine)).json()
        renewed = bearer(changed["access_token"])

        activity = await events(client, MY_ACTIVITY, renewed)

        assert types_and_outcomes(activity) == [
            ("change password", "success"),
            ("change password", "wrong_password"),
            ("change profile", "success"),
            ("login", "success"),
            ("login", "invalid_credentials"),
            ("register", "success"),
        ]
        [*_, login, guessed, registered] = activity
        assert guessed["address"] == ELSEWHERE
        assert {each["address"] for each in activity if each != guessed} == {"127.0.0.1"}
        [session] = (await client.get(SESSIONS, headers=renewed)).json()["data"]["sessions"]
        [former] = {each["sessionId"] for each in activity[:4]}
        assert former not in {None, session["id"]}
        assert (guessed["sessionId"], registered["sessionId"]) == (None, None)
        assert login == {
            "at": f"{NOW:%Y-%m-%dT%H:%M:%S.%f}Z",
            "what": "login",
            "outcome": "success",
            "detail": "",
            "sessionId": former,
            "address": "127.0.0.1",
            "byAdministrator": False,
        }

    async def test_own_activity_shows_acts_of_an_administrator_without_their_id(
        self, client: Client, admin: Headers, users: UserRepository
    ) -> None:
        await client.register()
        path = f"{USERS}/{(await stored_user(users)).id}"
        for change in ({"role": "admin"}, {"disabled": True}, {"disabled": False, "role": "user"}):
            await client.patch(path, json=change, headers=admin)
        await client.delete(f"{path}/sessions", headers=admin)
        mine = await obtain_tokens(client)

        [login, *theirs, registered] = await events(client, MY_ACTIVITY, mine)

        assert [(each["what"], each["detail"]) for each in theirs] == [
            ("end sessions of user", ""),
            ("change user", "role user, enabled"),
            ("change user", "disabled"),
            ("change user", "role admin"),
        ]
        for each in theirs:
            assert (each["byAdministrator"], each["address"]) == (True, "")
        assert not login["byAdministrator"]
        assert not registered["byAdministrator"]
        answer = await client.get(MY_ACTIVITY, headers=mine)
        for secret in (ADMIN_EMAIL, str((await stored_user(users, ADMIN_EMAIL)).id)):
            assert secret not in answer.text

    async def test_own_activity_is_in_the_export(self, client: Client, app: Litestar) -> None:
        mine = bearer(await client.stepped_up((await client.obtain_tokens())["access_token"]))
        await guess(app)
        activity = await events(client, MY_ACTIVITY, mine)

        exported = (await client.get(MY_EXPORT, headers=mine)).json()["data"]["events"]

        assert exported == activity
        assert len(exported) == 4

    async def test_own_activity_has_no_events_of_others(
        self, client: Client, app: Litestar, admin: Headers, users: UserRepository
    ) -> None:
        hers = await obtain_tokens(client, EVE)
        await guess(app, EVE)
        mine = await obtain_tokens(client)
        await client.patch(
            f"{USERS}/{(await stored_user(users, EVE)).id}", json={"role": "admin"}, headers=admin
        )

        assert types_and_outcomes(await events(client, MY_ACTIVITY, mine)) == [
            ("login", "success"),
            ("register", "success"),
        ]
        assert len(await events(client, MY_ACTIVITY, admin)) == 2
        assert len(await events(client, MY_ACTIVITY, hers)) == 4

    async def test_own_activity_has_pages(self, client: Client, app: Litestar) -> None:
        mine = await obtain_tokens(client)
        await obtain_tokens(client, EVE)
        for _ in range(3):
            await guess(app)
            await guess(app, EVE)

        whole = await events(client, MY_ACTIVITY, mine)

        assert len(whole) == 5
        for limit in (1, 2, 5):
            listed = await pages(client, MY_ACTIVITY, mine, limit=limit)
            assert [event for page in listed for event in page["data"]["events"]] == whole
            assert len(listed) == -(-5 // limit)
            assert all(set(page["page"]) == {"next"} for page in listed)

    async def test_a_cursor_of_another_user_shows_none_of_their_activity(
        self, client: Client, app: Litestar
    ) -> None:
        mine, hers = await obtain_tokens(client), await obtain_tokens(client, EVE)
        await guess(app, EVE)
        first = (await client.get(MY_ACTIVITY, params={"limit": 1}, headers=hers)).json()

        query = {"after": first["page"]["next"]}
        answer = await client.get(MY_ACTIVITY, params=query, headers=mine)

        assert types_and_outcomes(answer.json()["data"]["events"]) == [
            ("login", "success"),
            ("register", "success"),
        ]

    @pytest.mark.parametrize(
        ("field", "values"),
        [
            ("limit", ["0", "-1", "201", "1.5", "many", "", "\x00"]),
            ("after", ["x", "", "\x00", "\U0001f600", "W10=", "x" * 10_000]),
        ],
        ids=["limit", "after"],
    )
    async def test_an_invalid_filter_of_own_activity_is_named(
        self, client: Client, field: str, values: list[str]
    ) -> None:
        mine = await obtain_tokens(client)

        for value in values:
            answer = await client.get(MY_ACTIVITY, params={field: value}, headers=mine)
            assert [each["field"] for each in problems_of(answer)] == [field]


class TestTheAuditLog:
    async def test_the_audit_log_numbers_every_event(self, client: Client, admin: Headers) -> None:
        mine = await obtain_tokens(client)
        await client.patch(ME, json={"name": "Ada King"}, headers=mine)

        listed = await events(client, AUDIT, admin)

        assert types_and_outcomes(listed) == [
            ("change profile", "success"),
            ("login", "success"),
            ("register", "success"),
            ("login", "success"),
            ("register", "success"),
        ]
        assert [each["number"] for each in listed] == [5, 4, 3, 2, 1]

    async def test_the_audit_log_has_subject_actor_and_origin(
        self, client: Client, admin: Headers, users: UserRepository
    ) -> None:
        tokens = await client.obtain_tokens()
        me = str((await stored_user(users)).id)
        await client.patch(f"{USERS}/{me}", json={"disabled": True}, headers=admin)

        change, login, *_ = await events(client, AUDIT, admin)

        assert len(change.pop("requestId")) == len(login.pop("requestId")) == 16
        session_id = login.pop("sessionId")
        assert len(session_id) == 32
        assert session_id not in str(tokens)
        common = {
            "at": f"{NOW:%Y-%m-%dT%H:%M:%S.%f}Z",
            "outcome": "success",
            "userId": me,
            "address": "127.0.0.1",
        }
        assert login == common | {"number": 4, "what": "login", "actorId": None, "detail": ""}
        assert change == common | {
            "number": 5,
            "what": "change user",
            "actorId": str((await stored_user(users, ADMIN_EMAIL)).id),
            "sessionId": None,
            "detail": "disabled",
        }

    async def test_the_audit_log_has_stable_pages_during_new_events(
        self, client: Client, app: Litestar, admin: Headers
    ) -> None:
        for _ in range(4):
            await obtain_tokens(client)
        before = await events(client, AUDIT, admin)

        listed: list[Json] = []
        query: Json = {"limit": 2}
        while query.get("after", "") is not None:
            page = (await client.get(AUDIT, params=query, headers=admin)).json()
            listed += page["data"]["events"]
            query |= {"after": page["page"]["next"]}
            await guess(app)

        assert listed == before
        assert len(await events(client, AUDIT, admin)) == len(before) + 4

    async def test_the_audit_log_is_filtered_by_user_type_and_outcome(
        self, client: Client, app: Litestar, admin: Headers, users: UserRepository
    ) -> None:
        await obtain_tokens(client)
        await guess(app)
        await guess(app, ADMIN_EMAIL)
        me = str((await stored_user(users)).id)

        async def numbers(**query: str) -> list[int]:
            return [each["number"] for each in await events(client, AUDIT, admin, **query)]

        assert await numbers() == [6, 5, 4, 3, 2, 1]
        assert await numbers(user=me) == [5, 4, 3]
        assert await numbers(user=me.upper()) == [5, 4, 3]
        assert await numbers(user=UNKNOWN_USER) == []
        assert await numbers(what="login") == [6, 5, 4, 2]
        assert await numbers(outcome="invalid_credentials") == [6, 5]
        assert await numbers(outcome="InvalidCredentials") == [6, 5]  # the earlier name
        assert await numbers(user=me, what="login", outcome="success") == [4]
        assert await numbers(what="login", outcome="success", limit="1") == [4, 2]

    async def test_the_audit_log_is_filtered_by_the_administrator_who_acted(
        self, client: Client, admin: Headers, users: UserRepository
    ) -> None:
        await obtain_tokens(client)
        me = str((await stored_user(users)).id)
        boss = str((await stored_user(users, ADMIN_EMAIL)).id)
        await client.patch(f"{USERS}/{me}", json={"disabled": True}, headers=admin)

        [change] = await events(client, AUDIT, admin, actor=boss)

        assert (change["what"], change["userId"]) == ("change user", me)
        assert await events(client, AUDIT, admin, actor=boss, what="login") == []
        assert await events(client, AUDIT, admin, actor=me) == []

    @pytest.mark.parametrize("query", ["what=LOGIN", "what=%25", "outcome=succes"])
    async def test_a_filter_by_an_unknown_name_is_refused(
        self, client: Client, admin: Headers, query: str
    ) -> None:
        response = await client.get(f"{AUDIT}?{query}", headers=admin)
        assert response.status_code == 400
        assert response.json()["errors"][0]["field"] == query.partition("=")[0]

    async def test_events_of_a_later_release_are_found_as_unknown(
        self, client: Client, admin: Headers
    ) -> None:
        assert await events(client, AUDIT, admin, what="unknown", outcome="unknown") == []

    async def test_the_audit_log_is_filtered_by_time(
        self, client: Client, clock: SettableClock, admin: Headers
    ) -> None:
        await client.register()
        clock.advance(5 * SECOND)
        await client.obtain_tokens()
        then = clock.now

        async def since(time: str, **query: str) -> int:
            return len(await events(client, AUDIT, admin, since=time, **query))

        async def until(time: str) -> int:
            return len(await events(client, AUDIT, admin, until=time))

        east = then.astimezone(timezone(5 * HOUR))
        for spelled in (then.isoformat(), east.isoformat(), f"{then:%Y-%m-%dT%H:%M:%S.%f}Z"):
            assert await since(spelled) == 1
            assert await until(spelled) == 3
        without_zone = then.replace(tzinfo=None).isoformat()
        assert await since(without_zone) == 1
        assert await until(without_zone) == 3
        after = (then + MICROSECOND).isoformat()
        assert await since(after) == 0
        assert await until(after) == 4
        assert await since(then.isoformat(), until=after) == 1
        assert await since(after, until=then.isoformat()) == 0

    @each_stack
    async def test_the_audit_log_is_filtered_by_any_valid_time(
        self, client: Client, admin: Headers
    ) -> None:
        first = datetime.min.replace(tzinfo=UTC).isoformat()
        last = datetime.max.replace(tzinfo=UTC).isoformat()
        before_all = datetime.min.replace(tzinfo=timezone(14 * HOUR)).isoformat()
        behind_all = datetime.max.replace(tzinfo=timezone(-14 * HOUR)).isoformat()

        for since, until in ((first, last), (before_all, behind_all)):
            query = {"since": since, "until": until}
            answer = await client.get(AUDIT, params=query, headers=admin)
            assert answer.status_code == 200
            assert len(answer.json()["data"]["events"]) == 2

    @pytest.mark.parametrize(
        ("field", "values"),
        [
            ("limit", ["0", "201", "many", ""]),
            ("after", ["x", "", "\x00", "W10=", "x" * 10_000]),
            ("user", ["x", "", "\x00", f"{UNKNOWN_USER}0", EMAIL]),
            ("what", ["\x00", "\u202e", "\n", "x" * 256]),
            ("outcome", ["\x00", "\u202e", "\n", "x" * 256]),
            ("since", ["x", "", "\x00", "2026-13-01T00:00:00Z", "2026-01-01", "yesterday"]),
            ("until", ["x", "", "\x00", "2026-01-01T25:00:00Z", "now", "-" + "9" * 30]),
        ],
        ids=["limit", "after", "user", "what", "outcome", "since", "until"],
    )
    async def test_an_invalid_filter_of_the_audit_log_is_named(
        self, client: Client, admin: Headers, field: str, values: list[str]
    ) -> None:
        for value in values:
            answer = await client.get(AUDIT, params={field: value}, headers=admin)
            assert [each["field"] for each in problems_of(answer)] == [field]

    @each_stack
    async def test_the_audit_log_keeps_only_the_id_of_a_deleted_user(
        self, client: Client, app: Litestar, admin: Headers, users: UserRepository
    ) -> None:
        async with a_client(app, ORIGIN, ELSEWHERE) as phone:
            mine = await obtain_tokens(phone)
            await guess(app)
            me = str((await stored_user(users)).id)
            deleted = await phone.request("DELETE", ME, json={"password": PASSWORD}, headers=mine)
            assert deleted.status_code == 200

        about_me = await events(client, AUDIT, admin, user=me)
        assert types_and_outcomes(about_me) == [
            ("delete account", "success"),
            ("login", "invalid_credentials"),
            ("login", "success"),
            ("register", "success"),
        ]
        assert {each["address"] for each in about_me} == {""}
        assert {each["userId"] for each in about_me} == {me}
        whole = (await client.get(AUDIT, headers=admin)).text
        assert ELSEWHERE not in whole
        assert EMAIL not in whole

        again = await obtain_tokens(client)
        assert types_and_outcomes(await events(client, MY_ACTIVITY, again)) == [
            ("login", "success"),
            ("register", "success"),
        ]


class TestWhatIsKept:
    async def test_a_request_that_changes_nothing_is_not_recorded(
        self, client: Client, admin: Headers, users: UserRepository
    ) -> None:
        mine = await obtain_tokens(client)
        me = (await stored_user(users)).id
        ended = await client.obtain_tokens()
        assert (await client.log_out(ended["refresh_token"])).status_code == 200
        before = await events(client, MY_ACTIVITY, mine)

        for _ in range(3):
            assert (await client.log_out(ended["refresh_token"])).status_code == 200
            same = await client.patch(f"{USERS}/{me}", json={"role": "user"}, headers=admin)
            assert same.status_code == 200

        assert await events(client, MY_ACTIVITY, mine) == before

    @each_stack
    async def test_a_logout_after_the_deletion_of_the_user_is_not_recorded(
        self, client: Client, admin: Headers, users: UserRepository
    ) -> None:
        tokens = await client.obtain_tokens()
        me = (await stored_user(users)).id
        mine = bearer(tokens["access_token"])
        gone = await client.request("DELETE", ME, json={"password": PASSWORD}, headers=mine)
        assert gone.status_code == 200
        before = await events(client, AUDIT, admin, user=str(me))

        assert (await client.log_out(tokens["refresh_token"])).status_code == 200

        assert await events(client, AUDIT, admin, user=str(me)) == before
        assert {each["address"] for each in before} == {""}

    @each_stack
    async def test_the_ends_of_sessions_are_recorded(
        self, client: Client, clock: SettableClock, admin: Headers
    ) -> None:
        stolen = await client.obtain_tokens()
        await client.refresh(stolen["refresh_token"])
        clock.advance(11 * SECOND)
        assert (await client.refresh(stolen["refresh_token"])).status_code == 401
        mine, other, third = [await obtain_tokens(client) for _ in range(3)]
        ids = [
            each["id"]
            for who in (other, third, mine)
            for each in (await client.get(SESSIONS, headers=who)).json()["data"]["sessions"]
            if each["isCurrent"]
        ]
        await client.delete(f"{SESSIONS}/{ids[0]}", headers=mine)
        await client.delete(SESSIONS, headers=mine)
        await client.delete(SESSIONS, params={"all": True}, headers=mine)
        last = await obtain_tokens(client)
        await client.post("/api/auth/logout", headers=last)

        listed = await events(client, AUDIT, admin)

        ends = [each for each in listed if each["what"] not in {"login", "register"}]
        assert types_and_outcomes(ends) == [
            ("logout", "success"),
            ("end all sessions", "success"),
            ("end session", "success"),
            ("end session", "success"),
            ("refresh", "refresh_token_reused"),
        ]
        assert [each["sessionId"] for each in ends[1:4]] == [ids[2], ids[1], ids[0]]

    async def test_events_without_a_rate_limit_are_not_recorded(
        self, client: Client, app: Litestar, admin: Headers
    ) -> None:
        tokens = await client.obtain_tokens()
        mine = bearer(tokens["access_token"])
        before = await events(client, AUDIT, admin)

        refreshed = await client.refresh(tokens["refresh_token"])  # which is no news
        assert refreshed.status_code == 200
        await guess(app, "nobody@example.org")
        await client.register()  # the address is taken
        await client.register("x")
        await client.me("garbage")
        await client.refresh("garbage")
        await client.get(USERS, headers=mine)  # without the permission
        await client.delete(f"{SESSIONS}/{'0' * 32}", headers=mine)
        await client.patch(ME, json={"name": ""}, headers=mine)
        await client.post(MY_PASSWORD, json={}, headers=mine)
        await client.get(MY_ACTIVITY, headers=mine)

        assert await events(client, AUDIT, admin) == before

    @each_stack
    async def test_as_many_guesses_as_the_limit_are_recorded(
        self, client: Client, app: Litestar, admin: Headers
    ) -> None:
        await client.register()

        for _ in range(14):
            await guess(app)

        guesses = await events(client, AUDIT, admin, outcome="invalid_credentials")
        assert len(guesses) == 10
        assert len(await events(client, AUDIT, admin)) == 13

    async def test_the_audit_log_has_no_secrets_and_no_personal_data(
        self, client: Client, app: Litestar, admin: Headers, users: UserRepository
    ) -> None:
        async with a_client(app, ORIGIN) as browser:
            await browser.sign_up()
            await browser.patch(ME, json={"name": "Ada King"})
            tokens = await client.obtain_tokens()
            refreshed = (await client.refresh(tokens["refresh_token"])).json()
            await guess(app)
            changed = await client.change_password(headers=bearer(tokens["access_token"]))
            user = await stored_user(users)
            path = f"{USERS}/{user.id}"
            await client.patch(path, json={"role": "admin"}, headers=admin)

            mine = bearer(changed.json()["access_token"])
            texts = [
                (await client.get(AUDIT, headers=admin)).text,
                (await client.get(MY_ACTIVITY, headers=mine)).text,
            ]

            secrets = [
                *browser.cookies.values(),
                *(each[name] for each in (tokens, refreshed) for name in _TOKENS),
            ]
        personal = [
            PASSWORD,
            NEW_PASSWORD,
            "a guess",
            user.password_hash,
            EMAIL,
            ADMIN_EMAIL,
            "Lovelace",
        ]
        for text in texts:
            assert '"change user"' in text
            for secret in [*(each for each in secrets if each != "true"), *personal, "King"]:
                assert secret not in text
            assert "quick$" not in text


_TOKENS = ("access_token", "refresh_token")
