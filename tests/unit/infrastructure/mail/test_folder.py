"""Mail in files, in memory, and turned off."""

import stat
from pathlib import Path

import pytest

from application.ports import MailDelayed, MailRefused
from domain.mail.message import MailKind
from infrastructure.mail.folder import MailFolder
from infrastructure.mail.memory import MemoryMail
from infrastructure.mail.off import NoMail
from tests.support.letters import TOKEN, a_letter, a_writer

NAME = "2026-11-29T02-05-01Z-password_reset-01234567.eml"


def names(folder: Path) -> list[str]:
    return [each.name for each in folder.iterdir()]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def logged(caplog: pytest.LogCaptureFixture) -> list[dict[str, object]]:
    return [each.msg for each in caplog.records if isinstance(each.msg, dict)]


async def test_a_mail_is_a_file_that_only_its_owner_can_read(tmp_path: Path) -> None:
    folder = tmp_path / "var" / "mail"

    await MailFolder(folder, a_writer()).send(a_letter())

    assert names(folder) == [NAME]
    assert f"#token={TOKEN}\r\n".encode() in (folder / NAME).read_bytes()
    assert (mode(folder), mode(folder / NAME)) == (0o700, 0o600)


async def test_a_mail_that_is_sent_twice_is_one_file(tmp_path: Path) -> None:
    sender = MailFolder(tmp_path, a_writer())

    await sender.send(a_letter())
    await sender.send(a_letter())

    assert names(tmp_path) == [NAME]


async def test_no_id_leads_out_of_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "mail"

    await MailFolder(folder, a_writer()).send(a_letter(id="x/../../y"))

    assert names(folder) == ["2026-11-29T02-05-01Z-password_reset-xy.eml"]
    assert names(tmp_path) == ["mail"]


async def test_the_log_has_the_path_and_the_subject_of_a_mail_and_not_its_link(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"):
        await MailFolder(tmp_path, a_writer()).send(a_letter(kind=MailKind.EMAIL_VERIFICATION))

    (line,) = [each for each in logged(caplog) if each["event"] == "mail_written"]
    assert line["path"] == str(tmp_path / NAME.replace("password_reset", "email_verification"))
    assert line["subject"] == "Confirm your email address for Example"
    assert TOKEN not in caplog.text


async def test_a_folder_that_cannot_be_written_delays_mail_and_keeps_no_draft(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / NAME / "in the way").mkdir(parents=True)

    with pytest.raises(MailDelayed, match="folder_unwritable"):
        await MailFolder(tmp_path, a_writer()).send(a_letter())

    assert [each["event"] for each in logged(caplog)] == ["mail_not_written"]
    assert names(tmp_path) == [NAME]


async def test_mail_in_memory_is_there_for_tests() -> None:
    memory = MemoryMail(a_writer())

    await memory.send(a_letter())

    assert [each.token for each in memory.sent] == [TOKEN]
    assert [each["To"] for each in memory.mails] == ["ada@example.com"]


async def test_no_mail_is_sent_when_it_is_turned_off() -> None:
    with pytest.raises(MailRefused, match="mail_off"):
        await NoMail().send(a_letter())
