"""Attempts are limited before anything costly is done for them (OWASP ASVS 5.0, chapter V6.3)."""

from dataclasses import dataclass
from hashlib import sha256
from ipaddress import IPv6Address, ip_address

from application.ports import Clock, RateLimiter
from domain.rate_limit import RateLimit, TooManyRequests
from domain.user import UserId


@dataclass(frozen=True, slots=True)
class RateLimits:
    """``None`` is without limit.

    :ivar login_account: logins to one account, and from one known device.
    :ivar login_address: logins from one address.
    :ivar login: logins of everybody.
    :ivar register_address: registrations from one address.
    :ivar register: registrations of everybody.
    :ivar change_account: changes of one user's account by themselves.
    :ivar refresh_account: refreshes of one user, on all devices together.
    :ivar refresh_address: refreshes from one address.
    :ivar refresh: refreshes of everybody.
    """

    login_account: RateLimit | None = None
    login_address: RateLimit | None = None
    login: RateLimit | None = None
    register_address: RateLimit | None = None
    register: RateLimit | None = None
    change_account: RateLimit | None = None
    refresh_account: RateLimit | None = None
    refresh_address: RateLimit | None = None
    refresh: RateLimit | None = None


@dataclass(slots=True)
class CurrentRateLimits:
    """
    :ivar now: may be replaced at any time.
    """

    now: RateLimits


@dataclass(frozen=True, slots=True)
class Throttle:
    """
    Each method counts one attempt.

    :raises TooManyRequests: it is one too many.
    """

    limiter: RateLimiter
    limits: CurrentRateLimits
    clock: Clock

    async def login(self, account: str, address: str, device: str | None) -> bool:
        """
        :param account: the canonical address of the account, whether or not it exists.
        :param device: on which the account's owner has logged in before. When the others are used
            up it has attempts of its own, so nobody else's guessing locks the owner out.
        :returns: False if only the device's own attempts were left. Then somebody else guesses
            at this time, and must not be forgiven when the owner gets in.
        """
        try:
            await self._login(account, address)
        except TooManyRequests:
            if device is None:
                raise
            # One allowance for all devices of the user: a new device is quickly made.
            await self._count(self.limits.now.login_account, f"known:{_account_key(account)}")
            return False
        return True

    async def _login(self, account: str, address: str) -> None:
        # The narrow ones first: what they stop does not use up what all share.
        await self._count(self.limits.now.login_address, network(address))
        await self._count(self.limits.now.login_account, _account_key(account))
        await self._count(self.limits.now.login, "all")

    async def forgive_login(self, account: str) -> None:
        """The owner is in: the attempts before were the owner's."""
        if limit := self.limits.now.login_account:
            await self.limiter.forget(f"{limit.name}:{_account_key(account)}")

    async def registration(self, address: str) -> None:
        await self._count(self.limits.now.register_address, network(address))
        await self._count(self.limits.now.register, "all")

    async def change(self, user_id: UserId) -> None:
        """What leaves a record each time, and costs the caller nothing."""
        await self._count(self.limits.now.change_account, _account_key(user_id.hex))

    async def refresh(self, address: str) -> None:
        await self._count(self.limits.now.refresh_address, network(address))
        await self._count(self.limits.now.refresh, "all")

    async def refresh_of(self, user_id: UserId) -> None:
        """Only of a session that is good: tokens of others must not use up the owner's."""
        await self._count(self.limits.now.refresh_account, _account_key(user_id.hex))

    async def _count(self, limit: RateLimit | None, key: str) -> None:
        if limit is not None:
            now = self.clock()
            usage = await self.limiter.count(f"{limit.name}:{key}", limit.window, now)
            usage.check(limit, now)


def network(address: str) -> str:
    """What one person can be assumed to have: an IPv4 address, or an IPv6 network of 64 bits."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return f"{IPv6Address(int(parsed) >> 64 << 64)}/64"
    return str(parsed)


def _account_key(account: str) -> str:
    """A digest, for addresses are personal."""
    return sha256(account.encode()).hexdigest()[:32]
