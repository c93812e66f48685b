"""The keys that this process has loaded. A job reloads them while it runs."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from time import monotonic
from typing import Self

import structlog

from application.ports import Clock
from domain.errors import Unavailable
from domain.key_ring import UNKNOWN_START, KeyState, KeyTimes
from domain.token import TokenKind
from infrastructure.clock import system_clock
from infrastructure.config.environment_variables import ConfigurationError
from infrastructure.signing.key_store import LoadedKeys, SigningKeyStore, StaticKeys
from infrastructure.signing.signing_key import SigningKey

log = structlog.stdlib.get_logger("doorward")

Follower = Callable[[LoadedKeys], None]
ReportKeys = Callable[[TokenKind, Mapping[KeyState, int], datetime | None], None]
"""Takes a kind of token, the number of its keys in each state, and since when the current one
signs; or since when it is published, if the start of signing is unknown."""


class KeyRingWatcher:
    """
    Invalid keys are logged, and the previous ones stay in use. But while a shared store does not
    answer, a key may have been revoked: after the bound this process signs and accepts nothing.

    :param bound: how long the last answer of a shared store is valid.
    :ivar loaded: all keys of the store, expired ones included.
    """

    def __init__(
        self,
        store: SigningKeyStore,
        loaded: LoadedKeys,
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
        self._problem = ""
        self._report: ReportKeys | None = None
        self._reloaded: Callable[[], None] | None = None
        self._current = LoadedKeys()
        self._use(loaded, monotonic())

    @classmethod
    async def load(
        cls, store: SigningKeyStore, times: KeyTimes, clock: Clock, bound: timedelta
    ) -> Self:
        """Read the keys for the first time.

        :raises ConfigurationError: the store holds no ring that can be used.
        :raises Unavailable: the store does not answer.
        """
        loaded = await store.read()
        loaded.check(store.variable)
        return cls(store, loaded, times, clock, bound)

    @classmethod
    def fixed(cls, pairs: Mapping[TokenKind, SigningKey]) -> Self:
        """Make a watcher of static keys."""
        store = StaticKeys(pairs)
        times = KeyTimes(timedelta(0), {})
        return cls(store, store.loaded, times, system_clock, timedelta(0))

    def follow(self, follower: Follower) -> None:
        """Call the follower with the keys, now and after each change."""
        self._followers.append(follower)
        follower(self._current)

    def is_live(self) -> bool:
        return self._is_within(self._bound)

    def _is_within(self, seconds: float) -> bool:
        return not self._store.is_shared or monotonic() - self._asked_at <= seconds

    def check(self) -> None:
        """
        :raises Unavailable: a key may have been revoked in the meantime.
        """
        if not self.is_live():
            raise Unavailable("keys")

    def published(self) -> Sequence[Mapping[str, str]]:
        """Return the public keys of access tokens, the current one first, then the next."""
        if not self._is_within(self._bound + self._times.cached.total_seconds()):
            raise Unavailable("keys")
        keys = self._current.ring.by_state(TokenKind.ACCESS, self._clock())
        return [self._current.pairs[key.id].jwk() for key in keys]

    def report_to(self, report: ReportKeys, reloaded: Callable[[], None]) -> None:
        """
        :param report: called for each kind of token, now and after each reload.
        :param reloaded: called after each reload that found valid keys only.
        """
        self._report, self._reloaded = report, reloaded
        self._report_keys()

    def take(self, pairs: Mapping[TokenKind, SigningKey]) -> None:
        """Replace static keys. Everything that the previous ones have signed becomes invalid."""
        self._store = store = StaticKeys(pairs)
        self._use(store.loaded, monotonic())

    def decrypt_with(self, secrets: Sequence[bytes]) -> None:
        """Decrypt the keys of a database with these secrets from now on."""
        self._store.use(secrets)

    async def reload(self) -> None:
        """Read the store. A problem is logged once."""
        asked_at = monotonic()
        try:
            loaded = await self._store.read()
            loaded.check(self._store.variable)
        except (ConfigurationError, Unavailable) as error:
            self._log_problem(str(error))
        else:
            self._log_problem(next(iter(loaded.warnings), ""))
            if asked_at >= self._asked_at:  # else a later reload was answered first
                self._use(loaded, asked_at)
        self._report_keys()

    def _use(self, loaded: LoadedKeys, asked_at: float) -> None:
        self.loaded, self._asked_at = loaded, asked_at
        ring = loaded.ring.without_expired(self._clock(), self._times)
        if ring != self._current.ring:
            self._current = LoadedKeys(ring, loaded.pairs)
            for follower in self._followers:
                follower(self._current)

    def _report_keys(self) -> None:
        """Report after each reload, because the state of a key depends on the time, too."""
        if self._reloaded and not self._problem:
            self._reloaded()
        if self._report:
            ring, now = self._current.ring, self._clock()
            for kind in TokenKind:
                states = Counter(ring.state(key, now) for key in ring.of(kind))
                current = ring.signing(kind, now)
                has_start = current.signs_from is not None and current.signs_from > UNKNOWN_START
                since = current.signs_from if has_start else current.published_at
                self._report(kind, states, since)

    def _log_problem(self, problem: str) -> None:
        """Log a problem when it appears; the previous keys stay in use."""
        if problem and problem != self._problem:
            log.error("signing_keys_rejected", reason=problem)
        self._problem = problem
