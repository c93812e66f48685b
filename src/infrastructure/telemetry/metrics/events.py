"""Audit events: logins, refreshes, registrations, refusals and ends of sessions."""

from prometheus_client import CollectorRegistry, Counter

from domain.audit.event import CauseOfEnd, Event, EventType
from domain.outcome import Outcome

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


class EventMetrics:
    """Counts audit events."""

    def __init__(self, registry: CollectorRegistry) -> None:
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

    def count(self, event: Event) -> None:
        """Count an audit event. This is an :data:`~application.ports.Announce`."""
        counter = self._by_type.get(event.type)
        if counter is not None:
            counter.labels(event.outcome.value).inc()
        if event.type is EventType.PASSKEY_COUNT_WENT_BACK:
            self._passkey_counts_went_back.inc()
        if cause := event.cause_of_end:
            self._session_endings.labels(cause.value).inc()
