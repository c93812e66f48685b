"""Add and remove an authenticator app."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from application.audit import Audit, Entry
from application.authenticate import ReloadPrincipal
from application.enrolment.account import AdjustAccount
from application.enrolment.recovery_codes import MakeRecoveryCodes
from application.login.complete import LoggedIn
from application.mail.messages import MakeMessage
from application.ports import Clock, FactorSecrets, RandomBytes, SecondFactorStore
from application.rate_limiting import RateLimiting
from application.registration_policy import RegistrationPolicy
from application.second_factors.policy import SecondFactorPolicy
from application.step_up import RequireStepUp
from domain.actor import Principal
from domain.audit.event import EventType
from domain.authentication import Method
from domain.errors import EmailUnverified, NotFound, SecondFactorInvalid, SecondFactorsOff
from domain.mail.message import MailKind
from domain.request_context import UNKNOWN, RequestContext
from domain.second_factors import totp
from domain.second_factors.factors import SecondFactors
from domain.user import User


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RequireProvenAddress:
    """Require that users who add a second factor own their address, where that is verified.

    Otherwise an attacker registers the address of another person and adds a factor. The owner
    could take the account over by a link, and never log in.
    """

    policy: RegistrationPolicy

    def __call__(self, user: User) -> None:
        """:raises EmailUnverified: the user has not proven the address yet."""
        if self.policy.asks_for_verification and not user.verified:
            raise EmailUnverified


@dataclass(frozen=True, slots=True)
class ProposedTotp:
    """What an authenticator app needs.

    :ivar secret: in base32.
    :ivar uri: for a QR code.
    """

    secret: str = field(repr=False)
    uri: str = field(repr=False)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ProposeTotp:
    """Make a secret for an authenticator app. It is worth nothing until a code confirms it."""

    second_factor_policy: SecondFactorPolicy
    require_step_up: RequireStepUp
    require_proven_address: RequireProvenAddress
    second_factors: SecondFactorStore
    factor_secrets: FactorSecrets
    issuer: totp.Issuer
    rate_limiting: RateLimiting
    random_bytes: RandomBytes
    clock: Clock

    async def __call__(
        self, principal: Principal, caller: RequestContext = UNKNOWN
    ) -> ProposedTotp:
        """
        :raises SecondFactorsOff: no user may add a factor, or there is no secret to protect it
            with, or no place for it.
        :raises StepUpRequired: see :class:`~application.step_up.RequireStepUp`.
        :raises TokenRejected: see :class:`~application.authenticate.ReloadPrincipal`.
        :raises EmailUnverified: see :class:`RequireProvenAddress`.
        :raises TooManyRequests: there were too many changes.
        """
        self.second_factor_policy.require_enrolment_allowed()
        if not self.factor_secrets.is_available():
            raise SecondFactorsOff
        me = await self.require_step_up(principal, caller)
        self.require_proven_address(me.user)
        await self.rate_limiting.count_change(me.user.id)
        secret = self.random_bytes(totp.SECRET_BYTES)
        sealed = self.factor_secrets.seal(me.user.id, secret)
        while True:  # until no other process changes the factors in between
            factors = await self.second_factors.of_user(me.user.id)
            proposing = factors.proposing(sealed, me.session.id, self.clock())
            if (await self.second_factors.replace(factors, proposing)).changed:
                account = me.user.email.address
                return ProposedTotp(
                    totp.text_of(secret), totp.uri_of(secret, self.issuer, account)
                )


@dataclass(frozen=True, slots=True)
class EnrolledTotp:
    """
    :ivar recovery_codes: shown once.
    :ivar logged_in: the tokens of the session that takes the place of the present one.
    """

    recovery_codes: Sequence[str] = field(repr=False)
    logged_in: LoggedIn


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ConfirmTotp:
    """Make the proposed secret the authenticator app, by a code from it."""

    second_factor_policy: SecondFactorPolicy
    reload_principal: ReloadPrincipal
    require_proven_address: RequireProvenAddress
    second_factors: SecondFactorStore
    factor_secrets: FactorSecrets
    make_recovery_codes: MakeRecoveryCodes
    adjust_account: AdjustAccount
    make_message: MakeMessage
    rate_limiting: RateLimiting
    audit: Audit
    clock: Clock

    async def __call__(
        self, principal: Principal, code: str, caller: RequestContext = UNKNOWN
    ) -> EnrolledTotp:
        """Store the app in place of another one, with new recovery codes; end all sessions, and
        start a new one of the second level.

        :raises TooManyRequests: there were too many changes.
        :raises SecondFactorsOff: no user may add a factor, or there is no secret to protect it.
        :raises EmailUnverified: see :class:`RequireProvenAddress`.
        :raises SecondFactorInvalid: the code is wrong, which counts as a failure of the second
            factor; this session has proposed no secret within the last ten minutes; or the second
            factor is locked.
        :raises TokenRejected: see :class:`~application.authenticate.ReloadPrincipal` and
            :class:`AdjustAccount`.
        """
        async with self.audit.recording(EventType.ENROL_TOTP, caller) as entry:
            entry.is_about(principal.session)
            self.second_factor_policy.require_enrolment_allowed()
            await self.rate_limiting.count_change(principal.user.id)
            codes = self.make_recovery_codes(principal.user.id)
            me = await self.reload_principal(principal)
            self.require_proven_address(me.user)
            facts = {"change": "totp_enrolled"}
            notice = self.make_message.notice(MailKind.SECOND_FACTORS_CHANGED, me.user, facts)
            while True:  # until no other process changes the factors in between
                old = await self.second_factors.of_user(me.user.id)
                step = self._step(old, me, code)
                if step is None:
                    await self._refuse(old, entry)
                    continue
                new = old.with_totp(step).with_recovery_codes(codes.digests)
                effects = entry.success().with_messages(*notice)
                stored = await self.second_factors.replace(old, new, effects)
                if await entry.settle(effects, stored):
                    shown = frozenset({Method.TOTP})
                    logged_in = await self.adjust_account(me, caller, shown)
                    return EnrolledTotp(codes.texts, logged_in)

    def _step(self, factors: SecondFactors, me: Principal, code: str) -> int | None:
        """Return the step of a code of the proposed secret; ``None`` of a wrong one.

        :raises SecondFactorInvalid: no code could be right.
        """
        pending, now = factors.pending, self.clock()
        if pending is None or not pending.is_confirmable(me.session.id, now):
            raise SecondFactorInvalid
        secret = self.factor_secrets.open(factors.user_id, pending.sealed)
        if factors.is_locked(now) or secret is None:
            raise SecondFactorInvalid
        return totp.matching_step(secret, code, now)

    async def _refuse(self, factors: SecondFactors, entry: Entry) -> None:
        """:raises SecondFactorInvalid: unless another process has changed the factors."""
        refusal = SecondFactorInvalid()
        effects = entry.failure(refusal)
        failed = factors.after_failure(self.clock())
        if await entry.settle(
            effects, await self.second_factors.replace(factors, failed, effects)
        ):
            raise refusal


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RemoveTotp:
    """Remove the authenticator app, and with the last factor the recovery codes."""

    require_step_up: RequireStepUp
    second_factors: SecondFactorStore
    adjust_account: AdjustAccount
    make_message: MakeMessage
    audit: Audit

    async def __call__(self, principal: Principal, caller: RequestContext = UNKNOWN) -> LoggedIn:
        """
        :returns: the tokens of the session that takes the place of the present one.
        :raises StepUpRequired: see :class:`~application.step_up.RequireStepUp`.
        :raises NotFound: the user has no authenticator app.
        :raises TokenRejected: see :class:`~application.authenticate.ReloadPrincipal` and
            :class:`AdjustAccount`.
        """
        async with self.audit.recording(EventType.REMOVE_TOTP, caller) as entry:
            entry.is_about(principal.session)
            me = await self.require_step_up(principal, caller)
            facts = {"change": "totp_removed"}
            notice = self.make_message.notice(MailKind.SECOND_FACTORS_CHANGED, me.user, facts)
            while True:  # until no other process changes the factors in between
                old = await self.second_factors.of_user(me.user.id)
                if old.totp is None:
                    raise NotFound
                effects = entry.success().with_messages(*notice)
                stored = await self.second_factors.replace(old, old.without_totp(), effects)
                if await entry.settle(effects, stored):
                    return await self.adjust_account(me, caller)
