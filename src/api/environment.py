"""What the environment says, for the commands: its settings, and the use cases they make."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from dishka import AsyncContainer
from dotenv import load_dotenv

from domain.errors import (
    AuthError,
    EmailTaken,
    InvalidInput,
    LastAdministrator,
    NotFound,
    Unavailable,
)
from domain.limit import TooManyRequests
from infrastructure import preflight
from infrastructure.container import make_container
from infrastructure.places import NotReady
from infrastructure.settings import Settings
from infrastructure.variables import ConfigurationError

_WORDS: dict[type[AuthError], str] = {
    EmailTaken: "somebody has that address already",
    LastAdministrator: "this is the last administrator: make somebody else one first",
    NotFound: "there is nobody with that address or id",
}


def read_settings() -> Settings:
    """:raises ConfigurationError: see :meth:`~infrastructure.settings.Settings.read`."""
    read_env_file()
    return Settings.read()


def read_env_file() -> None:
    """What the environment does not say, `.env` in the current folder may."""
    try:
        load_dotenv(".env", override=False)
    except (OSError, UnicodeDecodeError):
        raise ConfigurationError(".env", "cannot be read as UTF-8 text") from None


@asynccontextmanager
async def use_cases() -> AsyncIterator[AsyncContainer]:
    """All use cases, on the stores that are configured.

    :raises NotReady: a store is not ready, or a use case refuses.
    """
    settings = read_settings()
    await preflight.prepare(settings)
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


def set_environment(**chosen: object) -> None:
    """Server processes read their settings from the environment too."""
    os.environ.update({name: str(value) for name, value in chosen.items() if value is not None})
