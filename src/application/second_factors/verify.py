"""Verify second factors: the one place that accepts a code."""

from dataclasses import dataclass, field

from application.audit import Entry
from application.mail.messages import MakeMessage
from application.ports import Assertion, Clock, FactorSecrets, SecondFactorStore
from application.second_factors.passkeys import PasskeyProof, VerifyPasskey
from domain.audit.details import RecoveryCodeUsed
from domain.audit.event import EventType
from domain.authentication import Method
from domain.errors import AuthError, PasskeyInvalid, SecondFactorInvalid
from domain.mail.message import MailKind
from domain.second_factors import recovery_codes, totp
from domain.second_factors.factors import SecondFactors
from domain.user import User


@dataclass(frozen=True, slots=True)
class CodeProof:
    """
    :ivar method: which code it is: of an authenticator app, or a recovery code.
    :ivar code: as typed.
    """

    method: Method
    code: str = field(repr=False)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class VerifyCode:
    """Accept a code of an authenticator app or a recovery code, once.

    A verdict counts when it is stored in place of the factors that it was reached on. So parallel
    attempts follow one another, and none passes the lock.
    """

    second_factors: SecondFactorStore
    factor_secrets: FactorSecrets
    refuse_factor: "RefuseFactor"
    make_message: MakeMessage
    clock: Clock

    async def __call__(self, user: User, method: Method, code: str, entry: Entry) -> None:
        """
        :param entry: the record of what the code is for. A refusal is settled here; the use of a
            recovery code is an event of its own.
        :raises SecondFactorInvalid: the code is wrong or was used, the user has no such factor, or
            the second factor is locked.
        """
        while True:  # until no other process changes the factors in between
            factors = await self.second_factors.of_user(user.id)
            if factors.is_locked(self.clock()):
                raise SecondFactorInvalid
            accepted = self._accept(factors, method, code)
            if accepted is None:
                await self.refuse_factor(user, factors, entry, SecondFactorInvalid())
            elif await self._store(user, factors, accepted, entry):
                return

    def _accept(self, factors: SecondFactors, method: Method, code: str) -> SecondFactors | None:
        """Return the factors after the use of the code; ``None`` if it is not good."""
        if method is Method.TOTP and factors.totp is not None:
            secret = self.factor_secrets.open(factors.user_id, factors.totp.sealed)
            step = totp.matching_step(secret, code, self.clock()) if secret else None
            return None if step is None else factors.accepting_step(step)
        typed = recovery_codes.canonical(code) if method is Method.RECOVERY_CODE else None
        if typed is None:
            return None
        digests = self.factor_secrets.code_digests(factors.user_id, typed)
        used = next((each for each in digests if each in factors.recovery_codes), None)
        return None if used is None else factors.without_recovery_code(used)

    async def _store(
        self, user: User, old: SecondFactors, new: SecondFactors, entry: Entry
    ) -> bool:
        if new.recovery_codes == old.recovery_codes:
            return (await self.second_factors.replace(old, new)).changed
        left = len(new.recovery_codes)
        notice = self.make_message.notice(MailKind.RECOVERY_CODE_USED, user, {"left": str(left)})
        effects = entry.success(
            details=RecoveryCodeUsed(left), event_type=EventType.USE_RECOVERY_CODE
        ).with_messages(*notice)
        stored = await self.second_factors.replace(old, new, effects)
        if stored.changed:  # what the code is for is still to be settled
            await entry.audit.settle(effects, stored)
        return stored.changed


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RefuseFactor:
    """Count a failure of the second factor: too many lock it."""

    second_factors: SecondFactorStore
    make_message: MakeMessage
    clock: Clock

    async def __call__(
        self, user: User, factors: SecondFactors, entry: Entry, refusal: AuthError
    ) -> None:
        """:raises AuthError: the refusal, unless another process has changed the factors."""
        failed = factors.after_failure(self.clock())
        effects = entry.failure(refusal)
        if failed.failures <= 1:  # the first one, or the one that locks
            facts = {"during": entry.type.value}
            notice = self.make_message.notice(MailKind.SECOND_FACTOR_FAILED, user, facts)
            effects = effects.with_messages(*notice)
        stored = await self.second_factors.replace(factors, failed, effects)
        if await entry.settle(effects, stored):
            raise refusal


FactorProof = CodeProof | PasskeyProof
"""What a client can show as a second factor."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class VerifyFactor:
    """Accept a second factor of a user, whichever it is."""

    verify_code: VerifyCode
    verify_passkey: VerifyPasskey
    second_factors: SecondFactorStore
    refuse_factor: RefuseFactor
    clock: Clock

    async def __call__(self, user: User, proof: FactorProof, entry: Entry) -> None:
        """
        :param entry: the record of what the factor is for.
        :raises SecondFactorInvalid: see :class:`VerifyCode`.
        :raises PasskeyInvalid: see :class:`~application.second_factors.passkeys.VerifyPasskey`;
            it counts as a failure of the second factor. Or the second factor is locked.
        """
        match proof:
            case CodeProof(method, code):
                await self.verify_code(user, method, code, entry)
            case PasskeyProof(assertion):
                await self._verify_passkey(user, assertion, entry)

    async def _verify_passkey(self, user: User, assertion: Assertion, entry: Entry) -> None:
        if (await self.second_factors.of_user(user.id)).is_locked(self.clock()):
            raise PasskeyInvalid
        try:
            await self.verify_passkey(assertion, entry, user.id)
        except PasskeyInvalid as refusal:
            while True:  # until no other process changes the factors in between
                factors = await self.second_factors.of_user(user.id)
                await self.refuse_factor(user, factors, entry, refusal)
