"""The user's sessions: the list, and the end of one, of all others, and of all."""

import logging
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import httpx
import pytest
from dishka import AsyncContainer
from litestar import Litestar

from application.ports import SessionStore, UserRepository
from application.session_activity import FlushSessionActivity
from infrastructure.config.settings import Settings
from tests.http.client import (
    EMAIL,
    LOGIN,
    ME,
    MY_EXPORT,
    NO_SESSION,
    ORIGIN,
    SESSION_MEMBERS,
    SESSIONS,
    VERIFY,
    Client,
    Tokens,
    a_client,
    bearer,
    stored_user,
)
from tests.http.conftest import each_stack
from tests.http.failing_requests import problems_of
from tests.http.protocol.test_origin_policy import REFUSED
from tests.support.builders import NOW, PASSWORD, SECOND
from tests.support.doubles import SettableClock

EVE = "eve@example.org"
ELSEWHERE = "198.51.100.7"
MINUTE = timedelta(minutes=1)
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1"
)

View: TypeAlias = dict[str, Any]


@pytest.fixture
async def flush_activity(container: AsyncContainer) -> FlushSessionActivity:
    """Flush the session activity, as the service does every few seconds."""
    found: FlushSessionActivity = await container.get(FlushSessionActivity)
    return found


async def listed(client: Client, tokens: Tokens) -> list[View]:
    answer = await client.get(SESSIONS, headers=bearer(tokens["access_token"]))
    assert answer.status_code == 200
    views: list[View] = answer.json()["data"]["sessions"]
    return views


async def id_of(client: Client, tokens: Tokens) -> str:
    [current] = [each["id"] for each in await listed(client, tokens) if each["isCurrent"]]
    return str(current)


async def view_of(client: Client, session_id: str, by: Tokens) -> View:
    """How another session of the same person sees this one."""
    [view] = [each for each in await listed(client, by) if each["id"] == session_id]
    return view


async def end(client: Client, tokens: Tokens, path: str) -> httpx.Response:
    return await client.delete(path, headers=bearer(tokens["access_token"]))


async def statuses(client: Client, *sessions: Tokens) -> list[tuple[int, int]]:
    """Return the statuses of requests with each session's two tokens."""
    return [
        (
            (await client.me(each["access_token"])).status_code,
            (await client.refresh(each["refresh_token"])).status_code,
        )
        for each in sessions
    ]


ALIVE, DEAD = (200, 200), (401, 401)


def time(view: View, name: str) -> datetime:
    return datetime.fromisoformat(view[name])


def removes_the_login(answer: httpx.Response) -> bool:
    removed = [each for each in answer.headers.get_list("set-cookie") if "Max-Age=0" in each]
    names = {each.partition("=")[0] for each in removed}
    return names == {"access_token", "refresh_token", "logged_in"}


class TestTheList:
    @each_stack
    async def test_the_list_of_sessions_shows_device_address_and_start(
        self, client: Client, app: Litestar, clock: SettableClock
    ) -> None:
        client.headers["User-Agent"] = FIREFOX
        await client.obtain_tokens()
        clock.advance(10 * SECOND)
        async with a_client(app, ORIGIN, ELSEWHERE) as phone:
            phone.headers["User-Agent"] = IPHONE
            mine = await phone.obtain_tokens()

        here, there = await listed(client, mine)

        assert here["id"] != there["id"]
        assert (here["device"], here["address"]) == ("Mobile Safari 17 on iPhone", ELSEWHERE)
        assert (there["device"], there["address"]) == ("Firefox 128 on Linux", "127.0.0.1")
        assert (here["isCurrent"], there["isCurrent"]) == (True, False)
        for view, at in ((here, NOW + 10 * SECOND), (there, NOW)):
            assert time(view, "startedAt") == time(view, "lastSeenAt") == at
            # That of the own session is as the presented token says, in whole seconds.
            refreshed_at = at.replace(microsecond=0) if view["isCurrent"] else at
            assert time(view, "refreshedAt") == refreshed_at
            assert time(view, "expiresAt") == refreshed_at + timedelta(hours=1)
            assert time(view, "endsAt") == at + timedelta(days=30)

    async def test_the_list_begins_with_the_last_active_session(
        self, client: Client, clock: SettableClock, flush_activity: FlushSessionActivity
    ) -> None:
        first, second, third = [await a_login(client, clock) for _ in range(3)]
        ids = [await id_of(client, each) for each in (first, second, third)]
        await client.refresh(second["refresh_token"])
        clock.advance(2 * MINUTE)
        await client.me(first["access_token"])
        await flush_activity()

        assert [each["id"] for each in await listed(client, third)] == [ids[0], ids[1], ids[2]]

    async def test_the_list_has_no_sessions_of_others(self, client: Client) -> None:
        mine, hers = await client.obtain_tokens(), await client.obtain_tokens(EVE)

        assert len(await listed(client, mine)) == len(await listed(client, hers)) == 1
        assert await id_of(client, mine) != await id_of(client, hers)

    async def test_the_list_has_no_ended_sessions(
        self, client: Client, clock: SettableClock
    ) -> None:
        await client.obtain_tokens()
        gone = await client.obtain_tokens()
        await client.log_out(gone["refresh_token"])
        clock.advance(timedelta(hours=1))

        mine = await client.obtain_tokens()

        assert [each["isCurrent"] for each in await listed(client, mine)] == [True]

    async def test_the_list_of_sessions_has_no_secrets(self, client: Client) -> None:
        tokens = await client.obtain_tokens()

        answer = await client.get(SESSIONS, headers=bearer(tokens["access_token"]))

        assert tokens["access_token"] not in answer.text
        assert tokens["refresh_token"] not in answer.text
        assert list((await listed(client, tokens))[0]) == SESSION_MEMBERS
        assert answer.headers["cache-control"] == "no-store"


async def a_login(client: Client, clock: SettableClock) -> Tokens:
    """Log in at a distinct time."""
    clock.advance(SECOND)
    return await client.obtain_tokens()


class TestToEndOne:
    @each_stack
    async def test_ending_a_session_revokes_its_tokens_at_once_and_no_others(
        self, client: Client
    ) -> None:
        mine, ended, third = [await client.obtain_tokens() for _ in range(3)]
        for _ in range(2):  # so that they are cached
            assert (await client.me(ended["access_token"])).status_code == 200

        answer = await end(client, mine, f"{SESSIONS}/{await id_of(client, ended)}")

        assert (answer.status_code, answer.json()) == (200, {"status": "success"})
        assert "set-cookie" not in answer.headers
        assert await statuses(client, ended, mine, third) == [DEAD, ALIVE, ALIVE]
        assert len(await listed(client, mine)) == 2

    async def test_a_client_can_end_its_own_session(self, client: Client, app: Litestar) -> None:
        other = await client.obtain_tokens()
        async with a_client(app, ORIGIN) as browser:
            await browser.log_in()
            [mine] = [each for each in await listed(client, other) if not each["isCurrent"]]

            answer = await browser.delete(f"{SESSIONS}/{mine['id']}")

            assert answer.status_code == 200
            assert removes_the_login(answer)
            assert browser.login_cookies == {}
        assert await statuses(client, other) == [ALIVE]
        assert len(await listed(client, other)) == 1

    async def test_ending_another_session_keeps_the_cookies_of_this_browser(
        self, client: Client, app: Litestar
    ) -> None:
        other = await client.obtain_tokens()
        async with a_client(app, ORIGIN) as browser:
            await browser.log_in()

            answer = await browser.delete(f"{SESSIONS}/{await id_of(client, other)}")

            assert answer.status_code == 200
            assert "set-cookie" not in answer.headers
            assert (await browser.me()).status_code == 200

    @pytest.mark.parametrize(
        "garbage",
        [
            NO_SESSION,
            "x",
            "x" * 10_000,
            "%00",
            f"{NO_SESSION}%00",
            "%F0%9F%98%80",
            "%ED%A0%80",
            "a%0Ab",
            "*",
            "%25",
            "..%2fme",
        ],
        ids=lambda garbage: str(garbage)[:20],
    )
    async def test_ending_a_session_needs_an_id(self, client: Client, garbage: str) -> None:
        mine = await client.obtain_tokens()

        answer = await end(client, mine, f"{SESSIONS}/{garbage}")

        assert answer.status_code == 404
        assert answer.json() == {
            "status": "fail",
            "message": "There is nothing at this address",
            "code": "not_found",
        }
        assert await statuses(client, mine) == [ALIVE]

    async def test_a_session_of_another_user_cannot_be_ended(self, client: Client) -> None:
        mine, hers = await client.obtain_tokens(), await client.obtain_tokens(EVE)

        answer = await end(client, mine, f"{SESSIONS}/{await id_of(client, hers)}")

        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        assert await statuses(client, mine, hers) == [ALIVE, ALIVE]

    async def test_ending_a_session_twice_is_not_found(self, client: Client) -> None:
        mine, ended = await client.obtain_tokens(), await client.obtain_tokens()
        path = f"{SESSIONS}/{await id_of(client, ended)}"

        assert (await end(client, mine, path)).status_code == 200
        assert (await end(client, mine, path)).status_code == 404

    async def test_an_id_of_a_session_is_not_logged_as_typed(
        self, client: Client, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO, "doorward")
        mine = await client.obtain_tokens()

        await end(client, mine, f"{SESSIONS}/something-that-was-typed")

        ours = [each.getMessage() for each in caplog.records if each.name.startswith("doorward")]
        assert ours != []
        assert "something-that-was-typed" not in "".join(ours)


class TestToEndMany:
    async def test_ending_other_sessions_keeps_this_one(self, client: Client) -> None:
        mine, *others = [await client.obtain_tokens() for _ in range(3)]
        hers = await client.obtain_tokens(EVE)
        await statuses(client, *others)  # so that they are cached

        answer = await end(client, mine, SESSIONS)

        assert (answer.status_code, answer.json()) == (200, {"status": "success"})
        assert "set-cookie" not in answer.headers
        assert await statuses(client, *others, mine, hers) == [DEAD, DEAD, ALIVE, ALIVE]
        assert [each["isCurrent"] for each in await listed(client, mine)] == [True]

    async def test_ending_all_sessions_can_include_this_one(
        self, client: Client, app: Litestar
    ) -> None:
        other, hers = await client.obtain_tokens(), await client.obtain_tokens(EVE)
        await statuses(client, other)
        async with a_client(app, ORIGIN) as browser:
            await browser.log_in()
            before = dict(browser.login_cookies)

            answer = await browser.delete(SESSIONS, params={"all": "true"})

            assert answer.status_code == 200
            assert removes_the_login(answer)
            assert browser.login_cookies == {}
        assert (await client.me(before["access_token"])).status_code == 401
        assert (await client.refresh(before["refresh_token"])).status_code == 401
        assert await statuses(client, other, hers) == [DEAD, ALIVE]
        again = await client.obtain_tokens()
        assert [each["isCurrent"] for each in await listed(client, again)] == [True]

    @pytest.mark.parametrize("spelled", ["false", "0"])
    async def test_ending_all_sessions_can_exclude_this_one_explicitly(
        self, client: Client, spelled: str
    ) -> None:
        mine, other = await client.obtain_tokens(), await client.obtain_tokens()

        assert (await end(client, mine, f"{SESSIONS}?all={spelled}")).status_code == 200

        assert await statuses(client, mine, other) == [ALIVE, DEAD]

    @pytest.mark.parametrize("spelled", ["perhaps", "", "%00", "2", "truetrue"])
    async def test_an_ambiguous_request_ends_no_sessions(
        self, client: Client, spelled: str
    ) -> None:
        mine, other = await client.obtain_tokens(), await client.obtain_tokens()

        answer = await end(client, mine, f"{SESSIONS}?all={spelled}")

        assert problems_of(answer) == [{"field": "all", "message": "has a wrong type or value"}]
        assert await statuses(client, mine, other) == [ALIVE, ALIVE]


@pytest.mark.parametrize("headers", REFUSED.values(), ids=REFUSED)
async def test_another_sites_page_ends_nothing(
    client: Client, app: Litestar, headers: dict[str, str]
) -> None:
    other = await client.obtain_tokens()
    async with a_client(app, ORIGIN) as browser:
        await browser.log_in()
        paths = (SESSIONS, f"{SESSIONS}?all=true", f"{SESSIONS}/{await id_of(client, other)}")

        for path in paths:
            answer = await browser.delete(path, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (403, "cross_site_request")
            assert "set-cookie" not in answer.headers

        assert (await browser.me()).status_code == 200
    assert await statuses(client, other) == [ALIVE]


class TestTheMost:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return replace(settings, tokens=replace(settings.tokens, sessions_per_user=3))

    @each_stack
    async def test_a_user_keeps_the_newest_sessions(
        self, client: Client, clock: SettableClock
    ) -> None:
        hers = await client.obtain_tokens(EVE)
        first, second = [await a_login(client, clock) for _ in range(2)]
        await client.refresh(first["refresh_token"])  # to use it makes it no younger
        third = await a_login(client, clock)
        assert len(await listed(client, first)) == 3

        fourth = await a_login(client, clock)

        assert await statuses(client, first) == [DEAD]
        assert await statuses(client, second, third, fourth, hers) == [ALIVE] * 4
        assert len(await listed(client, fourth)) == 3

    async def test_a_user_never_has_more_sessions_than_allowed(
        self, client: Client, clock: SettableClock
    ) -> None:
        for _ in range(10):
            tokens = await a_login(client, clock)
            assert len(await listed(client, tokens)) <= 3

    async def test_sessions_are_counted_without_those_that_have_ended(
        self, client: Client, clock: SettableClock
    ) -> None:
        first, second, third = [await a_login(client, clock) for _ in range(3)]
        await client.log_out(third["refresh_token"])

        fourth = await a_login(client, clock)

        assert await statuses(client, first, second, fourth) == [ALIVE] * 3


class TestLastSeen:
    @each_stack
    @pytest.mark.parametrize("path", [ME, VERIFY, MY_EXPORT])
    async def test_session_activity_is_updated_after_a_minute(
        self,
        client: Client,
        app: Litestar,
        clock: SettableClock,
        flush_activity: FlushSessionActivity,
        path: str,
    ) -> None:
        mine, other = await client.obtain_tokens(), await client.obtain_tokens()
        mine = (await client.step_up(mine["access_token"])).json()
        session_id = await id_of(client, mine)
        await flush_activity()
        clock.advance(MINUTE)
        async with a_client(app, ORIGIN, ELSEWHERE) as phone:
            phone.headers["User-Agent"] = IPHONE
            for _ in range(2):
                answer = await phone.get(path, headers=bearer(mine["access_token"]))
                assert answer.is_success

        # The request does not wait for the store, which is written later.
        before = await view_of(client, session_id, other)
        assert (time(before, "lastSeenAt"), before["address"]) == (NOW, "127.0.0.1")
        await flush_activity()

        view = await view_of(client, session_id, other)
        assert time(view, "lastSeenAt") == NOW + MINUTE
        assert (view["address"], view["device"]) == (ELSEWHERE, "Mobile Safari 17 on iPhone")
        assert time(view, "startedAt") == time(view, "refreshedAt") == NOW

    async def test_session_activity_is_not_updated_within_a_minute(
        self,
        client: Client,
        app: Litestar,
        clock: SettableClock,
        flush_activity: FlushSessionActivity,
    ) -> None:
        mine, other = await client.obtain_tokens(), await client.obtain_tokens()
        before = await view_of(client, await id_of(client, mine), other)
        clock.advance(MINUTE - SECOND)
        async with a_client(app, ORIGIN, ELSEWHERE) as phone:
            assert (await phone.me(mine["access_token"])).status_code == 200
        await flush_activity()

        assert await view_of(client, before["id"], other) == before

    async def test_session_activity_is_exact_to_the_minute(
        self, client: Client, clock: SettableClock, flush_activity: FlushSessionActivity
    ) -> None:
        mine, other = await client.obtain_tokens(), await client.obtain_tokens()
        views = await listed(client, other)
        [session_id] = [each["id"] for each in views if not each["isCurrent"]]

        for _ in range(8):
            clock.advance(25 * SECOND)
            await client.me(mine["access_token"])
            await flush_activity()
            seen = time(await view_of(client, session_id, other), "lastSeenAt")
            assert clock.now - seen <= MINUTE

    async def test_session_activity_has_the_address_of_a_refresh(
        self,
        client: Client,
        app: Litestar,
        clock: SettableClock,
        flush_activity: FlushSessionActivity,
    ) -> None:
        """Otherwise a thief of a refresh token that only refreshes looks like the owner."""
        mine, other = await client.obtain_tokens(), await client.obtain_tokens()
        session_id = await id_of(client, mine)
        clock.advance(2 * MINUTE)
        async with a_client(app, ORIGIN, ELSEWHERE) as phone:
            assert (await phone.refresh(mine["refresh_token"])).status_code == 200
        await flush_activity()

        view = await view_of(client, session_id, other)
        assert time(view, "lastSeenAt") == NOW + 2 * MINUTE
        assert view["address"] == ELSEWHERE

    async def test_an_ended_session_gets_no_activity(
        self,
        client: Client,
        container: AsyncContainer,
        clock: SettableClock,
        users: UserRepository,
        flush_activity: FlushSessionActivity,
    ) -> None:
        mine, other = await client.obtain_tokens(), await client.obtain_tokens()
        clock.advance(2 * MINUTE)
        await client.me(mine["access_token"])
        await client.log_out(mine["refresh_token"])

        await flush_activity()

        sessions: SessionStore = await container.get(SessionStore)
        assert set(await sessions.activity_of((await stored_user(users)).id)) == {
            await id_of(client, other)
        }

    async def test_session_activity_has_the_address_of_the_connection_not_of_headers(
        self, client: Client
    ) -> None:
        client.headers.update({"X-Forwarded-For": "203.0.113.1", "Forwarded": "for=203.0.113.1"})
        mine = await client.obtain_tokens()

        [view] = await listed(client, mine)

        assert view["address"] == "127.0.0.1"


HOSTILE = {
    "nothing": b"",
    "10 kB": b"x" * 10_000,
    "10 kB of a browser": b"Mozilla/5.0 (X11; Linux x86_64) " * 320,
    "control characters": bytes(range(1, 9)) + b"\x1b[31m" + bytes(range(14, 32)) + b"\x7f",
    "a null character": b"curl\x00/8",
    "lines": b"curl/8\r\nSet-Cookie: a=b",
    "bytes of no encoding": bytes(range(128, 256)),
    "UTF-8": "Ünïcode \u202e \U0001f600".encode(),
    "white space": b" \t ",
    "HTML": b"<script>alert('x')</script>",
    "a script in a browser": b'Mozilla/5.0 (Linux; Android 10; "><img src=x>) Chrome/126.0.0.0',
    "JSON": b'"}],"isAdmin":true,"x":["',
    "a format": b"%s%n{0}${jndi:ldap://x}",
}


@each_stack
async def test_a_hostile_agent_neither_breaks_anything_nor_passes_as_it_is(
    client: Client, container: AsyncContainer, users: UserRepository
) -> None:
    await client.register()
    body = {"email": EMAIL, "password": PASSWORD, "transport": "bearer"}
    for agent in HOSTILE.values():
        answer = await client.post(LOGIN, json=body, headers=[(b"User-Agent", agent)])
        assert answer.status_code == 200

    answer = await client.get(SESSIONS, headers=bearer(answer.json()["access_token"]))

    assert answer.headers["content-type"] == "application/json"
    devices = [each["device"] for each in answer.json()["data"]["sessions"]]
    assert len(devices) == len(HOSTILE)
    sessions: SessionStore = await container.get(SessionStore)
    noted = [
        each.agent for each in (await sessions.activity_of((await stored_user(users)).id)).values()
    ]
    for text in (*devices, *noted):
        assert len(text) <= 255
        assert all(" " <= character <= "~" for character in text)
        assert text == text.strip()
    assert "" not in devices


async def test_of_several_agents_the_first_counts(client: Client) -> None:
    await client.register()
    body = {"email": EMAIL, "password": PASSWORD, "transport": "bearer"}
    agents = [(b"User-Agent", b"curl/8.5.0"), (b"User-Agent", b"okhttp/4.12.0")]

    answer = await client.post(LOGIN, json=body, headers=agents)

    [view] = await listed(client, answer.json())
    assert view["device"] == "curl 8"
