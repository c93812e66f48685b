"""What the environment says, for the commands: its settings, and the use cases they make."""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from dishka import AsyncContainer
from dotenv.main import DotEnv
from dotenv.variables import parse_variables

from domain.errors import (
    AuthError,
    EmailTaken,
    InvalidInput,
    LastAdministrator,
    NotFound,
    Unavailable,
)
from domain.rate_limit import TooManyRequests
from doorward.diagnostics import preflight
from doorward.wiring.container import make_container
from infrastructure.config.environment_variables import ConfigurationError
from infrastructure.config.settings import Settings
from infrastructure.storage.locations import NotReady

_WORDS: dict[type[AuthError], str] = {
    EmailTaken: "somebody has that address already",
    LastAdministrator: "this is the last administrator: make somebody else one first",
    NotFound: "there is nobody with that address or id",
}


def read_settings() -> Settings:
    """:raises ConfigurationError: see :meth:`~infrastructure.config.settings.Settings.read`."""
    read_env_file()
    return Settings.read()


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


@asynccontextmanager
async def use_cases(*, keys: bool = True) -> AsyncIterator[AsyncContainer]:
    """All use cases, on the stores that are configured.

    :param keys: whether the keys are to be good.
    :raises NotReady: a store is not ready, or a use case refuses.
    """
    settings = read_settings()
    await preflight.prepare(settings, keys=keys)
    container = make_container(settings)
    try:
        yield container
    except InvalidInput as error:
        problems = (f"the {each.field} {each.message}" for each in error.problems)
        raise NotReady("; ".join(problems)) from None
    except (EmailTaken, LastAdministrator, NotFound) as error:
        raise NotReady(_WORDS[type(error)]) from None
    except TooManyRequests:
        raise NotReady("there were too many attempts: wait, or raise the limits") from None
    except Unavailable as error:
        raise NotReady(f"there is no answer any more: {error.what}") from None
    finally:
        await container.close()
