"""The use cases for the commands, on the stores that are configured."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from dishka import AsyncContainer

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
from doorward.env_file import read_env_file
from doorward.wiring.container import make_container
from infrastructure.config.settings import Settings
from infrastructure.storage.not_ready import NotReady
from infrastructure.telemetry.logging import configure_logging

_WORDS: dict[type[AuthError], str] = {
    EmailTaken: "somebody has that address already",
    LastAdministrator: "this is the last administrator: make somebody else one first",
    NotFound: "there is nobody with that address or id",
}


def read_settings() -> Settings:
    """:raises ConfigurationError: see :meth:`~infrastructure.config.settings.Settings.read`."""
    read_env_file()
    return Settings.read()


@asynccontextmanager
async def use_cases(*, keys: bool = True) -> AsyncIterator[AsyncContainer]:
    """All use cases, on the stores that are configured.

    :param keys: whether the keys are to be good.
    :raises NotReady: a store is not ready, or a use case refuses.
    """
    configure_logging()
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
