"""Add passkeys."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from application.audit import Audit, Entry
from application.enrolment.account import AdjustAccount, AdjustUser
from application.enrolment.recovery_codes import AddRecoveryCodes
from application.enrolment.totp import RequireProvenAddress
from application.login.complete import LoggedIn
from application.mail.messages import MakeMessage
from application.ports import (
    Clock,
    PasskeyStore,
    PasskeyVerifier,
    RandomBytes,
    Registration,
)
from application.rate_limiting import RateLimiting
from application.second_factors.challenges import IssueChallenge
from application.second_factors.passkeys import TakePasskeyChallenge, session_binding
from application.second_factors.policy import SecondFactorPolicy
from application.step_up import RequireStepUp
from domain.actor import Principal
from domain.audit.details import OfPasskey
from domain.audit.event import EventType
from domain.authentication import Method
from domain.errors import InvalidInput, PasskeyInvalid, Problem, TokenRejected
from domain.mail.message import MailKind
from domain.request_context import UNKNOWN, RequestContext
from domain.second_factors.authenticator_names import authenticator_name
from domain.second_factors.challenge import Ceremony
from domain.second_factors.passkey import (
    DEFAULT_NAME,
    HANDLE_BYTES,
    MAX_PASSKEYS,
    Credential,
    Passkey,
    parse_passkey_name,
)
from domain.user import User


@dataclass(frozen=True, slots=True)
class RegistrationOptions:
    """What a browser needs to make a passkey.

    :ivar handle: by which authenticators know the user.
    :ivar existing: the passkeys of the user: no authenticator makes a second one beside them.
    """

    challenge: str
    rp_id: str
    handle: bytes
    user: User
    existing: Sequence[Passkey]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class OfferPasskey:
    """Make the challenge of a registration, for this session alone."""

    second_factor_policy: SecondFactorPolicy
    require_step_up: RequireStepUp
    require_proven_address: RequireProvenAddress
    passkeys: PasskeyStore
    passkey_verifier: PasskeyVerifier
    issue_challenge: IssueChallenge
    rate_limiting: RateLimiting
    random_bytes: RandomBytes

    async def __call__(
        self, principal: Principal, caller: RequestContext = UNKNOWN
    ) -> RegistrationOptions:
        """
        :raises SecondFactorsOff: the operator wants no factors, or there is no place for them.
        :raises StepUpRequired: see :class:`~application.step_up.RequireStepUp`.
        :raises TokenRejected: see :class:`~application.authenticate.ReloadPrincipal`.
        :raises EmailUnverified: the user has not proven the address yet.
        :raises InvalidInput: the user has as many passkeys as a user can have.
        :raises TooManyRequests: there were too many changes.
        """
        self.second_factor_policy.require_enrolment_allowed()
        me = await self.require_step_up(principal, caller)
        self.require_proven_address(me.user)
        await self.rate_limiting.count_change(me.user.id)
        existing = await self.passkeys.of_user(me.user.id)
        if len(existing) >= MAX_PASSKEYS:
            message = f"an account has at most {MAX_PASSKEYS} passkeys"
            raise InvalidInput(Problem("credential", message))
        handle = await self.passkeys.handle_of(me.user.id, self.random_bytes(HANDLE_BYTES))
        challenge = await self.issue_challenge(
            Ceremony.PASSKEY_REGISTRATION, me.user, session_binding(me.session)
        )
        rp_id = self.passkey_verifier.rp_id
        return RegistrationOptions(challenge, rp_id, handle, me.user, existing)


@dataclass(frozen=True, slots=True)
class AddedPasskey:
    """
    :ivar recovery_codes: shown once; empty if the user has some already.
    :ivar logged_in: the tokens of the session that takes the place of the present one.
    """

    passkey: Passkey
    recovery_codes: Sequence[str] = field(repr=False)
    logged_in: LoggedIn


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class AddPasskey:
    """Store a passkey that an authenticator has made for the challenge of this session."""

    second_factor_policy: SecondFactorPolicy
    require_step_up: RequireStepUp
    require_proven_address: RequireProvenAddress
    take_passkey_challenge: TakePasskeyChallenge
    passkey_verifier: PasskeyVerifier
    passkeys: PasskeyStore
    add_recovery_codes: AddRecoveryCodes
    adjust_account: AdjustAccount
    adjust_user: AdjustUser
    make_message: MakeMessage
    rate_limiting: RateLimiting
    audit: Audit
    clock: Clock

    async def __call__(
        self,
        principal: Principal,
        registration: Registration,
        name: str | None = None,
        caller: RequestContext = UNKNOWN,
    ) -> AddedPasskey:
        """Store the passkey, and replace the session by one that is stepped up by it. The first
        factor of a user ends all other sessions.

        :param name: by default the model of the authenticator.
        :raises PasskeyInvalid: the challenge or the registration is not good; or the credential
            is stored already, or one too many.
        :raises TokenRejected: the session was ended, also at this moment: then nothing is added.
        :raises InvalidInput: the name is not accepted.
        :raises SecondFactorsOff: see :class:`OfferPasskey`, and so are ``StepUpRequired``,
            ``EmailUnverified`` and ``TooManyRequests``.
        """
        async with self.audit.recording(EventType.ADD_PASSKEY, caller) as entry:
            entry.is_about(principal.session)
            self.second_factor_policy.require_enrolment_allowed()
            chosen = None if name is None else parse_passkey_name(name)
            me = await self.require_step_up(principal, caller)
            self.require_proven_address(me.user)
            await self.rate_limiting.count_change(me.user.id)
            challenge = await self.take_passkey_challenge(
                registration.client_data,
                Ceremony.PASSKEY_REGISTRATION,
                session_binding(me.session),
            )
            credential = self.passkey_verifier.register(registration, challenge)
            passkey = await self._stored(me.user, credential, chosen, entry)
            codes = await self.add_recovery_codes(me.user)
            try:
                logged_in = await self.adjust_account(
                    me, caller, frozenset({Method.PASSKEY}), ends_others=False
                )
            except TokenRejected:
                await self._withdraw(passkey, entry)
                raise
            return AddedPasskey(passkey, codes, logged_in)

    async def _stored(
        self, user: User, credential: Credential, name: str | None, entry: Entry
    ) -> Passkey:
        passkey = Passkey(
            credential,
            user.id,
            self.passkey_verifier.rp_id,
            name or authenticator_name(credential.aaguid) or DEFAULT_NAME,
            self.clock(),
        )
        entry.details = OfPasskey(passkey.id)
        facts = {"change": "passkey_added"}
        notice = self.make_message.notice(MailKind.SECOND_FACTORS_CHANGED, user, facts)
        effects = entry.success().with_messages(*notice)
        if not await entry.settle(effects, await self.passkeys.add(passkey, effects)):
            raise PasskeyInvalid
        return passkey

    async def _withdraw(self, passkey: Passkey, entry: Entry) -> None:
        """Remove the passkey of a session that was ended at this moment: the revocation wins. It
        would log in alone.
        """
        effects = entry.success(event_type=EventType.REMOVE_PASSKEY)
        stored = await self.passkeys.delete(passkey, effects)
        if stored.changed:
            await entry.audit.settle(effects, stored)
            await self.adjust_user(passkey.user_id)
