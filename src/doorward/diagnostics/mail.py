"""The check of mail, without sending any."""

import time

from application.ports import MailDelayed
from doorward.diagnostics.finding import Verdict
from doorward.wiring.mail.sender import letter_writer, smtp_mail
from infrastructure.config.mail.url import MailScheme, MailUrl
from infrastructure.config.settings import Settings
from infrastructure.mail.folder import is_writable

MEANINGS = {
    "connection_lost": "it ends the connection",
    "connection_refused": "nothing listens there",
    "host_unknown": "its host name is not known",
    "login_failed": "it refuses the user or the password",
    "login_missing": "it offers no login that Doorward knows",
    "smtp_invalid": "it does not speak SMTP",
    "starttls_missing": "it offers no STARTTLS",
    "timeout": "no answer in time",
    "tls_failed": "TLS fails, or its certificate is not valid for it; see MAIL_CA_FILE",
    "unreachable": "it cannot be reached",
}
"""What it means for the mail server that a mail was not sent for this reason."""


async def check_mail(settings: Settings) -> tuple[Verdict, str]:
    """Check sender, templates and destination; connect to a mail server, and send nothing."""
    destination = settings.mail.destination(settings.storage)
    if destination.scheme is MailScheme.OFF:
        return "info", "off: no mail is sent, and MAIL_URL changes that"
    if destination.has_server:
        return await _check_server(settings, destination)
    letter_writer(settings)
    if not destination.folder:
        return "info", "in memory (gone when the process ends)"
    if not is_writable(destination.folder):
        return "FAIL", f"no files can be written in {destination.folder.absolute()}"
    return "info", f"in files, in {destination.folder.absolute()}: none leaves this machine"


async def _check_server(settings: Settings, url: MailUrl) -> tuple[Verdict, str]:
    sender = smtp_mail(settings, url)
    start = time.perf_counter()
    try:
        await sender.check()
    except MailDelayed as error:
        explained = MEANINGS.get(error.reason, f"it answers {error.reason}")
        return "FAIL", f"mail server at {url.address} cannot be used: {explained}"
    took = (time.perf_counter() - start) * 1000
    tls = "unencrypted" if url.scheme is MailScheme.SMTP else "with TLS"
    login = ", logged in" if url.user is not None else ""
    if not url.is_local and "http://localhost" in str(settings.mail.pages(settings.http)):
        return "warn", "links lead to this machine: set PUBLIC_URL"
    return "ok", f"mail server at {url.address} answers in {took:.1f} ms, {tls}{login}"
