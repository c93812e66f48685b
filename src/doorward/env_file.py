"""The environment of this process, and the file `.env` that adds to it."""

import os
from collections.abc import Mapping

from dotenv.main import DotEnv
from dotenv.variables import parse_variables

from infrastructure.config.environment_variables import ConfigurationError


def read_env_file() -> None:
    """What the environment does not say, `.env` in the current folder may."""
    environment = Environment(os.environ)
    environment.install(environment.read())


class Environment:
    """The variables of this process, those of which may change that `.env` has and nobody else.

    :param given: the others.
    """

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = dict(given)
        self._from_file: frozenset[str] = frozenset()

    def read(self) -> dict[str, str]:
        """All of them, as the file is now. It may name others, as ``${NAME}``.

        :raises ConfigurationError: it cannot be read.
        """
        try:
            texts = DotEnv(".env", encoding="utf-8", interpolate=False).dict()
        except (OSError, UnicodeDecodeError):
            raise ConfigurationError(".env", "cannot be read as UTF-8 text") from None
        found: dict[str, str] = {}
        for name, text in texts.items():
            if text is not None:
                known: dict[str, str | None] = {**found, **self._given}
                found[name] = "".join(part.resolve(known) for part in parse_variables(text))
        return found | self._given

    def install(self, variables: Mapping[str, str]) -> None:
        """Give what was read to this process, and so to those that it starts from now on."""
        for name in self._from_file - variables.keys():
            os.environ.pop(name, None)
        os.environ.update(variables)
        self._from_file = frozenset(variables.keys() - self._given.keys())

    def fix(self, **chosen: object) -> None:
        """These are decided, whatever the file says.

        :raises ConfigurationError: as :meth:`read`.
        """
        self._given |= {name: str(value) for name, value in chosen.items() if value is not None}
        self.install(self.read())
