"""The report of the settings that this process uses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from application.ports import SettingsInForce, ShownSetting
from application.rate_limiting import CurrentRateLimits
from doorward.wiring.signing_keys.key_stores import keys_location
from infrastructure.config.environment_variables import Variable, variables_of
from infrastructure.config.settings import Settings
from infrastructure.config.social_login.oidc_variables import variable_prefix
from infrastructure.storage.locations import locations


@dataclass(frozen=True, slots=True)
class SettingsReport:
    """
    :ivar limits: which a reload of the configuration replaces.
    """

    settings: Settings
    limits: CurrentRateLimits

    def __call__(self) -> SettingsInForce:
        users, sessions = locations(self.settings.storage)
        mail = self.settings.mail.destination(self.settings.storage)
        oidc = {
            f"OpenID provider {name}": self._shown(part, variable_prefix(name))
            for name, part in self.settings.oidc.items()
        }
        return SettingsInForce(
            {
                "users": users.description,
                "sessions": sessions.description,
                "keys": keys_location(self.settings),
                "mail": mail.description,
            },
            {
                each.metadata["title"]: self._shown(
                    self.limits.now
                    if each.name == "rate_limits"
                    else getattr(self.settings, each.name)
                )
                for each in Settings.parts()
            }
            | oidc,
        )

    def _shown(self, part: Any, prefix: str = "") -> Sequence[ShownSetting]:
        values = [getattr(part, each.name) for each in fields(part)]
        return [
            _shown(variable, value, self.settings.given)
            for variable, value in zip(variables_of(type(part), prefix), values, strict=True)
        ]


def _shown(variable: Variable[Any], value: Any, given: Mapping[str, str]) -> ShownSetting:
    text = None if variable.is_secret else variable.in_text(value, given.get(variable.name))
    return ShownSetting(
        name=variable.name,
        value=text or None,
        is_set=bool(value if variable.is_secret else text),
        is_default=value == variable.read({}),
        is_secret=variable.is_secret,
        meaning=variable.meaning,
    )
