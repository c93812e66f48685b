"""What is counted, and under which labels."""

from datetime import UTC, datetime

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from domain.audit_event import COMMAND_LINE, UNKNOWN, Event
from domain.errors import EmailTaken, Unavailable
from domain.key_ring import KeyState
from domain.token import TokenKind
from infrastructure.telemetry.metrics import Metrics
from tests.support.builders import NOW, new_id


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def metrics(registry: CollectorRegistry) -> Metrics:
    return Metrics(registry)


def an_event(what: str, outcome: str = "success", detail: str = "") -> Event:
    return Event(new_id(), what, outcome, NOW, UNKNOWN, detail=detail)


@pytest.mark.parametrize(
    ("what", "outcome", "counter"),
    [
        ("login", "success", "doorward_logins_total"),
        ("login", "InvalidCredentials", "doorward_logins_total"),
        ("refresh", "success", "doorward_refreshes_total"),
        ("refresh", "RefreshTokenReused", "doorward_refreshes_total"),
        ("register", "EmailTaken", "doorward_registrations_total"),
        ("authenticate", "TokenRejected", "doorward_refusals_total"),
        ("read credentials", "TokenRejected", "doorward_refusals_total"),
        ("use cookies", "CrossSiteRequest", "doorward_refusals_total"),
        ("use read users", "PermissionMissing", "doorward_refusals_total"),
    ],
)
def test_an_event_is_counted_by_its_outcome(
    registry: CollectorRegistry, metrics: Metrics, what: str, outcome: str, counter: str
) -> None:
    metrics.happened(an_event(what, outcome))

    assert registry.get_sample_value(counter, {"outcome": outcome}) == 1


def test_what_has_never_happened_is_zero_and_not_absent(
    registry: CollectorRegistry,
    metrics: Metrics,  # noqa: ARG001 - which begins with zeros
) -> None:
    reused = {"outcome": "RefreshTokenReused"}

    assert registry.get_sample_value("doorward_refreshes_total", reused) == 0
    assert registry.get_sample_value("doorward_session_endings_total", {"cause": "reuse"}) == 0
    assert registry.get_sample_value("doorward_hash_refusals_total") == 0


@pytest.mark.parametrize(
    ("event", "cause"),
    [
        (an_event("logout"), "logout"),
        (an_event("refresh", "RefreshTokenReused"), "reuse"),
        (an_event("end session"), "owner"),
        (an_event("end all sessions"), "owner"),
        (an_event("end session", detail="too many"), "too_many"),
        (an_event("end sessions of user"), "administrator"),
        (an_event("change password"), "password"),
        (an_event("change user", detail="role admin, disabled"), "disabled"),
        (an_event("delete user"), "deleted"),
        (an_event("delete account"), "deleted"),
        (an_event("change user", detail="role user"), None),
        (an_event("change user", detail="enabled"), None),
        (an_event("login"), None),
        (an_event("refresh"), None),
        (an_event("logout", "TokenRejected"), None),
        (an_event("change password", "WrongPassword"), None),
    ],
    ids=lambda each: f"{each.what} {each.outcome}" if isinstance(each, Event) else str(each),
)
def test_sessions_end_by_a_cause(
    registry: CollectorRegistry, metrics: Metrics, event: Event, cause: str | None
) -> None:
    metrics.happened(event)

    assert event.cause_of_end == cause
    counted = {
        sample.labels["cause"]
        for family in registry.collect()
        for sample in family.samples
        if sample.name == "doorward_session_endings_total" and sample.value
    }
    assert counted == ({cause} if cause else set())


def test_nobody_can_make_up_labels(registry: CollectorRegistry, metrics: Metrics) -> None:
    for method in ("PROPFIND", "get", "X" * 1000):
        metrics.answered(method, "unknown", 404, 0.01)

    others = {"method": "other", "route": "unknown", "status": "404"}
    assert registry.get_sample_value("doorward_http_requests_total", others) == 3
    assert b"XX" not in generate_latest(registry)


def test_a_request_without_an_answer_is_counted(
    registry: CollectorRegistry, metrics: Metrics
) -> None:
    metrics.answered("POST", "/api/auth/login", 0, 1.5)

    gone = {"method": "POST", "route": "/api/auth/login", "status": "none"}
    assert registry.get_sample_value("doorward_http_requests_total", gone) == 1


def test_a_call_to_a_store_is_timed_however_it_ends(
    registry: CollectorRegistry, metrics: Metrics
) -> None:
    with metrics.store_call("redis", "sessions"):
        pass
    with pytest.raises(EmailTaken), metrics.store_call("redis", "sessions"):
        raise EmailTaken
    with pytest.raises(Unavailable), metrics.store_call("redis", "sessions"):
        raise Unavailable("sessions")

    of_redis = {"store": "redis", "role": "sessions"}
    assert registry.get_sample_value("doorward_store_seconds_count", of_redis) == 3
    assert registry.get_sample_value("doorward_store_failures_total", of_redis) == 1


def test_keys_are_told_by_their_state_and_the_time_since_when_they_sign(
    registry: CollectorRegistry, metrics: Metrics
) -> None:
    since = datetime(2026, 3, 1, tzinfo=UTC)

    access, refresh = TokenKind
    current, coming, retired = KeyState
    metrics.tell_keys(access, {coming: 1, current: 1, retired: 2}, since)
    metrics.tell_keys(access, {current: 1, retired: 3}, since)
    metrics.tell_keys(refresh, {current: 1}, None)

    def keys(state: str) -> float | None:
        labels = {"kind": "access", "state": state}
        return registry.get_sample_value("doorward_keys", labels)

    age = "doorward_key_current_since_timestamp_seconds"
    assert (keys("next"), keys("current"), keys("retired")) == (0, 1, 3)
    assert registry.get_sample_value(age, {"kind": "access"}) == since.timestamp()
    assert registry.get_sample_value(age, {"kind": "refresh"}) is None


def test_no_metric_knows_a_person(registry: CollectorRegistry, metrics: Metrics) -> None:
    metrics.happened(an_event("login", "InvalidCredentials"))
    metrics.happened(Event(new_id(), "logout", "success", NOW, COMMAND_LINE))
    metrics.answered("GET", "/api/users/me", 200, 0.01)

    labels = {
        name for family in registry.collect() for each in family.samples for name in each.labels
    }
    assert labels == {"cause", "le", "method", "outcome", "route", "status"}
