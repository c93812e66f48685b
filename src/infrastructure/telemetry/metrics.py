"""The metrics for Prometheus: names, labels and meanings.

No label value comes from a client or belongs to one person, so the number of series is fixed.

This module is imported only if ``METRICS_PORT`` is set. With several server processes, each writes
its metrics into files in a folder of ``metrics_server``, which their parent reads;
prometheus_client decides that at import.
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

from application.ports import OutboxStatus
from domain.audit.event import CauseOfEnd, Event, EventType
from domain.errors import Unavailable
from domain.key_ring import UNKNOWN_START, KeyState
from domain.mail.message import Delivery, DeliveryState, MailKind
from domain.outcome import Outcome
from domain.token import TokenKind

disable_created_metrics()  # type: ignore[no-untyped-call] # it would double the series

REGISTRY = CollectorRegistry()
"""The metrics of this process."""

ABORTED = "none"
"""The label `status` of a request whose client disconnected before the response."""

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
_RESULTS = {
    DeliveryState.SENT: "sent",
    DeliveryState.QUEUED: "failed",
    DeliveryState.GIVEN_UP: "given_up",
}


class Metrics:
    """The metrics of one process, and the observers that feed them.

    :param registry: receives the metrics.
    """

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self._requests = Counter(
            "doorward_http_requests",
            "Requests that the application handled. `route` is the template of the path, or "
            f"`unknown`; `status` is `{ABORTED}` if the client disconnected before the response.",
            ["method", "route", "status"],
            registry=registry,
        )
        self._request_seconds = Histogram(
            "doorward_http_request_seconds",
            "Time from the head of a request to its response.",
            ["method", "route"],
            buckets=_REQUEST_TIMES,
            registry=registry,
        )
        self._logins = Counter(
            "doorward_logins",
            "Login attempts by outcome: `success` or the name of the error, as in the log.",
            ["outcome"],
            registry=registry,
        )
        self._refreshes = Counter(
            "doorward_refreshes",
            "Refreshes by outcome. refresh_token_reused: a spent token was presented again, "
            "perhaps a stolen one, and the session was revoked.",
            ["outcome"],
            registry=registry,
        )
        self._registrations = Counter(
            "doorward_registrations", "Registrations by outcome.", ["outcome"], registry=registry
        )
        self._refusals = Counter(
            "doorward_refusals",
            "Requests refused before their handler ran, because of the access token, the origin "
            "or the role of the user.",
            ["outcome"],
            registry=registry,
        )
        self._session_endings = Counter(
            "doorward_session_endings",
            "Operations that revoked sessions, by cause. One operation can revoke several "
            "sessions of a user; a repeated logout counts again. Expiry is not counted.",
            ["cause"],
            registry=registry,
        )
        self._passkey_counts_went_back = Counter(
            "doorward_passkey_counts_went_back",
            "Uses of passkeys whose count of signatures was not higher than before: a copied key, "
            "or a restored authenticator. They are not refused.",
            registry=registry,
        )
        self._hash_queue_length = Gauge(
            "doorward_hash_queue_length",
            "Password hashes waiting for a thread.",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self._hash_wait_seconds = Histogram(
            "doorward_hash_wait_seconds",
            "Time that a password hash waited for a thread.",
            buckets=_HASH_TIMES,
            registry=registry,
        )
        self._hash_seconds = Histogram(
            "doorward_hash_seconds",
            "Time that a password hash took on its thread.",
            buckets=_HASH_TIMES,
            registry=registry,
        )
        self._hash_refusals = Counter(
            "doorward_hash_refusals",
            "Password hashes refused because the queue was full.",
            registry=registry,
        )
        self._store_seconds = Histogram(
            "doorward_store_seconds",
            "Time of a call to a store, including the wait for a connection.",
            ["store", "role"],
            buckets=_STORE_TIMES,
            registry=registry,
        )
        self._store_failures = Counter(
            "doorward_store_failures",
            "Calls to a store that failed or timed out.",
            ["store", "role"],
            registry=registry,
        )
        self._mail_queued = Gauge(
            "doorward_mail_queued",
            "Mails in the outbox that are neither sent nor given up. All processes see the same.",
            registry=registry,
            multiprocess_mode="livemostrecent",
        )
        self._mail_oldest = Gauge(
            "doorward_mail_oldest_seconds",
            "Age of the oldest of them; 0 if there is none.",
            registry=registry,
            multiprocess_mode="livemostrecent",
        )
        self._mail_deliveries = Counter(
            "doorward_mail_deliveries",
            "Attempts to deliver a mail. `result` is sent, failed (it will be tried again) or "
            "given_up.",
            ["kind", "result"],
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
        self._build_info = Gauge(
            "doorward_build_info",
            "1 for the version that runs.",
            ["version"],
            registry=registry,
            multiprocess_mode="livemostrecent",
        )
        self._workers = Gauge(
            "doorward_workers",
            "Running server processes.",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self._by_type = {
            EventType.LOGIN: self._logins,
            EventType.REFRESH: self._refreshes,
            EventType.REPEAT_REFRESH: self._refreshes,
            EventType.REGISTER: self._registrations,
            EventType.AUTHENTICATE: self._refusals,
            EventType.READ_CREDENTIALS: self._refusals,
            EventType.USE_COOKIES: self._refusals,
            EventType.USE_PERMISSION: self._refusals,
        }
        self._request_series: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._store_series: dict[tuple[str, str], tuple[Histogram, Counter]] = {}
        self._create_expected_series()

    def _create_expected_series(self) -> None:
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
        for kind in MailKind:
            for result in _RESULTS.values():
                self._mail_deliveries.labels(kind.value, result)

    def started(self, version: str) -> None:
        """Report that this process runs."""
        self._build_info.labels(version).set(1)
        self._workers.set(1)

    def observe_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count and time a request.

        :param route: the template of the path.
        :param status: of the response; 0 if there was none.
        :param seconds: from the head of the request to the response.
        """
        series = self._request_series.get((method, route, status))
        if series is None:
            series = self._series(method, route, status)
            if method in _METHODS:  # a client can send any other
                self._request_series[method, route, status] = series
        requests, request_seconds = series
        requests.inc()
        request_seconds.observe(seconds)

    def _series(self, method: str, route: str, status: int) -> tuple[Counter, Histogram]:
        known = method if method in _METHODS else "other"
        requests = self._requests.labels(known, route, str(status or ABORTED))
        return requests, self._request_seconds.labels(known, route)

    def count_event(self, event: Event) -> None:
        """Count an audit event. This is an :data:`~application.ports.Announce`."""
        counter = self._by_type.get(event.type)
        if counter is not None:
            counter.labels(event.outcome.value).inc()
        if event.type is EventType.PASSKEY_COUNT_WENT_BACK:
            self._passkey_counts_went_back.inc()
        if cause := event.cause_of_end:
            self._session_endings.labels(cause.value).inc()

    @contextmanager
    def store_call(self, store: str, role: str) -> Iterator[None]:
        """Time a call to a store. This is a
        :data:`~infrastructure.storage.options.StoreObserver`.
        """
        series = self._store_series.get((store, role))
        if series is None:
            series = (
                self._store_seconds.labels(store, role),
                self._store_failures.labels(store, role),
            )
            self._store_series[store, role] = series
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

    def count_delivery(self, delivery: Delivery) -> None:
        """Count an attempt to deliver a mail. This is a
        :data:`~application.ports.ReportDelivery`.
        """
        result = _RESULTS[delivery.state]
        self._mail_deliveries.labels(delivery.message.kind.value, result).inc()

    def report_outbox(self, status: OutboxStatus, now: datetime) -> None:
        """Report what waits in the outbox."""
        age = (now - status.oldest).total_seconds() if status.oldest else 0.0
        self._mail_queued.set(status.queued)
        self._mail_oldest.set(max(age, 0.0))

    def report_keys_checked(self) -> None:
        """Report that the keys were checked just now, and are valid."""
        self._keys_seen.set_to_current_time()

    def report_keys(
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
