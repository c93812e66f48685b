"""Letters as mails: headers, parts and links, whatever is in the letter."""

from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from traceback import format_exception

import pytest

from application.ports import Letter, MailDelayed, MailRefused
from domain.mail.message import MailKind, MessageId
from infrastructure.config.mail.mailbox import Mailbox
from infrastructure.mail.rendering import Templates
from tests.support.letters import TOKEN, URL, a_letter, a_writer, part

INJECTION = "x\r\nBcc: eve@evil.example\n\n<script>alert(1)</script>"
HEADERS = {
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "Auto-Submitted",
    "MIME-Version",
    "Content-Type",
    "Content-Language",
}


def parsed(mail: EmailMessage) -> EmailMessage:
    """Read the mail as its recipient does."""
    return BytesParser(EmailMessage, policy=policy.SMTPUTF8).parsebytes(mail.as_bytes())


def test_the_headers_are_those_of_an_automatic_mail() -> None:
    mail = parsed(a_writer().write(a_letter()))

    assert set(mail.keys()) == HEADERS
    assert mail["From"] == "Example <no-reply@id.example>"
    assert mail["To"] == "ada@example.com"
    assert mail["Subject"] == "Set a new password for Example"
    assert mail["Date"] == "Sun, 29 Nov 2026 02:05:01 +0000"
    assert mail["Message-ID"] == "<0123456789abcdef0123456789abcdef@id.example>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Content-Language"] == "en"
    assert [each.get_content_type() for each in mail.iter_parts()] == ["text/plain", "text/html"]


def test_answers_go_to_the_configured_address() -> None:
    writer = a_writer(reply_to=Mailbox("help@example.com", "Help"))

    mail = writer.write(a_letter(kind=MailKind.ACCOUNT_DELETED))

    assert mail["Reply-To"] == "Help <help@example.com>"
    assert "write to help@example.com" in part(mail, "plain")


def test_a_sender_without_a_name_is_called_by_its_domain() -> None:
    mail = a_writer(sender=Mailbox("no-reply@id.example")).write(a_letter())

    assert mail["From"] == "no-reply@id.example"
    assert mail["Subject"] == "Set a new password for id.example"


@pytest.mark.parametrize(
    ("kind", "page"),
    [
        (MailKind.PASSWORD_RESET, "reset"),
        (MailKind.INVITATION, "reset"),
        (MailKind.EMAIL_VERIFICATION, "verify"),
        (MailKind.EMAIL_CHANGE, "verify"),
        (MailKind.EMAIL_CHANGE_REQUESTED, "undo"),
        (MailKind.EMAIL_CHANGED, "undo"),
    ],
)
def test_a_link_leads_to_the_page_of_its_kind_with_the_token_in_the_fragment(
    kind: MailKind, page: str
) -> None:
    mail = a_writer().write(a_letter(kind=kind))

    link = f"{URL}/{page}#token={TOKEN}"
    assert link in part(mail, "plain").splitlines()
    assert f'href="{link}"' in part(mail, "html")


def test_a_link_leads_to_a_page_of_the_list_and_to_no_other() -> None:
    writer = a_writer(link_targets=frozenset({"https://app.example/reset?x=1&y=2"}))

    chosen = writer.write(a_letter(link_target="https://app.example/reset?x=1&y=2"))
    other = writer.write(a_letter(link_target="https://evil.example/reset"))

    assert f"https://app.example/reset?x=1&y=2#token={TOKEN}" in part(chosen, "plain")
    assert "reset?x=1&amp;y=2#token=" in part(chosen, "html")
    assert f"{URL}/reset#token={TOKEN}" in part(other, "plain")
    assert "evil" not in other.as_string()


@pytest.mark.parametrize("kind", [MailKind.EMAIL_CHANGE_REQUESTED, MailKind.EMAIL_CHANGED])
def test_a_notice_without_a_token_has_no_link(kind: MailKind) -> None:
    mail = a_writer().write(a_letter(kind=kind, token=None))

    assert "http" not in part(mail, "plain")
    assert "at once" in part(mail, "plain") or "password now" in part(mail, "plain")


def test_a_template_that_fails_delays_the_mail_and_logs_no_secret(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "en").mkdir()
    failing = "Subject: x\n\n{% if address == 'Odd' %}{{ link + 1 }}{% endif %}"
    (tmp_path / "en" / "new_device.txt").write_text(failing)
    writer = a_writer(templates=Templates(tmp_path, "en"))

    with pytest.raises(MailDelayed, match="template_failed") as delayed:
        writer.write(a_letter(kind=MailKind.NEW_DEVICE, facts={"address": "Odd"}))

    (line,) = [each.msg for each in caplog.records if isinstance(each.msg, dict)]
    assert (line["event"], line["kind"]) == ("mail_template_failed", "new_device")
    assert TOKEN not in caplog.text + "".join(format_exception(delayed.value))


@pytest.mark.parametrize("is_7bit", [False, True])
@pytest.mark.parametrize("locale", ["en", "de"])
def test_the_source_of_a_mail_keeps_its_link_in_one_line_unless_the_way_is_7bit(
    locale: str, is_7bit: bool
) -> None:
    mail = a_writer(sender=Mailbox("a@b.example", "Türen")).write(
        a_letter(locale=locale), is_7bit=is_7bit
    )

    source = mail.as_bytes()
    assert (f"{URL}/reset#token={TOKEN}\r\n".encode() in source) is not is_7bit
    assert source.isascii() is is_7bit
    assert f"{URL}/reset#token={TOKEN}" in part(parsed(mail), "plain").splitlines()
    assert max(map(len, source.splitlines())) <= 998


def test_an_english_mail_in_7bit_is_readable_source() -> None:
    source = a_writer().write(a_letter(), is_7bit=True).as_bytes()

    assert b"base64" not in source
    assert f"{URL}/reset#token={TOKEN}\r\n".encode() in source


def test_no_fact_adds_a_header_a_paragraph_or_markup() -> None:
    mail = parsed(
        a_writer().write(a_letter(kind=MailKind.NEW_DEVICE, facts={"address": INJECTION}))
    )

    assert set(mail.keys()) == HEADERS
    assert "Bcc: eve@evil.example <script>" in part(mail, "plain").replace("\n", " ")
    assert "<script>" not in part(mail, "html")
    assert part(mail, "html").count("<p>") == 5 - 1


def test_a_fact_that_is_named_like_a_value_of_the_letter_does_not_replace_it() -> None:
    mail = a_writer().write(a_letter(facts={"link": "https://evil.example", "service": "Evil"}))

    assert "vil" not in mail.as_string()


@pytest.mark.parametrize("domain", ["localhost", "[192.0.2.1]", "[IPv6:2001:db8::1]"])
def test_the_sender_may_be_at_a_host_without_a_domain(domain: str) -> None:
    mail = parsed(a_writer(sender=Mailbox(f"doorward@{domain}")).write(a_letter()))

    assert mail["From"].addresses[0].addr_spec == f"doorward@{domain}"
    assert mail["Message-ID"].endswith(f"@{domain}>")


def test_a_sender_with_special_characters_in_its_name_is_one_address() -> None:
    name = 'Acme, "Inc." <x@evil.example>; Türen\\'

    mail = parsed(a_writer(sender=Mailbox("a@b.example", name)).write(a_letter()))

    (address,) = mail["From"].addresses
    assert (address.display_name, address.addr_spec) == (name, "a@b.example")


@pytest.mark.parametrize(
    "letter",
    [
        a_letter(to="ada@example.com\r\nBcc: eve@evil.example"),
        a_letter(to="ada@example.com, eve@evil.example"),
        a_letter(to="<ada@example.com>"),
        a_letter(to='"a b"@example.com'),
        a_letter(to="ada"),
        a_letter(to=""),
    ],
)
def test_an_invalid_address_gets_no_mail(letter: Letter) -> None:
    with pytest.raises(MailRefused, match="address_invalid"):
        a_writer().write(letter)


@pytest.mark.parametrize(
    "changes",
    [
        {"sender": Mailbox("a@b.example", INJECTION)},
        {"reply_to": Mailbox("a@b.example", INJECTION)},
    ],
)
def test_a_line_break_in_a_configured_name_adds_no_header(changes: dict[str, Mailbox]) -> None:
    with pytest.raises(MailRefused, match="letter_invalid"):
        a_writer(**changes).write(a_letter())


def test_a_line_break_in_an_id_adds_no_header() -> None:
    with pytest.raises(MailRefused, match="letter_invalid"):
        a_writer().write(a_letter(id=MessageId(INJECTION)))


@pytest.mark.parametrize(
    ("to", "address"),
    [
        ("ada@straße.example", "ada@xn--strae-oqa.example"),
        ("müller@tür.example", "müller@xn--tr-xka.example"),
        ("ada@example.com.", "ada@example.com"),
        ("a..b@example.com", "a..b@example.com"),
        ("o'neil+tag@example.com", "o'neil+tag@example.com"),
    ],
)
def test_the_domain_of_an_address_is_in_ascii(to: str, address: str) -> None:
    mail = a_writer().write(a_letter(to=to))

    assert f"\r\nTo: {address}\r\n".encode() in mail.as_bytes()


def test_another_spelling_of_an_address_reaches_the_same_mailbox() -> None:
    mail = a_writer().write(a_letter(to="\uff41da@example.com"))

    assert mail["To"] == "ada@example.com"
