"""Issue challenges, check the answers to them, and purge the expired ones."""

from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256

from application.ports import ChallengeStore, Clock, RandomBytes
from domain.authentication import Method
from domain.errors import SecondFactorInvalid
from domain.request_context import RequestContext
from domain.second_factors.challenge import LIFETIME, Ceremony, Challenge, digest_of
from domain.session import Transport
from domain.user import User

_BYTES = 32
_LONGEST = 100
"""Characters of a secret that is looked up; a real one has 43."""
_KEPT_EXPIRED = timedelta(hours=1)
"""More than the clocks of the nodes differ."""
_STEP, _MAX_STEPS = 500, 100
"""Challenges that one call of the store deletes, and calls of one run."""


def client_binding(caller: RequestContext) -> str:
    """Return a digest of what a client has to send again: its device token, or else its name."""
    is_device = caller.device_token is not None
    shown = f"device:{caller.device_token}" if is_device else f"agent:{caller.agent}"
    return sha256(shown.encode(errors="replace")).hexdigest()


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class IssueChallenge:
    challenges: ChallengeStore
    random_bytes: RandomBytes
    clock: Clock

    async def __call__(
        self,
        ceremony: Ceremony,
        user: User | None = None,
        binding: str = "",
        methods: frozenset[Method] = frozenset(),
        transport: Transport = Transport.COOKIE,
        *,
        shows_access: bool = False,
    ) -> str:
        """
        :returns: the secret of the challenge, 43 characters. Only its digest is stored.
        """
        secret = urlsafe_b64encode(self.random_bytes(_BYTES)).rstrip(b"=").decode()
        await self.challenges.add(
            Challenge(
                digest_of(secret),
                ceremony,
                self.clock() + LIFETIME,
                user.id if user else None,
                user.generation if user else None,
                binding,
                methods,
                transport,
                shows_access,
            )
        )
        return secret


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class TryChallenge:
    """Count an attempt to answer a challenge, before the answer is looked at."""

    challenges: ChallengeStore
    clock: Clock

    async def __call__(self, secret: str, ceremony: Ceremony, binding: str = "") -> Challenge:
        """
        :raises SecondFactorInvalid: the challenge is unknown, used, expired, tried too often, of
            another ceremony or another client.
        """
        challenge = None
        if len(secret) <= _LONGEST:
            challenge = await self.challenges.count_try(digest_of(secret))
        if challenge is None or not challenge.is_answerable(ceremony, binding, self.clock()):
            raise SecondFactorInvalid
        return challenge


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PurgeChallenges:
    """Delete expired challenges: most of them were answered, and are gone already."""

    challenges: ChallengeStore
    clock: Clock

    async def __call__(self) -> None:
        """Delete in steps, up to a maximum: the next run deletes the others.

        :raises Unavailable: the store does not answer.
        """
        before = self.clock() - _KEPT_EXPIRED
        for _ in range(_MAX_STEPS):
            if await self.challenges.purge(before, _STEP) < _STEP:
                return
