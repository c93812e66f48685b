"""Audit events: their stable names, and their details as text."""

from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.actor import Operator, Scheduler
from domain.audit.details import (
    AccountChanged,
    CountWentBack,
    CredentialsDropped,
    Details,
    EventsPruned,
    HashesExported,
    KeyRevoked,
    KeysRotated,
    MailOfKind,
    OfIdentity,
    OfPasskey,
    OtherDetails,
    PermissionNeeded,
    RecoveryCodeUsed,
    RoleGiven,
    SessionLimitReached,
    SessionsEnded,
    UsersImported,
    UsersPurged,
)
from domain.audit.event import CauseOfEnd, Event, EventType, read_details
from domain.key_ring import KeyId
from domain.mail.message import MailKind
from domain.outcome import Outcome
from domain.permissions import Permission, Role
from domain.request_context import RequestContext
from domain.second_factors.passkey import PasskeyId
from domain.social_login.identity import IdentityId, ProviderName
from domain.token import TokenKind
from domain.user import UserId
from tests.support.builders import NOW, new_id

KEY_ID = KeyId("x" * 43)

TEXTS: list[tuple[EventType, Details, str]] = [
    (EventType.REGISTER, RoleGiven(Role.ADMIN), "role admin"),
    (EventType.CHANGE_USER, AccountChanged(Role.USER), "role user"),
    (EventType.CHANGE_USER, AccountChanged(disabled=True), "disabled"),
    (EventType.CHANGE_USER, AccountChanged(disabled=False), "enabled"),
    (EventType.CHANGE_USER, AccountChanged(Role.ADMIN, disabled=True), "role admin, disabled"),
    (EventType.CHANGE_USER, AccountChanged(Role.USER, disabled=False), "role user, enabled"),
    (EventType.END_SESSION, SessionLimitReached(), "too many"),
    (EventType.PURGE_UNVERIFIED_USERS, UsersPurged(3), "3 users"),
    (EventType.VERIFY_EMAIL, CredentialsDropped(), "password and sessions dropped"),
    (EventType.USE_PERMISSION, PermissionNeeded(Permission.READ_USERS), "users:read"),
    (EventType.END_SESSIONS_OF_USERS, SessionsEnded(3), "3 users"),
    (EventType.END_SESSIONS_OF_USERS, SessionsEnded(1, Role.ADMIN), "1 users, role admin"),
    (EventType.IMPORT_USERS, UsersImported(2, 1001, 3), "lines 2 to 1001, 3 administrators"),
    (EventType.EXPORT_USERS, HashesExported(), "with hashes"),
    (EventType.PRUNE_AUDIT_LOG, EventsPruned(date(2026, 1, 31)), "before 2026-01-31"),
    (
        EventType.PRUNE_AUDIT_LOG,
        EventsPruned(date(2026, 1, 31), through=1204),
        "before 2026-01-31, through 1204",
    ),
    (EventType.ROTATE_KEYS, KeysRotated((TokenKind.ACCESS,)), "access"),
    (EventType.ROTATE_KEYS, KeysRotated(tuple(TokenKind)), "access refresh"),
    (EventType.REVOKE_KEY, KeyRevoked(KEY_ID, TokenKind.REFRESH), f"refresh {KEY_ID}"),
    (EventType.REVOKE_KEY, KeyRevoked(KEY_ID), KEY_ID),
    (EventType.RETRY_MAIL, MailOfKind(MailKind.PASSWORD_RESET), "password_reset"),
    (EventType.DROP_MAIL, MailOfKind(MailKind.TEST), "test"),
    (EventType.USE_RECOVERY_CODE, RecoveryCodeUsed(9), "9 left"),
    (EventType.ADD_PASSKEY, OfPasskey(PasskeyId("0a" * 32)), "0a" * 32),
    (EventType.RENAME_PASSKEY, OfPasskey(PasskeyId("0a" * 32)), "0a" * 32),
    (EventType.REMOVE_PASSKEY, OfPasskey(PasskeyId("0a" * 32)), "0a" * 32),
    (EventType.PASSKEY_COUNT_WENT_BACK, CountWentBack(42, 7), "from 42 to 7"),
    (
        EventType.LINK_IDENTITY,
        OfIdentity(ProviderName("acme-2"), IdentityId("0a" * 16)),
        f"acme-2 {'0a' * 16}",
    ),
    (
        EventType.UNLINK_IDENTITY,
        OfIdentity(ProviderName("google"), IdentityId("0a" * 16)),
        f"google {'0a' * 16}",
    ),
]
"""Rows of all releases hold these texts."""

UNREADABLE = [
    (EventType.REGISTER, "role emperor"),
    (EventType.DROP_MAIL, "a letter"),
    (EventType.REGISTER, "role admin, disabled"),
    (EventType.CHANGE_USER, "role emperor, disabled"),
    (EventType.CHANGE_USER, "disabled, role admin"),
    (EventType.CHANGE_USER, ", disabled"),
    (EventType.CHANGE_USER, "role admindisabled"),
    (EventType.CHANGE_USER, "role adminenabled"),
    (EventType.END_SESSION, "too few"),
    (EventType.USE_PERMISSION, "users:love"),
    (EventType.IMPORT_USERS, "lines 02 to 3, 1 administrators"),
    (EventType.IMPORT_USERS, "lines ٢ to 3, 1 administrators"),
    (EventType.EXPORT_USERS, "without hashes"),
    (EventType.PRUNE_AUDIT_LOG, "12 events before 2026-01-31"),
    (EventType.PRUNE_AUDIT_LOG, "before 2026-02-31"),
    (EventType.ROTATE_KEYS, "access  refresh"),
    (EventType.ROTATE_KEYS, "identity"),
    (EventType.REVOKE_KEY, f"identity {KEY_ID}"),
    (EventType.LOGIN, "by passkey"),
]


@pytest.mark.parametrize(("event_type", "details", "text"), TEXTS, ids=[each[2] for each in TEXTS])
def test_details_are_written_and_read_as_the_same_text(
    event_type: EventType, details: Details, text: str
) -> None:
    assert str(details) == text
    assert read_details(event_type, text) == details


@pytest.mark.parametrize(("event_type", "text"), UNREADABLE)
def test_a_text_that_this_release_cannot_read_stays_as_it_is(
    event_type: EventType, text: str
) -> None:
    assert read_details(event_type, text) == OtherDetails(text)


@pytest.mark.parametrize("event_type", EventType)
def test_without_a_text_there_are_no_details(event_type: EventType) -> None:
    assert read_details(event_type, "") is None


@given(event_type=st.sampled_from(EventType), text=st.text(min_size=1))
def test_no_text_is_lost_by_reading_it(event_type: EventType, text: str) -> None:
    assert str(read_details(event_type, text)) == text


def test_the_names_of_event_types_never_change() -> None:
    """Rows, clients' filters and log searches hold them. Add names, and rename none."""
    assert [each.value for each in EventType] == [
        "register",
        "login",
        "refresh",
        "repeat refresh",
        "logout",
        "authenticate",
        "read credentials",
        "use cookies",
        "use permission",
        "change password",
        "change profile",
        "export account",
        "delete account",
        "end session",
        "end all sessions",
        "change user",
        "delete user",
        "end sessions of user",
        "end sessions of users",
        "import users",
        "export users",
        "prune audit log",
        "export audit log",
        "rotate keys",
        "revoke key",
        "request password reset",
        "reset password",
        "verify email",
        "request email change",
        "change email",
        "undo email change",
        "purge unverified users",
        "retry mail",
        "drop mail",
        "step up",
        "enrol totp",
        "remove totp",
        "renew recovery codes",
        "use recovery code",
        "add passkey",
        "rename passkey",
        "remove passkey",
        "passkey count went back",
        "reset second factors",
        "link identity",
        "unlink identity",
        "unknown",
    ]


def test_the_names_of_causes_never_change() -> None:
    """Dashboards hold them."""
    assert {each.value for each in CauseOfEnd} == {
        "logout",
        "owner",
        "administrator",
        "password",
        "deleted",
        "disabled",
        "reuse",
        "too_many",
        "second_factor",
        "identity",
    }


@pytest.mark.parametrize("text", ["", "LOGIN", "log", "tie a knot", "%"])
def test_a_type_of_another_release_is_unknown(text: str) -> None:
    assert EventType(text) is EventType.UNKNOWN


def an_event(event_type: EventType = EventType.LOGIN, **changes: Any) -> Event:
    event = Event(new_id(), event_type, Outcome.SUCCESS, NOW, RequestContext("192.0.2.1", "r-7"))
    return replace(event, **changes)


@pytest.mark.parametrize(
    ("event", "cause"),
    [
        (an_event(EventType.LOGOUT), CauseOfEnd.LOGOUT),
        (an_event(EventType.DELETE_ACCOUNT), CauseOfEnd.DELETED),
        (an_event(EventType.END_SESSION), CauseOfEnd.OWNER),
        (an_event(EventType.END_SESSION, details=SessionLimitReached()), CauseOfEnd.TOO_MANY),
        (an_event(EventType.REFRESH, outcome=Outcome.REFRESH_TOKEN_REUSED), CauseOfEnd.REUSE),
        (
            an_event(EventType.CHANGE_USER, details=AccountChanged(disabled=True)),
            CauseOfEnd.DISABLED,
        ),
        (an_event(EventType.CHANGE_USER, details=AccountChanged(Role.ADMIN)), None),
        (an_event(EventType.CHANGE_USER, details=AccountChanged(disabled=False)), None),
        (an_event(EventType.LOGOUT, outcome=Outcome.INVALID_TOKEN), None),
        (an_event(EventType.REFRESH), None),
        (an_event(EventType.LOGIN), None),
    ],
)
def test_an_event_that_ends_sessions_has_a_cause(event: Event, cause: CauseOfEnd | None) -> None:
    assert event.cause_of_end is cause


def test_an_address_is_forgotten_with_the_user_who_acted_from_it() -> None:
    ada, admin = UserId(uuid4()), UserId(uuid4())
    own, by_admin = an_event(user_id=ada), an_event(user_id=ada, actor=admin)

    assert own.without_address_of(ada).caller == RequestContext("", "r-7")
    assert own.without_address_of(admin) == own
    assert by_admin.without_address_of(admin).caller.address == ""
    assert by_admin.without_address_of(ada) == by_admin


@pytest.mark.parametrize(
    ("actor", "request_id", "is_by_another"),
    [
        (None, "r-7", False),
        (UserId(UUID(int=1)), "r-7", True),
        (Operator(), Operator().request_id, True),
        (Scheduler(), Scheduler().request_id, False),
    ],
    ids=["the user", "administrator", "operator", "scheduler"],
)
def test_an_event_says_whose_act_it_was(
    actor: UserId | Operator | Scheduler | None, request_id: str, is_by_another: bool
) -> None:
    event = an_event(actor=actor)

    assert event.request_id == request_id
    assert event.is_by_another is is_by_another
    assert event.actor_id == (None if isinstance(actor, Operator | Scheduler) else actor)


def test_only_a_pruning_records_the_last_deleted_event() -> None:
    pruning = an_event(EventType.PRUNE_AUDIT_LOG, details=EventsPruned(date(2026, 1, 31)))

    assert pruning.pruning_through(7).detail == "before 2026-01-31, through 7"
    login = an_event()
    assert login.pruning_through(7) == login
