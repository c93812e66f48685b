"""Mail in files, for newcomers and for development."""

import asyncio
import os
import tempfile
from datetime import UTC
from pathlib import Path

import structlog

from application.ports import Letter, MailDelayed, MailSender
from infrastructure.mail.letters import LetterWriter

log = structlog.stdlib.get_logger("doorward")


def is_writable(folder: Path) -> bool:
    """Whether this process can write mails into a folder, which need not be there yet."""
    while not os.access(folder, os.F_OK) and folder != folder.parent:
        folder = folder.parent
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)


class MailFolder(MailSender):
    """Writes each letter as an ``.eml`` file that only the owner can read: its link is a secret.

    A letter that is sent twice is one file.
    """

    def __init__(self, folder: Path, writer: LetterWriter) -> None:
        self._folder = folder
        self._writer = writer

    async def send(self, letter: Letter) -> None:
        mail = self._writer.write(letter)
        time = letter.created_at.astimezone(UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
        beginning = "".join(filter(str.isalnum, letter.id))[:8]  # a row may have been changed
        file = self._folder / f"{time}-{letter.kind}-{beginning}.eml"
        try:
            await asyncio.to_thread(_write, file, mail.as_bytes())
        except OSError as error:
            log.warning(
                "mail_not_written", path=str(file.absolute()), error=os.strerror(error.errno or 0)
            )
            raise MailDelayed("folder_unwritable") from None
        log.info("mail_written", path=str(file.absolute()), subject=str(mail["Subject"]))


def _write(file: Path, content: bytes) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, draft = tempfile.mkstemp(prefix=".", dir=file.parent)  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        Path(draft).replace(file)
    finally:
        Path(draft).unlink(missing_ok=True)
