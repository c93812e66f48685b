"""Rate limits, enforced before anything costly is done (OWASP ASVS 5.0, chapter V6.3)."""

from dataclasses import dataclass, replace
from hashlib import sha256

from application.ports import Clock, RateLimiter, ReportMailLimit
from domain.client.network import network_of, networks_of
from domain.mail.message import MailKind
from domain.rate_limit import RateLimit, TooManyRequests
from domain.session import SessionId
from domain.user import UserId


@dataclass(frozen=True, slots=True)
class RateLimits:
    """``None`` means no limit.

    :ivar login_account: logins to one account, all clients together, and from each network; once
        more for its known devices together.
    :ivar login_address: logins from one address; those from wider IPv6 networks have a multiple.
    :ivar login: logins, all clients together.
    :ivar register_address: registrations from one address.
    :ivar register: registrations, all clients together.
    :ivar change_account: changes and exports of an account by its user.
    :ivar refresh_account: refreshes of one user, all devices together.
    :ivar refresh_address: refreshes from one address.
    :ivar refresh: refreshes, all clients together.
    :ivar mail_recipient: mails of one kind to one recipient that anybody can cause.
    :ivar mail_address: such mails that one address causes.
    :ivar mail: such mails, all clients together.
    :ivar link_address: uses of the tokens in mails from one address.
    :ivar factor_56: how many times the attempts of an address an IPv6 network of 56 bits has.
    :ivar factor_48: the same for an IPv6 network of 48 bits.
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
    mail_recipient: RateLimit | None = None
    mail_address: RateLimit | None = None
    mail: RateLimit | None = None
    link_address: RateLimit | None = None
    factor_56: int = 2
    factor_48: int = 4


@dataclass(slots=True)
class CurrentRateLimits:
    """
    :ivar now: a reload of the configuration replaces it at any time.
    """

    now: RateLimits


@dataclass(frozen=True, slots=True)
class LoginAttempt:
    """How a login was admitted.

    :ivar is_ordinary: whether it is one of the common attempts. If not, an attack is under way,
        and a login of the owner must not reset its count.
    :ivar refusal: the error for clients in networks that the owner has not used. The
        password is verified all the same, so that no client can tell the two apart.
    """

    is_ordinary: bool = True
    refusal: TooManyRequests | None = None


@dataclass(frozen=True, slots=True)
class RateLimiting:
    """Count attempts and refuse those beyond a limit.

    Each method that is named after an action counts one attempt at it. Narrow limits come first:
    attempts that they refuse do not use up the shared ones.

    :raises TooManyRequests: the limit is used up.
    """

    limiter: RateLimiter
    limits: CurrentRateLimits
    report_mail_limit: ReportMailLimit
    clock: Clock

    async def count_login_from(self, address: str, device: str | None) -> TooManyRequests | None:
        """Count a login, before anything is computed for it.

        :param device: the id of the client's device token. It is authentic, and whether it is one
            of the account is not known yet. After the attempts of the address are used up, such a
            device has as many attempts of its own to show that.
        :returns: the refusal of such a client, unless its token is one of the account.
        """
        return await self._count_from(self.limits.now.login_address, address, device)

    async def count_second_factor_from(
        self, address: str, device: str | None
    ) -> TooManyRequests | None:
        """Count an attempt to complete a login, before the challenge is looked up.

        An address has as many of these as logins, and counts of its own for them: a login with a
        second factor uses up one of each. See :meth:`count_login_from`.
        """
        limit = self.limits.now.login_address
        if limit is not None:
            limit = replace(limit, name="second-factor-address")
        return await self._count_from(limit, address, device)

    async def count_passkey_options_from(self, address: str) -> None:
        """Count a challenge for a passkey. Each page with a login may ask for one, used or not: an
        address has twice as many of these as logins, and counts of its own for them.
        """
        limit = self.limits.now.login_address
        if limit is not None:
            limit = replace(limit, name="passkey-options", attempts=2 * limit.attempts)
        await self._count_networks(limit, address)

    async def count_social_from(self, address: str) -> None:
        """Count a step of a login at another provider: its begin, its end, or the exchange of its
        code. So an address has three times as many of these as logins, and counts of its own.
        """
        limit = self.limits.now.login_address
        if limit is not None:
            limit = replace(limit, name="social", attempts=3 * limit.attempts)
        await self._count_networks(limit, address)

    async def count_social_begin(self) -> None:
        """Count a login that begins at another provider, after :meth:`count_social_from`. Each
        stores a flow, which stays until it expires if the browser does not return. All clients
        together have as many of these as logins, and a count of their own for them.
        """
        limit = self.limits.now.login
        if limit is not None:
            limit = replace(limit, name="social-begin")
        await self._count(limit, "all")

    async def _count_from(
        self, limit: RateLimit | None, address: str, device: str | None
    ) -> TooManyRequests | None:
        try:
            await self._count_networks(limit, address)
        except TooManyRequests as refusal:
            if device is None:
                raise
            await self._count(limit, f"device:{device}")
            return refusal
        return None

    async def count_login(
        self, account: str, address: str, device: str | None, refusal: TooManyRequests | None
    ) -> LoginAttempt:
        """Count a login to an account, after :meth:`count_login_from`.

        :param account: the canonical address of the account, whether or not it exists.
        :param device: the id of a known device of the account. Known devices have attempts of
            their own after the common ones are used up, so an attacker who guesses passwords
            cannot lock the owner out.
        :param refusal: what :meth:`count_login_from` returned.
        """
        attempt = None
        try:
            if refusal is not None:
                raise refusal
            attempt = await self._count_account(account, address)
        except TooManyRequests:
            if device is None:
                raise
        if attempt and (attempt.is_ordinary or device is None):
            return attempt
        try:
            # One count for all devices of the user: each login from a new one makes another.
            await self._count(self.limits.now.login_account, f"known:{_digest(account)}")
        except TooManyRequests:
            if attempt is None:
                raise
            return attempt
        return LoginAttempt(is_ordinary=False)

    async def _count_account(self, account: str, address: str) -> LoginAttempt:
        """Count for the network and for the account.

        A network has as many attempts at an account as all networks together. So it can use up
        the common ones, and not those of the networks that the owner has used.
        """
        limit, refusal = self.limits.now.login_account, None
        await self._count(limit, _network_key(account, address))
        try:
            await self._count(limit, _digest(account))
        except TooManyRequests as refused:
            refusal = refused
        await self._count(self.limits.now.login, "all")
        return LoginAttempt(refusal is None, refusal)

    async def reset_login(self, account: str, address: str) -> None:
        """Reset the counts of an account whose owner has logged in from this address."""
        if limit := self.limits.now.login_account:
            for key in (_digest(account), _network_key(account, address)):
                await self.limiter.forget(f"{limit.name}:{key}")

    async def count_confirmation(self, session_id: SessionId, address: str) -> None:
        """Count an attempt to confirm an action with the password.

        It is counted by session: neither attackers at the login nor an attacker in another
        session use up the owner's attempts, and a new session takes the password. Logins of
        others must not refuse it either, so it is no part of what all clients have together.
        """
        await self._count_networks(self.limits.now.login_address, address)
        await self._count(self.limits.now.login_account, _confirmation_key(session_id))

    async def reset_confirmation(self, session_id: SessionId) -> None:
        """Reset the count of a session whose user has confirmed an action."""
        if limit := self.limits.now.login_account:
            await self.limiter.forget(f"{limit.name}:{_confirmation_key(session_id)}")

    async def count_registration_from(self, address: str) -> None:
        """Count a registration, before anything is computed for it."""
        await self._count_networks(self.limits.now.register_address, address)

    async def count_registration(self) -> None:
        """Count a registration with acceptable data, after :meth:`count_registration_from`."""
        await self._count(self.limits.now.register, "all")

    async def count_change(self, user_id: UserId) -> None:
        """Count a change that leaves an audit row and costs the client nothing."""
        await self._count(self.limits.now.change_account, _digest(user_id.hex))

    async def count_refresh(self, address: str) -> None:
        await self._count_networks(self.limits.now.refresh_address, address)
        await self._count(self.limits.now.refresh, "all")

    async def count_refresh_of(self, user_id: UserId) -> None:
        """Count a refresh of a valid session: other tokens must not use up the user's attempts."""
        await self._count(self.limits.now.refresh_account, _digest(user_id.hex))

    async def admits_mail(self, kind: MailKind, recipient: str, address: str) -> bool:
        """Count a mail that a client without a session asks for.

        :param kind: each has a count of its own. Otherwise an attacker would use up the owner's
            links for a new password by requests of a kind that sends nothing.
        :param recipient: the canonical address, whether or not a user has it.
        :returns: whether it is sent. The client must not learn that.
        """
        limits = self.limits.now
        try:
            await self._count_networks(limits.mail_address, address)
            await self._count(limits.mail_recipient, f"{kind}:{_digest(recipient)}")
        except TooManyRequests:
            return False
        try:
            await self._count(limits.mail, "all")
        except TooManyRequests:
            self.report_mail_limit()
            return False
        return True

    async def count_link_from(self, address: str) -> None:
        """Count the use of a token from a mail, before it is looked up."""
        await self._count_networks(self.limits.now.link_address, address)

    async def _count_networks(self, limit: RateLimit | None, address: str) -> None:
        """Count for the address, and with IPv6 for the wider networks that a client may have."""
        if limit is None:
            return
        narrowest, *wider = networks_of(address)
        await self._count(limit, narrowest)
        factors = {56: self.limits.now.factor_56, 48: self.limits.now.factor_48}
        for network, (length, factor) in zip(wider, factors.items(), strict=False):
            name, attempts = f"{limit.name}-{length}", limit.attempts * factor
            await self._count(replace(limit, name=name, attempts=attempts), network)

    async def _count(self, limit: RateLimit | None, key: str) -> None:
        if limit is not None:
            now = self.clock()
            usage = await self.limiter.count(f"{limit.name}:{key}", limit.window, now)
            usage.check(limit, now)


def _network_key(account: str, address: str) -> str:
    return f"network:{_digest(f'{network_of(address)} {account}')}"


def _confirmation_key(session_id: SessionId) -> str:
    return _digest(f"password:{session_id}")


def _digest(text: str) -> str:
    """Return a digest: email addresses are personal data."""
    return sha256(text.encode()).hexdigest()[:32]
