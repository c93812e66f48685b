"""The environment of this process, and the file `.env` that adds to it."""

import os
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Self

from dotenv.parser import Binding, parse_stream

from infrastructure.config.environment_variables import ConfigurationError

_REFERENCE = re.compile(r"\$\{(?P<name>[^}:]*)(?::-(?P<default>[^}]*))?\}")
"""``${NAME}`` or ``${NAME:-default}``, as python-dotenv documents it."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")


ENV_FILE = Path(".env")


def read_env_file() -> None:
    """Add to the environment of this process what `.env` in the current folder sets."""
    environment = Environment(os.environ)
    environment.install(environment.read())


def names_in_env_file() -> frozenset[str]:
    """Return the names of the variables to which `.env` gives a value.

    :raises ConfigurationError: the file, or a line of it, cannot be read.
    """
    return frozenset(name for name, text in _assignments() if text)


class Environment:
    """The variables of this process: some were given to it, the others are in `.env`.

    Those of the file may change while the process runs; the given ones take precedence.
    """

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = dict(given)
        self._from_file: frozenset[str] = frozenset()

    @classmethod
    def taken_over(cls, installed: Mapping[str, str], from_file: Collection[str]) -> Self:
        """Return the environment of an earlier program of this process.

        :param from_file: the names of the variables that the file has set.
        """
        names = frozenset(from_file)
        environment = cls({name: installed[name] for name in installed if name not in names})
        environment._from_file = names
        return environment

    @property
    def from_file(self) -> frozenset[str]:
        """The names of the variables that the file has set."""
        return self._from_file

    def read(self) -> dict[str, str]:
        """Return all variables, with the file as it is now.

        A value refers to given variables and to those before it in the file. python-dotenv itself
        would prefer the file's.

        :raises ConfigurationError: the file, or a line of it, cannot be read.
        """
        found: dict[str, str] = {}
        for name, text in _assignments():
            found[name] = _resolved(text, found | self._given)
        return found | self._given

    def install(self, variables: Mapping[str, str]) -> None:
        """Give this process, and those that it starts from now on, what was read."""
        for name in self._from_file - variables.keys():
            os.environ.pop(name, None)
        os.environ.update(variables)
        self._from_file = frozenset(variables.keys() - self._given.keys())

    def fix(self, **chosen: object) -> None:
        """Give variables that take precedence over the file from now on.

        :raises ConfigurationError: as :meth:`read`.
        """
        self._given |= {name: str(value) for name, value in chosen.items() if value is not None}
        self.install(self.read())


def _assignments() -> Iterator[tuple[str, str]]:
    """Yield the names and values in the file. A name without `=` has none, and is left out."""
    try:
        with ENV_FILE.open(encoding="utf-8") as file:
            bindings = list(parse_stream(file))
    except FileNotFoundError:
        return
    except (OSError, UnicodeDecodeError):
        raise ConfigurationError(".env", "cannot be read as UTF-8 text") from None
    for binding in bindings:
        if binding.key is None and not binding.error:
            continue  # a comment, or an empty line
        if binding.error or not _NAME.fullmatch(binding.key or ""):
            raise ConfigurationError(
                ".env",
                f"has no `NAME=value` in line {_line_of(binding)}, or its quotes do not match",
            )
        if binding.value is not None:
            yield str(binding.key), binding.value


def _line_of(binding: Binding) -> int:
    """The line of the name: the text of a binding begins with the empty lines before it."""
    text = binding.original.string
    return binding.original.line + text[: len(text) - len(text.lstrip())].count("\n")


def _resolved(text: str, variables: Mapping[str, str]) -> str:
    return _REFERENCE.sub(lambda found: variables.get(found["name"], found["default"] or ""), text)
