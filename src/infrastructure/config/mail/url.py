"""``MAIL_URL``: how and where mail leaves the service."""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from urllib.parse import unquote

from infrastructure.config import parsers

LOCAL_HOSTS = re.compile(r"localhost|127(\.[0-9]{1,3}){3}|::1")
"""The names and addresses of this machine."""


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
            return f"files in {self.folder.absolute()}" if self.folder else "files"
        return "in memory" if self.scheme is MailScheme.MEMORY else "off"

    @property
    def is_local(self) -> bool:
        """Whether the server is on this machine."""
        return LOCAL_HOSTS.fullmatch(self.host) is not None


def mail_url(text: str) -> MailUrl:
    """Parse ``MAIL_URL``.

    :raises ValueError: it has no form that this release knows. The message quotes none of it.
    """
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
