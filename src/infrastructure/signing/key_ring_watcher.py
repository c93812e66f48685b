"""The keys as this process knows them. A job reloads them while it runs."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from time import monotonic
from typing import Self

import structlog

from application.ports import Clock
from domain.errors import Unavailable
from domain.key_ring import KeyState, KeyTimes
from domain.token import TokenKind
from infrastructure.clock import system_clock
from infrastructure.config.environment_variables import ConfigurationError
from infrastructure.signing.key_store import UNKNOWN_START, LoadedKeys, SigningKeyStore, StaticKeys
from infrastructure.signing.signing_key import SigningKey

log = structlog.stdlib.get_logger("doorward")

Follower = Callable[[LoadedKeys], None]
Tell = Callable[[TokenKind, Mapping[KeyState, int], datetime | None], None]
"""Of a kind: how many keys it has of each state, and since when the current one signs, or is there
if it has always signed."""


class KeyRingWatcher:
    """
    Keys that cannot be used are reported, and those from before stay in use. But when a store that
    others write to does not answer, a key may have been revoked: then nothing is signed or
    accepted until it does.

    :param bound: how long the last answer of such a store is valid.
    :ivar held: all keys of the store, those that have expired among them.
    """

    def __init__(
        self,
        store: SigningKeyStore,
        held: LoadedKeys,
        times: KeyTimes,
        clock: Clock,
        bound: timedelta,
    ) -> None:
        self._store = store
        self._times = times
        self._clock = clock
        self.bound = bound
        self._bound = bound.total_seconds()
        self._followers: list[Follower] = []
        self._trouble = ""
        self._tell: Tell | None = None
        self._looked: Callable[[], None] | None = None
        self._in_force = LoadedKeys()
        self._use(held, monotonic())

    @classmethod
    async def load(
        cls, store: SigningKeyStore, times: KeyTimes, clock: Clock, bound: timedelta
    ) -> Self:
        """Read the keys for the first time.

        :raises ConfigurationError: the store holds no ring that can be used.
        :raises Unavailable: the store does not answer.
        """
        held = await store.read()
        held.check(store.variable)
        return cls(store, held, times, clock, bound)

    @classmethod
    def fixed(cls, pairs: Mapping[TokenKind, SigningKey]) -> Self:
        """Of keys that stay as they are."""
        store = StaticKeys(pairs)
        times = KeyTimes(timedelta(0), {})
        return cls(store, store.held, times, system_clock, timedelta(0))

    def follow(self, follower: Follower) -> None:
        """Tell it of the keys, now and whenever they have changed."""
        self._followers.append(follower)
        follower(self._in_force)

    def is_live(self) -> bool:
        return self._is_within(self._bound)

    def _is_within(self, seconds: float) -> bool:
        return not self._store.is_shared or monotonic() - self._asked_at <= seconds

    def check(self) -> None:
        """
        :raises Unavailable: it cannot be told whether the keys are still good.
        """
        if not self.is_live():
            raise Unavailable("keys")

    def published(self) -> Sequence[Mapping[str, str]]:
        """The public keys of access tokens, the current one first, then the next."""
        if not self._is_within(self._bound + self._times.cached.total_seconds()):
            raise Unavailable("keys")
        keys = self._in_force.ring.by_state(TokenKind.ACCESS, self._clock())
        return [self._in_force.pairs[key.id].jwk() for key in keys]

    def report_to(self, tell: Tell, looked: Callable[[], None]) -> None:
        """
        :param tell: is told of the keys of each kind, now and whenever they are looked at.
        :param looked: is called whenever that was possible and all of them were good.
        """
        self._tell, self._looked = tell, looked
        self._report_state()

    def take(self, pairs: Mapping[TokenKind, SigningKey]) -> None:
        """These instead of those that were given before. What the others signed is dead."""
        self._store = StaticKeys(pairs)
        self._use(self._store.held, monotonic())

    def decrypt_with(self, secrets: Sequence[bytes]) -> None:
        """Decrypt the keys of a database with these secrets from now on."""
        self._store.use(secrets)

    async def reload(self) -> None:
        """Look at the store. What is wrong is reported once."""
        asked_at = monotonic()
        try:
            held = await self._store.read()
            held.check(self._store.variable)
        except (ConfigurationError, Unavailable) as error:
            self._report(str(error))
        else:
            self._report(next(iter(held.warnings), ""))
            if asked_at >= self._asked_at:  # or else somebody who asked later was quicker
                self._use(held, asked_at)
        self._report_state()

    def _use(self, held: LoadedKeys, asked_at: float) -> None:
        self.held, self._asked_at = held, asked_at
        ring = held.ring.without_expired(self._clock(), self._times)
        if ring != self._in_force.ring:
            self._in_force = LoadedKeys(ring, held.pairs)
            for follower in self._followers:
                follower(self._in_force)

    def _report_state(self) -> None:
        """The state of a key depends on the time, too."""
        if self._looked and not self._trouble:
            self._looked()
        if self._tell:
            ring, now = self._in_force.ring, self._clock()
            for kind in TokenKind:
                states = Counter(ring.state(key, now) for key in ring.of(kind))
                current = ring.signing(kind, now)
                has_start = current.signs_from is not None and current.signs_from > UNKNOWN_START
                self._tell(kind, states, current.signs_from if has_start else current.published_at)

    def _report(self, trouble: str) -> None:
        if trouble and trouble != self._trouble:
            log.error("signing_keys_rejected", reason=trouble)
        self._trouble = trouble
