"""Show the configuration of the service."""

from dataclasses import dataclass

from application.ports import ReportSettings, SettingsInForce
from domain.actor import Actor
from domain.permissions import Permission


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ShowSettings:
    report_settings: ReportSettings

    async def __call__(self, actor: Actor) -> SettingsInForce:
        """Return the settings that this process uses now, without secrets.

        :raises PermissionMissing: the actor may not read the settings.
        """
        actor.require(Permission.READ_SETTINGS)
        return self.report_settings()
