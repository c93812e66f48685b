"""The wiring of mail, its check before the start, and that of `doorward doctor`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from application.ports import MailSender
from domain.token import TokenKind
from doorward.diagnostics.mail import check_mail
from doorward.wiring.container import make_container
from doorward.wiring.mail.delivery import MailJobs
from doorward.wiring.mail.sender import check_mail_settings
from infrastructure.config.environment_variables import ConfigurationError
from infrastructure.config.settings import Settings
from infrastructure.mail.folder import MailFolder
from infrastructure.mail.memory import MemoryMail
from infrastructure.mail.off import NoMail
from infrastructure.mail.smtp import SmtpMail
from infrastructure.signing.signing_key import SigningKey
from tests.support.builders import in_environment
from tests.support.certificates import Authority
from tests.support.letters import a_letter
from tests.support.smtp_server import HOST, LOGIN, PASSWORD, USER, a_mail_server

SENDER = {"MAIL_FROM": "Example <no-reply@id.example>"}


def settings_of(**environment: str) -> Settings:
    return Settings.read(environment)


@pytest.mark.parametrize(
    ("environment", "kind"),
    [
        ({}, MailFolder),
        ({"USERS_URL": "memory:"}, NoMail),
        ({"MAIL_URL": "off"}, NoMail),
        ({"MAIL_URL": "memory:"}, MemoryMail),
        ({"MAIL_URL": "folder:mail"}, MailFolder),
        ({"MAIL_URL": "smtps://mail.example.com"} | SENDER, SmtpMail),
    ],
)
async def test_the_url_names_the_sender(
    environment: dict[str, str], kind: type[MailSender]
) -> None:
    container = make_container(settings_of(**environment))

    assert isinstance(await container.get(MailSender), kind)

    await container.close()


@pytest.mark.parametrize(("url", "is_delivering"), [("off", False), ("memory:", True)])
async def test_a_process_without_mail_leaves_queued_mail_to_others(
    url: str, is_delivering: bool, keys: dict[TokenKind, SigningKey]
) -> None:
    settings = settings_of(MAIL_URL=url, USERS_URL="memory:", **in_environment(keys))
    container = make_container(settings)

    jobs = {job.name for job in await container.get(MailJobs)}

    assert jobs == {"mail_pruning"} | ({"mail_delivery"} if is_delivering else set())
    await container.close()


async def test_the_configured_server_gets_mail_as_the_settings_say(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with a_mail_server(authority, **LOGIN) as server:
        settings = settings_of(
            MAIL_URL=f"smtp+starttls://{USER}:{PASSWORD}@{HOST}:{server.port}",
            MAIL_CA_FILE=str(authority.file),
            MAIL_REPLY_TO="help@id.example",
            PUBLIC_URL="https://id.example/auth",
            LINK_TARGETS="https://app.example/reset",
            **SENDER,
        )
        container = make_container(settings)
        sender = await container.get(MailSender)

        await sender.send(a_letter())
        await sender.send(a_letter(link_target="https://app.example/reset"))
        await container.close()

        assert server.commands[-1] == "QUIT"
        first, second = (each.mail for each in server.delivered)
        assert (first["From"], first["Reply-To"]) == (SENDER["MAIL_FROM"], "help@id.example")
        assert "https://id.example/auth/reset#token=" in first.as_string()
        assert "https://app.example/reset#token=" in second.as_string()


@pytest.mark.parametrize(
    ("variable", "environment"),
    [
        ("MAIL_FROM", {"MAIL_URL": "smtps://mail.example.com"}),
        ("MAIL_CA_FILE", {"MAIL_CA_FILE": "/none"}),
        ("MAIL_TEMPLATES", {"MAIL_TEMPLATES": "/none"}),
        ("DEFAULT_LOCALE", {"DEFAULT_LOCALE": "fr"}),
        ("MAIL_URL", {"MAIL_URL": "folder:/proc/none"}),
    ],
)
def test_a_setting_that_cannot_work_ends_the_start_with_one_line(
    variable: str, environment: dict[str, str]
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        check_mail_settings(settings_of(**environment))

    assert str(refused.value).startswith(f"{variable} ")
    assert "\n" not in str(refused.value)


def test_the_folder_that_is_configured_is_made_for_its_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"

    check_mail_settings(settings_of(MAIL_URL=f"folder:{folder}"))

    assert folder.stat().st_mode & 0o777 == 0o700


def test_mail_that_is_off_needs_nothing() -> None:
    check_mail_settings(settings_of(MAIL_URL="off", MAIL_TEMPLATES="/none"))


@pytest.mark.parametrize(
    ("environment", "text"),
    [
        ({"MAIL_URL": "off"}, "off: "),
        ({"MAIL_URL": "memory:"}, "in memory"),
        ({"DOORWARD_DATA": "."}, f"in files, in {Path.cwd() / 'mail'}: none leaves this machine"),
    ],
)
async def test_the_doctor_says_where_mail_goes(environment: dict[str, str], text: str) -> None:
    verdict, found = await check_mail(settings_of(**environment))

    assert verdict == "info"
    assert found.startswith(text)


async def test_a_folder_that_cannot_be_written_to_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    inside_a_file = settings_of(MAIL_URL=f"folder:{tmp_path / 'file' / 'mail'}")
    assert await check_mail(inside_a_file) == (
        "FAIL",
        f"no files can be written in {tmp_path / 'file' / 'mail'}",
    )
    with pytest.raises(ConfigurationError, match="MAIL_URL has a folder that cannot be made: "):
        check_mail_settings(inside_a_file)

    monkeypatch.setattr("os.access", lambda _path, mode: mode == os.F_OK)  # as for another user
    of_another = settings_of(MAIL_URL=f"folder:{tmp_path}")
    verdict, _ = await check_mail(of_another)
    assert verdict == "FAIL"
    with pytest.raises(
        ConfigurationError, match="MAIL_URL has a folder that cannot be written to"
    ):
        check_mail_settings(of_another)


async def test_the_doctor_logs_in_to_the_mail_server_and_sends_nothing(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with a_mail_server(authority, **LOGIN) as server:
        url = f"smtp+starttls://{USER}:{PASSWORD}@{HOST}:{server.port}"
        trusted = {"MAIL_CA_FILE": str(authority.file)} | SENDER

        verdict, found = await check_mail(settings_of(MAIL_URL=url, **trusted))
        assert verdict == "ok"
        assert found.startswith(f"mail server at {HOST}:{server.port} answers in ")
        assert found.endswith("ms, with TLS, logged in")

        wrong = url.replace(PASSWORD, "s3cret")
        verdict, found = await check_mail(settings_of(MAIL_URL=wrong, **trusted))
        assert verdict == "FAIL"
        assert found.endswith(f"{server.port} cannot be used: it refuses the user or the password")

        verdict, found = await check_mail(settings_of(MAIL_URL=url, **SENDER))
        assert verdict == "FAIL"
        assert "MAIL_CA_FILE" in found

    verdict, found = await check_mail(settings_of(MAIL_URL=url, **trusted))
    assert found.endswith("nothing listens there")
    assert not server.delivered


def test_a_process_that_writes_no_mail_imports_neither_templates_nor_smtp() -> None:
    code = """
import sys
from doorward.wiring.mail.sender import check_mail_settings
from infrastructure.config.settings import Settings
check_mail_settings(Settings.read({"MAIL_URL": "folder:."}))
sys.exit(bool({"jinja2", "aiosmtplib"} & set(sys.modules)))
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
