"""`doorward pages`, and what the start and the doctor say about replaced templates."""

import re
from pathlib import Path

import pytest

from api.web.overrides.texts import check_texts
from doorward.diagnostics.pages import require_pages
from infrastructure.config.environment_variables import ConfigurationError
from infrastructure.config.settings import Settings
from tests.cli.test_doctor import verdicts
from tests.support.commands import doorward


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "pages"
    folder.mkdir()
    return folder


def export(folder: Path, name: str) -> Path:
    path = folder / name
    path.write_text(doorward(folder, "pages", "template", name).stdout)
    return path


def test_the_command_lists_and_prints_templates(tmp_path: Path) -> None:
    listed = doorward(tmp_path, "pages", "template").stdout.split()
    printed = doorward(tmp_path, "pages", "template", "login.html").stdout
    unknown = doorward(tmp_path, "pages", "template", "../page.py")

    assert {"base.html", "login.html", "_forms.html"} <= set(listed)
    assert re.match(r"\{# doorward: login\.html sha256:[0-9a-f]{16} #\}\n\{% extends", printed)
    assert unknown.returncode == 2
    assert unknown.stdout == ""


def test_the_printed_texts_are_accepted_as_those_of_another_language(
    tmp_path: Path, folder: Path
) -> None:
    english = doorward(tmp_path, "pages", "texts")
    german = doorward(tmp_path, "pages", "texts", "de")
    (folder / "translations").mkdir()
    (folder / "translations" / "fr.toml").write_text(english.stdout)
    (folder / "translations" / "de.toml").write_text(german.stdout)

    assert 'language = "English"' in english.stdout
    assert check_texts(folder) == ["de", "fr"]


def test_the_doctor_lists_replaced_templates(tmp_path: Path, folder: Path) -> None:
    export(folder, "login.html")
    current = doorward(tmp_path, "doctor", PAGE_TEMPLATES=str(folder))
    (folder / "translations").mkdir()
    (folder / "translations" / "de.toml").write_text("[login]\ntitle = 'Willkommen'")
    (folder / "forgot.html").write_text("Forgot")
    unmarked = doorward(tmp_path, "doctor", PAGE_TEMPLATES=str(folder))

    assert verdicts(current)["pages"] == "ok"
    assert "replaced templates: login.html\n" in current.stdout
    assert verdicts(unmarked)["pages"] == "warn"
    assert "forgot.html (whether the original has changed since is unknown)" in unmarked.stdout
    assert "; own texts: de\n" in unmarked.stdout


def test_the_doctor_and_the_start_refuse_a_broken_template(tmp_path: Path, folder: Path) -> None:
    path = folder / "login.html"
    path.write_text("\n{% if %}")

    found = doorward(tmp_path, "doctor", PAGE_TEMPLATES=str(folder))
    started = doorward(tmp_path, "serve", PAGE_TEMPLATES=str(folder))

    assert verdicts(found)["pages"] == "FAIL"
    assert started.returncode == 2
    assert f"PAGE_TEMPLATES cannot be used: {path}, line 2: Expected" in started.stderr
    assert "Doorward listens" not in started.stdout


def test_the_start_warns_of_templates_whose_original_has_changed(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = export(folder, "login.html")
    path.write_text(re.sub("sha256:[0-9a-f]+", "sha256:0123456789abcdef", path.read_text()))
    export(folder, "register.html")
    (folder / "forgot.html").write_text("Forgot")

    require_pages(Settings.read({"PAGE_TEMPLATES": str(folder)}))

    logged = [record.msg for record in caplog.records if isinstance(record.msg, dict)]
    assert [(each["event"], each["template"]) for each in logged] == [
        ("page_template_unmarked", "forgot.html"),
        ("page_template_outdated", "login.html"),
    ]


@pytest.mark.parametrize("pages", ["all", "off"])
def test_templates_and_logo_are_checked_also_where_only_links_in_mails_have_pages(
    folder: Path, pages: str
) -> None:
    (folder / "link.html").write_text("{% if %}")
    for given in ({"PAGE_TEMPLATES": str(folder)}, {"BRAND_LOGO": str(folder / "none.svg")}):
        with pytest.raises(ConfigurationError):
            require_pages(Settings.read(given | {"PAGES": pages}))
