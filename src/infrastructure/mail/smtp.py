"""Mail by SMTP (RFC 5321)."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from aiosmtplib import SMTP, SMTPDataError, SMTPException, SMTPRecipientRefused

from application.ports import Letter, MailDelayed, MailNotSent, MailRefused, MailSender
from infrastructure.mail.letters import LetterWriter, recipient_of
from infrastructure.mail.smtp_server import SmtpServer, reason_of

CONNECTIONS = 8
"""Parallel connections of a process, as many as it delivers letters at a time. Servers commonly
allow ten or more of one client."""

_IDLE = 5.0  # seconds
_FOR_THE_OPERATOR = {530, 534, 535, 538}
"""Refusals of the service, not of the mail: authentication is missing or too weak (RFC 4954)."""


@dataclass(frozen=True, slots=True)
class _Envelope:
    sender: str
    recipient: str
    content: bytes

    @property
    def needs_utf8(self) -> bool:
        """Whether the server has to support SMTPUTF8 (RFC 6531)."""
        return not self.recipient.isascii()


class SmtpMail(MailSender):
    """Hands letters to a mail server, several at once.

    A connection sends one letter after the other, and is closed when there have been none for a
    few seconds.

    :param timeout: for one letter, in seconds, without the time it waits for a connection.
    """

    def __init__(
        self,
        server: SmtpServer,
        writer: LetterWriter,
        timeout: float,
        connections: int = CONNECTIONS,
        idle: float = _IDLE,
    ) -> None:
        self._server = server
        self._writer = writer
        self._timeout = timeout
        self._idle_time = idle
        self._slots = asyncio.Semaphore(connections)
        self._idle: list[SMTP] = []
        self._timer: asyncio.TimerHandle | None = None
        self._closing: asyncio.Task[None] | None = None

    async def send(self, letter: Letter) -> None:
        envelope = _Envelope(
            self._writer.sender.address,
            recipient_of(letter).addr_spec,
            self._writer.write(letter, is_7bit=True).as_bytes(),
        )
        async with self._slots:
            try:
                async with asyncio.timeout(self._timeout):
                    await self._deliver(envelope)
            except (SMTPException, OSError) as error:
                raise MailDelayed(reason_of(error)) from None
            except ValueError:  # SMTP cannot transport the address
                raise MailRefused("address_invalid") from None

    async def check(self) -> None:
        """Connect as for a letter, and send none.

        :raises MailDelayed: the server cannot be used now.
        """
        try:
            async with asyncio.timeout(self._timeout):
                await _quit(await self._server.connect())
        except TimeoutError as error:
            raise MailDelayed(reason_of(error)) from None

    async def close(self) -> None:
        """Close the connections. A later letter opens another one."""
        if self._timer:
            self._timer.cancel()
        if self._closing:
            await self._closing
        await self._close_idle()

    async def _deliver(self, envelope: _Envelope) -> None:
        smtp = await self._begin(envelope)
        encoding = "utf-8" if envelope.needs_utf8 else "ascii"
        try:
            await smtp.rcpt(envelope.recipient, encoding=encoding)
            await smtp.data(envelope.content)
        except (SMTPRecipientRefused, SMTPDataError) as error:
            await self._keep_after_refusal(smtp)
            raise _not_sent(error) from None
        except BaseException:
            smtp.close()
            raise
        self._keep(smtp)

    async def _begin(self, envelope: _Envelope) -> SMTP:
        """Begin the letter on an idle connection, or on a new one."""
        while self._idle:
            smtp = self._idle.pop()
            with suppress(SMTPException, OSError):  # the server ends idle connections
                await self._mail(smtp, envelope)
                return smtp
        smtp = await self._server.connect()
        await self._mail(smtp, envelope)
        return smtp

    async def _mail(self, smtp: SMTP, envelope: _Envelope) -> None:
        if envelope.needs_utf8 and not smtp.supports_extension("smtputf8"):
            await _quit(smtp)
            raise MailRefused("smtputf8_missing")
        options = ["BODY=8BITMIME", "SMTPUTF8"] if envelope.needs_utf8 else []
        try:
            await smtp.mail(envelope.sender, options=options)
        except BaseException:
            smtp.close()
            raise

    async def _keep_after_refusal(self, smtp: SMTP) -> None:
        try:
            await smtp.rset(timeout=1)  # the refusal must not become a time-out
        except (SMTPException, OSError):
            smtp.close()
        except BaseException:
            smtp.close()
            raise
        else:
            self._keep(smtp)

    def _keep(self, smtp: SMTP) -> None:
        self._idle.append(smtp)
        if self._timer:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(self._idle_time, self._end_idle)

    def _end_idle(self) -> None:
        self._closing = asyncio.ensure_future(self._close_idle())

    async def _close_idle(self) -> None:
        idle, self._idle = self._idle, []
        await asyncio.gather(*map(_quit, idle))


async def _quit(smtp: SMTP) -> None:
    try:
        with suppress(SMTPException, OSError):
            await smtp.quit(timeout=1)
    finally:
        smtp.close()


def _not_sent(error: SMTPRecipientRefused | SMTPDataError) -> MailNotSent:
    is_final = 500 <= error.code < 600 and error.code not in _FOR_THE_OPERATOR
    return (MailRefused if is_final else MailDelayed)(reason_of(error))
