"""The environment of this process, and the file `.env` that adds to it."""

import os
import re
from collections.abc import Mapping

from dotenv import dotenv_values

from infrastructure.config.environment_variables import ConfigurationError

_REFERENCE = re.compile(r"\$\{(?P<name>[^}:]*)(?::-(?P<default>[^}]*))?\}")
"""``${NAME}`` or ``${NAME:-default}``, as python-dotenv documents it."""


def read_env_file() -> None:
    """Add to the environment of this process what `.env` in the current folder sets."""
    environment = Environment(os.environ)
    environment.install(environment.read())


class Environment:
    """The variables of this process: some were given to it, the others are in `.env`.

    Those of the file may change while the process runs; the given ones take precedence.
    """

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = dict(given)
        self._from_file: frozenset[str] = frozenset()

    def read(self) -> dict[str, str]:
        """Return all variables, with the file as it is now.

        A value refers to given variables and to those before it in the file. python-dotenv itself
        would prefer the file's.

        :raises ConfigurationError: the file cannot be read.
        """
        try:
            texts = dotenv_values(".env", encoding="utf-8", interpolate=False)
        except (OSError, UnicodeDecodeError):
            raise ConfigurationError(".env", "cannot be read as UTF-8 text") from None
        found: dict[str, str] = {}
        for name, text in texts.items():
            if text is not None:
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


def _resolved(text: str, variables: Mapping[str, str]) -> str:
    return _REFERENCE.sub(lambda found: variables.get(found["name"], found["default"] or ""), text)
