"""Mail in memory, for tests."""

from collections import deque
from email.message import EmailMessage

from application.ports import Letter, MailSender
from infrastructure.mail.letters import LetterWriter

_KEPT = 1000


class MemoryMail(MailSender):
    """Keeps the last mails in this process.

    :ivar sent: the letters, the first one first.
    :ivar mails: the same, written.
    """

    def __init__(self, writer: LetterWriter) -> None:
        self._writer = writer
        self.sent: deque[Letter] = deque(maxlen=_KEPT)
        self.mails: deque[EmailMessage] = deque(maxlen=_KEPT)

    async def send(self, letter: Letter) -> None:
        self.mails.append(self._writer.write(letter))
        self.sent.append(letter)
