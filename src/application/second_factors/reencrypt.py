"""Encrypt stored secrets again, after the secret outside the database was exchanged."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from functools import partial

from application.ports import FactorSecrets, KeyStore, SecondFactorStore
from domain.actor import Operator
from domain.second_factors.factors import SecondFactors
from domain.user import UserId

_PAGE_SIZE = 500


@dataclass(slots=True)
class FactorCounts:
    """How many users have second factors, and how they are protected.

    :ivar users: who have an authenticator app, or are setting one up.
    :ivar outdated: of them, whose secret an earlier secret protects.
    :ivar lost: of them, whose secret no configured secret opens: their codes are refused.
    :ivar with_codes: users with recovery codes. Only their digests are stored, so it is unknown
        which secret protects them.
    """

    users: int = 0
    outdated: int = 0
    lost: int = 0
    with_codes: int = 0

    def add(self, factors: SecondFactors, secrets: FactorSecrets) -> None:
        sealed, owner = factors.sealed, factors.user_id
        self.with_codes += bool(factors.recovery_codes)
        self.users += bool(sealed)
        if any(secrets.open(owner, each) is None for each in sealed):
            self.lost += 1
        elif any(secrets.is_outdated(owner, each) for each in sealed):
            self.outdated += 1


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CountFactors:
    second_factors: SecondFactorStore
    factor_secrets: FactorSecrets

    async def __call__(self, _actor: Operator) -> FactorCounts:
        counts = FactorCounts()
        async for page in _pages(self.second_factors):
            for each in page:
                counts.add(each, self.factor_secrets)
        return counts


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ReencryptSecrets:
    """Encrypt the signing keys and the secrets of authenticator apps with the first secret.

    To repeat it, or to run it twice at once, does no harm: it leaves what the first secret
    encrypts, and replaces each other by compare-and-swap. Recovery codes cannot be encrypted
    again, since only digests of them are stored.
    """

    keys: KeyStore
    second_factors: SecondFactorStore
    factor_secrets: FactorSecrets

    async def __call__(
        self, _actor: Operator, report: Callable[[FactorCounts], None]
    ) -> tuple[int, FactorCounts]:
        """
        :param report: takes the counts so far, every 500 users.
        :returns: how many signing keys were encrypted again, and the counts as they were before.
        """
        keys, counts = await self.keys.reencrypt(), FactorCounts()
        async for page in _pages(self.second_factors):
            for each in page:
                counts.add(await self._reencrypt(each), self.factor_secrets)
            report(counts)
        return keys, counts

    async def _reencrypt(self, factors: SecondFactors) -> SecondFactors:
        """
        :returns: the factors that were replaced, or that stay.
        """
        while True:  # until no other process changes the factors in between
            new = factors.resealed(partial(self._again, factors.user_id))
            if new == factors or (await self.second_factors.replace(factors, new)).changed:
                return factors
            factors = await self.second_factors.of_user(factors.user_id)

    def _again(self, user_id: UserId, sealed: str) -> str:
        secret = self.factor_secrets.open(user_id, sealed)
        if secret is None or not self.factor_secrets.is_outdated(user_id, sealed):
            return sealed
        return self.factor_secrets.seal(user_id, secret)


async def _pages(store: SecondFactorStore) -> AsyncIterator[Sequence[SecondFactors]]:
    after: UserId | None = None
    while page := await store.page(after, _PAGE_SIZE):
        yield page
        after = page[-1].user_id
