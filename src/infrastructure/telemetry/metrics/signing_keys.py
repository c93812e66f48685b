"""Signing keys: their states, and when they were checked."""

from collections.abc import Mapping
from datetime import datetime

from prometheus_client import CollectorRegistry, Gauge

from domain.key_ring import UNKNOWN_START, KeyState
from domain.token import TokenKind


class KeyMetrics:
    """Reports signing keys."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._keys = Gauge(
            "doorward_keys",
            "Signing keys: `state` is next, current or retired.",
            ["kind", "state"],
            registry=registry,
            multiprocess_mode="livemostrecent",
        )
        self._key_since = Gauge(
            "doorward_key_current_since_timestamp_seconds",
            "Start of the current key's use, in Unix time.",
            ["kind"],
            registry=registry,
            multiprocess_mode="livemostrecent",
        )
        self._keys_seen = Gauge(
            "doorward_keys_looked_at_timestamp_seconds",
            "Last check at which all keys were valid, in Unix time.",
            registry=registry,
            multiprocess_mode="livemin",
        )

    def report_checked(self) -> None:
        """Report that the keys were checked just now, and are valid."""
        self._keys_seen.set_to_current_time()

    def report(
        self, kind: TokenKind, states: Mapping[KeyState, int], since: datetime | None
    ) -> None:
        """Report the keys of one kind, after each change.

        :param states: the number of keys in each state; 0 for a state that is not given.
        :param since: the start of the current key's use, if it is known.
        """
        for state in KeyState:
            self._keys.labels(kind, state).set(states.get(state, 0))
        if since is not None and since > UNKNOWN_START:
            self._key_since.labels(kind).set(since.timestamp())
