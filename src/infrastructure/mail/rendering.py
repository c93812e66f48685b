"""The templates of mails: which languages there are, and what a mail says in each.

One text file a kind and language has the subject, in its first line, and the text. The HTML part
is made from the same text by ``base.html``, unless there is an HTML file of that kind.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from domain.mail.message import MailKind
from infrastructure.config.environment_variables import ConfigurationError

if TYPE_CHECKING:
    from infrastructure.mail.template_engine import Engine

OWN_FOLDER = Path(__file__).parent / "templates"

FACTS: Mapping[MailKind, Mapping[str, str]] = {
    MailKind.NEW_DEVICE: {"address": "192.0.2.1"},
    MailKind.ACCOUNT_CHANGED: {"role": "admin", "state": "disabled", "sessions": "ended"},
    MailKind.SECOND_FACTORS_CHANGED: {"change": "totp_enrolled"},
    MailKind.SECOND_FACTOR_FAILED: {"during": "reset password"},
    MailKind.RECOVERY_CODE_USED: {"left": "9"},
    MailKind.IDENTITIES_CHANGED: {"change": "linked", "provider": "Google"},
}
"""The facts that letters may have beside what all of them have, with samples. A fact that a letter
does not have is empty.
"""

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
    """The templates of all kinds and languages. Each is compiled when it is first used.

    :param folder: the operator's, which replace those of the service file by file.
    :param default_locale: the language of readers whose own is unknown or has no templates.
    :raises ConfigurationError: the folder cannot be read or has a file that would have no effect,
        or there is no template in the default language.
    """

    def __init__(self, folder: Path | None, default_locale: str) -> None:
        self._folders = [folder, OWN_FOLDER] if folder else [OWN_FOLDER]
        self._files: dict[tuple[str, str], str] = {}
        for each in reversed(self._folders):
            self._files.update(_templates_in(each))
        self._default = [*_fallbacks(default_locale), _LAST_RESORT]
        if not {language for language, _ in self._files} & set(self._default[:-1]):
            raise ConfigurationError("DEFAULT_LOCALE", "is a language without templates")

    def render(self, kind: MailKind, locale: str | None, facts: Mapping[str, Any]) -> Wording:
        """Write a mail in the reader's language, or the closest one that has this kind.

        :param facts: what the templates may use: all that is in the sample, and more.
        """
        language = self._language_of(kind, locale)
        values = {**dict.fromkeys(FACTS.get(kind, {}), ""), **facts, "language": language}
        text = self.engine.render(self._files[language, f"{kind}.txt"], values)
        first, _, rest = text.strip().partition("\n")
        subject = first.removeprefix(_SUBJECT).strip()
        if not (first.startswith(_SUBJECT) and subject):
            raise ValueError("its first line has to be the subject: Subject: …")
        values["subject"] = subject
        values["paragraphs"] = list(_paragraphs(rest, values["link"]))
        html = self.engine.render(self._html_name(language, kind), values)
        return Wording(language, subject, rest.strip() + "\n", html)

    def _language_of(self, kind: MailKind, locale: str | None) -> str:
        candidates = [*(_fallbacks(locale) if locale else []), *self._default]
        return next(each for each in candidates if (each, f"{kind}.txt") in self._files)

    def _html_name(self, language: str, kind: MailKind) -> str:
        candidates = ((language, f"{kind}.html"), (language, _BASE), ("", _BASE))
        return next(self._files[each] for each in candidates if each in self._files)

    @property
    def files(self) -> Mapping[tuple[str, str], str]:
        """The paths of all templates, by language (empty for all) and file name."""
        return self._files

    def path(self, kind: MailKind, locale: str | None) -> str:
        """Return the path of the text of a mail."""
        return self._files[self._language_of(kind, locale), f"{kind}.txt"]

    @cached_property
    def engine(self) -> "Engine":
        """The engine that renders them. Its import is slow, and many processes send no mail."""
        from infrastructure.mail.template_engine import Engine  # noqa: PLC0415

        return Engine(self._folders)


def wrong_template(path: str, reason: str) -> ConfigurationError:
    """
    :param reason: what follows the path in a sentence.
    """
    return ConfigurationError("MAIL_TEMPLATES", f"has {path}, {' '.join(reason.split())}")


def _templates_in(folder: Path) -> Iterator[tuple[tuple[str, str], str]]:
    """Yield the templates in a folder: language and file name, and the name for the loader.

    :raises ConfigurationError: it is no folder, or has a file that would have no effect.
    """
    try:
        inside = sorted(folder.iterdir())
        below = [file for each in inside if each.is_dir() for file in sorted(each.iterdir())]
        outside = [each for each in inside if each.is_file()]
    except OSError:
        raise ConfigurationError("MAIL_TEMPLATES", "is no folder that can be read") from None
    if (folder / _BASE).is_file():
        yield ("", _BASE), _BASE
    for file in [*outside, *below]:
        if file.suffix not in {".txt", ".html"}:
            continue
        name = str(file.relative_to(folder))
        if file in outside or not _LANGUAGE.fullmatch(file.parent.name):
            if file.stem in set(MailKind):
                raise wrong_template(name, "which is in no folder of a language, such as en")
            continue
        is_known = file.name == _BASE or file.name.startswith("_") or file.stem in set(MailKind)
        if not is_known:
            raise wrong_template(name, f"which is none of {', '.join(MailKind)}")
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
