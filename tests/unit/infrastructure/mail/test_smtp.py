"""Mail by SMTP, with a real server: TLS, logins, refusals, slow and dying servers."""

import asyncio
import functools
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from application.ports import Letter, MailDelayed, MailNotSent, MailRefused
from domain.mail.message import MailKind
from infrastructure.config.environment_variables import ConfigurationError
from infrastructure.config.settings import Settings
from infrastructure.mail.smtp import SmtpMail
from infrastructure.mail.smtp_server import SmtpServer
from infrastructure.mail.tls import tls_context
from tests.support.certificates import Authority
from tests.support.letters import TOKEN, URL, a_letter, a_writer, part
from tests.support.smtp_server import (
    HOST,
    LOGIN,
    PASSWORD,
    USER,
    MailServer,
    a_mail_server,
    authenticator,
)

pytestmark = pytest.mark.slow  # servers that do not answer

PATIENCE = 60.0
CREDENTIALS = f"{quote(USER)}:{quote(PASSWORD, safe='')}@"


read_authorities = functools.cache(tls_context)
"""It takes 35 ms to read those of this machine."""


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@asynccontextmanager
async def sending(
    url: str, ca_file: Path | None = None, limit: float = PATIENCE, **options: Any
) -> AsyncIterator[SmtpMail]:
    parsed = Settings.read({"MAIL_URL": url}).mail.url
    assert parsed is not None
    server = SmtpServer(parsed, read_authorities(ca_file), PATIENCE, "id.example")
    sender = SmtpMail(server, a_writer(), limit, **options)
    try:
        yield sender
    finally:
        await sender.close()


def plain(server: MailServer) -> str:
    return f"smtp://{HOST}:{server.port}"


async def failure(sender: SmtpMail, letter: Letter | None = None) -> MailNotSent:
    with pytest.raises(MailNotSent) as failed:
        await sender.send(letter or a_letter())
    assert "opinion" not in "".join(traceback.format_exception(failed.value))
    return failed.value


async def until(condition: Any) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - the server sets no event
            await asyncio.sleep(0.005)


async def test_a_mail_server_gets_the_mail() -> None:
    async with a_mail_server() as server, sending(plain(server)) as sender:
        await sender.send(a_letter(locale="de"))

        (delivered,) = server.delivered
        assert (delivered.sender, delivered.recipients) == (
            "no-reply@id.example",
            ["ada@example.com"],
        )
        assert delivered.mail["To"] == "ada@example.com"
        assert f"{URL}/reset#token={TOKEN}" in part(delivered.mail, "plain").splitlines()


@pytest.mark.parametrize("scheme", ["smtps", "smtp+starttls"])
async def test_mail_is_sent_over_tls_with_a_login(scheme: str, authority: Authority) -> None:
    options = LOGIN | ({"auth_require_tls": False} if scheme == "smtps" else {})
    async with a_mail_server(authority, is_implicit=scheme == "smtps", **options) as server:
        url = f"{scheme}://{CREDENTIALS}{HOST}:{server.port}"
        async with sending(url, authority.file) as sender:
            await sender.send(a_letter())

    assert len(server.delivered) == 1


@pytest.mark.parametrize("scheme", ["smtps", "smtp+starttls"])
async def test_a_certificate_of_an_unknown_ca_delays_mail(
    scheme: str, authority: Authority
) -> None:
    async with (
        a_mail_server(authority, is_implicit=scheme == "smtps") as server,
        sending(f"{scheme}://{HOST}:{server.port}") as sender,
    ):
        assert (await failure(sender)).reason == "tls_failed"


async def test_a_certificate_of_another_host_delays_mail(authority: Authority) -> None:
    async with (
        a_mail_server(authority, is_implicit=True) as server,
        sending(f"smtps://localhost:{server.port}", authority.file) as sender,
    ):
        assert (await failure(sender)).reason == "tls_failed"


async def test_no_mail_and_no_password_is_sent_to_a_server_without_starttls() -> None:
    async with a_mail_server(authenticator=authenticator, auth_require_tls=False) as server:
        url = f"smtp+starttls://{CREDENTIALS}{HOST}:{server.port}"
        async with sending(url) as sender:
            assert (await failure(sender)).reason == "starttls_missing"

    assert set(server.commands) == {"EHLO"}


async def test_smtps_to_a_server_that_speaks_plain_smtp_fails() -> None:
    async with a_mail_server() as server, sending(f"smtps://{HOST}:{server.port}") as sender:
        assert (await failure(sender)).reason == "tls_failed"


async def test_a_wrong_password_delays_mail() -> None:
    async with (
        a_mail_server(auth_require_tls=False, **LOGIN) as server,
        sending(f"smtp://{USER}:wrong@{HOST}:{server.port}") as sender,
    ):
        failed = await failure(sender)

    assert (type(failed), failed.reason) == (MailDelayed, "login_failed")


async def test_a_server_that_offers_no_login_delays_mail() -> None:
    async with (
        a_mail_server() as server,
        sending(f"smtp://{CREDENTIALS}{HOST}:{server.port}") as sender,
    ):
        assert (await failure(sender)).reason == "login_missing"


async def test_a_server_that_wants_a_login_delays_mail() -> None:
    async with (
        a_mail_server(auth_require_tls=False, **LOGIN) as server,
        sending(plain(server)) as sender,
    ):
        failed = await failure(sender)

    assert (type(failed), failed.reason) == (MailDelayed, "smtp_530")


@pytest.mark.parametrize(
    ("recipient", "kind", "reason"),
    [
        ("rcpt-550", MailRefused, "smtp_550"),
        ("rcpt-554", MailRefused, "smtp_554"),
        ("rcpt-451", MailDelayed, "smtp_451"),
        ("rcpt-421", MailDelayed, "smtp_421"),
        ("rcpt-530", MailDelayed, "smtp_530"),
        ("rcpt-999", MailDelayed, "smtp_invalid"),
        ("data-554", MailRefused, "smtp_554"),
        ("data-452", MailDelayed, "smtp_452"),
        ("data-421", MailDelayed, "smtp_421"),
        ("dies", MailDelayed, "connection_lost"),
    ],
)
async def test_a_refusal_is_told_from_a_delay_and_the_next_mail_is_sent(
    recipient: str, kind: type[MailNotSent], reason: str
) -> None:
    async with a_mail_server() as server, sending(plain(server)) as sender:
        failed = await failure(sender, a_letter(to=f"{recipient}@example.com"))
        await sender.send(a_letter())

    assert (type(failed), failed.reason) == (kind, reason)
    assert [each.recipients for each in server.delivered] == [["ada@example.com"]]


async def test_a_refusal_stays_one_if_the_server_does_not_answer_what_follows() -> None:
    async with a_mail_server() as server, sending(plain(server), limit=10) as sender:
        server.is_reset_slow = True
        failed = await failure(sender, a_letter(to="rcpt-550@example.com"))
        server.may_go_on.set()

    assert (type(failed), failed.reason) == (MailRefused, "smtp_550")


async def test_a_refused_sender_delays_mail_for_the_operator_can_mend_it() -> None:
    async with a_mail_server() as server, sending(plain(server)) as sender:
        server.sender_answer = "553 no such sender"
        failed = await failure(sender)

    assert (type(failed), failed.reason) == (MailDelayed, "smtp_553")


async def test_a_port_that_nothing_listens_on_delays_mail() -> None:
    async with a_mail_server() as server:
        url = plain(server)
    async with sending(url) as sender:
        assert (await failure(sender)).reason == "connection_refused"


async def test_an_unknown_host_delays_mail() -> None:
    async with sending("smtp://mail.invalid") as sender:
        assert (await failure(sender)).reason == "host_unknown"


class _Scripted(asyncio.Protocol):
    """Says one of its answers at the beginning and after each command, and then ends."""

    def __init__(self, answers: list[bytes]) -> None:
        self._answers = iter(answers)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport
        self.data_received(b"")

    def data_received(self, _data: bytes) -> None:
        answer = next(self._answers, None)
        if answer is None:
            self._transport.close()
        else:
            self._transport.write(answer)


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ([], "connection_lost"),
        ([b"554 the secret opinion of the server\r\n"], "smtp_554"),
        ([b"SSH-2.0-opinion\r\n"], "smtp_invalid"),
        ([b"2" * 40_000], "smtp_invalid"),
        ([b"220 x\r\n", b"502 no EHLO\r\n"], "smtp_502"),
        ([b"220 x\r\n", b"250-x\r\n250 AUTH CRAM-MD5\r\n", b"334 abc\r\n"], "login_failed"),
        ([b"220 x\r\n", b"250-x\r\n250 AUTH GSSAPI\r\n"], "login_missing"),
        ([b"220 x\r\n", b"250-x\r\n250 AUTH PLAIN\r\n", b"454 later\r\n"], "login_failed"),
        ([b"220 x\r\n", b"250-x\r\n250 AUTH PLAIN\r\n"], "connection_lost"),
    ],
)
async def test_a_server_that_breaks_the_protocol_delays_mail(
    answers: list[bytes], reason: str
) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: _Scripted(answers), HOST, 0)
    port = server.sockets[0].getsockname()[1]
    async with server, sending(f"smtp://{CREDENTIALS}{HOST}:{port}") as sender:
        failed = await failure(sender)

    assert (type(failed), failed.reason) == (MailDelayed, reason)


async def test_a_server_that_does_not_answer_in_time_delays_mail() -> None:
    async with a_mail_server() as server, sending(plain(server), limit=0.1) as sender:
        failed = await failure(sender, a_letter(to="waits@example.com"))

    assert (type(failed), failed.reason) == (MailDelayed, "timeout")


async def test_mails_share_a_connection() -> None:
    async with a_mail_server() as server, sending(plain(server)) as sender:
        for _ in range(3):
            await sender.send(a_letter())
        await failure(sender, a_letter(to="rcpt-550@example.com"))
        await sender.send(a_letter())

    assert len(server.delivered) == 4
    assert server.connections == 1
    assert server.commands[-1] == "QUIT"


async def test_parallel_mails_use_a_few_connections_and_do_not_wait_for_a_slow_one() -> None:
    async with a_mail_server() as server, sending(plain(server), connections=2) as sender:
        slow = asyncio.create_task(sender.send(a_letter(to="waits@example.com")))
        await until(lambda: server.busy)
        await asyncio.gather(*(sender.send(a_letter()) for _ in range(10)))
        assert not slow.done()
        server.may_go_on.set()
        await slow

    assert len(server.delivered) == 11
    assert server.connections == 2


async def test_a_mail_survives_that_the_server_has_ended_the_idle_connection() -> None:
    async with a_mail_server() as server, sending(plain(server)) as sender:
        await sender.send(a_letter())
        server.end_connections()
        await sender.send(a_letter())

    assert len(server.delivered) == server.connections == 2


async def test_an_idle_connection_is_closed_after_a_while() -> None:
    async with a_mail_server() as server, sending(plain(server), idle=0.0) as sender:
        await sender.send(a_letter())
        await until(lambda: server.commands[-1] == "QUIT" and not server.open)


async def test_a_cancelled_mail_leaves_no_connection_in_use() -> None:
    async with a_mail_server() as server, sending(plain(server), connections=1) as sender:
        sends = asyncio.create_task(sender.send(a_letter(to="waits@example.com")))
        await until(lambda: server.busy)
        sends.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sends
        server.may_go_on.set()
        await sender.send(a_letter())

    assert [each.recipients for each in server.delivered] == [["ada@example.com"]]


async def test_an_address_that_is_not_ascii_is_sent_with_smtputf8() -> None:
    async with a_mail_server() as server, sending(plain(server)) as sender:
        await sender.send(a_letter(to="müller@tür.example"))

    (delivered,) = server.delivered
    assert delivered.recipients == ["müller@xn--tr-xka.example"]
    assert "SMTPUTF8" in delivered.options


async def test_a_domain_that_is_not_ascii_needs_no_smtputf8() -> None:
    async with a_mail_server() as server, sending(plain(server)) as sender:
        await sender.send(a_letter(to="ada@tür.example"))

    (delivered,) = server.delivered
    assert delivered.recipients == ["ada@xn--tr-xka.example"]
    assert delivered.options == []


async def test_a_server_without_smtputf8_cannot_reach_an_address_that_is_not_ascii() -> None:
    async with a_mail_server(enable_SMTPUTF8=False) as server, sending(plain(server)) as sender:
        failed = await failure(sender, a_letter(to="müller@example.com"))
        await sender.send(a_letter())

    assert (type(failed), failed.reason) == (MailRefused, "smtputf8_missing")


@pytest.mark.parametrize("to", ["a..b@example.com", "o'neil+tag=x@example.com", "-a@example.com"])
async def test_an_unusual_address_reaches_its_mailbox(to: str) -> None:
    async with a_mail_server() as server, sending(plain(server)) as sender:
        await sender.send(a_letter(to=to))

    (delivered,) = server.delivered
    assert [each.replace('"', "") for each in delivered.recipients] == [to]


async def test_a_line_of_a_dot_does_not_end_the_mail() -> None:
    async with a_mail_server() as server, sending(plain(server)) as sender:
        fact = ".\r\nMAIL FROM:<eve@evil.example>"
        await sender.send(a_letter(kind=MailKind.NEW_DEVICE, facts={"address": fact}))

    (delivered,) = server.delivered
    assert "MAIL FROM" in part(delivered.mail, "plain").replace("\n", " ")


async def test_the_check_connects_and_sends_nothing(authority: Authority) -> None:
    async with a_mail_server(authority, **LOGIN) as server:
        url = f"smtp+starttls://{CREDENTIALS}{HOST}:{server.port}"
        async with sending(url, authority.file) as sender:
            await sender.check()
        async with sending(url.replace("smtp+starttls", "smtps"), authority.file) as sender:
            with pytest.raises(MailDelayed, match="tls_failed"):
                await sender.check()

    assert not server.delivered
    assert "MAIL" not in server.commands


def test_a_ca_file_has_to_hold_a_certificate(tmp_path: Path, authority: Authority) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing")

    assert tls_context(authority.file).cert_store_stats()["x509_ca"] == 1
    with pytest.raises(ConfigurationError, match=r"^MAIL_CA_FILE is a file without a certificate"):
        tls_context(empty)
    with pytest.raises(ConfigurationError, match=r"^MAIL_CA_FILE cannot be read: No such file"):
        tls_context(tmp_path / "none.pem")
