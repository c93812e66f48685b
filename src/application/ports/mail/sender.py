"""How mail leaves the service."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from domain.mail.message import MailKind, MessageId


@dataclass(frozen=True, slots=True)
class Letter:
    """A message that is ready to be written and sent.

    :ivar id: of the message; the ``Message-ID`` is made from it.
    :ivar to: the address.
    :ivar locale: the reader's language, or ``None`` for the default.
    :ivar token: the secret of the link; ``None`` when there is no link with a token.
    :ivar link_target: the page that the link leads to; ``None`` for the configured one.
    :ivar facts: see :class:`~domain.mail.message.Message`.
    """

    id: MessageId
    kind: MailKind
    to: str
    locale: str | None
    created_at: datetime
    expires_at: datetime
    facts: Mapping[str, str]
    token: str | None = field(default=None, repr=False)
    link_target: str | None = None


class MailNotSent(Exception):
    """The message could not be sent.

    :param reason: a stable name such as ``timeout`` or ``smtp_451``; no text of the server.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class MailDelayed(MailNotSent):
    """The message may be accepted later."""


class MailRefused(MailNotSent):
    """The message will never be accepted."""


class MailSender(Protocol):
    """Writes a letter in the reader's language, and hands it to a mail server."""

    @abstractmethod
    async def send(self, letter: Letter) -> None:
        """Send the letter. When this returns, the mail server is responsible for it.

        Parallel calls are independent: one slow or refused recipient holds up no other.

        :raises MailDelayed: try again later.
        :raises MailRefused: do not try again.
        """
