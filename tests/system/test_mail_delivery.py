"""The outbox with a real mail server: kills, outages, several workers, and what a dump shows."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from application.mail.one_time_tokens import FindToken
from application.ports import NO_EFFECTS, MailSender
from domain.email import Email
from domain.errors import OneTimeTokenInvalid
from domain.mail.message import DeliveryState, MailKind, Message
from domain.mail.one_time_token import Purpose, digest_of
from domain.user import User
from doorward.conformance.support.examples import a_message, a_user
from doorward.conformance.support.opening import MailStores, open_mail
from infrastructure.clock import system_clock
from infrastructure.storage.sql.tables import metadata
from tests.conftest import url_for
from tests.contracts.conftest import by_hand
from tests.support.doubles import SettableClock
from tests.support.processes import QUICK, a_service, fork
from tests.support.smtp_server import Delivered, MailServer, a_mail_server
from tests.support.waiting import PATIENCE, until
from tests.system import crashing_mail_worker as program
from tests.system.crashing_service import CRASH_MESSAGE

LEASE = timedelta(minutes=2)
STEPS = [
    "Outbox.lease",
    "UserRepository.by_email",
    "OneTimeTokenStore.issue",
    "MailSender.send",
    "Outbox.replace",
]
"""Of one delivery, in their order."""


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    return url_for(request.param, request)


@pytest.fixture
async def mail_server() -> AsyncIterator[MailServer]:
    async with a_mail_server() as server:
        yield server


@pytest.fixture
async def sender(mail_server: MailServer) -> AsyncIterator[MailSender]:
    smtp = program.smtp_mail(mail_server.port)
    yield smtp
    await smtp.close()


def token_in(delivered: Delivered) -> str:
    [token] = re.findall(r"#token=([\w-]{43})", str(delivered.mail.get_body(("plain",))))
    return str(token)


def ids_of(delivered: Sequence[Delivered]) -> Counter[str]:
    """Count the mails by their Message-ID."""
    return Counter(str(each.mail["Message-ID"]) for each in delivered)


async def add_users(url: str, count: int) -> list[User]:
    users = [a_user(email=program.address(number)) for number in range(1, count + 1)]
    async with open_mail(url) as stores:
        await stores.users.add_all(users)
    return users


async def queue(url: str, *messages: Message) -> None:
    async with open_mail(url) as stores:
        await stores.outbox.add(NO_EFFECTS.with_messages(*messages))


async def test_a_kill_between_two_steps_loses_no_mail(
    url: str, mail_server: MailServer, sender: MailSender, tmp_path: Path
) -> None:
    await add_users(url, len(STEPS) + 1)

    command = [program.__name__, url, str(mail_server.port)]
    errors = tmp_path / "errors"
    with errors.open("wb") as written:
        process = fork(command, tmp_path, {}, written.fileno(), written.fileno())
    code = await asyncio.to_thread(process.wait, PATIENCE)
    assert code == 0, errors.read_text()
    assert re.findall(f"{CRASH_MESSAGE}(.+)", errors.read_text()) == STEPS
    # Only the last two were sent: the one killed before its row was marked, and that of no kill.
    assert [each.recipients for each in mail_server.delivered] == [
        [f"user{number}@example.org"] for number in (len(STEPS), len(STEPS) + 1)
    ]
    before = list(mail_server.delivered)

    later = SettableClock(system_clock() + LEASE)
    async with open_mail(url) as stores:
        await program.worker(stores, sender, later)()
        states = [each.state for each in await stores.outbox.page(None, None, 10)]

    assert states == [DeliveryState.SENT] * (len(STEPS) + 1)
    again = mail_server.delivered[len(before) :]
    assert len(again) == len(STEPS)
    counts = ids_of(mail_server.delivered)
    assert sorted(counts.values()) == [1] * len(STEPS) + [2]
    [twice] = [each for each in again if counts[str(each.mail["Message-ID"])] == 2]
    assert token_in(twice) == token_in(before[0])


async def test_workers_share_the_queue_and_send_nothing_twice(
    url: str, mail_server: MailServer
) -> None:
    await queue(url, *(a_message(to=program.address(number)) for number in range(60)))

    async def work(stores: MailStores) -> None:
        sender = program.smtp_mail(mail_server.port)
        await program.worker(stores, sender)()
        await sender.close()

    async with AsyncExitStack() as stack:
        nodes = [await stack.enter_async_context(open_mail(url)) for _ in range(3)]
        await asyncio.gather(*map(work, nodes))

    assert len(mail_server.delivered) == 60
    assert set(ids_of(mail_server.delivered).values()) == {1}


async def test_an_outage_of_the_mail_server_heals_by_itself(
    sqlite_url: str, mail_server: MailServer, sender: MailSender
) -> None:
    await queue(sqlite_url, message := a_message())
    nothing_listens = program.smtp_mail(1)
    clock = SettableClock(system_clock())
    async with open_mail(sqlite_url) as stores:
        await program.worker(stores, nothing_listens, clock)()
        delayed = await stores.outbox.get(message.id)
        assert delayed is not None
        assert (delayed.state, delayed.error) == (DeliveryState.QUEUED, "connection_refused")

        clock.now = delayed.due_at
        await program.worker(stores, sender, clock)()

    assert len(mail_server.delivered) == 1


async def test_a_dump_of_the_database_has_no_usable_token(
    url: str, mail_server: MailServer, sender: MailSender
) -> None:
    [user] = await add_users(url, 1)
    now = system_clock()
    kinds = [MailKind.PASSWORD_RESET, MailKind.EMAIL_VERIFICATION, MailKind.EMAIL_CHANGED]
    await queue(
        url,
        *(a_message(kind=kind, to=user.email, user_id=user.id, created_at=now) for kind in kinds),
    )
    async with open_mail(url) as stores:
        await program.worker(stores, sender)()
        find = FindToken(stores.tokens, stores.users, system_clock)

        for delivered in mail_server.delivered:
            assert await purposes_of(find, token_in(delivered)), "the tokens in mails are good"
        candidates = await words_in_dump(url)
        assert digest_of(token_in(mail_server.delivered[0])) in candidates, "it is the dump"
        for candidate in candidates:
            assert await purposes_of(find, candidate) == []

    assert len(mail_server.delivered) == len(kinds)


async def words_in_dump(url: str) -> set[str]:
    """Return what could be a token: all words of the dump, and all parts with its length."""
    words = set[str]()
    for table in metadata.sorted_tables:
        for row in await by_hand(url, select(table)):
            words |= set(re.findall(r"[\w-]{32,}", repr(tuple(row))))
    return words | {word[at : at + 43] for word in words for at in range(len(word) - 42)}


async def purposes_of(find: FindToken, token: str) -> list[Purpose]:
    """Return the purposes for which a token is good now."""
    found = []
    for purpose in Purpose:
        try:
            await find(token, purpose)
        except OneTimeTokenInvalid:
            continue
        found.append(purpose)
    return found


async def test_requests_do_not_wait_for_a_slow_mail_server(
    sqlite_url: str, mail_server: MailServer, tmp_path: Path
) -> None:
    slow = a_user(email=Email.parse("waits@example.org"))
    kinds = [MailKind.PASSWORD_RESET] * 3 + [MailKind.PASSWORD_CHANGED] * 9
    async with open_mail(sqlite_url) as stores:
        await stores.users.add(slow)
    await queue(sqlite_url, *(a_message(kind=each, to=slow.email) for each in kinds))
    settings = QUICK | {
        "DATABASE_URL": sqlite_url,
        "MAIL_URL": f"smtp://127.0.0.1:{mail_server.port}",
        "MAIL_FROM": "no-reply@id.example",
        "WORKERS": "2",
    }
    loop = asyncio.get_running_loop()

    def serve() -> tuple[int, str]:
        with a_service(tmp_path, **settings) as service:
            # Each process sends at most eight at a time.
            until(lambda: mail_server.busy == len(kinds), "deliveries of both workers that wait")
            credentials = {"email": "eve@example.org", "password": "a wrong password"}
            answer = httpx.post(f"{service.url}/api/auth/login", json=credentials)
            loop.call_soon_threadsafe(mail_server.may_go_on.set)
            until(lambda: service.log.count('"mail_sent"') == len(kinds), "all deliveries")
            service.end()
            return answer.status_code, service.log

    status, log = await asyncio.to_thread(serve)

    assert status == 400  # of a wrong password: it was looked up and hashed
    assert set(ids_of(mail_server.delivered).values()) == {1}
    tokens = [token_in(each) for each in mail_server.delivered if "#token=" in str(each.mail)]
    assert len(tokens) == 3
    assert not any(each in log or digest_of(each) in log for each in tokens)
    assert "waits@" not in log
