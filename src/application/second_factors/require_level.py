"""Require that the user of a session has shown several factors."""

from dataclasses import dataclass

from application.second_factors.find import FindFactors
from domain.actor import Principal
from domain.authentication import Level
from domain.errors import LevelTooLow


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RequireLevel:
    """Refuse a session of a lower level (RFC 9470). No refresh changes the level of a session."""

    find_factors: FindFactors

    async def __call__(self, principal: Principal, level: Level) -> None:
        """
        :raises LevelTooLow: the session has a lower level.
        """
        if principal.session.level < level:
            raise LevelTooLow((await self.find_factors(principal.user)).methods)
