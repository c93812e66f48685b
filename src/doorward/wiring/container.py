"""The composition root: the providers of all capabilities, put together."""

from dishka import AsyncContainer, Provider, make_async_container

from api.lifecycle import Lifecycle
from doorward.wiring.configuration.settings import SettingsProvider
from doorward.wiring.http import HttpProvider
from doorward.wiring.jobs import Jobs
from doorward.wiring.mail.delivery import MailDeliveryProvider
from doorward.wiring.mail.sender import MailProvider
from doorward.wiring.passkeys import PasskeyProvider
from doorward.wiring.passwords import PasswordProvider
from doorward.wiring.rate_limits import RateLimitProvider
from doorward.wiring.sessions import SessionProvider
from doorward.wiring.signing_keys.signing import SigningProvider
from doorward.wiring.social_login import SocialLoginProvider
from doorward.wiring.stores import StoreProvider
from doorward.wiring.system import SystemProvider
from doorward.wiring.telemetry import TelemetryProvider, traced_use_cases
from doorward.wiring.use_cases import UseCases
from infrastructure.config.settings import Settings
from infrastructure.telemetry.telemetry import Observation

UNOBSERVED = Observation()


def make_container(
    settings: Settings,
    *replacements: Provider,
    lifecycle: Lifecycle | None = None,
    observation: Observation = UNOBSERVED,
) -> AsyncContainer:
    """Make the container, which opens nothing before it is asked.

    :param replacements: what these provide replaces what the service provides; for tests, and for
        programs that embed the service.
    :param lifecycle: of the server process.
    :param observation: the observers of use cases and adapters.
    """
    traced = [traced_use_cases(observation.tracing)] if observation.tracing else []
    return make_async_container(
        SettingsProvider(),
        SystemProvider(),
        TelemetryProvider(),
        SocialLoginProvider(),
        StoreProvider(),
        SigningProvider(),
        PasskeyProvider(),
        PasswordProvider(),
        SessionProvider(),
        RateLimitProvider(),
        MailProvider(),
        UseCases(),
        MailDeliveryProvider(),
        HttpProvider(),
        Jobs(),
        *replacements,
        *traced,
        context={
            Settings: settings,
            Lifecycle: lifecycle or Lifecycle(),
            Observation: observation,
        },
    )
