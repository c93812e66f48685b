"""Audit events: an actor's act on a user or a session, with its time, origin and outcome."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum, auto
from typing import Self

from domain.actor import Operator, Scheduler
from domain.audit.details import (
    AccountChanged,
    AuthenticatedBy,
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
from domain.audit.reason import with_reason
from domain.outcome import Outcome
from domain.request_context import RequestContext
from domain.session import SessionId
from domain.user import UserId


class EventType(StrEnum):
    """What was attempted.

    Audit rows, API answers and log lines hold these names: never rename one. ``EventType(text)``
    of any other text, such as the name of a later release, is ``UNKNOWN``.
    """

    REGISTER = "register"
    LOGIN = "login"
    REFRESH = "refresh"
    REPEAT_REFRESH = "repeat refresh"
    """A refresh that is repeated from another network, or by another program."""
    LOGOUT = "logout"
    AUTHENTICATE = "authenticate"
    READ_CREDENTIALS = "read credentials"
    USE_COOKIES = "use cookies"
    USE_PERMISSION = "use permission"
    CHANGE_PASSWORD = "change password"  # noqa: S105 - no password
    CHANGE_PROFILE = "change profile"
    EXPORT_ACCOUNT = "export account"
    DELETE_ACCOUNT = "delete account"
    END_SESSION = "end session"
    END_ALL_SESSIONS = "end all sessions"
    CHANGE_USER = "change user"
    DELETE_USER = "delete user"
    END_SESSIONS_OF_USER = "end sessions of user"
    END_SESSIONS_OF_USERS = "end sessions of users"
    """Beside it, each user whose sessions ended has an event of the type before."""
    IMPORT_USERS = "import users"
    EXPORT_USERS = "export users"
    PRUNE_AUDIT_LOG = "prune audit log"
    EXPORT_AUDIT_LOG = "export audit log"
    ROTATE_KEYS = "rotate keys"
    REVOKE_KEY = "revoke key"
    REQUEST_PASSWORD_RESET = "request password reset"  # noqa: S105 - no password
    """Only of a request that names an account: by an administrator or the operator."""
    RESET_PASSWORD = "reset password"  # noqa: S105 - no password
    VERIFY_EMAIL = "verify email"
    REQUEST_EMAIL_CHANGE = "request email change"
    CHANGE_EMAIL = "change email"
    UNDO_EMAIL_CHANGE = "undo email change"
    PURGE_UNVERIFIED_USERS = "purge unverified users"
    RETRY_MAIL = "retry mail"
    DROP_MAIL = "drop mail"
    STEP_UP = "step up"
    ENROL_TOTP = "enrol totp"
    REMOVE_TOTP = "remove totp"
    RENEW_RECOVERY_CODES = "renew recovery codes"
    USE_RECOVERY_CODE = "use recovery code"
    """Beside the event of what it was used for."""
    ADD_PASSKEY = "add passkey"
    RENAME_PASSKEY = "rename passkey"
    REMOVE_PASSKEY = "remove passkey"
    PASSKEY_COUNT_WENT_BACK = "passkey count went back"
    """Beside the event of what the passkey was used for: it may have been copied."""
    RESET_SECOND_FACTORS = "reset second factors"
    LINK_IDENTITY = "link identity"
    UNLINK_IDENTITY = "unlink identity"
    UNKNOWN = "unknown"

    @classmethod
    def _missing_(cls, _value: object) -> Self:
        return cls("unknown")


class CauseOfEnd(StrEnum):
    """By what sessions end before they expire. Metric labels hold these names."""

    LOGOUT = auto()
    OWNER = auto()
    ADMINISTRATOR = auto()
    PASSWORD = auto()
    DELETED = auto()
    DISABLED = auto()
    REUSE = auto()
    TOO_MANY = auto()
    SECOND_FACTOR = auto()
    IDENTITY = auto()


_ENDS_SESSIONS: Mapping[EventType, CauseOfEnd] = {
    EventType.LOGOUT: CauseOfEnd.LOGOUT,
    EventType.END_SESSION: CauseOfEnd.OWNER,
    EventType.END_ALL_SESSIONS: CauseOfEnd.OWNER,
    EventType.END_SESSIONS_OF_USER: CauseOfEnd.ADMINISTRATOR,
    EventType.CHANGE_PASSWORD: CauseOfEnd.PASSWORD,
    EventType.RESET_PASSWORD: CauseOfEnd.PASSWORD,
    EventType.UNDO_EMAIL_CHANGE: CauseOfEnd.PASSWORD,
    EventType.ENROL_TOTP: CauseOfEnd.SECOND_FACTOR,
    EventType.REMOVE_TOTP: CauseOfEnd.SECOND_FACTOR,
    EventType.ADD_PASSKEY: CauseOfEnd.SECOND_FACTOR,
    EventType.REMOVE_PASSKEY: CauseOfEnd.SECOND_FACTOR,
    EventType.RESET_SECOND_FACTORS: CauseOfEnd.ADMINISTRATOR,
    EventType.UNLINK_IDENTITY: CauseOfEnd.IDENTITY,
    EventType.DELETE_USER: CauseOfEnd.DELETED,
    EventType.DELETE_ACCOUNT: CauseOfEnd.DELETED,
}

_DETAILS: Mapping[EventType, type[Details]] = {
    EventType.REGISTER: RoleGiven,
    EventType.USE_PERMISSION: PermissionNeeded,
    EventType.END_SESSION: SessionLimitReached,
    EventType.END_SESSIONS_OF_USERS: SessionsEnded,
    EventType.CHANGE_USER: AccountChanged,
    EventType.IMPORT_USERS: UsersImported,
    EventType.EXPORT_USERS: HashesExported,
    EventType.PRUNE_AUDIT_LOG: EventsPruned,
    EventType.ROTATE_KEYS: KeysRotated,
    EventType.VERIFY_EMAIL: CredentialsDropped,
    EventType.CHANGE_EMAIL: CredentialsDropped,
    EventType.PURGE_UNVERIFIED_USERS: UsersPurged,
    EventType.REVOKE_KEY: KeyRevoked,
    EventType.RETRY_MAIL: MailOfKind,
    EventType.DROP_MAIL: MailOfKind,
    EventType.LOGIN: AuthenticatedBy,
    EventType.STEP_UP: AuthenticatedBy,
    EventType.USE_RECOVERY_CODE: RecoveryCodeUsed,
    EventType.ADD_PASSKEY: OfPasskey,
    EventType.RENAME_PASSKEY: OfPasskey,
    EventType.REMOVE_PASSKEY: OfPasskey,
    EventType.LINK_IDENTITY: OfIdentity,
    EventType.UNLINK_IDENTITY: OfIdentity,
    EventType.PASSKEY_COUNT_WENT_BACK: CountWentBack,
}

# Rate limits bound the number of these. A client could cause any number of the others and so fill
# the disk of the audit log; they are in the service's own log only.
KEPT_OUTCOMES = frozenset(
    {
        Outcome.SUCCESS,
        Outcome.INVALID_CREDENTIALS,
        Outcome.WRONG_PASSWORD,
        Outcome.SECOND_FACTOR_INVALID,
        Outcome.PASSKEY_INVALID,
        Outcome.REFRESH_TOKEN_REUSED,
        Outcome.LAST_ADMINISTRATOR,
    }
)


@dataclass(frozen=True, slots=True)
class Event:
    """An attempt and its outcome. It holds no secret, and no text that the client typed except the
    reason.

    :ivar id: 128 random bits: an event that is recorded twice is recorded once.
    :ivar user_id: whom it is about; ``None`` when that is not known.
    :ivar caller: where the request came from; unknown of an actor that makes no request.
    :ivar actor: the administrator, operator or scheduler who did it; ``None`` when the user whom
        it is about did it, or a client that is not known.
    :ivar reason: what the administrator or the operator has stated, from
        :func:`~domain.audit.reason.parse_reason`. It is for readers of the audit log, not for the
        user.
    """

    id: str
    type: EventType
    outcome: Outcome
    at: datetime
    caller: RequestContext
    user_id: UserId | None = None
    session_id: SessionId | None = None
    actor: UserId | Operator | Scheduler | None = None
    details: Details | None = None
    reason: str | None = None

    @property
    def detail(self) -> str:
        """The text of the details, for people; empty if there are none."""
        return "" if self.details is None else str(self.details)

    @property
    def recorded_detail(self) -> str:
        """The text of the details with the reason, for the audit log and its readers."""
        return with_reason(self.detail, self.reason)

    @property
    def actor_id(self) -> UserId | None:
        """The administrator who did it to another user."""
        return None if isinstance(self.actor, Operator | Scheduler) else self.actor

    @property
    def request_id(self) -> str:
        """The id of the request, or the name of an actor that makes none."""
        if isinstance(self.actor, Operator | Scheduler):
            return self.actor.request_id
        return self.caller.request_id

    def without_address_of(self, user_id: UserId) -> Self:
        """Return the event without its address, if this user did it."""
        if (self.actor_id or self.user_id) != user_id:
            return self
        return replace(self, caller=replace(self.caller, address=""))

    def pruning_through(self, number: int) -> Self:
        """Return the event with the number of the last deleted event, if it records a pruning."""
        if not isinstance(self.details, EventsPruned):
            return self
        return replace(self, details=replace(self.details, through=number))

    @property
    def is_by_another(self) -> bool:
        """Whether an administrator or the operator did it."""
        return self.actor is not None and not isinstance(self.actor, Scheduler)

    @property
    def cause_of_end(self) -> CauseOfEnd | None:
        """Why sessions ended, if the event ended any."""
        if (self.type, self.outcome) == (EventType.REFRESH, Outcome.REFRESH_TOKEN_REUSED):
            return CauseOfEnd.REUSE
        if self.outcome is not Outcome.SUCCESS:
            return None
        match self.details:
            case SessionLimitReached():
                return CauseOfEnd.TOO_MANY
            case CredentialsDropped():
                return CauseOfEnd.PASSWORD
            case AccountChanged(disabled=True):
                return CauseOfEnd.DISABLED
        cause = _ENDS_SESSIONS.get(self.type)
        if cause is CauseOfEnd.OWNER and self.is_by_another:
            cause = CauseOfEnd.ADMINISTRATOR
        return cause

    @property
    def is_kept(self) -> bool:
        """Whether it belongs into the audit log. The service's own log has all events."""
        is_refresh = self.type is EventType.REFRESH and self.outcome is Outcome.SUCCESS
        has_an_end = self.user_id is not None or self.outcome is Outcome.SUCCESS
        return has_an_end and self.outcome in KEPT_OUTCOMES and not is_refresh


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """An event in the audit log.

    :ivar number: its position there: 1, 2, 3 … without a gap.
    """

    number: int
    event: Event


def read_details(event_type: EventType, text: str) -> Details | None:
    """Return the details whose text was recorded, by this release or an earlier one."""
    if not text:
        return None
    try:
        details = _DETAILS.get(event_type, OtherDetails).read(text)
    except ValueError:
        return OtherDetails(text)
    return details if str(details) == text else OtherDetails(text)
