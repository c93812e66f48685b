"""From a letter to a mail (RFC 5322): headers, a text part and an HTML part."""

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from email import policy
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime

import structlog

from application.ports import Letter, MailDelayed, MailRefused
from domain.email import Email
from domain.errors import InvalidInput
from domain.mail.message import MailKind
from domain.text import is_clean
from infrastructure.config.mail.links import Pages
from infrastructure.config.mail.mailbox import Mailbox
from infrastructure.mail.rendering import Templates, Wording

log = structlog.stdlib.get_logger("doorward")

_WIDTH = 76
_LONGEST_LINE = 998  # RFC 5322, section 2.1.1


@dataclass(frozen=True, slots=True)
class LetterWriter:
    """Writes letters.

    :ivar url: of the service.
    :ivar link_targets: the pages, beside ``pages``, that links may lead to.
    """

    templates: Templates
    sender: Mailbox
    reply_to: Mailbox | None
    url: str
    pages: Pages
    link_targets: frozenset[str]

    def write(self, letter: Letter, *, is_7bit: bool = False) -> EmailMessage:
        """Write the mail.

        :param is_7bit: whether it may contain ASCII only. Otherwise no line of its source is
            folded, so that a person can copy the link.
        :raises MailRefused: the letter is invalid.
        :raises MailDelayed: its template fails.
        """
        recipient = recipient_of(letter)
        wording = self._render(letter)
        is_ascii = recipient.addr_spec.isascii()
        mail = EmailMessage(policy.SMTP if is_ascii else policy.SMTPUTF8)
        try:
            self._write_headers(mail, letter, recipient, wording)
        except (ValueError, MessageError):  # a line break, for instance
            raise MailRefused("letter_invalid") from None
        text = "\n".join(map(_wrapped, wording.text.splitlines())) + "\n"
        mail.set_content(text, cte=_encoding(text, is_7bit=is_7bit))
        mail.add_alternative(
            wording.html, subtype="html", cte=_encoding(wording.html, is_7bit=is_7bit)
        )
        mail["Content-Language"] = wording.language  # the parts take those that are there before
        return mail

    def _render(self, letter: Letter) -> Wording:
        try:
            return self.templates.render(letter.kind, letter.locale, self._values(letter))
        except Exception as error:  # noqa: BLE001 - a template may raise anything
            name = type(error).__name__
            log.error("mail_template_failed", kind=letter.kind.value, error=name)  # noqa: TRY400 - the traceback may show the link
            raise MailDelayed("template_failed") from None

    def _write_headers(
        self, mail: EmailMessage, letter: Letter, recipient: Address, wording: Wording
    ) -> None:
        mail["From"] = _address_of(self.sender)
        if self.reply_to:
            mail["Reply-To"] = _address_of(self.reply_to)
        mail["To"] = recipient
        mail["Subject"] = wording.subject
        mail["Date"] = format_datetime(letter.created_at.astimezone(UTC))
        mail["Message-ID"] = f"<{letter.id}@{self.sender.domain}>"
        mail["Auto-Submitted"] = "auto-generated"

    def _values(self, letter: Letter) -> Mapping[str, object]:
        return {
            **{name: _one_line(text) for name, text in letter.facts.items()},
            "service": self.sender.name or self.sender.domain,
            "url": self.url,
            "to": letter.to,
            "reply_to": self.reply_to.address if self.reply_to else "",
            "link": self._link(letter),
            "created_at": letter.created_at.astimezone(UTC),
            "expires_at": letter.expires_at.astimezone(UTC),
        }

    def _link(self, letter: Letter) -> str:
        """Return the link with the token, or nothing if the letter has none.

        The page is looked up again: a changed row in the outbox must not send tokens elsewhere.
        """
        page = self._page(letter.kind)
        if letter.token is None or page is None:
            return ""
        if letter.link_target in self.link_targets:
            page = letter.link_target
        return f"{page}#token={letter.token}"

    def _page(self, kind: MailKind) -> str | None:
        match kind:
            case MailKind.PASSWORD_RESET | MailKind.INVITATION:
                return self.pages.reset
            case MailKind.EMAIL_VERIFICATION | MailKind.EMAIL_CHANGE:
                return self.pages.verify
            case MailKind.EMAIL_CHANGE_REQUESTED | MailKind.EMAIL_CHANGED:
                return self.pages.undo
            case _:
                return None


def recipient_of(letter: Letter) -> Address:
    """Return the address of a letter in its canonical form, which is the same for all spellings
    of one address: an other spelling of a user's address must not reach another mailbox.

    :raises MailRefused: it is no address.
    """
    try:
        local, _, domain = Email.parse(letter.to).key.rpartition("@")
    except InvalidInput:
        raise MailRefused("address_invalid") from None
    return Address(username=local, domain=domain)


def _address_of(mailbox: Mailbox) -> Address:
    return Address(mailbox.name, addr_spec=mailbox.address)


def _one_line(text: str) -> str:
    """Leave out what could begin another line, or hide text."""
    return "".join(each for each in " ".join(text.split()) if is_clean(each))


def _wrapped(line: str) -> str:
    return textwrap.fill(line, _WIDTH, break_long_words=False, break_on_hyphens=False)


def _encoding(text: str, *, is_7bit: bool) -> str:
    has_short_lines = all(len(line.encode()) <= _LONGEST_LINE for line in text.splitlines())
    if has_short_lines and (text.isascii() or not is_7bit):
        return "7bit" if text.isascii() else "8bit"
    return "quoted-printable"
