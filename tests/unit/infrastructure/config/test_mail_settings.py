"""The settings of mail: transport, sender and links."""

from pathlib import Path

import pytest

from application.mail.messages import NOTICES
from infrastructure.config.environment_variables import ConfigurationError
from infrastructure.config.mail.links import Pages
from infrastructure.config.mail.mailbox import Mailbox
from infrastructure.config.mail.settings import service_name
from infrastructure.config.mail.url import MailScheme, MailUrl
from infrastructure.config.settings import Settings

POSTGRESQL = {"DATABASE_URL": "postgresql://db/app"}


def url_of(text: str) -> MailUrl:
    url = Settings.read({"MAIL_URL": text}).mail.url
    assert url is not None
    return url


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("smtp://localhost", MailUrl(MailScheme.SMTP, "localhost", 25)),
        ("smtp://mail.example.com/", MailUrl(MailScheme.SMTP, "mail.example.com", 25)),
        ("SMTPS://Mail.Example.com", MailUrl(MailScheme.SMTPS, "mail.example.com", 465)),
        ("smtp+starttls://mail:25", MailUrl(MailScheme.STARTTLS, "mail", 25)),
        ("smtp://a:b@127.0.0.2:26", MailUrl(MailScheme.SMTP, "127.0.0.2", 26, "a", "b")),
        ("smtp://ada:s3cret@[::1]", MailUrl(MailScheme.SMTP, "::1", 25, "ada", "s3cret")),
        (
            "smtp+starttls://ada@example.com:p@s/s:?#%41%@mail",
            MailUrl(MailScheme.STARTTLS, "mail", 587, "ada@example.com", "p@s/s:?#A%"),
        ),
        ("smtps://a%3Ab:c@mail", MailUrl(MailScheme.SMTPS, "mail", 465, "a:b", "c")),
        ("folder:mail", MailUrl(MailScheme.FOLDER, folder=Path("mail"))),
        ("folder:///srv/mail", MailUrl(MailScheme.FOLDER, folder=Path("/srv/mail"))),
        ("folder:", MailUrl(MailScheme.FOLDER)),
        ("off", MailUrl(MailScheme.OFF)),
    ],
    ids=str,
)
def test_a_mail_url_is_read(text: str, url: MailUrl) -> None:
    assert url_of(text) == url


def test_the_address_of_a_mail_server_is_shown_without_its_password() -> None:
    url = url_of("smtps://ada:hidden@[fe80::1]:465")

    assert url.address == "[fe80::1]:465"
    assert "hidden" not in f"{url!r}"
    assert "ada" not in f"{url!r}"


def test_mail_of_the_embedded_default_goes_to_a_folder_beside_its_database() -> None:
    settings = Settings.read({"DOORWARD_DATA": "/srv"})

    destination = settings.mail.destination(settings.storage)

    assert destination == MailUrl(MailScheme.FOLDER, folder=Path("/srv/mail"))
    assert not settings.mail.is_configured


def test_a_folder_without_a_path_is_that_of_the_embedded_default() -> None:
    settings = Settings.read({"DOORWARD_DATA": "/srv", "MAIL_URL": "folder:"} | POSTGRESQL)

    destination = settings.mail.destination(settings.storage)

    assert destination == MailUrl(MailScheme.FOLDER, folder=Path("/srv/mail"))
    assert settings.mail.is_configured


def test_mail_is_off_for_other_databases_unless_it_is_configured() -> None:
    settings = Settings.read(POSTGRESQL)

    assert settings.mail.destination(settings.storage) == MailUrl(MailScheme.OFF)
    assert not settings.mail.is_configured


def test_mail_that_is_turned_off_is_not_configured() -> None:
    settings = Settings.read({"MAIL_URL": "off"})

    assert settings.mail.destination(settings.storage) == MailUrl(MailScheme.OFF)
    assert not settings.mail.is_configured


@pytest.mark.parametrize("text", ["smtp://localhost", "smtps://mail", "smtp+starttls://mail"])
def test_a_mail_server_needs_a_sender(text: str) -> None:
    settings = Settings.read({"MAIL_URL": text})

    with pytest.raises(ConfigurationError, match=r"^MAIL_FROM is not set, and the mail server"):
        settings.mail.sender_at(settings.http)


@pytest.mark.parametrize(
    ("text", "mailbox"),
    [
        ("no-reply@example.com", Mailbox("no-reply@example.com")),
        ("<No-Reply@example.com>", Mailbox("no-reply@example.com")),
        ('"Acme, Inc." <a@example.com>', Mailbox("a@example.com", "Acme, Inc.")),
        ("Türen & Tore <a@tür.example>", Mailbox("a@xn--tr-xka.example", "Türen & Tore")),
    ],
)
def test_a_sender_is_an_address_that_may_have_a_name(text: str, mailbox: Mailbox) -> None:
    settings = Settings.read({"MAIL_FROM": text, "MAIL_URL": "smtp://localhost"})

    assert settings.mail.sender_at(settings.http) == mailbox


@pytest.mark.parametrize(
    ("environment", "name"),
    [
        ({"MAIL_FROM": "Acme <a@mail.example>", "PUBLIC_URL": "https://id.example.com"}, "Acme"),
        (
            {"MAIL_FROM": "a@mail.example", "PUBLIC_URL": "https://id.example.com"},
            "id.example.com",
        ),
        ({}, "localhost"),
    ],
)
def test_authenticator_apps_show_the_name_of_the_service(
    environment: dict[str, str], name: str
) -> None:
    settings = Settings.read({"MAIL_URL": "smtp://localhost", **environment})

    assert service_name(settings.mail, settings.http) == name


@pytest.mark.parametrize(
    ("public_url", "sender"),
    [
        ("https://id.example.com:8443/auth", "doorward@id.example.com"),
        ("http://192.0.2.1", "doorward@[192.0.2.1]"),
        ("http://[2001:db8::1]:8000", "doorward@[IPv6:2001:db8::1]"),
        ("", "doorward@localhost"),
    ],
)
def test_the_default_sender_is_at_the_host_of_the_service(public_url: str, sender: str) -> None:
    settings = Settings.read({"PUBLIC_URL": public_url})

    assert settings.mail.sender_at(settings.http) == Mailbox(sender)


def test_pages_of_links_are_below_the_public_url() -> None:
    settings = Settings.read({"PUBLIC_URL": "https://example.com/auth"})

    assert settings.mail.pages(settings.http) == Pages(
        "https://example.com/auth/reset",
        "https://example.com/auth/verify",
        "https://example.com/auth/undo",
    )


def test_pages_of_links_may_be_elsewhere() -> None:
    settings = Settings.read(
        {
            "RESET_URL": "https://app.example.com/r",
            "VERIFY_URL": "https://app.example.com/v",
            "UNDO_URL": "http://localhost:3000/u",
        }
    )

    assert settings.mail.pages(settings.http) == Pages(
        "https://app.example.com/r", "https://app.example.com/v", "http://localhost:3000/u"
    )


def test_the_default_notices_are_those_of_the_application() -> None:
    assert Settings.read({}).mail.notices == NOTICES


def test_a_page_fits_into_a_row_of_the_outbox() -> None:
    page = f"https://app.example.com/{'a' * 231}"

    assert Settings.read({"LINK_TARGETS": page}).mail.link_targets == (page,)
    with pytest.raises(ConfigurationError, match="at most 255 characters"):
        Settings.read({"LINK_TARGETS": f"{page}a"})


@pytest.mark.parametrize(
    ("text", "description"),
    [
        ("smtps://ada:s3cret@mail.example.com", "server at mail.example.com:465"),
        ("folder:/srv/mail", "files in /srv/mail"),
        ("folder:mail", f"files in {Path.cwd()}/mail"),
        ("memory:", "in memory"),
        ("off", "off"),
    ],
)
def test_the_summary_of_the_start_says_where_mail_goes(text: str, description: str) -> None:
    assert url_of(text).description == description
