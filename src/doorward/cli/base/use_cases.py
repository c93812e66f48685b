"""Opens the configured stores for a command, with all use cases."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from dishka import AsyncContainer

from domain.errors import (
    AuthError,
    EmailTaken,
    InvalidInput,
    LastAdministrator,
    MailOff,
    NotFound,
    SecondFactorsOff,
    Unavailable,
)
from domain.rate_limit import TooManyRequests
from doorward.diagnostics import preflight
from doorward.env_file import read_env_file
from doorward.wiring.container import make_container
from infrastructure.config.environment_warnings import log_warnings
from infrastructure.config.settings import Settings
from infrastructure.storage.not_ready import NotReady
from infrastructure.telemetry.logging import configure_logging, set_log_format

_T = TypeVar("_T")

_MESSAGES: dict[type[AuthError], str] = {
    EmailTaken: "that address is already in use: `doorward users promote` makes its user an "
    "administrator, `doorward users set-password` sets the password",
    LastAdministrator: "this is the last administrator: give another user that role first",
    MailOff: "this installation sends no mail (MAIL_URL): `doorward users create` asks for a "
    "password",
    NotFound: "no user has that address or id",
    SecondFactorsOff: "second factors are off: the users are in a store without them, or no "
    "secret protects them (DATA_SECRET)",
}


def read_settings() -> Settings:
    """Read the settings from the environment and `.env`.

    :raises ConfigurationError: see :meth:`~infrastructure.config.settings.Settings.read`.
    """
    read_env_file()
    settings = Settings.read()
    set_log_format(settings.logs)
    log_warnings(os.environ)
    return settings


@asynccontextmanager
async def use_cases(*, keys: bool = True) -> AsyncIterator[AsyncContainer]:
    """Open a container on the configured stores, and translate what its use cases raise.

    :param keys: whether to require valid signing keys.
    :raises NotReady: a store is not ready, or a use case refuses.
    """
    configure_logging()
    settings = read_settings()
    # Some commands only read, from a replica too; the others report what they cannot write.
    await preflight.prepare(settings, keys=keys, writes=False)
    container = make_container(settings)
    try:
        yield container
    except InvalidInput as error:
        problems = (f"the {each.field} {each.message}" for each in error.problems)
        raise NotReady("; ".join(problems)) from None
    except (EmailTaken, LastAdministrator, MailOff, NotFound, SecondFactorsOff) as error:
        raise NotReady(_MESSAGES[type(error)]) from None
    except TooManyRequests:
        raise NotReady("too many attempts: wait, or raise the rate limits") from None
    except Unavailable as error:
        raise NotReady(f"no answer from {error.what}") from None
    finally:
        await container.close()


def run_use_cases(work: Callable[[AsyncContainer], Awaitable[_T]]) -> _T:
    """Do the work of a command, and return its result.

    :raises NotReady: see :func:`use_cases`.
    """

    async def run() -> _T:
        async with use_cases() as container:
            return await work(container)

    return asyncio.run(run())
