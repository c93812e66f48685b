"""Settings of mail: where it goes, what it says, and where its links lead."""

import re
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from domain.mail.message import MailKind
from infrastructure.config import parsers
from infrastructure.config.environment_variables import ConfigurationError, declare
from infrastructure.config.http import HttpSettings
from infrastructure.config.mail.links import Pages, page_url, page_urls
from infrastructure.config.mail.mailbox import Mailbox, mailbox
from infrastructure.config.mail.url import MailScheme, MailUrl, mail_url
from infrastructure.config.storage import StorageSettings

_LONGEST_TIMEOUT = timedelta(seconds=60)


_NOTICES = {
    kind.value: {kind}
    for kind in (
        MailKind.PASSWORD_CHANGED,
        MailKind.NEW_DEVICE,
        MailKind.ACCOUNT_CHANGED,
        MailKind.ACCOUNT_DELETED,
        MailKind.SECOND_FACTORS_CHANGED,
        MailKind.SECOND_FACTOR_FAILED,
        MailKind.RECOVERY_CODE_USED,
        MailKind.IDENTITIES_CHANGED,
    )
} | {
    # Both or none: the former address is reserved for its owner as long as the first one's link.
    MailKind.EMAIL_CHANGED.value: {MailKind.EMAIL_CHANGE_REQUESTED, MailKind.EMAIL_CHANGED}
}


def _notices(text: str) -> frozenset[MailKind]:
    names = [] if text.lower() == "off" else [part.strip() for part in text.split(",")]
    if not _NOTICES.keys() >= set(names):
        raise ValueError(f"must be off, or some of these: {','.join(sorted(_NOTICES))}")
    return frozenset(kind for name in names for kind in _NOTICES[name])


def _locale(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", text):
        raise ValueError("must be a language tag such as en, de or pt-BR")
    return text


def _timeout(text: str) -> timedelta:
    """A time that is well below the lease of a message in the outbox."""
    time = parsers.lifetime(text)
    if time > _LONGEST_TIMEOUT:
        raise ValueError(f"must be at most {_LONGEST_TIMEOUT.seconds}s")
    return time


@dataclass(frozen=True, slots=True, kw_only=True)
class MailSettings:
    """How mail leaves the service, and what is in it."""

    url: MailUrl | None = declare(
        "MAIL_URL",
        parsers.optional(mail_url),
        None,
        "Where mail goes: `smtp+starttls://user:password@mail.example.com:587`, `smtps://…` or "
        "`smtp://…` (a server, with TLS except for the last), `folder:/path` (one `.eml` file a "
        "mail), `memory:` or `off`. Unless set: `folder:`, which is `mail` in `DOORWARD_DATA`, as "
        "long as the users are in the embedded default, and else `off`.",
        is_secret=True,
    )
    sender: Mailbox | None = declare(
        "MAIL_FROM",
        parsers.optional(mailbox),
        None,
        "Sender of all mail: `no-reply@example.com` or `Example <no-reply@example.com>`. The name "
        "is what mails call the service. A mail server needs it; otherwise it is `doorward` at "
        "the host of `PUBLIC_URL`.",
    )
    reply_to: Mailbox | None = declare(
        "MAIL_REPLY_TO",
        parsers.optional(mailbox),
        None,
        "Address that answers go to, written as that of `MAIL_FROM`.",
    )
    ca_file: Path | None = declare(
        "MAIL_CA_FILE",
        parsers.optional(Path),
        None,
        "PEM file of the CA that has signed the mail server's certificate. Unless set: those that "
        "the operating system trusts.",
    )
    timeout: timedelta = declare(
        "MAIL_TIMEOUT",
        _timeout,
        "30s",
        "Time limit for handing one mail to the server, the connection included: `60s` at most.",
    )
    default_locale: str = declare(
        "DEFAULT_LOCALE",
        _locale,
        "en",
        "Language of mails to users whose own is not known, or has no templates: `en`, `de`, or "
        "one that `MAIL_TEMPLATES` adds.",
    )
    templates: Path | None = declare(
        "MAIL_TEMPLATES",
        parsers.optional(Path),
        None,
        "Folder of templates that replace those of the service, file by file, and add languages. "
        "See [mail.md](mail.md).",
    )
    kept: timedelta = declare(
        "MAIL_KEPT",
        parsers.lifetime,
        "7d",
        "How long a row about a mail is kept after it was sent or given up. It has no text.",
    )
    reset_url: str | None = declare(
        "RESET_URL",
        parsers.optional(page_url),
        None,
        "Page that links in mails lead to for a new password: `/reset` below `PUBLIC_URL` unless "
        "set. The token is in the fragment: `#token=…`.",
    )
    verify_url: str | None = declare(
        "VERIFY_URL",
        parsers.optional(page_url),
        None,
        "The same for the proof of an address: `/verify` below `PUBLIC_URL` unless set.",
    )
    undo_url: str | None = declare(
        "UNDO_URL",
        parsers.optional(page_url),
        None,
        "The same for cancelling a change of address: `/undo` below `PUBLIC_URL` unless set.",
    )
    reset_link_lifetime: timedelta = declare(
        "RESET_LINK_LIFETIME",
        parsers.lifetime,
        "30m",
        "How long a link that sets a new password is good, from the request for it.",
    )
    invitation_lifetime: timedelta = declare(
        "INVITATION_LIFETIME",
        parsers.lifetime,
        "7d",
        "How long the link in an invitation is good, by which a new user sets the first password.",
    )
    link_targets: tuple[str, ...] = declare(
        "LINK_TARGETS",
        page_urls,
        "",
        "Pages, separated by commas, that a request may choose in place of those three. A request "
        "has to name one of them exactly as it is written here.",
    )

    notices: frozenset[MailKind] = declare(
        "NOTICES",
        _notices,
        "password_changed,email_changed,account_changed,account_deleted,second_factors_changed,"
        "second_factor_failed,recovery_code_used,identities_changed",
        "What users are told by mail about their accounts, separated by commas, or `off`. Beside "
        "these there is `new_device`: a login from a device that was not used before. Without "
        "`email_changed` a change of address cannot be undone.",
    )

    @property
    def is_configured(self) -> bool:
        """Whether the operator has chosen where mail goes."""
        return self.url is not None and self.url.scheme is not MailScheme.OFF

    def destination(self, storage: StorageSettings) -> MailUrl:
        """Return where mail goes, as configured or by default. A folder is named."""
        is_embedded = storage.users_at == storage.embedded_url
        url = self.url or MailUrl(MailScheme.FOLDER if is_embedded else MailScheme.OFF)
        if url.scheme is MailScheme.FOLDER and url.folder is None:
            return MailUrl(MailScheme.FOLDER, folder=storage.data / "mail")
        return url

    def sender_at(self, http: HttpSettings) -> Mailbox:
        """Return the sender, as configured or by default.

        :raises ConfigurationError: a mail server gets the mail, and ``MAIL_FROM`` is not set.
        """
        if self.sender:
            return self.sender
        if self.url and self.url.has_server:
            raise ConfigurationError(
                "MAIL_FROM", "is not set, and the mail server in MAIL_URL needs it"
            )
        return Mailbox(f"doorward@{mail_domain(http)}")

    def pages(self, http: HttpSettings) -> Pages:
        """Return the pages of links, as configured or by default."""
        return Pages(
            self.reset_url or f"{http.url}/reset",
            self.verify_url or f"{http.url}/verify",
            self.undo_url or f"{http.url}/undo",
        )


def mail_domain(http: HttpSettings) -> str:
    """Return the host of the service as a domain or an address literal (RFC 5321)."""
    host = urlsplit(http.url).hostname or ""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    return f"[IPv6:{address}]" if address.version == 6 else f"[{address}]"


def service_name(mail: MailSettings, http: HttpSettings) -> str:
    """Return how people know the service: the name in ``MAIL_FROM``, or its host."""
    configured = mail.sender.name if mail.sender else ""
    return configured or urlsplit(http.url).hostname or "Doorward"
