"""Remove all second factors of a user who has lost them."""

from collections.abc import Callable
from dataclasses import dataclass

from application.accounts.users import existing
from application.audit import Audit, Entry
from application.mail.messages import MakeMessage
from application.ports import (
    ChallengeStore,
    Clock,
    PasskeyStore,
    SecondFactorStore,
    UserRepository,
)
from application.sessions.purge import PurgeStaleSessions
from application.step_up import RequireStepUp
from domain.actor import Actor
from domain.audit.event import EventType
from domain.mail.message import MailKind
from domain.request_context import UNKNOWN, RequestContext
from domain.second_factors.factors import SecondFactors
from domain.user import User, UserId


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ResetSecondFactors:
    """Remove the authenticator app, the recovery codes and the passkeys, and end all sessions.

    The order of the writes makes a crash harmless: first the generation is raised, so that each
    login, step-up and enrolment in flight fails, then the factors are deleted. Until that is
    complete they are asked for, and the reset can be repeated.
    """

    users: UserRepository
    second_factors: SecondFactorStore
    challenges: ChallengeStore
    passkeys: PasskeyStore
    purge_stale_sessions: PurgeStaleSessions
    require_step_up: RequireStepUp
    make_message: MakeMessage
    audit: Audit
    clock: Clock

    async def __call__(
        self,
        actor: Actor,
        user_id: UserId,
        caller: RequestContext = UNKNOWN,
        reason: str | None = None,
    ) -> None:
        """
        :param reason: why, as it was typed, for the audit log.
        :raises PermissionMissing: the actor may not change users, or is the user: a stolen
            session of an administrator is no way around their factors.
        :raises InvalidInput: the reason is not accepted.
        :raises StepUpRequired: see :class:`~application.step_up.RequireStepUp`.
        :raises NotFound: there is no user with this id.
        """
        async with self.audit.recording(EventType.RESET_SECOND_FACTORS, caller, actor) as entry:
            await self.require_step_up.to_change_another(user_id, actor, entry, reason)
            # The user keeps the mark of a factor until there is none: earlier releases read it.
            user = await self._replace(user_id, User.without_sessions)
            await self.challenges.forget(user_id)
            await self.passkeys.forget(user_id)
            await self._forget_factors(user, entry)
            # Once more: an enrolment may have looked at the factors before, and state them after.
            await self.purge_stale_sessions(await self._replace(user_id, self._without_factor))

    async def _replace(self, user_id: UserId, change: Callable[[User], User]) -> User:
        while True:  # until no other process changes the user in between
            user = await existing(self.users, user_id)
            changed = change(user)
            if (await self.users.replace(user, changed)).changed:
                return changed

    def _without_factor(self, user: User) -> User:
        return user.with_second_factor(has=False, now=self.clock())

    async def _forget_factors(self, user: User, entry: Entry) -> None:
        notice = self.make_message.notice(
            MailKind.SECOND_FACTORS_CHANGED, user, {"change": "reset"}
        )
        effects = entry.success().with_messages(*notice)
        none = SecondFactors(user.id)
        while (factors := await self.second_factors.of_user(user.id)) != none:
            stored = await self.second_factors.replace(factors, none, effects)
            if await entry.settle(effects, stored):
                return
        await entry.settle(effects)
