"""Files of an operator in place of the templates of pages."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from litestar import Litestar

from api.web.overrides.invalid import OverrideInvalid
from api.web.overrides.templates import (
    Origin,
    read_overrides,
    template_names,
    template_to_edit,
)
from infrastructure.config.settings import Settings
from tests.http.client import ORIGIN, a_client
from tests.http.web.browser import Browser

pytestmark = pytest.mark.slow  # each template

Write = Callable[[str, str], Path]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "pages"
    folder.mkdir()
    return folder


@pytest.fixture
def write(folder: Path) -> Write:
    def write_file(name: str, text: str) -> Path:
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    return write_file


class TestPages:
    @pytest.fixture
    def settings(self, settings: Settings, folder: Path) -> Settings:
        return replace(settings, pages=replace(settings.pages, templates=folder))

    @pytest.fixture
    def files(self, write: Write) -> None:
        write(
            "login.html",
            '{% extends "original/login.html" %}'
            "{% block main %}Welcome{{ super() }}{% endblock %}",
        )
        write(
            "base.html",
            template_to_edit("base.html").replace("</main>", "</main><p>Ask us & them.</p>"),
        )

    @pytest.mark.usefixtures("files")
    async def test_a_file_replaces_its_template_and_no_other_one(self, own_app: Litestar) -> None:
        async with a_client(own_app, ORIGIN) as client:
            login = await Browser(client).open("/login")
            forgot = await Browser(client).open("/forgot")

        assert login.source.startswith("<!doctype html>")
        assert re.search(r"<main[^>]*>\s*Welcome<h1>", login.source)
        assert "<p>Ask us & them.</p>" in login.source
        assert "Welcome" not in forgot.source
        assert "<p>Ask us & them.</p>" in forgot.source


def test_every_template_can_be_replaced_by_a_copy(write: Write, folder: Path) -> None:
    for name in template_names():
        write(name, template_to_edit(name))

    found = read_overrides(folder)

    assert [each.name for each in found] == template_names()
    assert {each.origin for each in found} == {Origin.CURRENT}


def test_a_file_says_which_original_it_was_made_from(write: Write, folder: Path) -> None:
    text = template_to_edit("login.html")
    write("login.html", re.sub("sha256:[0-9a-f]+", "sha256:0123456789abcdef", text))
    write("forgot.html", template_to_edit("forgot.html").replace("forgot.html", "error.html", 1))
    write("admin/keys.html", template_to_edit("admin/keys.html").partition("\n")[2])

    origins = {each.name: each.origin for each in read_overrides(folder)}

    assert origins == {
        "login.html": Origin.CHANGED,
        "forgot.html": Origin.UNKNOWN,
        "admin/keys.html": Origin.UNKNOWN,
    }


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("\n{% if %}", 2, "Expected an expression"),
        ("{{ t('login.title') }", 1, "unexpected '}'"),
        ("{% block main %}", 1, "Unexpected end of template"),
        ("\n\n{{ 'a'|shout }}", 3, "No filter named 'shout'"),
        ("\n{{ passwrd }}", 2, "there is no variable passwrd"),
        ("{% block main %}\n{{ each }}{% endblock %}", 2, "there is no variable each"),
        ("{{ t('login.titel') }}", 1, "there is no text login.titel"),
        ("{{ asset('own.css') }}", 1, "there is no file own.css"),
        ("{% extends 'bass.html' %}", 1, "there is no template bass.html"),
        ("{% include 'original/bass.html' %}", 1, "there is no template original/bass.html"),
        ("{% extends 'login.html' %}", 1, "it includes itself: write original/login.html"),
    ],
)
def test_a_broken_file_is_refused_with_its_line(
    write: Write, folder: Path, text: str, line: int, reason: str
) -> None:
    path = write("login.html", text)

    with pytest.raises(OverrideInvalid, match=re.escape(f"{path}, line {line}: {reason}")):
        read_overrides(folder)


@pytest.mark.parametrize("name", ["logn.html", "admin/login.html", "original/login.html"])
def test_a_file_that_replaces_no_template_is_refused(
    write: Write, folder: Path, name: str
) -> None:
    path = write(name, "")

    with pytest.raises(OverrideInvalid, match=re.escape(f"{path}: replaces none")):
        read_overrides(folder)


def test_a_file_that_is_not_in_utf_8_is_refused(write: Write, folder: Path) -> None:
    write("login.html", "").write_bytes(b"\xff")

    with pytest.raises(OverrideInvalid, match="UnicodeDecodeError"):
        read_overrides(folder)


def test_a_folder_that_is_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OverrideInvalid, match="is no folder"):
        read_overrides(tmp_path / "missing")


def test_a_folder_mounted_by_kubernetes_has_the_files_of_its_current_version(
    folder: Path,
) -> None:
    version = folder / "..2026_11_29"
    version.mkdir()
    (version / "login.html").write_text(template_to_edit("login.html"))
    (folder / "..data").symlink_to(version.name)
    (folder / "login.html").symlink_to("..data/login.html")
    (folder / "README.md").write_text("ours")

    assert [each.name for each in read_overrides(folder)] == ["login.html"]


def test_a_file_may_set_import_and_use_what_its_original_does(write: Write, folder: Path) -> None:
    write(
        "login.html",
        """{% extends "base.html" %}
        {% import "_forms.html" as own %}
        {% from "_forms.html" import field as input %}
        {% set words = ["a"] %}
        {% macro line(text) %}<p>{{ text }}{{ done }}</p>{% endmacro %}
        {% block main %}
        {% for word in words %}{{ line(word) }}{{ loop.index }}{% endfor %}
        {{ own.summary(t, form, message) }}{{ input(t, form, "email") }}{{ return_to }}
        {% endblock %}""",
    )

    assert [each.name for each in read_overrides(folder)] == ["login.html"]
