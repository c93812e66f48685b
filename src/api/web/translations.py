"""The texts of the pages, by language."""

import re
import tomllib
from collections.abc import Iterable, Mapping
from functools import cache, cached_property
from pathlib import Path

from domain.errors import Problem

_FOLDER = Path(__file__).parent / "translations"
LANGUAGE = "base.language"
"""The key of the name of a language, in itself."""
_NUMBER = re.compile(r"\d+")
DEFAULT = "en"


class Texts:
    """The texts in one language. What is missing there is in English."""

    def __init__(
        self, language: str, texts: Mapping[str, str], fallback: Mapping[str, str]
    ) -> None:
        self.language = language
        self._texts = {**fallback, **texts}

    def __call__(self, key: str, **values: object) -> str:
        """Return a text, with values in place of its ``{names}``."""
        text = self._texts[key]
        return text.format(**values) if values else text

    def choices(self, table: str, names: Iterable[str]) -> list[tuple[str, str]]:
        """Return the options of a list, with their texts."""
        return [(name, self._texts[f"{table}.{name}"]) for name in names]

    def has(self, key: str) -> bool:
        return key in self._texts

    def of_event(self, what: str, outcome: str) -> str:
        """Return what happened, in plain words."""
        name = what.replace(" ", "_")
        text = self._texts.get(f"events.{name}", what)
        return text if outcome == "success" else f"{text}: {self.of_outcome(outcome)}"

    def of_outcome(self, outcome: str) -> str:
        return self._texts.get(f"outcomes.{outcome}", outcome.replace("_", " "))

    def of_problem(self, problem: Problem) -> str:
        """Return the sentence about a field that cannot be accepted.

        Domain messages are in English, and end a sentence that begins with the field.
        """
        field = self._texts.get(f"fields.{problem.field}", problem.field)
        message = _NUMBER.sub("#", problem.message)
        numbers = _NUMBER.findall(problem.message)
        translated = self._texts.get(f"problems.{message}", problem.message)
        for number in numbers:
            translated = translated.replace("#", number, 1)
        return f"{field} {translated}"


class Translations:
    """The texts of all languages, read when they are first needed.

    :param own: the operator's folder, if there is one.
    """

    def __init__(self, own: Path | None = None) -> None:
        self._own = own

    @cached_property
    def _by_language(self) -> Mapping[str, Texts]:
        read = texts_by_language()
        for language, texts in _read(own_folder(self._own)).items() if self._own else ():
            read[language] = read.get(language, {}) | texts
        return {
            language: Texts(language, texts, read[DEFAULT]) for language, texts in read.items()
        }

    @property
    def languages(self) -> list[tuple[str, str]]:
        """The languages, with their names in themselves."""
        return [(each, texts(LANGUAGE)) for each, texts in sorted(self._by_language.items())]

    def in_language(self, *preferred: str | None) -> Texts:
        """Return the texts in the first of these languages that there is, else in English.

        :param preferred: language tags (RFC 5646), or ``None``.
        """
        for tag in preferred:
            language = (tag or "").lower().partition("-")[0]
            if language in self._by_language:
                return self._by_language[language]
        return self._by_language[DEFAULT]


def texts_by_language() -> dict[str, dict[str, str]]:
    """Return the service's own texts, by their keys."""
    return dict(_own_texts())


@cache
def _own_texts() -> Mapping[str, dict[str, str]]:
    return _read(_FOLDER)


def file_of(language: str) -> str:
    """Return the file with the service's own texts in this language."""
    return (_FOLDER / f"{language}.toml").read_text()


def own_folder(folder: Path) -> Path:
    """Return where the operator's texts are."""
    return folder / _FOLDER.name


def flat(table: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    """Return the values of all tables, by keys such as ``login.title``."""
    found: dict[str, object] = {}
    for key, value in table.items():
        if isinstance(value, Mapping):
            found.update(flat(value, f"{prefix}{key}."))
        else:
            found[prefix + key] = value
    return found


def _read(folder: Path) -> dict[str, dict[str, str]]:
    return {
        path.stem: {key: str(text) for key, text in flat(tomllib.loads(path.read_text())).items()}
        for path in folder.glob("*.toml")
    }
