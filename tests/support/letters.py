"""Letters for tests, and their writer."""

from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage
from functools import cache
from typing import Any

from application.ports import Letter
from domain.mail.message import MailKind, MessageId
from infrastructure.config.mail.links import Pages
from infrastructure.config.mail.mailbox import Mailbox
from infrastructure.mail.letters import LetterWriter
from infrastructure.mail.rendering import Templates

TOKEN = "t" * 43
URL = "https://id.example"
LETTER = Letter(
    MessageId("0123456789abcdef" * 2),
    MailKind.PASSWORD_RESET,
    "ada@example.com",
    None,
    datetime(2026, 11, 29, 2, 5, 1, tzinfo=UTC),
    datetime(2026, 11, 29, 2, 35, 1, tzinfo=UTC),
    {},
    TOKEN,
)


def a_letter(**changes: Any) -> Letter:
    return replace(LETTER, **changes)


@cache
def templates() -> Templates:
    return Templates(None, "en")


def a_writer(**changes: Any) -> LetterWriter:
    writer = LetterWriter(
        templates(),
        Mailbox("no-reply@id.example", "Example"),
        None,
        URL,
        Pages(f"{URL}/reset", f"{URL}/verify", f"{URL}/undo"),
        frozenset(),
    )
    return replace(writer, **changes)


def part(mail: EmailMessage, kind: str) -> str:
    """Return the text of the ``plain`` or ``html`` part."""
    body = mail.get_body((kind,))
    assert isinstance(body, EmailMessage)
    return str(body.get_content())
