"""Confirm a sensitive change with the password."""

from dataclasses import dataclass

from application.authenticate import ReloadPrincipal
from application.ports import HashClient, PasswordHasher
from application.rate_limiting import RateLimiting
from domain.actor import Principal
from domain.errors import WrongPassword
from domain.passwords.password import Password
from domain.request_context import RequestContext


def session_client(caller: RequestContext) -> HashClient:
    """Return the client of a hash for a user who is logged in."""
    return HashClient(caller.address, is_known=True)  # by the session


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ConfirmPassword:
    """Ask for the password before a sensitive change: a logged-in client may be an attacker."""

    reload_principal: ReloadPrincipal
    hasher: PasswordHasher
    rate_limiting: RateLimiting

    async def __call__(
        self, principal: Principal, password: Password, caller: RequestContext
    ) -> Principal:
        """
        :returns: the principal as stored now.
        :raises TooManyRequests: there were too many attempts in this session.
        :raises WrongPassword: the password is not the user's.
        :raises TokenRejected: see :class:`ReloadPrincipal`.
        """
        me = await self.reload_principal(principal)
        await self.rate_limiting.count_confirmation(me.session.id, caller.address)
        if not await self.hasher.verify(password, me.user.password_hash, session_client(caller)):
            raise WrongPassword
        await self.rate_limiting.reset_confirmation(me.session.id)
        return me
