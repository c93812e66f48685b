"""The texts of an operator: single ones in place of the service's, or further languages."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from string import Formatter

from api.web.overrides.invalid import OverrideInvalid, read_text
from api.web.translations import LANGUAGE, flat, own_folder, texts_by_language

_OWN = ("own.", "problems.")
"""Tables whose keys are free: those of the operator's templates, and messages of the domain."""


def check_texts(folder: Path) -> list[str]:
    """Check the files below ``translations`` in the operator's folder.

    :returns: their languages.
    :raises OverrideInvalid: one is not valid, or has a text that no page shows.
    """
    there = texts_by_language()
    known = {key: text for texts in there.values() for key, text in texts.items()}
    paths = sorted(own_folder(folder).glob("*.toml"))
    for path in paths:
        if not re.fullmatch("[a-z]{2,3}", path.stem):
            raise OverrideInvalid(path, None, "is not named by a language, such as fr.toml")
        texts = _parse(path)
        for reason in _faults(texts, known):
            raise OverrideInvalid(path, None, reason)
        if path.stem not in there and LANGUAGE not in texts:
            raise OverrideInvalid(path, None, f"lacks {LANGUAGE}, the name of the language")
    return [path.stem for path in paths]


def _parse(path: Path) -> Mapping[str, object]:
    try:
        return flat(tomllib.loads(read_text(path)))
    except tomllib.TOMLDecodeError as error:
        raise OverrideInvalid(path, None, str(error)) from None


def _faults(texts: Mapping[str, object], known: Mapping[str, str]) -> Iterator[str]:
    for key, text in texts.items():
        if not isinstance(text, str):
            yield f"{key} is no text"
        elif key not in known:
            if not key.startswith(_OWN):
                yield f"there is no text {key}"
        elif values := _values(known[key]):
            yield from _wrong_values(key, text, values)


def _wrong_values(key: str, text: str, known: set[str]) -> Iterator[str]:
    try:
        used = _values(text)
    except ValueError:
        yield f"{key} has a single brace"
        return
    if unknown := used - known:
        yield f"{key} has {{{min(unknown)}}}, and the original has not"


def _values(text: str) -> set[str]:
    """Return the names in braces."""
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}
