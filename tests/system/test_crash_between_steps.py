"""A kill of the server between two steps of a request leaves all of its effect or none.

``test_kills.py`` kills at random moments; these tests kill before each call of the request to a
store, and before both parts of the answer. Only such a call changes the stores, and it is atomic,
so these are all the states that a crash during a request can leave. Each test repeats the request
with a later crash until it succeeds, and compares the outcomes in that order.
"""

import re
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count, groupby
from typing import Any, TypeVar
from uuid import uuid4

import argon2
import httpx
import pytest

from domain.email import Email
from domain.token import TokenKind
from infrastructure.signing.signing_key import SigningKey
from infrastructure.storage.backends import backend_for
from infrastructure.storage.options import StoreOptions
from tests.http.client import NEW_PASSWORD, Client, Tokens, bearer
from tests.support import cheap_hashes
from tests.support.builders import PASSWORD, a_user, in_environment
from tests.support.processes import Service, a_service
from tests.support.waiting import PATIENCE
from tests.system import crashing_service

PATIENT = {"REFRESH_GRACE": "1m"}  # for a busy machine
BROKEN = (httpx.RemoteProtocolError, httpx.ReadError)
_T = TypeVar("_T")


@dataclass
class Crash:
    """A crash of the server before one step of one request.

    :ivar number: of the step, from 1.
    :ivar email: an unregistered address for the user of this request.
    :ivar step: its name; empty if the request has no such step and succeeded.
    """

    service: Service
    client: Client
    number: int
    email: str
    step: str = ""

    @contextmanager
    def expected(self) -> Iterator[None]:
        """Expect no response to the requests in this block."""
        length = len(self.service.log)
        self.client.headers[crashing_service.HEADER] = str(self.number)
        try:
            yield
        except BROKEN:
            [self.step] = re.findall(
                f"{crashing_service.CRASH_MESSAGE}(.+)", self.service.log[length:]
            )
        finally:
            del self.client.headers[crashing_service.HEADER]


def one_before_each_step(service: Service, client: Client) -> Iterator[Crash]:
    """Return one crash a step, until the request succeeds."""
    for number in count(1):
        crash = Crash(service, client, number, f"{uuid4().hex}@example.org")
        yield crash
        if not crash.step:
            return


def phases(outcomes: Iterable[_T]) -> list[_T]:
    return [outcome for outcome, _ in groupby(outcomes)]


@pytest.fixture(scope="module")
def service(
    tmp_path_factory: pytest.TempPathFactory,
    on_servers: dict[str, str],
    keys: dict[TokenKind, SigningKey],
) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("crashing_service")
    settings = on_servers | in_environment(keys) | PATIENT
    with a_service(folder, (crashing_service.__name__,), **settings) as service:
        yield service
        assert service.end() == 0


@pytest.fixture
async def client(service: Service) -> AsyncIterator[Client]:
    """A client without keep-alive: its connections end with each server."""
    limits = httpx.Limits(max_keepalive_connections=0)
    async with Client(base_url=service.url, timeout=PATIENCE, limits=limits) as client:
        yield client


@pytest.fixture
def crashes(service: Service, client: Client) -> Iterator[Crash]:
    return one_before_each_step(service, client)


async def test_a_registration_cut_off_by_a_crash_can_be_repeated_or_was_stored(
    crashes: Iterator[Crash], client: Client
) -> None:
    seen = []
    for crash in crashes:
        with crash.expected():
            assert (await client.register(crash.email)).status_code == 200

        seen.append((await client.register(crash.email)).status_code)

        assert (await client.log_in(crash.email)).status_code == 200
        assert (await client.register(crash.email)).status_code == 409
    assert phases(seen) == [200, 409]


async def test_a_login_cut_off_by_a_crash_can_be_repeated(
    crashes: Iterator[Crash], client: Client
) -> None:
    steps = []
    for crash in crashes:
        assert (await client.register(crash.email)).status_code == 200
        with crash.expected():
            assert (await client.log_in(crash.email)).status_code == 200

        await assert_they_log_in_and_go_on(client, crash.email)
        steps.append(crash.step)
    assert "SessionStore.add" in steps


async def test_a_login_that_rehashes_can_be_repeated_after_a_crash(
    crashes: Iterator[Crash], client: Client, on_servers: dict[str, str]
) -> None:
    steps = []
    for crash in crashes:
        await register_yesterday(crash.email, on_servers["DATABASE_URL"])
        with crash.expected():
            assert (await client.log_in(crash.email)).status_code == 200

        await assert_they_log_in_and_go_on(client, crash.email)
        steps.append(crash.step)
    assert {"UserRepository.replace", "SessionStore.add"} <= set(steps)


async def test_a_refresh_cut_off_by_a_crash_can_be_repeated(
    crashes: Iterator[Crash], client: Client
) -> None:
    steps = []
    for crash in crashes:
        tokens = await client.obtain_tokens(crash.email)
        with crash.expected():
            assert (await client.refresh(tokens["refresh_token"])).status_code == 200

        assert (await client.me(tokens["access_token"])).status_code == 200
        answers = [await client.refresh(tokens["refresh_token"]) for _ in range(2)]

        assert [answer.status_code for answer in answers] == [200, 200]
        assert answers[0].json() == answers[1].json()  # the one successor
        assert await is_alive(client, answers[0].json())
        steps.append(crash.step)
    assert "SessionStore.replace" in steps


async def test_reuse_of_a_stolen_token_revokes_the_session_despite_a_crash(
    crashes: Iterator[Crash], client: Client
) -> None:
    seen = []
    for crash in crashes:
        stolen = await client.obtain_tokens(crash.email)
        cookie = {"Cookie": "device=of the owner"}
        newer = (await client.refresh(stolen["refresh_token"], headers=cookie)).json()
        newest = (await client.refresh(newer["refresh_token"], headers=cookie)).json()
        with crash.expected():
            assert (await client.refresh(stolen["refresh_token"])).status_code == 401

        seen.append(await is_alive(client, newest, headers=cookie))

        assert (await client.refresh(stolen["refresh_token"])).status_code == 401
        assert not await is_alive(client, newest, headers=cookie)
    assert phases(seen) == [True, False]


async def test_a_logout_cut_off_by_a_crash_can_be_repeated(
    crashes: Iterator[Crash], client: Client
) -> None:
    seen = []
    for crash in crashes:
        tokens = await client.obtain_tokens(crash.email)
        access, refresh = bearer(tokens["access_token"]), tokens["refresh_token"]
        with crash.expected():
            assert (await client.log_out(refresh, headers=access)).status_code == 200

        seen.append(await is_alive(client, tokens))

        assert (await client.log_out(refresh, headers=access)).status_code == 200
        assert not await is_alive(client, tokens)
    assert phases(seen) == [True, False]


async def test_a_logout_from_two_sessions_can_be_repeated_after_a_crash(
    crashes: Iterator[Crash], client: Client
) -> None:
    seen = []
    for crash in crashes:
        one, other = [await client.obtain_tokens(crash.email) for _ in range(2)]
        access, refresh = bearer(one["access_token"]), other["refresh_token"]
        with crash.expected():
            assert (await client.log_out(refresh, headers=access)).status_code == 200

        seen.append((await is_alive(client, one), await is_alive(client, other)))

        assert (await client.log_out(refresh, headers=access)).status_code == 200
        assert not await is_alive(client, one)
        assert not await is_alive(client, other)
    assert phases(seen) == [(True, True), (False, True), (False, False)]


async def test_no_other_session_survives_a_password_change_despite_a_crash(
    crashes: Iterator[Crash], client: Client
) -> None:
    seen = []
    for crash in crashes:
        mine, stolen = [await client.obtain_tokens(crash.email) for _ in range(2)]
        access = bearer(mine["access_token"])
        with crash.expected():
            answer = await client.change_password(headers=access)
            assert answer.status_code == 200
            mine = answer.json()

        is_thief_in = await is_alive(client, stolen)
        am_i_in = await is_alive(client, mine)
        good = await good_passwords(client, crash.email)

        seen.append((good, is_thief_in, am_i_in))
        # Both change in one step. Starting the new session is another step.
        assert is_thief_in is (good == [PASSWORD])
        answer = await client.log_in(crash.email, password=good[0], transport="bearer")
        access = bearer(answer.json()["access_token"])
        again = await client.change_password(good[0], NEW_PASSWORD, headers=access)
        assert again.status_code == 200
        assert await good_passwords(client, crash.email) == [NEW_PASSWORD]
        assert not await is_alive(client, stolen)
    assert phases(seen) == [
        ([PASSWORD], True, True),
        ([NEW_PASSWORD], False, False),
        ([NEW_PASSWORD], False, True),  # no crash
    ]


async def register_yesterday(email: str, users_url: str) -> None:
    """Store a password hash of a weaker configuration."""
    weak = argon2.PasswordHasher(
        time_cost=1, memory_cost=cheap_hashes.COST.memory_kib, parallelism=1
    )
    backend = backend_for(users_url, "users")
    assert backend.users
    async with backend.connect(users_url, StoreOptions()) as connection:
        user = a_user(email=Email.parse(email), password_hash=weak.hash(PASSWORD))
        await backend.users(connection).add(user)


async def assert_they_log_in_and_go_on(client: Client, email: str) -> None:
    """Expect that no leftover of the crash, such as half a session, disturbs a login."""
    answer = await client.log_in(email, transport="bearer")
    assert answer.status_code == 200
    access = bearer(answer.json()["access_token"])
    changed = await client.change_password(headers=access)
    assert changed.status_code == 200
    assert await is_alive(client, changed.json())
    assert await good_passwords(client, email) == [NEW_PASSWORD]


async def is_alive(client: Client, tokens: Tokens, **options: Any) -> bool:
    """Expect both tokens of a session to be valid, or neither.

    :param options: of the request that refreshes.
    """
    answers = [
        (await client.me(tokens["access_token"])).status_code,
        (await client.refresh(tokens["refresh_token"], **options)).status_code,
    ]
    assert answers in ([200, 200], [401, 401])
    return answers == [200, 200]


async def good_passwords(client: Client, email: str) -> list[str]:
    return [
        password
        for password in (PASSWORD, NEW_PASSWORD)
        if (await client.log_in(email, password=password)).status_code == 200
    ]
