"""Log in with a passkey alone."""

from dataclasses import dataclass

from application.audit import Audit
from application.login.complete import CompleteLogin, LoggedIn
from application.ports import Assertion, Devices, PasskeyVerifier
from application.rate_limiting import RateLimiting
from application.registration_policy import RegistrationPolicy
from application.second_factors.challenges import IssueChallenge
from application.second_factors.passkeys import VerifyPasskey
from domain.audit.event import EventType
from domain.authentication import Method
from domain.errors import EmailUnverified, PasskeyInvalid
from domain.request_context import UNKNOWN, RequestContext
from domain.second_factors.challenge import Ceremony
from domain.session import Transport


@dataclass(frozen=True, slots=True)
class AssertionOptions:
    """What a browser needs to ask for any passkey of this domain."""

    challenge: str
    rp_id: str


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class OfferPasskeyUse:
    """Make the challenge of a login, a second factor or a step-up. It names no user."""

    issue_challenge: IssueChallenge
    passkey_verifier: PasskeyVerifier
    rate_limiting: RateLimiting

    async def __call__(self, caller: RequestContext = UNKNOWN) -> AssertionOptions:
        """:raises TooManyRequests: the address has asked for too many."""
        await self.rate_limiting.count_passkey_options_from(caller.address)
        challenge = await self.issue_challenge(Ceremony.PASSKEY_ASSERTION)
        return AssertionOptions(challenge, self.passkey_verifier.rp_id)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class LoginWithPasskey:
    """A passkey reaches the second level by itself: no password is asked for, and none hashed."""

    verify_passkey: VerifyPasskey
    complete_login: CompleteLogin
    devices: Devices
    rate_limiting: RateLimiting
    policy: RegistrationPolicy
    audit: Audit

    async def __call__(
        self,
        assertion: Assertion,
        caller: RequestContext = UNKNOWN,
        transport: Transport = Transport.COOKIE,
        *,
        shows_access: bool = False,
    ) -> LoggedIn:
        """
        :param transport: how the client gets the tokens, and so how long the session lives.
        :param shows_access: see :class:`~application.login.complete.CompleteLogin`.
        :raises TooManyRequests: there were too many attempts from this address.
        :raises PasskeyInvalid: see
            :class:`~application.second_factors.passkeys.VerifyPasskey`; or its owner is disabled.
        :raises EmailUnverified: the address has to be proven first.
        :raises InvalidCredentials: see :class:`~application.login.complete.CompleteLogin`.
        """
        async with self.audit.recording(EventType.LOGIN, caller) as entry:
            refusal = await self.rate_limiting.count_login_from(
                caller.address, self.devices.authentic_id(caller.device_token)
            )
            user = await self.verify_passkey(assertion, entry)
            if refusal and self.devices.recognise(caller.device_token, user) is None:
                raise refusal
            if user.disabled:
                raise PasskeyInvalid
            if self.policy.requires_verification and not user.verified:
                raise EmailUnverified
            methods = frozenset({Method.PASSKEY})
            return await self.complete_login(
                user, methods, caller, transport, entry, shows_access=shows_access
            )
