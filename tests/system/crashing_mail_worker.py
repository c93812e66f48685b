"""A program for tests: deliver mail in processes that are killed, each before a later step.

It queues a message and forks a process that delivers it and kills itself before the first step,
then another message and process for the second step, and so on, until one delivers its message.

Each message is for another user, from ``user1@example.org`` on.

Arguments: the URL of the users, and the port of the mail server.
``support/preloaded.py`` forks it.
"""

import asyncio
import multiprocessing
import signal
import ssl
import sys
from datetime import timedelta

from application.mail.delivery import DeliverMail, WriteLetter
from application.mail.one_time_tokens import IssueToken
from application.ports import (
    NO_EFFECTS,
    Clock,
    MailSender,
    OneTimeTokenStore,
    Outbox,
    UserRepository,
)
from domain.email import Email
from domain.mail.message import Delivery, MailKind
from doorward.conformance.support.examples import a_message
from doorward.conformance.support.opening import MailStores, open_mail
from infrastructure.clock import system_clock
from infrastructure.config.mail.url import MailScheme, MailUrl
from infrastructure.mail.smtp import SmtpMail
from infrastructure.mail.smtp_server import SmtpServer
from infrastructure.signing.one_time_secrets import HmacOneTimeSecrets
from tests.support.letters import a_writer
from tests.system.crashing_service import crash_before, with_steps

SECRET = b"outside the database"


def smtp_mail(port: int) -> SmtpMail:
    """Send to a server on this machine, without TLS."""
    url = MailUrl(MailScheme.SMTP, "127.0.0.1", port)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return SmtpMail(SmtpServer(url, tls, 60, "id.example"), a_writer(), 60)


def ignore(_delivery: Delivery) -> None:
    """Report nothing."""


def worker(stores: MailStores, sender: MailSender, clock: Clock = system_clock) -> DeliverMail:
    secrets = HmacOneTimeSecrets(lambda: [SECRET])
    writing = WriteLetter(stores.users, IssueToken(stores.tokens, secrets, clock), clock)
    return DeliverMail(stores.outbox, writing, sender, ignore, clock)


def address(number: int) -> Email:
    return Email.parse(f"user{number}@example.org")


async def queue(url: str, number: int) -> None:
    now = system_clock()
    message = a_message(
        kind=MailKind.PASSWORD_RESET,
        to=address(number),
        created_at=now,
        expires_at=now + timedelta(hours=1),
    )
    async with open_mail(url) as stores:
        await stores.outbox.add(NO_EFFECTS.with_messages(message))


async def deliver(url: str, port: int, step: int) -> None:
    async with open_mail(url) as stores:
        sender = smtp_mail(port)
        with_steps(stores.users, UserRepository)
        with_steps(stores.outbox, Outbox)
        with_steps(stores.tokens, OneTimeTokenStore)
        with_steps(sender, MailSender)
        crash_before(step)
        await worker(stores, sender)()
        await sender.close()


def main() -> None:
    url, port = sys.argv[1], int(sys.argv[2])
    exit_code, step = None, 0
    while exit_code != 0:
        step += 1
        asyncio.run(queue(url, step))
        process = multiprocessing.get_context("fork").Process(target=run, args=(url, port, step))
        process.start()
        process.join()
        exit_code = process.exitcode
        if exit_code not in {0, -signal.SIGKILL}:
            sys.exit(f"the worker ended by itself, with {exit_code}")


def run(url: str, port: int, step: int) -> None:
    asyncio.run(deliver(url, port, step))
