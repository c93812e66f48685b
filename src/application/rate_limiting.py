"""Rate limits, enforced before anything costly is done (OWASP ASVS 5.0, chapter V6.3)."""

from dataclasses import dataclass
from hashlib import sha256
from ipaddress import IPv6Address, ip_address

from application.ports import Clock, RateLimiter
from domain.rate_limit import RateLimit, TooManyRequests
from domain.user import UserId


@dataclass(frozen=True, slots=True)
class RateLimits:
    """``None`` means no limit.

    :ivar login_account: logins to one account; once more for its known devices together.
    :ivar login_address: logins from one address.
    :ivar login: logins, all clients together.
    :ivar register_address: registrations from one address.
    :ivar register: registrations, all clients together.
    :ivar change_account: changes and exports of an account by its user.
    :ivar refresh_account: refreshes of one user, all devices together.
    :ivar refresh_address: refreshes from one address.
    :ivar refresh: refreshes, all clients together.
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
    :ivar now: a reload of the configuration replaces it at any time.
    """

    now: RateLimits


@dataclass(frozen=True, slots=True)
class RateLimiting:
    """Count attempts and refuse those beyond a limit.

    Each method that is named after an action counts one attempt at it.

    :raises TooManyRequests: the limit is used up.
    """

    limiter: RateLimiter
    limits: CurrentRateLimits
    clock: Clock

    async def count_login(self, account: str, address: str, device: str | None) -> bool:
        """Count a login.

        :param account: the canonical address of the account, whether or not it exists.
        :param device: the id of a known device of the account. Known devices have attempts of
            their own after the common ones are used up, so an attacker who guesses passwords
            cannot lock the owner out.
        :returns: False if only the attempts of known devices were left. Then an attack is under
            way, and a login of the owner must not reset its count.
        """
        try:
            await self._count_login(account, address)
        except TooManyRequests:
            if device is None:
                raise
            # One count for all devices of the user: each login from a new one makes another.
            await self._count(self.limits.now.login_account, f"known:{_account_key(account)}")
            return False
        return True

    async def _count_login(self, account: str, address: str) -> None:
        # The narrow limits first: attempts that they refuse do not use up the shared one.
        await self._count(self.limits.now.login_address, network(address))
        await self._count(self.limits.now.login_account, _account_key(account))
        await self._count(self.limits.now.login, "all")

    async def reset_login(self, account: str) -> None:
        """Reset the count of an account whose owner has logged in."""
        if limit := self.limits.now.login_account:
            await self.limiter.forget(f"{limit.name}:{_account_key(account)}")

    async def count_registration(self, address: str) -> None:
        await self._count(self.limits.now.register_address, network(address))
        await self._count(self.limits.now.register, "all")

    async def count_change(self, user_id: UserId) -> None:
        """Count a change that leaves an audit row and costs the client nothing."""
        await self._count(self.limits.now.change_account, _account_key(user_id.hex))

    async def count_refresh(self, address: str) -> None:
        await self._count(self.limits.now.refresh_address, network(address))
        await self._count(self.limits.now.refresh, "all")

    async def count_refresh_of(self, user_id: UserId) -> None:
        """Count a refresh of a valid session: other tokens must not use up the user's attempts."""
        await self._count(self.limits.now.refresh_account, _account_key(user_id.hex))

    async def _count(self, limit: RateLimit | None, key: str) -> None:
        if limit is not None:
            now = self.clock()
            usage = await self.limiter.count(f"{limit.name}:{key}", limit.window, now)
            usage.check(limit, now)


def network(address: str) -> str:
    """Return what one client typically controls: an IPv4 address, or an IPv6 /64 network."""
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
    """Return a digest: email addresses are personal data."""
    return sha256(account.encode()).hexdigest()[:32]
