"""The templates of mails: which languages there are, and what a mail says in each.

One text file a kind and language has the subject, in its first line, and the text. The HTML part
is made from the same text by ``base.html``, unless there is an HTML file of that kind.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jinja2
from jinja2.meta import find_undeclared_variables

from domain.mail import MailKind
from infrastructure.config.environment_variables import ConfigurationError

OWN_FOLDER = Path(__file__).parent / "templates"

FACTS: Mapping[MailKind, Mapping[str, str]] = {
    MailKind.NEW_DEVICE: {"device": "Firefox on Linux"},
    MailKind.ACCOUNT_CHANGED: {"role": "admin", "state": "disabled", "sessions": "ended"},
}
"""The facts that letters may have beside what all of them have, with samples. A fact that a letter
does not have is empty.
"""

_SECRET = "sample-of-a-token"  # noqa: S105 - no secret
_TIME = datetime(2026, 1, 31, 12, tzinfo=UTC)
_SAMPLE: Mapping[str, Any] = {
    "service": "Example",
    "url": "https://example.com",
    "to": "ada@example.com",
    "reply_to": "help@example.com",
    "link": f"https://example.com/page#token={_SECRET}",
    "created_at": _TIME,
    "expires_at": _TIME,
}
_OF_HTML = {"language", "subject", "paragraphs"}
_BASE = "base.html"
_LAST_RESORT = "en"
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*")
_LONGEST_TAG = 35  # RFC 5646, section 4.4.1
_SUBJECT = "Subject:"


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph of the text, for HTML.

    :ivar link: the link that is its last line, or empty. Then ``text`` says what the link does.
    """

    text: str
    link: str


@dataclass(frozen=True, slots=True)
class Wording:
    """What a mail says."""

    language: str
    subject: str
    text: str
    html: str


class Templates:
    """The templates of all kinds and languages.

    Those in the operator's folder are compiled and tried out when they are read.

    :param folder: the operator's, which replace those of the service file by file.
    :param default_locale: the language of readers whose own is unknown or has no templates.
    :raises ConfigurationError: a template cannot be read, is not valid or uses an unknown
        variable, or there is none in the default language.
    """

    def __init__(self, folder: Path | None, default_locale: str) -> None:
        folders = [folder, OWN_FOLDER] if folder else [OWN_FOLDER]
        self._loader = jinja2.FileSystemLoader(folders)
        self._environment = jinja2.Environment(
            loader=self._loader,
            autoescape=jinja2.select_autoescape(["html"], default=False),
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
            cache_size=-1,
        )
        self._files: dict[tuple[str, str], str] = {}
        for each in reversed(folders):
            self._files.update(_templates_in(each))
        self._default = [*_fallbacks(default_locale), _LAST_RESORT]
        if not {language for language, _ in self._files} & set(self._default[:-1]):
            raise ConfigurationError("DEFAULT_LOCALE", "is a language without templates")
        if folder:  # the others are tested before a release
            self._check()

    def render(self, kind: MailKind, locale: str | None, facts: Mapping[str, Any]) -> Wording:
        """Write a mail in the reader's language, or the closest one that has this kind.

        :param facts: what the templates may use: all that is in the sample, and more.
        """
        language = self._language_of(kind, locale)
        values = {**dict.fromkeys(FACTS.get(kind, {}), ""), **facts, "language": language}
        text = self._environment.get_template(self._files[language, f"{kind}.txt"]).render(values)
        first, _, rest = text.strip().partition("\n")
        subject = first.removeprefix(_SUBJECT).strip()
        if not (first.startswith(_SUBJECT) and subject):
            raise ValueError("its first line has to be the subject: Subject: …")
        html = self._environment.get_template(self._html_name(language, kind))
        values["subject"] = subject
        values["paragraphs"] = list(_paragraphs(rest, values["link"]))
        return Wording(language, subject, rest.strip() + "\n", html.render(values))

    def _language_of(self, kind: MailKind, locale: str | None) -> str:
        candidates = [*(_fallbacks(locale) if locale else []), *self._default]
        return next(each for each in candidates if (each, f"{kind}.txt") in self._files)

    def _html_name(self, language: str, kind: MailKind) -> str:
        candidates = ((language, f"{kind}.html"), (language, _BASE), ("", _BASE))
        return next(self._files[each] for each in candidates if each in self._files)

    def _check(self) -> None:
        for (_, file), name in self._files.items():
            self._compile(name, file)
        for language in sorted({language for language, _ in self._files} - {""}):
            for kind in MailKind:
                self._try(kind, language)

    def _compile(self, name: str, file: str) -> None:
        """Compile a template, and look for variables that are unknown in any of its branches."""
        kind = file.rpartition(".")[0]
        own = set(FACTS.get(MailKind(kind), {})) if kind in set(MailKind) else _ALL_FACTS
        known = {*_SAMPLE, *own, "language"} | (_OF_HTML if file.endswith(".html") else set())
        try:
            source, *_ = self._loader.get_source(self._environment, name)
            unknown = find_undeclared_variables(self._environment.parse(source, name)) - known
            self._environment.get_template(name)
        except jinja2.TemplateSyntaxError as error:
            raise _wrong(name, f"in line {error.lineno}: {error.message}") from None
        except (jinja2.TemplateError, OSError, ValueError) as error:  # not in UTF-8, for instance
            raise _wrong(name, f"which cannot be read ({type(error).__name__})") from None
        if unknown and not file.startswith("_"):  # the including template may set those
            raise _wrong(name, f"which uses the unknown variable {min(unknown)}")

    def _try(self, kind: MailKind, language: str) -> None:
        for facts in ({}, FACTS.get(kind, {})):
            try:
                wording = self.render(kind, language, {**_SAMPLE, **facts})
            except jinja2.TemplateNotFound as error:
                reason = f"which needs {error.name}, and there is none"
                raise self._wrong_kind(kind, language, reason) from None
            except Exception as error:  # noqa: BLE001 - a template may raise anything
                raise self._wrong_kind(kind, language, f"which fails: {error}") from None
            if _SECRET in wording.subject:  # the log has subjects
                raise self._wrong_kind(kind, language, "which has the link in its subject")

    def _wrong_kind(self, kind: MailKind, language: str, reason: str) -> ConfigurationError:
        return _wrong(self._files[self._language_of(kind, language), f"{kind}.txt"], reason)


_ALL_FACTS = {name for facts in FACTS.values() for name in facts}


def _wrong(name: str, reason: str) -> ConfigurationError:
    line = " ".join(reason.split())
    return ConfigurationError("MAIL_TEMPLATES", f"has {name}, {line}")


def _templates_in(folder: Path) -> Iterator[tuple[tuple[str, str], str]]:
    """Yield the templates in a folder: language and file name, and the name for the loader.

    :raises ConfigurationError: it is no folder, or has a file that would have no effect.
    """
    try:
        inside = sorted(folder.iterdir())
        below = [file for each in inside if each.is_dir() for file in sorted(each.iterdir())]
    except OSError:
        raise ConfigurationError("MAIL_TEMPLATES", "is no folder that can be read") from None
    if (folder / _BASE).is_file():
        yield ("", _BASE), _BASE
    for file in below:
        if file.suffix not in {".txt", ".html"} or not _LANGUAGE.fullmatch(file.parent.name):
            continue
        name = f"{file.parent.name}/{file.name}"
        is_known = file.name == _BASE or file.name.startswith("_") or file.stem in set(MailKind)
        if not is_known:
            raise _wrong(name, f"which is none of {', '.join(MailKind)}")
        yield (_fallbacks(file.parent.name)[0], file.name), name


def _fallbacks(tag: str) -> list[str]:
    """Return a language tag and its prefixes (RFC 4647, section 3.4), in lower case."""
    parts = tag[:_LONGEST_TAG].replace("_", "-").lower().split("-")
    return ["-".join(parts[:length]) for length in range(len(parts), 0, -1)]


def _paragraphs(text: str, link: str) -> Iterator[Paragraph]:
    for part in filter(None, map(str.strip, re.split(r"\n\s*\n", text))):
        before, _, last = part.rpartition("\n")
        if link and last.strip() == link:
            yield Paragraph(" ".join(before.split()).removesuffix(":"), link)
        else:
            yield Paragraph(" ".join(part.split()), "")
