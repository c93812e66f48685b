"""The metrics and their labels."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from application.ports import OutboxStatus
from domain.audit.details import AccountChanged, Details, OtherDetails, SessionLimitReached
from domain.audit.event import Event, EventType
from domain.errors import EmailTaken, Unavailable
from domain.key_ring import KeyState
from domain.mail.message import Delivery, DeliveryState
from domain.outcome import Outcome
from domain.permissions import Role
from domain.request_context import UNKNOWN
from domain.token import TokenKind
from doorward.conformance.support.examples import a_message
from infrastructure.telemetry.metrics import Metrics
from tests.support.builders import NOW, new_id


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def metrics(registry: CollectorRegistry) -> Metrics:
    return Metrics(registry)


def an_event(
    event_type: EventType, outcome: Outcome = Outcome.SUCCESS, details: Details | None = None
) -> Event:
    return Event(new_id(), event_type, outcome, NOW, UNKNOWN, details=details)


@pytest.mark.parametrize(
    ("event", "counter", "outcome"),
    [
        (an_event(EventType.LOGIN), "doorward_logins_total", "success"),
        (
            an_event(EventType.LOGIN, Outcome.INVALID_CREDENTIALS),
            "doorward_logins_total",
            "invalid_credentials",
        ),
        (an_event(EventType.REFRESH), "doorward_refreshes_total", "success"),
        (
            an_event(EventType.REFRESH, Outcome.REFRESH_TOKEN_REUSED),
            "doorward_refreshes_total",
            "refresh_token_reused",
        ),
        (
            an_event(EventType.REGISTER, Outcome.EMAIL_TAKEN),
            "doorward_registrations_total",
            "email_taken",
        ),
        (
            an_event(EventType.AUTHENTICATE, Outcome.INVALID_TOKEN),
            "doorward_refusals_total",
            "invalid_token",
        ),
        (
            an_event(EventType.READ_CREDENTIALS, Outcome.INVALID_TOKEN),
            "doorward_refusals_total",
            "invalid_token",
        ),
        (
            an_event(EventType.USE_COOKIES, Outcome.CROSS_SITE_REQUEST),
            "doorward_refusals_total",
            "cross_site_request",
        ),
        (
            an_event(EventType.USE_PERMISSION, Outcome.PERMISSION_MISSING),
            "doorward_refusals_total",
            "permission_missing",
        ),
    ],
    ids=lambda each: each.type.value if isinstance(each, Event) else str(each),
)
def test_an_event_is_counted_by_its_outcome(
    registry: CollectorRegistry, metrics: Metrics, event: Event, counter: str, outcome: str
) -> None:
    metrics.events.count(event)

    assert registry.get_sample_value(counter, {"outcome": outcome}) == 1


def test_a_counter_without_events_is_zero_and_not_absent(
    registry: CollectorRegistry,
    metrics: Metrics,  # noqa: ARG001 - creates the series
) -> None:
    reused = {"outcome": "refresh_token_reused"}

    assert registry.get_sample_value("doorward_refreshes_total", reused) == 0
    assert registry.get_sample_value("doorward_session_endings_total", {"cause": "reuse"}) == 0
    assert registry.get_sample_value("doorward_hash_refusals_total") == 0
    assert registry.get_sample_value("doorward_passkey_counts_went_back_total") == 0


def test_a_passkey_count_that_went_back_is_counted(
    registry: CollectorRegistry, metrics: Metrics
) -> None:
    metrics.events.count(an_event(EventType.LOGIN))
    metrics.events.count(an_event(EventType.PASSKEY_COUNT_WENT_BACK))

    assert registry.get_sample_value("doorward_passkey_counts_went_back_total") == 1


@pytest.mark.parametrize(
    ("event", "cause"),
    [
        (an_event(EventType.LOGOUT), "logout"),
        (an_event(EventType.REFRESH, Outcome.REFRESH_TOKEN_REUSED), "reuse"),
        (an_event(EventType.END_SESSION), "owner"),
        (an_event(EventType.END_ALL_SESSIONS), "owner"),
        (an_event(EventType.END_SESSION, details=SessionLimitReached()), "too_many"),
        (an_event(EventType.END_SESSIONS_OF_USER), "administrator"),
        (an_event(EventType.CHANGE_PASSWORD), "password"),
        (
            an_event(EventType.CHANGE_USER, details=AccountChanged(Role.ADMIN, disabled=True)),
            "disabled",
        ),
        (an_event(EventType.DELETE_USER), "deleted"),
        (an_event(EventType.DELETE_ACCOUNT), "deleted"),
        (an_event(EventType.CHANGE_USER, details=AccountChanged(Role.USER)), None),
        (an_event(EventType.CHANGE_USER, details=AccountChanged(disabled=False)), None),
        (an_event(EventType.CHANGE_USER, details=OtherDetails("role disabled, x")), None),
        (an_event(EventType.LOGIN), None),
        (an_event(EventType.REFRESH), None),
        (an_event(EventType.LOGOUT, Outcome.INVALID_TOKEN), None),
        (an_event(EventType.CHANGE_PASSWORD, Outcome.WRONG_PASSWORD), None),
    ],
    ids=lambda each: f"{each.type} {each.detail}" if isinstance(each, Event) else str(each),
)
def test_a_revocation_is_counted_by_its_cause(
    registry: CollectorRegistry, metrics: Metrics, event: Event, cause: str | None
) -> None:
    metrics.events.count(event)

    assert event.cause_of_end == cause
    counted = {
        sample.labels["cause"]
        for family in registry.collect()
        for sample in family.samples
        if sample.name == "doorward_session_endings_total" and sample.value
    }
    assert counted == ({cause} if cause else set())


def test_clients_cannot_create_labels(registry: CollectorRegistry, metrics: Metrics) -> None:
    for method in ("PROPFIND", "get", "X" * 1000):
        metrics.requests.observe(method, "unknown", 404, 0.01)

    others = {"method": "other", "route": "unknown", "status": "404"}
    assert registry.get_sample_value("doorward_http_requests_total", others) == 3
    assert b"XX" not in generate_latest(registry)


def test_a_request_without_a_response_is_counted(
    registry: CollectorRegistry, metrics: Metrics
) -> None:
    metrics.requests.observe("POST", "/api/auth/login", 0, 1.5)

    gone = {"method": "POST", "route": "/api/auth/login", "status": "none"}
    assert registry.get_sample_value("doorward_http_requests_total", gone) == 1


def test_a_call_to_a_store_is_timed_whether_it_succeeds_or_fails(
    registry: CollectorRegistry, metrics: Metrics
) -> None:
    with metrics.stores.call("redis", "sessions"):
        pass
    with pytest.raises(EmailTaken), metrics.stores.call("redis", "sessions"):
        raise EmailTaken
    with pytest.raises(Unavailable), metrics.stores.call("redis", "sessions"):
        raise Unavailable("sessions")

    of_redis = {"store": "redis", "role": "sessions"}
    assert registry.get_sample_value("doorward_store_seconds_count", of_redis) == 3
    assert registry.get_sample_value("doorward_store_failures_total", of_redis) == 1


def test_keys_are_reported_by_state_and_start_of_signing(
    registry: CollectorRegistry, metrics: Metrics
) -> None:
    since = datetime(2026, 3, 1, tzinfo=UTC)

    access, refresh = TokenKind
    current, coming, retired = KeyState
    metrics.keys.report(access, {coming: 1, current: 1, retired: 2}, since)
    metrics.keys.report(access, {current: 1, retired: 3}, since)
    metrics.keys.report(refresh, {current: 1}, None)

    def keys(state: str) -> float | None:
        labels = {"kind": "access", "state": state}
        return registry.get_sample_value("doorward_keys", labels)

    age = "doorward_key_current_since_timestamp_seconds"
    assert (keys("next"), keys("current"), keys("retired")) == (0, 1, 3)
    assert registry.get_sample_value(age, {"kind": "access"}) == since.timestamp()
    assert registry.get_sample_value(age, {"kind": "refresh"}) is None


def test_no_metric_has_personal_data(registry: CollectorRegistry, metrics: Metrics) -> None:
    metrics.events.count(an_event(EventType.LOGIN, Outcome.INVALID_CREDENTIALS))
    metrics.events.count(Event(new_id(), EventType.LOGOUT, Outcome.SUCCESS, NOW, UNKNOWN))
    metrics.requests.observe("GET", "/api/users/me", 200, 0.01)

    labels = {
        name for family in registry.collect() for each in family.samples for name in each.labels
    }
    http = {"le", "method", "route", "status"}
    assert labels == http | {"cause", "outcome"} | {"kind", "result"}


@pytest.mark.parametrize(
    ("state", "result"),
    [
        (DeliveryState.SENT, "sent"),
        (DeliveryState.QUEUED, "failed"),
        (DeliveryState.GIVEN_UP, "given_up"),
    ],
)
def test_deliveries_are_counted_by_kind_and_result(
    registry: CollectorRegistry, metrics: Metrics, state: DeliveryState, result: str
) -> None:
    labels = {"kind": "password_changed", "result": result}
    assert registry.get_sample_value("doorward_mail_deliveries_total", labels) == 0

    metrics.mail.count_delivery(replace(Delivery.of(a_message()), state=state))

    assert registry.get_sample_value("doorward_mail_deliveries_total", labels) == 1


@pytest.mark.parametrize(
    ("status", "queued", "age"),
    [
        (OutboxStatus(0, None), 0, 0),
        (OutboxStatus(3, NOW - timedelta(minutes=5)), 3, 300),
        (OutboxStatus(1, NOW + timedelta(seconds=5)), 1, 0),  # of a node whose clock is ahead
    ],
)
def test_the_outbox_is_measured(
    registry: CollectorRegistry, metrics: Metrics, status: OutboxStatus, queued: int, age: int
) -> None:
    metrics.mail.report_outbox(status, NOW)

    assert registry.get_sample_value("doorward_mail_queued") == queued
    assert registry.get_sample_value("doorward_mail_oldest_seconds") == age
