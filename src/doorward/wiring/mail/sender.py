"""Mail: the sender that ``MAIL_URL`` names, and what writes its letters."""

from collections.abc import AsyncIterator
from functools import cache
from typing import TYPE_CHECKING

from dishka import Provider, Scope, provide

from application.ports import MailSender
from infrastructure.config.environment_variables import ConfigurationError
from infrastructure.config.mail.settings import mail_domain
from infrastructure.config.mail.url import MailScheme, MailUrl
from infrastructure.config.settings import Settings
from infrastructure.mail.folder import MailFolder, is_writable
from infrastructure.mail.letters import LetterWriter
from infrastructure.mail.memory import MemoryMail
from infrastructure.mail.off import NoMail
from infrastructure.mail.rendering import Templates
from infrastructure.mail.tls import tls_context

if TYPE_CHECKING:
    from infrastructure.mail.smtp import SmtpMail


class MailProvider(Provider):
    """Provides the sender, and closes its connections with the container."""

    scope = Scope.APP

    @provide
    async def sender(self, settings: Settings) -> AsyncIterator[MailSender]:
        destination = settings.mail.destination(settings.storage)
        match destination.scheme:
            case MailScheme.OFF:
                yield NoMail()
            case MailScheme.MEMORY:
                yield MemoryMail(letter_writer(settings))
            case MailScheme.FOLDER if destination.folder:
                yield MailFolder(destination.folder, letter_writer(settings))
            case _:
                sender = smtp_mail(settings, destination)
                yield sender
                await sender.close()


def smtp_mail(settings: Settings, url: MailUrl) -> "SmtpMail":
    """
    :raises ConfigurationError: the sender, a template or the file of the CA is wrong.
    """
    # These take a while to import, and many processes send no mail.
    from infrastructure.mail.smtp import SmtpMail  # noqa: PLC0415
    from infrastructure.mail.smtp_server import SmtpServer  # noqa: PLC0415

    timeout = settings.mail.timeout.total_seconds()
    server = SmtpServer(
        url,
        tls_context(settings.mail.ca_file),
        timeout,
        mail_domain(settings.http),
    )
    return SmtpMail(server, letter_writer(settings), timeout)


def check_mail_settings(settings: Settings) -> None:
    """Check the sender, the templates and the CA, and make the folder that ``MAIL_URL`` names.

    :raises ConfigurationError: one of them cannot be used.
    """
    destination = settings.mail.destination(settings.storage)
    if destination.scheme is MailScheme.OFF:
        return
    letter_writer(settings)
    if destination.has_server or settings.mail.ca_file:
        tls_context(settings.mail.ca_file)
    if settings.mail.url and destination.folder:
        try:
            destination.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(
                "MAIL_URL", f"has a folder that cannot be made: {error.strerror}"
            ) from None
        if not is_writable(destination.folder):
            raise ConfigurationError("MAIL_URL", "has a folder that cannot be written to")


def letter_writer(settings: Settings) -> LetterWriter:
    """
    :raises ConfigurationError: a template is wrong, or a mail server needs a sender.
    """
    mail = settings.mail
    return LetterWriter(
        templates=_templates(settings),
        sender=mail.sender_at(settings.http),
        reply_to=mail.reply_to,
        url=settings.http.url,
        pages=mail.pages(settings.http),
        link_targets=frozenset(mail.link_targets),
    )


def _templates(settings: Settings) -> Templates:
    folder, default_locale = settings.mail.templates, settings.mail.default_locale
    if folder is None:  # tests have checked those of the service
        return _own_templates(default_locale)
    from infrastructure.mail.template_checks import check_templates  # noqa: PLC0415 - as above

    templates = Templates(folder, default_locale)
    check_templates(templates)
    return templates


@cache
def _own_templates(default_locale: str) -> Templates:
    return Templates(None, default_locale)
