"""Step up a session, and ask for that before a sensitive step (RFC 9470)."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from application.audit import Audit, Entry
from application.authenticate import ReloadPrincipal
from application.confirm_password import ConfirmPassword
from application.login.complete import IssueTokens, TokenPair
from application.ports import Clock, IdentityStore
from application.second_factors.find import FindFactors
from application.second_factors.verify import FactorProof, VerifyFactor
from application.sessions.start import RenewSession
from domain.actor import Actor, Principal
from domain.audit.details import AuthenticatedBy
from domain.audit.event import EventType
from domain.authentication import Method
from domain.errors import PermissionMissing, StepUpRequired
from domain.passwords.password import Password
from domain.permissions import Permission
from domain.request_context import UNKNOWN, RequestContext
from domain.user import NO_PASSWORD, User, UserId


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FindStepUpMethods:
    """Find the strongest methods that a user has: any one of them is enough for a step-up."""

    find_factors: FindFactors
    identities: IdentityStore

    async def __call__(self, user: User) -> Sequence[Method]:
        """
        :returns: the second factors, or without any the password, or without that a login at
            another provider; empty if there is none either.
        """
        if factors := (await self.find_factors(user)).methods:
            return factors
        if user.password_hash != NO_PASSWORD:
            return [Method.PASSWORD]
        return [Method.FEDERATED] if await self.identities.of_user(user.id) else []

    async def require(self, user: User, method: Method) -> None:
        """:raises StepUpRequired: the user has no such method, or a stronger one."""
        methods = await self(user)
        if method not in methods:
            raise StepUpRequired(methods)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RequireStepUp:
    """Require that the session was stepped up a short while ago (RFC 9470)."""

    reload_principal: ReloadPrincipal
    confirm_password: ConfirmPassword
    find_step_up_methods: FindStepUpMethods
    clock: Clock

    async def __call__(
        self, principal: Principal, caller: RequestContext, password: Password | None = None
    ) -> Principal:
        """
        :param password: counts as a step-up for this one call, if its user has nothing stronger.
            One that is given has to be right in any case.
        :returns: the principal as stored now.
        :raises StepUpRequired: the session was not stepped up within the last ten minutes.
        :raises WrongPassword: a password was given and is not the user's.
        :raises TooManyRequests: there were too many attempts in this session.
        :raises TokenRejected: see :class:`~application.authenticate.ReloadPrincipal`.
        """
        me = await self.reload_principal(principal)
        is_allowed = me.session.allows_sensitive_steps(self.clock())
        if not is_allowed:
            methods = await self.find_step_up_methods(me.user)
            if password is None or methods != [Method.PASSWORD]:
                raise StepUpRequired(methods)
        return me if password is None else await self.confirm_password(me, password, caller)

    async def of_actor(self, actor: Actor, caller: RequestContext) -> None:
        """Require it of an administrator. Others act without a session.

        :raises StepUpRequired: the session was not stepped up within the last ten minutes.
        :raises TokenRejected: see :class:`~application.authenticate.ReloadPrincipal`.
        """
        if isinstance(actor, Principal):
            await self(actor, caller)

    async def to_change(
        self, permission: Permission, actor: Actor, entry: Entry, reason: str | None
    ) -> None:
        """Require what an administrator needs for a change, and state the reason.

        :param entry: the record of the change.
        :param reason: why, as it was typed; ``None`` if no reason is given.
        :raises PermissionMissing: the actor does not have the permission.
        :raises InvalidInput: the reason is not accepted.
        :raises StepUpRequired: see :meth:`of_actor`.
        :raises TokenRejected: likewise.
        """
        actor.require(permission)
        entry.state_reason(reason)
        await self.of_actor(actor, entry.caller)

    async def to_change_another(
        self, user_id: UserId, actor: Actor, entry: Entry, reason: str | None
    ) -> None:
        """Require what removes the ways to log in of another user.

        :param entry: the record of the change; states the user and the reason.
        :param reason: why, as it was typed.
        :raises PermissionMissing: the actor may not change users, or is the user: a stolen
            session of an administrator is no way around their factors.
        :raises InvalidInput: the reason is not accepted.
        :raises StepUpRequired: see :meth:`of_actor`.
        :raises TokenRejected: likewise.
        """
        entry.user_id = user_id
        actor.require(Permission.CHANGE_USERS)
        entry.state_reason(reason)
        if isinstance(actor, Principal) and actor.user.id == user_id:
            raise PermissionMissing
        await self.of_actor(actor, entry.caller)


@dataclass(frozen=True, slots=True)
class PasswordProof:
    password: str = field(repr=False)

    @property
    def method(self) -> Method:
        return Method.PASSWORD


Proof = PasswordProof | FactorProof
"""What a client can show at a step-up."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class StepUp:
    """Replace a session by one that is good for sensitive steps for ten minutes."""

    reload_principal: ReloadPrincipal
    find_step_up_methods: FindStepUpMethods
    confirm_password: ConfirmPassword
    verify_factor: VerifyFactor
    renew_session: RenewSession
    issue_tokens: IssueTokens
    audit: Audit

    async def __call__(
        self, principal: Principal, proof: Proof, caller: RequestContext = UNKNOWN
    ) -> TokenPair:
        """
        :returns: the tokens of the new session. Those of the session before are dead.
        :raises StepUpRequired: the user has no such method, or a stronger one.
        :raises InvalidInput: the password is longer than a password can be.
        :raises WrongPassword: see :class:`ConfirmPassword`.
        :raises TooManyRequests: likewise.
        :raises SecondFactorInvalid: see :class:`VerifyFactor`, and so is ``PasskeyInvalid``.
        :raises TokenRejected: the session or the user was deleted, disabled or ended.
        """
        async with self.audit.recording(EventType.STEP_UP, caller) as entry:
            entry.is_about(principal.session)
            me = await self.reload_principal(principal)
            await self.find_step_up_methods.require(me.user, proof.method)
            await self._verify(me, proof, caller, entry)
            shown = frozenset({proof.method})
            entry.details = AuthenticatedBy(shown)
            session = await self.renew_session(
                me.session, me.user, shown, is_step_up=True, entry=entry
            )
            return await self.issue_tokens(session, me.user)

    async def _verify(
        self, me: Principal, proof: Proof, caller: RequestContext, entry: Entry
    ) -> None:
        match proof:
            case PasswordProof(password):
                await self.confirm_password(me, Password.parse(password), caller)
            case _:
                await self.verify_factor(me.user, proof, entry)
