"""Whether this process can serve requests now."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from application.ports import HealthCheck, HealthChecks


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CheckReadiness:
    checks: HealthChecks

    async def __call__(self) -> Mapping[str, Exception | None]:
        """Check all dependencies at once.

        :returns: by name, why a dependency does not work; ``None`` if it does.
        """
        errors = await asyncio.gather(*map(_error_of, self.checks.values()))
        return dict(zip(self.checks, errors, strict=True))


async def _error_of(check: HealthCheck) -> Exception | None:
    try:
        await check()
    except Exception as error:  # noqa: BLE001 - the answer says that it failed
        return error
    return None
