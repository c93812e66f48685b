"""Settings of mail: where it goes, what it says, and where its links lead."""

import re
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import unquote, urlsplit

from domain.email import Email
from domain.errors import InvalidInput
from domain.mail.message import MailKind
from infrastructure.config import parsers
from infrastructure.config.environment_variables import ConfigurationError, declare
from infrastructure.config.http import HttpSettings
from infrastructure.config.storage import StorageSettings

_LOCAL_HOSTS = re.compile(r"localhost|127(\.[0-9]{1,3}){3}|::1")
_NAME_LENGTH = 100
_LONGEST_PAGE = 255  # of a row in the outbox
_LONGEST_TIMEOUT = timedelta(seconds=60)


class MailScheme(StrEnum):
    """How mail leaves the service: the scheme of ``MAIL_URL``."""

    SMTP = "smtp"
    """Unencrypted."""
    SMTPS = "smtps"
    """TLS from the first byte."""
    STARTTLS = "smtp+starttls"
    """TLS before anything else is sent, or no mail."""
    FOLDER = "folder"
    MEMORY = "memory"
    OFF = "off"


_NOTICES = {
    kind.value: {kind}
    for kind in (
        MailKind.PASSWORD_CHANGED,
        MailKind.NEW_DEVICE,
        MailKind.ACCOUNT_CHANGED,
        MailKind.ACCOUNT_DELETED,
    )
} | {
    # Both or none: the former address is reserved for its owner as long as the first one's link.
    MailKind.EMAIL_CHANGED.value: {MailKind.EMAIL_CHANGE_REQUESTED, MailKind.EMAIL_CHANGED}
}

_PORTS = {MailScheme.SMTP: 25, MailScheme.SMTPS: 465, MailScheme.STARTTLS: 587}


@dataclass(frozen=True, slots=True)
class MailUrl:
    """A parsed ``MAIL_URL``.

    :ivar host: the mail server's name or address; empty for schemes without a server.
    :ivar user: the user to log in as, or ``None``.
    :ivar folder: of the scheme ``folder``; ``None`` for the default one.
    """

    scheme: MailScheme
    host: str = ""
    port: int = 0
    user: str | None = field(default=None, repr=False)
    password: str = field(default="", repr=False)
    folder: Path | None = None

    @property
    def has_server(self) -> bool:
        """Whether a mail server gets the mail."""
        return self.scheme in _PORTS

    @property
    def address(self) -> str:
        """The server's host and port."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def description(self) -> str:
        """Where mail goes, for an operator; without user and password."""
        if self.has_server:
            return f"server at {self.address}"
        if self.scheme is MailScheme.FOLDER:
            return f"files in {self.folder}"
        return "in memory" if self.scheme is MailScheme.MEMORY else "off"

    @property
    def is_local(self) -> bool:
        """Whether the server is on this machine."""
        return _LOCAL_HOSTS.fullmatch(self.host) is not None


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An address with a name to display.

    :ivar address: in ASCII.
    """

    address: str
    name: str = ""

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]


@dataclass(frozen=True, slots=True)
class Pages:
    """The pages that links in mails lead to."""

    reset: str
    verify: str
    undo: str


def _mail_url(text: str) -> MailUrl:
    name, colon, rest = text.partition(":")
    try:
        scheme = MailScheme(name.lower())
    except ValueError:
        scheme = None
    if scheme is None or bool(colon) is (scheme is MailScheme.OFF):
        raise ValueError(
            "must be smtp://…, smtps://…, smtp+starttls://…, folder:…, memory: or off"
        )
    if scheme in _PORTS:
        return _server(scheme, rest)
    if scheme is MailScheme.FOLDER:
        path = rest.removeprefix("//")
        return MailUrl(scheme, folder=Path(path) if path else None)
    if rest:
        raise ValueError(f"must be {scheme}{colon} with nothing after it")
    return MailUrl(scheme)


def _server(scheme: MailScheme, rest: str) -> MailUrl:
    """Parse what follows ``smtp:``. All before the last ``@`` is the user and the password, which
    need no percent-encoding but for ``%`` and, in the user, ``:``.
    """
    credentials, at, server = rest.removeprefix("//").rpartition("@")
    found = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::([^/]*))?/?", server)
    if not (rest.startswith("//") and found):
        raise ValueError(
            "must be a URL with a host, such as smtp+starttls://user:password@mail.example.com:587"
        )
    user, colon, password = credentials.partition(":")
    if at and not (user and colon and password):
        raise ValueError("must be a URL with a user and a password, or with neither")
    try:
        port = _PORTS[scheme] if found[3] is None else parsers.port(found[3])
    except ValueError:
        raise ValueError("must be a URL with a port from 1 to 65535") from None
    host = (found[1] or found[2]).lower()
    url = MailUrl(scheme, host, port, unquote(user) if at else None, unquote(password))
    if at and scheme is MailScheme.SMTP and not url.is_local:
        raise ValueError(
            "must be smtps:// or smtp+starttls://: smtp:// would send the password unencrypted"
        )
    return url


def _mailbox(text: str) -> Mailbox:
    """``no-reply@example.com`` or ``Example <no-reply@example.com>``."""
    found = re.fullmatch(r"([^<>]*)<([^<>]+)>", text)
    name, address = (found[1].strip(), found[2]) if found else ("", text)
    name = name[1:-1].strip() if re.fullmatch(r'".*"', name) else name
    try:
        key = Email.parse(address).key
    except InvalidInput:
        key = ""
    if not key or not key.isascii() or not name.isprintable() or len(name) > _NAME_LENGTH:
        raise ValueError(
            "must be an address such as no-reply@example.com or Example <no-reply@example.com>"
        )
    return Mailbox(key, name)


def _page(text: str) -> str:
    """The URL of a page. Its fragment is left for the token."""
    try:
        url = urlsplit(text)
        parsers.origin(f"{url.scheme}://{url.netloc}")
    except ValueError:
        url = urlsplit("")
    if len(text) > _LONGEST_PAGE:
        raise ValueError(f"must be at most {_LONGEST_PAGE} characters long")
    is_local = _LOCAL_HOSTS.fullmatch(url.hostname or "") is not None
    is_safe = url.scheme == "https" or (url.scheme == "http" and is_local)
    if not is_safe or not re.fullmatch(r"[A-Za-z0-9._~:/?\[\]@!$&()*+,;=%-]+", text):
        raise ValueError(
            "must be the https URL of a page (http on localhost only), without a fragment, such "
            "as https://app.example.com/reset"
        )
    return text


def _pages(text: str) -> tuple[str, ...]:
    return tuple(_page(part.strip()) for part in text.split(",") if part.strip())


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
        parsers.optional(_mail_url),
        None,
        "Where mail goes: `smtp+starttls://user:password@mail.example.com:587`, `smtps://…` or "
        "`smtp://…` (a server, with TLS except for the last), `folder:/path` (one `.eml` file a "
        "mail), `memory:` or `off`. Unless set: `folder:`, which is `mail` in `DOORWARD_DATA`, as "
        "long as the users are in the embedded default, and else `off`.",
        is_secret=True,
    )
    sender: Mailbox | None = declare(
        "MAIL_FROM",
        parsers.optional(_mailbox),
        None,
        "Sender of all mail: `no-reply@example.com` or `Example <no-reply@example.com>`. The name "
        "is what mails call the service. A mail server needs it; otherwise it is `doorward` at "
        "the host of `PUBLIC_URL`.",
    )
    reply_to: Mailbox | None = declare(
        "MAIL_REPLY_TO",
        parsers.optional(_mailbox),
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
        parsers.optional(_page),
        None,
        "Page that links in mails lead to for a new password: `/reset` below `PUBLIC_URL` unless "
        "set. The token is in the fragment: `#token=…`.",
    )
    verify_url: str | None = declare(
        "VERIFY_URL",
        parsers.optional(_page),
        None,
        "The same for the proof of an address: `/verify` below `PUBLIC_URL` unless set.",
    )
    undo_url: str | None = declare(
        "UNDO_URL",
        parsers.optional(_page),
        None,
        "The same for cancelling a change of address: `/undo` below `PUBLIC_URL` unless set.",
    )
    reset_link_lifetime: timedelta = declare(
        "RESET_LINK_LIFETIME",
        parsers.lifetime,
        "30m",
        "How long a link that sets a new password is good, from the request for it.",
    )
    link_targets: tuple[str, ...] = declare(
        "LINK_TARGETS",
        _pages,
        "",
        "Pages, separated by commas, that a request may choose in place of those three. A request "
        "has to name one of them exactly as it is written here.",
    )

    notices: frozenset[MailKind] = declare(
        "NOTICES",
        _notices,
        "password_changed,email_changed,account_changed,account_deleted",
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
