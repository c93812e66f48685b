"""The templates of mails: kinds, languages, and those of the operator."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from domain.mail.message import MailKind
from infrastructure.config.environment_variables import ConfigurationError
from infrastructure.mail.rendering import FACTS, Templates
from infrastructure.mail.template_checks import check_templates
from tests.support.letters import templates

pytestmark = pytest.mark.slow  # each kind of mail in each language

LINK = "https://id.example/page#token=t"
VALUES: Mapping[str, Any] = {
    "service": "Acme & <Co>",
    "url": "https://id.example",
    "to": "ada@example.com",
    "reply_to": "",
    "link": LINK,
    "created_at": datetime(2026, 11, 29, 2, 5, tzinfo=UTC),
    "expires_at": datetime(2026, 11, 29, 2, 35, tzinfo=UTC),
}
WITH_LINK = {
    MailKind.PASSWORD_RESET,
    MailKind.INVITATION,
    MailKind.EMAIL_VERIFICATION,
    MailKind.EMAIL_CHANGE,
    MailKind.EMAIL_CHANGE_REQUESTED,
    MailKind.EMAIL_CHANGED,
}
WITHOUT_A_CASE_IF_IT_WAS_NOT_YOU = {
    MailKind.ACCOUNT_CHANGED,
    MailKind.ACCOUNT_DELETED,
    MailKind.TEST,
}
ALL = [(kind, language) for kind in MailKind for language in ("en", "de")]


def put(folder: Path, name: str, text: str | bytes) -> None:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text if isinstance(text, bytes) else text.encode())


def reason(folder: Path, default: str = "en") -> str:
    with pytest.raises(ConfigurationError) as refused:
        check_templates(Templates(folder, default))
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_the_templates_of_the_service_pass_the_checks_of_those_of_an_operator() -> None:
    check_templates(templates())


@pytest.mark.parametrize(("kind", "language"), ALL)
def test_each_kind_of_mail_is_there_in_english_and_german(kind: MailKind, language: str) -> None:
    wording = templates().render(kind, language, VALUES)

    assert wording.language == language
    assert "Acme & <Co>" in wording.subject
    assert "Acme & <Co>" in wording.text
    assert "Acme &amp; &lt;Co&gt;" in wording.html
    assert "<Co>" not in wording.html
    assert f'<html lang="{language}">' in wording.html
    assert (LINK in wording.text.splitlines()) is (kind in WITH_LINK)
    assert (f'href="{LINK}"' in wording.html) is (kind in WITH_LINK)


@pytest.mark.parametrize(("kind", "language"), ALL)
def test_each_mail_says_how_long_its_link_works_and_what_to_do_if_it_was_not_you(
    kind: MailKind, language: str
) -> None:
    text = templates().render(kind, language, VALUES).text

    has_time = re.search(r"2026,? (at |um )?02:35( Uhr \(UTC\)| UTC)", text) is not None
    assert has_time is (kind in WITH_LINK)
    unexpected = re.search(r"If (this was|you (did|have)) not|Wenn Sie (das|sich) nicht", text)
    assert unexpected or kind in WITHOUT_A_CASE_IF_IT_WAS_NOT_YOU


@pytest.mark.parametrize(("kind", "language"), ALL)
def test_no_mail_loads_anything_from_elsewhere(kind: MailKind, language: str) -> None:
    html = templates().render(kind, language, VALUES).html

    assert re.search(r"<(img|script|link|iframe|object|video|audio)\b|src=|url\(", html) is None


@pytest.mark.parametrize("kind", FACTS)
@pytest.mark.parametrize("language", ["en", "de"])
def test_a_mail_with_facts_shows_them_and_does_without(kind: MailKind, language: str) -> None:
    facts = FACTS[kind]

    with_facts = templates().render(kind, language, {**VALUES, **facts}).text
    without = templates().render(kind, language, VALUES).text

    if "change" in facts or kind is MailKind.SECOND_FACTOR_FAILED:
        assert with_facts != without  # the fact names one of the sentences
    else:
        shown = next(iter(facts.values()))
        assert with_facts.count(shown) == without.count(shown) + 1
    assert "\n\n\n" not in with_facts + without


@pytest.mark.parametrize(
    ("locale", "language"),
    [
        ("de", "de"),
        ("de-AT", "de"),
        ("DE_at", "de"),
        ("de-Latn-DE-1996", "de"),
        ("fr", "en"),
        ("../de", "en"),
        ("", "en"),
        (None, "en"),
    ],
)
def test_the_closest_language_is_used(locale: str | None, language: str) -> None:
    assert templates().render(MailKind.TEST, locale, VALUES).language == language


def test_the_default_language_can_be_chosen() -> None:
    german = Templates(None, "de-CH")

    assert german.render(MailKind.TEST, "fr", VALUES).language == "de"
    assert german.render(MailKind.TEST, "en-GB", VALUES).language == "en"


def test_a_default_language_without_templates_is_refused(tmp_path: Path) -> None:
    assert reason(tmp_path, "fr") == "DEFAULT_LOCALE is a language without templates"


def test_a_template_of_the_operator_replaces_that_of_the_service(tmp_path: Path) -> None:
    put(tmp_path, "en/test.txt", "Subject: Hi\r\n\r\nIt works.\r\n\r\nOpen:\r\n{{ link }}\r\n")

    both = Templates(tmp_path, "en")

    wording = both.render(MailKind.TEST, "en", VALUES)
    assert (wording.subject, wording.text) == ("Hi", f"It works.\n\nOpen:\n{LINK}\n")
    assert "<p>It works.</p>" in wording.html
    assert ">Open</a>" in wording.html
    assert both.render(MailKind.TEST, "de", VALUES) == templates().render(
        MailKind.TEST, "de", VALUES
    )


def test_the_operator_adds_a_language_file_by_file(tmp_path: Path) -> None:
    put(tmp_path, "fr/test.txt", "Subject: Bonjour\n\nÇa marche.\n")

    both = Templates(tmp_path, "de")

    assert both.render(MailKind.TEST, "fr-CA", VALUES).text == "Ça marche.\n"
    assert both.render(MailKind.PASSWORD_RESET, "fr-CA", VALUES).language == "de"


def test_the_operator_replaces_the_html_of_all_mails_of_a_language_or_of_one(
    tmp_path: Path,
) -> None:
    put(tmp_path, "base.html", "<b>{{ subject }}</b>")
    put(tmp_path, "de/base.html", "<i>{% for each in paragraphs %}{{ each.text }}{% endfor %}</i>")
    put(tmp_path, "en/test.html", "<u>{{ service }}</u>")

    both = Templates(tmp_path, "en")

    assert both.render(MailKind.TEST, "en", VALUES).html == "<u>Acme &amp; &lt;Co&gt;</u>"
    assert both.render(MailKind.ACCOUNT_DELETED, "en", VALUES).html.startswith("<b>Your account")
    assert both.render(MailKind.TEST, "de", VALUES).html.startswith("<i>Hallo,")


def test_templates_may_share_parts(tmp_path: Path) -> None:
    put(tmp_path, "en/_greeting.txt", "Dear reader of {{ service }}")
    put(tmp_path, "en/test.txt", 'Subject: Hi\n\n{% include "en/_greeting.txt" %}\n')
    put(tmp_path, "README.md", "Not a template.")
    put(tmp_path, "en/notes.md", "Not one either.")

    wording = Templates(tmp_path, "en").render(MailKind.TEST, "en", VALUES)

    assert wording.text == "Dear reader of Acme & <Co>\n"


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("en/test.txt", "Subject: x\n\n{{ link", "has en/test.txt, in line 3: "),
        ("en/test.txt", "Subject: x\n{% if nothing %}\n{{ lnik }}{% endif %}", "variable lnik"),
        ("en/test.txt", "Subject: x\n\n{{ device }}", "unknown variable device"),
        ("en/test.txt", "Subject: x\n\n{{ paragraphs }}", "unknown variable paragraphs"),
        ("en/test.txt", "Hello,\n\nno subject", "first line has to be the subject"),
        ("en/test.txt", "Subject: \n\nHello", "first line has to be the subject"),
        ("en/test.txt", "", "first line has to be the subject"),
        ("en/test.txt", "Subject: {{ link }}\n\nHello", "has the link in its subject"),
        ("en/test.txt", "Subject: x\n\n{{ 1 / 0 }}", "has en/test.txt, which fails: division"),
        ("en/test.txt", "Subject: x\n\n{{ link.nothing }}", "which fails: "),
        ("en/test.txt", b"Subject: \xff", "has en/test.txt, which cannot be read"),
        ("en/test.txt", "Subject: x\n{% include 'en/_none.txt' %}", "which needs en/_none.txt"),
        ("en/new_device.html", "{{ role }}", "unknown variable role"),
        ("base.html", "{{ oops }}", "has base.html, which uses the unknown variable oops"),
        ("de/tests.txt", "Subject: x\n\nx", "has de/tests.txt, which is none of password_reset"),
        ("fr/test.txt", "Subject: x\n\n{{ oops }}", "has fr/test.txt"),
        ("test.txt", "Subject: x\n\nx", "has test.txt, which is in no folder of a language"),
        ("german/test.txt", "Subject: x\n\nx", "has german/test.txt, which is in no folder"),
    ],
)
def test_a_wrong_template_is_refused_in_one_line(
    tmp_path: Path, name: str, text: str | bytes, expected: str
) -> None:
    put(tmp_path, name, text)

    message = reason(tmp_path)

    assert message.startswith("MAIL_TEMPLATES has ")
    assert expected in message


@pytest.mark.parametrize("kind", MailKind)
def test_a_text_without_the_link_of_its_kind_is_refused(tmp_path: Path, kind: MailKind) -> None:
    put(tmp_path, f"de/{kind}.txt", "Subject: x\n\nHallo,\n")

    if kind in WITH_LINK:
        assert f"has de/{kind}.txt, which lacks the link: {{{{ link }}}}" in reason(tmp_path)
    else:
        check_templates(Templates(tmp_path, "en"))


def test_a_missing_folder_of_templates_is_refused(tmp_path: Path) -> None:
    assert reason(tmp_path / "none") == "MAIL_TEMPLATES is no folder that can be read"
