"""How fast the outbox is emptied, compared with the mail server alone, and what memory it takes.

The mail server is a process of its own that accepts everything. The reference sends the same
letters to it as fast as the sender can, without an outbox.
"""

import asyncio
import resource
import time
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection

from application.mail.delivery import DeliverMail, WriteLetter
from application.mail.one_time_tokens import IssueToken
from application.ports import NO_EFFECTS, Letter
from bench.report import Report, Series, at_least, at_most, row
from bench.testbed import Scale, Testbed
from domain.mail.message import Delivery, Message
from doorward.conformance.support.examples import a_message
from doorward.conformance.support.opening import MailStores, open_mail
from infrastructure.clock import system_clock
from infrastructure.mail.smtp import CONNECTIONS, SmtpMail
from infrastructure.signing.one_time_secrets import HmacOneTimeSecrets
from tests.support.smtp_server import a_mail_server
from tests.system.crashing_mail_worker import smtp_mail

_ROWS = 1000  # of one statement


def measure(testbed: Testbed, scale: Scale, report: Report) -> None:
    with _mail_server() as port, testbed.stores() as urls:
        alone, drained, megabytes = asyncio.run(_measure(urls.users, port, scale.mails))
    reference = Series("letters sent without an outbox", [alone])
    report.add(row(reference, "1/s"))
    name = f"the outbox empties {scale.mails} mails"
    report.add(row(Series(name, [drained]), "1/s", reference, at_least(0.3)))
    growth = Series(f"memory that the last nine tenths of {scale.mails} mails add", [megabytes])
    report.add(row(growth, "MB", target=at_most(10)))


@contextmanager
def _mail_server() -> Iterator[int]:
    ours, its = get_context("spawn").Pipe()
    process = get_context("spawn").Process(target=_serve, args=(its,), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        ours.send(None)
        process.join()


def _serve(control: Connection) -> None:
    async def serve() -> None:
        async with a_mail_server() as server:
            control.send(server.port)
            await asyncio.to_thread(control.recv)

    asyncio.run(serve())


async def _measure(url: str, port: int, count: int) -> tuple[float, float, float]:
    """
    :returns: letters a second without an outbox and with it, and the megabytes that were added.
    """
    sender = smtp_mail(port)
    alone = await _rate(_send_all(sender, count // 10), count // 10)
    async with open_mail(url) as stores:
        await _queue(stores, count // 10)
        await _drain(stores, sender)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        await _queue(stores, count - count // 10)
        queued = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        drained = await _rate(_drain(stores, sender), count - count // 10)
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        assert (await stores.outbox.status()).queued == 0
    await sender.close()
    return alone, drained, (after - max(before, queued)) / 1024


async def _rate(work: Awaitable[None], count: int) -> float:
    began = time.perf_counter()
    await work
    return count / (time.perf_counter() - began)


async def _send_all(sender: SmtpMail, count: int) -> None:
    messages = iter([a_message() for _ in range(count)])

    async def send() -> None:
        for message in messages:
            await sender.send(_letter(message))

    await asyncio.gather(*(send() for _ in range(CONNECTIONS)))


def _letter(message: Message) -> Letter:
    return Letter(
        message.id,
        message.kind,
        message.to.address,
        message.locale,
        message.created_at,
        message.expires_at,
        message.facts,
    )


async def _queue(stores: MailStores, count: int) -> None:
    for first in range(0, count, _ROWS):
        some = [a_message() for _ in range(min(_ROWS, count - first))]
        await stores.outbox.add(NO_EFFECTS.with_messages(*some))


async def _drain(stores: MailStores, sender: SmtpMail) -> None:
    secrets = HmacOneTimeSecrets(lambda: [b"outside the database"])
    writing = WriteLetter(
        stores.users, IssueToken(stores.tokens, secrets, system_clock), system_clock
    )
    await DeliverMail(stores.outbox, writing, sender, _ignore, system_clock)()


def _ignore(_delivery: Delivery) -> None:
    """Report nothing."""
