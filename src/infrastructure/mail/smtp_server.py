"""A mail server: how to connect to it, and the reasons for which that fails."""

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from socket import gaierror

from aiosmtplib import (
    SMTP,
    SMTPAuthenticationError,
    SMTPException,
    SMTPResponseException,
    SMTPServerDisconnected,
)

from application.ports import MailDelayed
from infrastructure.config.mail.url import MailScheme, MailUrl

_REASONS: dict[type[BaseException], str] = {
    ssl.SSLError: "tls_failed",
    gaierror: "host_unknown",
    TimeoutError: "timeout",
    ConnectionRefusedError: "connection_refused",
    SMTPServerDisconnected: "connection_lost",
    ConnectionError: "connection_lost",
    OSError: "unreachable",
}


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """The mail server of the operator.

    :ivar tls: verifies its certificate.
    :ivar timeout: of one command, in seconds.
    :ivar own_name: how the service introduces itself (RFC 5321, section 4.1.4).
    """

    url: MailUrl
    tls: ssl.SSLContext
    timeout: float
    own_name: str

    async def connect(self) -> SMTP:
        """Open a connection, with TLS and logged in as far as the URL says. Nothing is sent over
        an unencrypted connection if it says TLS.

        :raises MailDelayed: the server cannot be used now.
        """
        smtp = SMTP(
            hostname=self.url.host,
            port=self.url.port,
            local_hostname=self.own_name,
            timeout=self.timeout,
            use_tls=self.url.scheme is MailScheme.SMTPS,
            start_tls=False,  # below
            tls_context=self.tls,
        )
        try:
            await smtp.connect()
            await self._begin(smtp)
        except (SMTPException, OSError, ValueError) as error:  # of an odd response
            smtp.close()
            raise MailDelayed(reason_of(error)) from None
        except BaseException:
            smtp.close()
            raise
        return smtp

    async def _begin(self, smtp: SMTP) -> None:
        await smtp.ehlo()
        if self.url.scheme is MailScheme.STARTTLS:
            if not smtp.supports_extension("starttls"):
                raise MailDelayed("starttls_missing")
            await smtp.starttls()
            await smtp.ehlo()
        if self.url.user is not None:
            if not smtp.supported_auth_methods:
                raise MailDelayed("login_missing")
            await smtp.login(self.url.user, self.url.password)


def reason_of(error: BaseException) -> str:
    """Return the stable name of a failure. It has no text of the server."""
    if isinstance(error, SMTPAuthenticationError):
        return "login_failed"
    if isinstance(error, SMTPResponseException) and 400 <= error.code < 600:
        return f"smtp_{error.code}"
    causes = list(_causes(error))
    for known, reason in _REASONS.items():
        if any(isinstance(each, known) for each in causes):
            return reason
    return "smtp_invalid"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
