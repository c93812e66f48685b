"""Make recovery codes, with a new factor or in place of those that there are."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from application.audit import Audit
from application.mail.messages import MakeMessage
from application.ports import FactorSecrets, RandomBytes, SecondFactorStore
from application.rate_limiting import RateLimiting
from application.second_factors.find import FindFactors
from application.step_up import RequireStepUp
from domain.actor import Principal
from domain.audit.event import EventType
from domain.errors import NotFound, SecondFactorsOff
from domain.mail.message import MailKind
from domain.request_context import UNKNOWN, RequestContext
from domain.second_factors.recovery_codes import HOW_MANY, LENGTH, canonical, code_of
from domain.user import User, UserId


@dataclass(frozen=True, slots=True)
class RecoveryCodes:
    """A new set of codes.

    :ivar texts: shown once.
    :ivar digests: what is stored of them.
    """

    texts: Sequence[str] = field(repr=False)
    digests: frozenset[str] = field(repr=False)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class MakeRecoveryCodes:
    factor_secrets: FactorSecrets
    random_bytes: RandomBytes

    def __call__(self, user_id: UserId) -> RecoveryCodes:
        """:raises SecondFactorsOff: there is no secret to protect them with."""
        if not self.factor_secrets.is_available():
            raise SecondFactorsOff
        texts = [code_of(self.random_bytes(LENGTH)) for _ in range(HOW_MANY)]
        return RecoveryCodes(texts, frozenset(self._digest(user_id, each) for each in texts))

    def _digest(self, user_id: UserId, text: str) -> str:
        return self.factor_secrets.code_digests(user_id, canonical(text) or "")[0]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class AddRecoveryCodes:
    """Give recovery codes to a user who has none."""

    second_factors: SecondFactorStore
    factor_secrets: FactorSecrets
    make_recovery_codes: MakeRecoveryCodes

    async def __call__(self, user: User) -> Sequence[str]:
        """
        :returns: the new codes; none if the user has some, or there is no secret to protect them.
        """
        if not self.factor_secrets.is_available():
            return ()
        codes = self.make_recovery_codes(user.id)
        while True:  # until no other process changes the factors in between
            factors = await self.second_factors.of_user(user.id)
            if factors.recovery_codes:
                return ()
            new = factors.with_recovery_codes(codes.digests)
            if (await self.second_factors.replace(factors, new)).changed:
                return codes.texts


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RenewRecoveryCodes:
    """Replace the recovery codes of a user who has a second factor."""

    require_step_up: RequireStepUp
    find_factors: FindFactors
    make_recovery_codes: MakeRecoveryCodes
    second_factors: SecondFactorStore
    make_message: MakeMessage
    rate_limiting: RateLimiting
    audit: Audit

    async def __call__(
        self, principal: Principal, caller: RequestContext = UNKNOWN
    ) -> Sequence[str]:
        """
        :returns: the new codes. The former ones are not valid any more.
        :raises SecondFactorsOff: there is no secret to protect them with.
        :raises StepUpRequired: see :class:`~application.step_up.RequireStepUp`.
        :raises TokenRejected: see :class:`~application.authenticate.ReloadPrincipal`.
        :raises NotFound: the user has no second factor.
        :raises TooManyRequests: there were too many changes.
        """
        async with self.audit.recording(EventType.RENEW_RECOVERY_CODES, caller) as entry:
            entry.is_about(principal.session)
            codes = self.make_recovery_codes(principal.user.id)
            user = (await self.require_step_up(principal, caller)).user
            await self.rate_limiting.count_change(user.id)
            facts = {"change": "codes_renewed"}
            notice = self.make_message.notice(MailKind.SECOND_FACTORS_CHANGED, user, facts)
            while True:  # until no other process changes the factors in between
                factors = await self.find_factors(user)
                if not factors.methods:
                    raise NotFound
                new = factors.stored.with_recovery_codes(codes.digests)
                effects = entry.success().with_messages(*notice)
                stored = await self.second_factors.replace(factors.stored, new, effects)
                if await entry.settle(effects, stored):
                    return codes.texts
