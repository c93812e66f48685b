"""A real mail server for tests, in the event loop of the test."""

import asyncio
import ssl
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from tests.support.certificates import Authority

HOST = "127.0.0.1"
USER, PASSWORD = "ada@example.com", "p@ss:w/örd"


def authenticator(*args: Any) -> AuthResult:
    """Accept the one user with its password."""
    data = args[-1]
    is_known = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=is_known, handled=False)


LOGIN: dict[str, Any] = {"authenticator": authenticator, "auth_required": True}
"""Options of :func:`a_mail_server`: only that user may send."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """A mail that the server is responsible for."""

    sender: str
    recipients: list[str]
    mail: EmailMessage
    options: list[str]


@dataclass
class MailServer:
    """What the server does by a recipient's local part, and what it has received.

    ``rcpt-550`` and ``data-451`` are answered with these codes; the connection of ``dies`` is cut
    in the middle of the data; ``waits`` gets an answer when :attr:`may_go_on` is set, and so does
    ``RSET`` if :attr:`is_reset_slow`.

    :ivar connections: how many there were.
    :ivar open: those that are open now.
    :ivar busy: how many deliveries wait.
    """

    port: int = 0
    delivered: list[Delivered] = field(default_factory=list)
    connections: int = 0
    open: set["_Protocol"] = field(default_factory=set)
    commands: list[str] = field(default_factory=list)
    may_go_on: asyncio.Event = field(default_factory=asyncio.Event)
    is_reset_slow: bool = False
    busy: int = 0
    sender_answer: str = ""

    def end_connections(self) -> None:
        """Cut all connections, as a server does that restarts."""
        for each in list(self.open):
            each.cut()

    # aiosmtpd calls these by name

    async def handle_MAIL(  # noqa: N802
        self,
        _server: SMTP,
        _session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        if self.sender_answer:
            return self.sender_answer
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self,
        _server: SMTP,
        _session: Session,
        envelope: Envelope,
        address: str,
        _options: list[str],
    ) -> str:
        local = address.rpartition("@")[0]
        if local == "waits":
            self.busy += 1
            await self.may_go_on.wait()
            self.busy -= 1
        if local.startswith("rcpt-"):
            return f"{local[5:]} the secret opinion of the server"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_RSET(  # noqa: N802
        self, _server: SMTP, _session: Session, _envelope: Envelope
    ) -> str:
        if self.is_reset_slow:
            await self.may_go_on.wait()
        return "250 OK"

    async def handle_DATA(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        local = envelope.rcpt_tos[0].rpartition("@")[0]
        if local.startswith("data-"):
            return f"{local[5:]} the secret opinion of the server"
        content = envelope.content
        assert isinstance(content, bytes)
        mail = BytesParser(EmailMessage, policy=policy.SMTPUTF8).parsebytes(content)
        sender = envelope.mail_from or ""
        self.delivered.append(
            Delivered(sender, list(envelope.rcpt_tos), mail, list(envelope.mail_options))
        )
        return "250 OK"


class _Protocol(SMTP):
    """Counts connections, and can be cut."""

    def __init__(self, server: MailServer, **options: Any) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about logins without TLS, which are tested, too
            super().__init__(server, hostname="mail.test", **{"enable_SMTPUTF8": True} | options)
        self._of = server
        self._lines = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if self not in self._of.open:  # STARTTLS makes it twice
            self._of.connections += 1
            self._of.open.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._of.open.discard(self)
        super().connection_lost(error)

    def data_received(self, data: bytes) -> None:
        self._of.commands.append(data[:4].decode("latin-1").strip())
        if b"To: dies@" in data:
            self.cut()
        else:
            super().data_received(data)

    def cut(self) -> None:
        transport: Any = self.transport
        transport.abort()


@asynccontextmanager
async def a_mail_server(
    authority: Authority | None = None, *, is_implicit: bool = False, **options: Any
) -> AsyncIterator[MailServer]:
    """Run a mail server.

    :param authority: issues its certificate; without one there is no TLS.
    :param is_implicit: TLS from the first byte, in place of STARTTLS.
    :param options: see :class:`aiosmtpd.smtp.SMTP`.
    """
    state = MailServer()
    tls = _tls(authority) if authority else None
    starttls = None if is_implicit else tls
    server = await asyncio.get_running_loop().create_server(
        lambda: _Protocol(state, tls_context=starttls, **options),
        HOST,
        0,
        ssl=tls if is_implicit else None,
    )
    state.port = server.sockets[0].getsockname()[1]
    try:
        yield state
    finally:
        state.may_go_on.set()
        state.end_connections()
        server.close()
        await server.wait_closed()


def _tls(authority: Authority) -> ssl.SSLContext:
    certificate, key = authority.issue(HOST)
    file = Path(authority.file.parent) / "mail.pem"
    file.write_bytes(certificate + key)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(file)
    return context
