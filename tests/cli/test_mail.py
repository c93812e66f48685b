"""`doorward mail …`, as operators run it."""

import asyncio
from pathlib import Path

from application.pagination import EventQuery
from application.ports import NO_EFFECTS
from domain.mail.message import Message, MessageId
from doorward.conformance.support.examples import a_message
from doorward.conformance.support.opening import open_audit_log, open_mail
from tests.support.commands import Result, assert_one_line, doorward
from tests.support.processes import QUICK


def run(folder: Path, url: str, *arguments: str, mail_url: str = "") -> Result:
    return doorward(folder, "mail", *arguments, **QUICK, DATABASE_URL=url, MAIL_URL=mail_url)


def give_up(url: str) -> Message:
    """Store a message that was given up."""
    message = a_message()

    async def store() -> None:
        async with open_mail(url) as mail:
            await mail.outbox.add(NO_EFFECTS.with_messages(message))
            [leased] = await mail.outbox.lease(message.created_at, message.expires_at, 1)
            given_up = leased.given_up("smtp_550", message.created_at)
            assert await mail.outbox.replace(leased, given_up)

    asyncio.run(store())
    return message


def is_stored(url: str, message_id: MessageId) -> bool:
    async def look() -> bool:
        async with open_mail(url) as mail:
            return await mail.outbox.get(message_id) is not None

    return asyncio.run(look())


def reasons(url: str) -> list[str | None]:
    """Return the recorded reasons, the latest first."""

    async def look() -> list[str | None]:
        async with open_audit_log(url) as log:
            return [each.event.reason for each in (await log.page(EventQuery(), None, 9)).items]

    return asyncio.run(look())


def test_mails_are_listed_retried_and_dropped(tmp_path: Path, sqlite_url: str) -> None:
    message = give_up(sqlite_url)
    line = f"{message.id}  password_changed  ada@example.org  "

    listed = run(tmp_path, sqlite_url, "list", "--state", "given_up").stdout
    assert listed.startswith(f"{line}given_up  1 attempt  ")
    assert listed.endswith("Z  smtp_550\n")
    assert run(tmp_path, sqlite_url, "list", "--state", "sent").stdout == ""

    for_reason = ("--reason", "the server is back")
    retried = run(tmp_path, sqlite_url, "retry", "--all-given-up", *for_reason)
    assert retried.stdout == "queued again: 1\n"
    assert run(tmp_path, sqlite_url, "retry", message.id, "--reason", "once more").stdout == (
        "the mail to ada@example.org is queued again\n"
    )
    assert run(tmp_path, sqlite_url, "list").stdout.startswith(f"{line}queued  0 attempts  ")

    assert run(tmp_path, sqlite_url, "drop", message.id, "--reason", "a typo").stdout == (
        "the mail to ada@example.org is deleted\n"
    )
    assert not is_stored(sqlite_url, message.id)
    assert reasons(sqlite_url) == ["a typo", "once more", "the server is back"]


def test_an_unknown_mail_is_one_line(tmp_path: Path, sqlite_url: str) -> None:
    for command in ("retry", "drop"):
        result = run(tmp_path, sqlite_url, command, "unknown")
        assert_one_line(result, 1, "no mail has the id unknown")


def test_a_retry_names_one_mail_or_all(tmp_path: Path, sqlite_url: str) -> None:
    for arguments in ([], ["unknown", "--all-given-up"]):
        result = run(tmp_path, sqlite_url, "retry", *arguments)
        assert result.returncode == 2
        assert "name one mail, or --all-given-up" in result.stderr


def test_a_test_mail_is_sent_at_once(tmp_path: Path, sqlite_url: str) -> None:
    folder = tmp_path / "sent"

    result = run(tmp_path, sqlite_url, "test", "ada@example.org", mail_url=f"folder:{folder}")

    assert result.stdout == "sent to ada@example.org\n", result.stderr
    [file] = folder.iterdir()
    assert "To: ada@example.org" in file.read_text()


def test_a_test_mail_that_fails_is_one_line(tmp_path: Path, sqlite_url: str) -> None:
    off = run(tmp_path, sqlite_url, "test", "ada@example.org", mail_url="off")
    assert_one_line(off, 1, "mail is off: set MAIL_URL")

    nobody = run(tmp_path, sqlite_url, "test", "ada", mail_url="memory:")
    assert_one_line(nobody, 1, "email")

    url = {"DATABASE_URL": sqlite_url, "MAIL_URL": "smtp://127.0.0.1:1"}
    sender = {"MAIL_FROM": "no-reply@example.org"}
    down = doorward(tmp_path, "mail", "test", "ada@example.org", **QUICK, **url, **sender)
    assert_one_line(down, 1, "not sent: connection_refused (nothing listens there)")
