"""The networks from which a user has logged in within the last weeks.

While an account is attacked, a right password from one of them is accepted. They are kept as
counters of logins, under keyed digests, and end by themselves.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from application.ports import Clock, Devices, RateLimiter
from application.rate_limiting import CurrentRateLimits
from domain.client.network import UNKNOWN, network_of
from domain.errors import Unavailable
from domain.user import User

PERIOD = timedelta(days=14)
"""A network counts as known in the period of its last login and in the one after it."""


@dataclass(frozen=True, slots=True)
class KnownNetworks:
    """
    :ivar limits: without a limit on the logins to an account no network needs to be known.
    """

    limiter: RateLimiter
    limits: CurrentRateLimits
    devices: Devices
    clock: Clock

    async def remember(self, user: User, address: str) -> None:
        """Remember the network of an address from which the user has just authenticated.

        A store that does not answer is no error: under attack, a network that is not remembered
        is refused.
        """
        network = network_of(address)
        if self.limits.now.login_account is None or network == UNKNOWN:
            return
        now = self.clock()
        digest = self.devices.network_digests(user, network)[0]
        key = _key(digest, _period(now))
        with suppress(Unavailable):
            if not await self.limiter.has_window(key, now):  # a read is cheaper than a write
                await self.limiter.count(key, 2 * PERIOD, now)

    async def includes(self, user: User | None, address: str) -> bool:
        """Return whether the network of this address is remembered for this user.

        It takes as long for an unknown user, and whatever the answer is.
        """
        now, network = self.clock(), network_of(address)
        found = [
            await self.limiter.has_window(_key(digest, _period(now) - ago), now)
            for digest in self.devices.network_digests(user, network)
            for ago in (0, 1)
        ]
        return any(found)


def _period(now: datetime) -> int:
    return int(now.timestamp() // PERIOD.total_seconds())


def _key(digest: str, period: int) -> str:
    return f"known-network:{period}:{digest}"
