"""Complete a login whose password was right by a second factor."""

from dataclasses import dataclass

from application.audit import Audit
from application.login.complete import CompleteLogin, LoggedIn
from application.ports import ChallengeStore, Devices, UserRepository
from application.rate_limiting import RateLimiting
from application.second_factors.challenges import TryChallenge, client_binding
from application.second_factors.verify import FactorProof, VerifyFactor
from domain.audit.event import EventType
from domain.errors import SecondFactorInvalid
from domain.request_context import UNKNOWN, RequestContext
from domain.second_factors.challenge import Ceremony, Challenge
from domain.user import User


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class LoginWithSecondFactor:
    try_challenge: TryChallenge
    challenges: ChallengeStore
    users: UserRepository
    verify_factor: VerifyFactor
    complete_login: CompleteLogin
    devices: Devices
    rate_limiting: RateLimiting
    audit: Audit

    async def __call__(
        self, challenge: str, proof: FactorProof, caller: RequestContext = UNKNOWN
    ) -> LoggedIn:
        """
        :param challenge: from :class:`~domain.errors.SecondFactorRequired`.
        :raises TooManyRequests: there were too many attempts from this address.
        :raises SecondFactorInvalid: the challenge or the code is not good.
        :raises PasskeyInvalid: see :class:`~application.second_factors.verify.VerifyFactor`.
        :raises InvalidCredentials: see :class:`~application.login.complete.CompleteLogin`.
        """
        async with self.audit.recording(EventType.LOGIN, caller) as entry:
            refusal = await self.rate_limiting.count_second_factor_from(
                caller.address, self.devices.authentic_id(caller.device_token)
            )
            binding = client_binding(caller)
            pending = await self.try_challenge(challenge, Ceremony.SECOND_FACTOR, binding)
            user = await self._user_of(pending)
            entry.user_id = user.id
            if refusal and self.devices.recognise(caller.device_token, user) is None:
                raise refusal
            await self.verify_factor(user, proof, entry)
            if await self.challenges.take(pending.digest) is None:
                raise SecondFactorInvalid
            shown = pending.methods | {proof.method}
            return await self.complete_login(
                user,
                shown,
                caller,
                pending.transport,
                entry,
                shows_access=pending.shows_access,
            )

    async def _user_of(self, pending: Challenge) -> User:
        user = await self.users.get(pending.user_id) if pending.user_id else None
        if user is None or not pending.is_for(user):
            raise SecondFactorInvalid
        return user
