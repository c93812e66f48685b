"""What is counted and measured, for Prometheus: every metric has its name, its labels and its
meaning here.

No label holds anything that a caller can make up, or that is about one person: there is a fixed
number of series.

This is imported only where ``METRICS_PORT`` is set. With several server processes each writes into
files in a folder that ``telemetry.metrics_server`` has made, and that the process which
started them reads; prometheus_client decides on that when it is imported.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from time import perf_counter

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
)

from domain.audit_event import CauseOfEnd, Event, EventType
from domain.errors import Unavailable
from domain.key_ring import KeyState
from domain.outcome import Outcome
from domain.token import TokenKind
from infrastructure.signing.key_store import UNKNOWN_START

disable_created_metrics()  # type: ignore[no-untyped-call] # as many series again, unasked

REGISTRY = CollectorRegistry()
"""Of this process."""

ABORTED = "none"
"""The status of a request whose client was gone before there was an answer."""

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

_REQUEST_TIMES = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_STORE_TIMES = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
_HASH_TIMES = (0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10)

# These series begin at zero, so that Prometheus sees the first increase.
_EXPECTED_LOGINS = (
    Outcome.SUCCESS,
    Outcome.INVALID_CREDENTIALS,
    Outcome.TOO_MANY_REQUESTS,
    Outcome.UNAVAILABLE,
)
_EXPECTED_REFRESHES = (
    Outcome.SUCCESS,
    Outcome.REFRESH_TOKEN_REUSED,
    Outcome.INVALID_TOKEN,
    Outcome.TOO_MANY_REQUESTS,
    Outcome.UNAVAILABLE,
)
_EXPECTED_REGISTRATIONS = (
    Outcome.SUCCESS,
    Outcome.EMAIL_TAKEN,
    Outcome.INVALID_INPUT,
    Outcome.TOO_MANY_REQUESTS,
)
_EXPECTED_REFUSALS = (
    Outcome.INVALID_TOKEN,
    Outcome.CROSS_SITE_REQUEST,
    Outcome.PERMISSION_MISSING,
)


class Metrics:
    """One for each process. Its methods are what the rest of the service tells it.

    :param registry: where the metrics are to be found; another one in tests.
    """

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self._requests = Counter(
            "doorward_http_requests",
            "Requests that the application answered. `route` is the template of the path, or "
            f"`unknown`; `status` is `{ABORTED}` if the client was gone before the answer.",
            ["method", "route", "status"],
            registry=registry,
        )
        self._request_seconds = Histogram(
            "doorward_http_request_seconds",
            "Time from the head of a request to its answer.",
            ["method", "route"],
            buckets=_REQUEST_TIMES,
            registry=registry,
        )
        self._logins = Counter(
            "doorward_logins",
            "Attempts to log in, by outcome: `success` or the name of the error, as in the log.",
            ["outcome"],
            registry=registry,
        )
        self._refreshes = Counter(
            "doorward_refreshes",
            "Refreshes by outcome. refresh_token_reused: a spent token came back, perhaps a "
            "stolen one, and the session was ended.",
            ["outcome"],
            registry=registry,
        )
        self._registrations = Counter(
            "doorward_registrations", "Registrations by outcome.", ["outcome"], registry=registry
        )
        self._refusals = Counter(
            "doorward_refusals",
            "Requests that were refused before they reached what they asked for: by their access "
            "token, their origin or the role of their user.",
            ["outcome"],
            registry=registry,
        )
        self._session_endings = Counter(
            "doorward_session_endings",
            "Steps that ended sessions, by cause. One step can end several sessions of a user; a "
            "logout that is repeated counts again. Sessions that expire are not among them.",
            ["cause"],
            registry=registry,
        )
        self._hash_queue_length = Gauge(
            "doorward_hash_queue_length",
            "Password hashes that wait for a thread.",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self._hash_wait_seconds = Histogram(
            "doorward_hash_wait_seconds",
            "How long a password hash waited for a thread.",
            buckets=_HASH_TIMES,
            registry=registry,
        )
        self._hash_seconds = Histogram(
            "doorward_hash_seconds",
            "How long a password hash took on its thread.",
            buckets=_HASH_TIMES,
            registry=registry,
        )
        self._hash_refusals = Counter(
            "doorward_hash_refusals",
            "Password hashes that were refused because the queue was full.",
            registry=registry,
        )
        self._store_seconds = Histogram(
            "doorward_store_seconds",
            "How long a call to a store took, the wait for a connection included.",
            ["store", "role"],
            buckets=_STORE_TIMES,
            registry=registry,
        )
        self._store_failures = Counter(
            "doorward_store_failures",
            "Calls to a store that got no answer in time.",
            ["store", "role"],
            registry=registry,
        )
        self._keys = Gauge(
            "doorward_keys",
            "Signing keys: `state` is next, current or retired.",
            ["kind", "state"],
            registry=registry,
            multiprocess_mode="livemostrecent",
        )
        self._key_since = Gauge(
            "doorward_key_current_since_timestamp_seconds",
            "Since when the current key signs, in Unix time.",
            ["kind"],
            registry=registry,
            multiprocess_mode="livemostrecent",
        )
        self._keys_seen = Gauge(
            "doorward_keys_looked_at_timestamp_seconds",
            "When the keys were last looked at and all of them were good, in Unix time.",
            registry=registry,
            multiprocess_mode="livemin",
        )
        self._build_info = Gauge(
            "doorward_build_info",
            "1, for the version that runs.",
            ["version"],
            registry=registry,
            multiprocess_mode="livemostrecent",
        )
        self._workers = Gauge(
            "doorward_workers",
            "Server processes that run.",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self._by_type = {
            EventType.LOGIN: self._logins,
            EventType.REFRESH: self._refreshes,
            EventType.REGISTER: self._registrations,
            EventType.AUTHENTICATE: self._refusals,
            EventType.READ_CREDENTIALS: self._refusals,
            EventType.USE_COOKIES: self._refusals,
            EventType.USE_PERMISSION: self._refusals,
        }
        self._answered: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._called: dict[tuple[str, str], tuple[Histogram, Counter]] = {}
        self._begin_with_zeros()

    def _begin_with_zeros(self) -> None:
        for counter, outcomes in (
            (self._logins, _EXPECTED_LOGINS),
            (self._refreshes, _EXPECTED_REFRESHES),
            (self._registrations, _EXPECTED_REGISTRATIONS),
            (self._refusals, _EXPECTED_REFUSALS),
        ):
            for outcome in outcomes:
                counter.labels(outcome.value)
        for cause in CauseOfEnd:
            self._session_endings.labels(cause.value)

    def started(self, version: str) -> None:
        self._build_info.labels(version).set(1)
        self._workers.set(1)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """
        :param route: the template of the path.
        :param status: 0 if there was no answer.
        """
        series = self._answered.get((method, route, status))
        if series is None:
            series = self._series(method, route, status)
            if method in _METHODS:  # anybody can make up others
                self._answered[method, route, status] = series
        requests, request_seconds = series
        requests.inc()
        request_seconds.observe(seconds)

    def _series(self, method: str, route: str, status: int) -> tuple[Counter, Histogram]:
        known = method if method in _METHODS else "other"
        requests = self._requests.labels(known, route, str(status or ABORTED))
        return requests, self._request_seconds.labels(known, route)

    def happened(self, event: Event) -> None:
        """An :data:`~application.ports.Announce`."""
        counter = self._by_type.get(event.type)
        if counter is not None:
            counter.labels(event.outcome.value).inc()
        if cause := event.cause_of_end:
            self._session_endings.labels(cause.value).inc()

    @contextmanager
    def store_call(self, store: str, role: str) -> Iterator[None]:
        """A :data:`~infrastructure.storage.options.StoreObserver`."""
        series = self._called.get((store, role))
        if series is None:
            series = (
                self._store_seconds.labels(store, role),
                self._store_failures.labels(store, role),
            )
            self._called[store, role] = series
        store_seconds, failures = series
        began = perf_counter()
        try:
            yield
        except Unavailable:
            failures.inc()
            raise
        finally:
            store_seconds.observe(perf_counter() - began)

    # The HashObserver of infrastructure/passwords/hashing_pool.py:

    def joined(self) -> None:
        self._hash_queue_length.inc()

    def left(self, waited: float | None) -> None:
        self._hash_queue_length.dec()
        if waited is not None:
            self._hash_wait_seconds.observe(waited)

    def computed(self, seconds: float) -> None:
        self._hash_seconds.observe(seconds)

    def refused(self) -> None:
        self._hash_refusals.inc()

    def keys_looked_at(self) -> None:
        """And all of them were good."""
        self._keys_seen.set_to_current_time()

    def tell_keys(
        self, kind: TokenKind, states: Mapping[KeyState, int], since: datetime | None
    ) -> None:
        """What keys of this kind there are. To be told again whenever that changes.

        :param states: how many there are of each; none of those that are not named.
        :param since: when the current key began to sign, if that is known.
        """
        for state in KeyState:
            self._keys.labels(kind, state).set(states.get(state, 0))
        if since is not None and since > UNKNOWN_START:
            self._key_since.labels(kind).set(since.timestamp())
