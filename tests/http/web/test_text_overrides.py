"""Texts of an operator: in place of the service's, and in further languages."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from api.web.overrides.invalid import OverrideInvalid
from api.web.overrides.templates import read_overrides
from api.web.overrides.texts import check_texts
from api.web.translations import Translations
from infrastructure.config.settings import Settings
from tests.http.client import EMAIL, Client
from tests.http.web.browser import Browser
from tests.support.builders import PASSWORD

Write = Callable[[str, str], None]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_file(language: str, text: str) -> None:
        (tmp_path / "translations").mkdir(exist_ok=True)
        (tmp_path / "translations" / f"{language}.toml").write_text(text)

    return write_file


class TestPages:
    @pytest.fixture
    def settings(self, settings: Settings, tmp_path: Path) -> Settings:
        return replace(settings, pages=replace(settings.pages, templates=tmp_path))

    @pytest.fixture(autouse=True)
    def texts(self, write: Write) -> None:
        write("de", '[login]\ntitle = "Willkommen <bei> uns"')
        write("fr", '[base]\nlanguage = "Français"\n[login]\ntitle = "Se connecter"')

    async def test_a_text_replaces_the_one_of_the_service_in_its_language(
        self, client: Client
    ) -> None:
        german = await Browser(client, "de").open("/login")
        english = await Browser(client, "en").open("/login")

        assert "<h1>Willkommen &lt;bei&gt; uns</h1>" in german.source
        assert "Passwort vergessen?" in german.text
        assert "<h1>Log in</h1>" in english.source

    async def test_a_further_language_is_english_where_it_has_no_text(
        self, client: Client
    ) -> None:
        page = await Browser(client, "fr-CH").open("/login")

        assert '<html lang="fr">' in page.source
        assert "<h1>Se connecter</h1>" in page.source
        assert "Forgot your password?" in page.text

    async def test_a_user_may_choose_a_further_language(
        self, browser: Browser, client: Client
    ) -> None:
        await client.register(EMAIL)
        await browser.log_in(EMAIL, PASSWORD)
        page = await browser.open("/account")
        assert re.findall(r'<option value="(\w+)"[^>]*>(\w+)<', page.source) == [
            ("de", "Deutsch"),
            ("en", "English"),
            ("fr", "Français"),
        ]

        changed = await browser.submit(page, "/account", name="Ada", locale="fr")

        assert '<html lang="fr">' in changed.source


@pytest.mark.parametrize(
    ("language", "text", "reason"),
    [
        ("en", "[login]\ntitle = x\n", "Invalid value (at line 2, column 9)"),
        ("en", '[login]\ntitel = "Log in"', "there is no text login.titel"),
        ("en", "[login]\ntitle = 1", "login.title is no text"),
        ("en", '[base]\nskip.x = "y"', "there is no text base.skip.x"),
        (
            "de",
            '[forms]\npassword_rule = "Mindestens {count}"',
            "forms.password_rule has {count}, and the original has not",
        ),
        ("de", '[forms]\npassword_rule = "{shortest"', "forms.password_rule has a single brace"),
        ("fr", '[login]\ntitle = "Connexion"', "lacks base.language, the name of the language"),
        ("french", "", "is not named by a language, such as fr.toml"),
    ],
)
def test_a_broken_file_is_refused(
    write: Write, tmp_path: Path, language: str, text: str, reason: str
) -> None:
    write(language, text)
    path = tmp_path / "translations" / f"{language}.toml"

    with pytest.raises(OverrideInvalid, match=re.escape(f"{path}: {reason}")):
        check_texts(tmp_path)


def test_templates_may_have_texts_of_their_own(write: Write, tmp_path: Path) -> None:
    (tmp_path / "login.html").write_text('{{ t("own.hotline") }}')
    write("de", '[own]\nhotline = "Rufen Sie an"')
    with pytest.raises(OverrideInvalid, match=r"there is no text own\.hotline"):
        read_overrides(tmp_path)  # an English page would have none

    write("en", '[own]\nhotline = "Call {us}"')

    assert check_texts(tmp_path) == ["de", "en"]
    assert [each.name for each in read_overrides(tmp_path)] == ["login.html"]
    assert Translations(tmp_path).in_language("en")("own.hotline") == "Call {us}"


def test_a_folder_without_texts_changes_none(tmp_path: Path) -> None:
    assert check_texts(tmp_path) == []
    assert Translations(tmp_path).languages == Translations().languages
