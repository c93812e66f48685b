"""Audit events: their stable names, and their details as text."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.audit_details import (
    AccountChanged,
    Details,
    EventsPruned,
    HashesExported,
    KeyRevoked,
    KeysRotated,
    OtherDetails,
    PermissionNeeded,
    RoleGiven,
    SessionLimitReached,
    UsersImported,
)
from domain.audit_event import CauseOfEnd, EventType, read_details
from domain.key_ring import KeyId
from domain.permissions import Permission, Role
from domain.token import TokenKind

KEY_ID = KeyId("x" * 43)

TEXTS: list[tuple[EventType, Details, str]] = [
    (EventType.REGISTER, RoleGiven(Role.ADMIN), "role admin"),
    (EventType.CHANGE_USER, AccountChanged(Role.USER), "role user"),
    (EventType.CHANGE_USER, AccountChanged(disabled=True), "disabled"),
    (EventType.CHANGE_USER, AccountChanged(disabled=False), "enabled"),
    (EventType.CHANGE_USER, AccountChanged(Role.ADMIN, disabled=True), "role admin, disabled"),
    (EventType.CHANGE_USER, AccountChanged(Role.USER, disabled=False), "role user, enabled"),
    (EventType.END_SESSION, SessionLimitReached(), "too many"),
    (EventType.USE_PERMISSION, PermissionNeeded(Permission.READ_USERS), "users:read"),
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
]
"""Rows of all releases hold these texts."""

UNREADABLE = [
    (EventType.REGISTER, "role emperor"),
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
        "import users",
        "export users",
        "prune audit log",
        "rotate keys",
        "revoke key",
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
    }


@pytest.mark.parametrize("text", ["", "LOGIN", "log", "verify email", "%"])
def test_a_type_of_another_release_is_unknown(text: str) -> None:
    assert EventType(text) is EventType.UNKNOWN
