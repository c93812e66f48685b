"""Users, sessions, tokens and all use cases for tests. Each test states only what it is about."""

import secrets
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Self, TypeVar, get_type_hints

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from application.accounts.account import (
    ChangePassword,
    ChangeProfile,
    ConfirmPassword,
    DeleteAccount,
    ExportAccount,
)
from application.accounts.deletion import DeleteUser, ForgetUser
from application.accounts.email_change import (
    ConfirmEmailChange,
    RequestEmailChange,
    UndoEmailChange,
)
from application.accounts.email_links import UseEmailLink
from application.accounts.email_verification import (
    IsRegistrant,
    VerifyEmail,
)
from application.accounts.export_users import ExportUsers
from application.accounts.password_reset import (
    CheckPasswordReset,
    MakeResetLink,
    ResetPassword,
    SendPasswordReset,
)
from application.accounts.purge_unverified_users import PurgeUnverifiedUsers
from application.accounts.registration import (
    CreateUser,
    MakeUser,
    RegisterUser,
)
from application.accounts.reserved_addresses import RefuseReservedAddress
from application.accounts.session_revocation import RevokeSessionsOf, RevokeSessionsOfAll
from application.accounts.users import ChangeUser, FindUser, ListUsers, SetPassword, ShowUser
from application.audit import Audit
from application.audit_log import ListAuditEvents
from application.authenticate import Authenticate, AuthenticateFromCache, ReloadPrincipal
from application.authentication import (
    Login,
    Logout,
    RefreshAccess,
    TokenPair,
)
from application.known_networks import KnownNetworks
from application.mail.delivery import DeliverMail, MailRetention, PruneMail, WriteLetter
from application.mail.messages import MailPolicy, MakeMessage
from application.mail.one_time_tokens import FindToken, IssueToken
from application.mail.queue import DropMail, ListMail, RetryAllMail, RetryMail, SendTestMail
from application.mail.request_link import RequestLink
from application.ports import (
    AuditLog,
    CachedSessions,
    CachedTokens,
    CachedUsers,
    Devices,
    HashClient,
    Letter,
    MailSender,
    OneTimeSecrets,
    OneTimeTokenStore,
    Outbox,
    RateLimiter,
    SessionStore,
    TokenSigner,
    UserRepository,
)
from application.rate_limiting import CurrentRateLimits, RateLimiting, RateLimits
from application.registration_policy import RegistrationPolicy
from application.session_activity import (
    FlushSessionActivity,
    RecordSessionActivity,
    SessionActivityBuffer,
)
from application.sessions import (
    DeleteSession,
    FindSessions,
    ListSessions,
    ListSessionsOf,
    PurgeStaleSessions,
    RenewSession,
    RevokeAllSessions,
    RevokeExcessSessions,
    RevokeOtherSessions,
    RevokeSession,
    StartSession,
)
from domain.actor import Principal
from domain.mail.message import Delivery, MailKind
from domain.passwords.password import PasswordRule
from domain.permissions import Role
from domain.request_context import UNKNOWN, RequestContext
from domain.session import Lifetimes, Session, SessionsPerUser
from domain.token import TokenClaims, TokenKind
from domain.user import User
from doorward.conformance.support.examples import (
    LIFETIMES,
    MICROSECOND,
    NOW,
    SECOND,
    a_session,
    a_user,
    new_id,
    refreshed,
)
from infrastructure.signing.device_tokens import HmacDevices, secret_from
from infrastructure.signing.jwt_signer import Audiences, JwtSigner
from infrastructure.signing.key_ring_watcher import KeyRingWatcher
from infrastructure.signing.one_time_secrets import HmacOneTimeSecrets
from infrastructure.signing.signing_key import SigningKey
from infrastructure.signing.verified_token_cache import UncachedTokens, VerifiedTokenCache
from infrastructure.storage.memory.audit_log import MemoryAuditLog
from infrastructure.storage.memory.one_time_tokens import MemoryOneTimeTokens
from infrastructure.storage.memory.outbox import MemoryOutbox
from infrastructure.storage.memory.rate_limiter import MemoryRateLimiter
from infrastructure.storage.memory.sessions import MemorySessions
from infrastructure.storage.memory.users import MemoryUsers
from infrastructure.storage.near_cache.sessions import NearCacheSessions
from infrastructure.storage.near_cache.uncached import UncachedSessions, UncachedUsers
from infrastructure.storage.near_cache.users import NearCacheUsers
from infrastructure.storage.stores import Stores
from tests.support.doubles import Mailbox, QuickHasher, Recorder, SettableClock

AUDIENCES = Audiences(
    issuer="https://id.example.org",
    access="https://api.example.org",
    refresh="https://id.example.org/api/auth/refresh",
)
__all__ = [  # beside what is defined here
    "LIFETIMES",
    "MICROSECOND",
    "NOW",
    "SECOND",
    "a_session",
    "a_user",
    "new_id",
    "refreshed",
]

_UseCase = TypeVar("_UseCase")

MOST = SessionsPerUser(50)
PASSWORD = "correct horse battery staple"
CLIENT = HashClient("192.0.2.1")


def an_administrator(**changes: Any) -> Principal:
    """Return a logged-in administrator who is not stored."""
    admin = a_user(role=Role.ADMIN, **changes)
    return Principal(admin, a_session(user_id=admin.id))


def claims_of(session: Session, kind: TokenKind = TokenKind.ACCESS) -> TokenClaims:
    return TokenClaims.of(session, kind, LIFETIMES, a_user())


def an_rsa_key(bits: int = 2048, exponent: int = 65537) -> RSAPrivateKey:
    return generate_private_key(exponent, bits)


def pem(key: RSAPrivateKey) -> bytes:
    """Encode a key as PKCS#1, as earlier versions of OpenSSL did."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )


def a_signing_key() -> SigningKey:
    """Return a key of the smallest size that is accepted: it is generated fastest."""
    return SigningKey.from_pem(pem(an_rsa_key()))


def in_environment(keys: Mapping[TokenKind, SigningKey]) -> dict[str, str]:
    """Return the settings that hold these keys."""
    return {
        f"{kind.upper()}_TOKEN_PRIVATE_KEY": b64encode(key.private_pem()).decode()
        for kind, key in keys.items()
    }


def a_signer(
    keys: dict[TokenKind, SigningKey], longest_lifetime: timedelta = LIFETIMES.absolute
) -> JwtSigner:
    return JwtSigner(KeyRingWatcher.fixed(keys), AUDIENCES, longest_lifetime)


def devices_of(key: SigningKey) -> HmacDevices:
    return HmacDevices(lambda: [secret_from(key.private_pem())])


def some_devices() -> HmacDevices:
    secret = secrets.token_bytes(32)
    return HmacDevices(lambda: [secret])


def an_audit() -> Audit:
    """Return an audit whose events are not observed."""
    return Audit(MemoryAuditLog(), MemoryOutbox(), Recorder(), SettableClock(NOW), new_id)


@dataclass
class World:
    """All use cases around one set of adapters, with a clock that the test sets."""

    signer: TokenSigner
    users: UserRepository = field(default_factory=MemoryUsers)
    sessions: SessionStore = field(default_factory=MemorySessions)
    hasher: QuickHasher = field(default_factory=QuickHasher)
    clock: SettableClock = field(default_factory=lambda: SettableClock(NOW))
    lifetimes: Lifetimes = LIFETIMES
    limiter: RateLimiter = field(default_factory=MemoryRateLimiter)
    limits: RateLimits = field(default_factory=RateLimits)
    mail_limit_reports: int = 0
    devices: Devices = field(default_factory=some_devices)
    events: Recorder = field(default_factory=Recorder)
    audit_log: AuditLog = field(default_factory=MemoryAuditLog)
    most: SessionsPerUser = MOST
    buffer: SessionActivityBuffer = field(default_factory=SessionActivityBuffer)
    outbox: Outbox = field(default_factory=MemoryOutbox)
    tokens: OneTimeTokenStore = field(default_factory=MemoryOneTimeTokens)
    mailbox: Mailbox = field(default_factory=Mailbox)
    secrets: OneTimeSecrets = field(
        default_factory=lambda: HmacOneTimeSecrets(lambda: [b"outside the database"])
    )

    @classmethod
    def on(cls, signer: TokenSigner, stores: Stores) -> Self:
        """Make the use cases on opened stores."""
        return cls(
            signer,
            users=stores.users,
            sessions=stores.sessions,
            audit_log=stores.audit_log,
            outbox=stores.outbox,
            tokens=stores.one_time_tokens,
        )

    def __post_init__(self) -> None:
        if isinstance(self.tokens, MemoryOneTimeTokens):
            for store in (self.users, self.outbox):
                if isinstance(store, MemoryUsers | MemoryOutbox):
                    store.tokens = self.tokens

    mail_policy = MailPolicy()

    @property
    def make_message(self) -> MakeMessage:
        return MakeMessage(self.mail_policy, self.clock, self.random_id)

    @property
    def issue_token(self) -> IssueToken:
        return self._made(IssueToken)

    @property
    def find_token(self) -> FindToken:
        return self._made(FindToken)

    @property
    def write_letter(self) -> WriteLetter:
        return self._made(WriteLetter)

    @property
    def request_link(self) -> RequestLink:
        return self._made(RequestLink)

    @property
    def check_password_reset(self) -> CheckPasswordReset:
        return self._made(CheckPasswordReset)

    @property
    def reset_password(self) -> ResetPassword:
        return self._made(ResetPassword)

    @property
    def send_password_reset(self) -> SendPasswordReset:
        return self._made(SendPasswordReset)

    @property
    def make_reset_link(self) -> MakeResetLink:
        return self._made(MakeResetLink)

    @property
    def sender(self) -> MailSender:
        return self.mailbox

    def report(self, delivery: Delivery) -> None:
        """Take note of nothing."""

    @property
    def deliver_mail(self) -> DeliverMail:
        return self._made(DeliverMail)

    @property
    def list_mail(self) -> ListMail:
        return self._made(ListMail)

    @property
    def retry_mail(self) -> RetryMail:
        return self._made(RetryMail)

    @property
    def retry_all_mail(self) -> RetryAllMail:
        return self._made(RetryAllMail)

    @property
    def drop_mail(self) -> DropMail:
        return self._made(DropMail)

    @property
    def send_test_mail(self) -> SendTestMail:
        return self._made(SendTestMail)

    @property
    def prune_mail(self) -> PruneMail:
        return self._made(PruneMail)

    retention = MailRetention(timedelta(hours=1))

    async def read_mail(self) -> list[Letter]:
        """Deliver what is due, and return the letters that arrived with it."""
        before = len(self.mailbox.letters)
        await self.deliver_mail()
        return self.mailbox.letters[before:]

    @property
    def cached_users(self) -> CachedUsers:
        users = self.users
        return users if isinstance(users, NearCacheUsers) else UncachedUsers(users)

    @property
    def cached_sessions(self) -> CachedSessions:
        sessions = self.sessions
        return sessions if isinstance(sessions, NearCacheSessions) else UncachedSessions(sessions)

    @property
    def cached_tokens(self) -> CachedTokens:
        return self.signer if isinstance(self.signer, VerifiedTokenCache) else UncachedTokens()

    @property
    def rate_limiting(self) -> RateLimiting:
        limits = CurrentRateLimits(self.limits)
        return RateLimiting(self.limiter, limits, self.report_mail_limit, self.clock)

    def report_mail_limit(self) -> None:
        self.mail_limit_reports += 1

    @property
    def known_networks(self) -> KnownNetworks:
        limits = CurrentRateLimits(self.limits)
        return KnownNetworks(self.limiter, limits, self.devices, self.clock)

    @property
    def audit(self) -> Audit:
        return Audit(self.audit_log, self.outbox, self.events, self.clock, self.random_id)

    @property
    def rule(self) -> PasswordRule:
        return PasswordRule(8, frozenset({"password1"}))

    @property
    def register(self) -> RegisterUser:
        return self._made(RegisterUser)

    policy = RegistrationPolicy()

    @property
    def is_registrant(self) -> IsRegistrant:
        return self._made(IsRegistrant)

    @property
    def purge_unverified_users(self) -> PurgeUnverifiedUsers:
        return self._made(PurgeUnverifiedUsers)

    @property
    def verify_email(self) -> VerifyEmail:
        return self._made(VerifyEmail)

    @property
    def create_user(self) -> CreateUser:
        return self._made(CreateUser)

    @property
    def make_user(self) -> MakeUser:
        return self._made(MakeUser)

    @property
    def login(self) -> Login:
        return self._made(Login)

    @property
    def refresh(self) -> RefreshAccess:
        return self._made(RefreshAccess)

    @property
    def logout(self) -> Logout:
        return self._made(Logout)

    @property
    def authenticate(self) -> Authenticate:
        return self._made(Authenticate)

    @property
    def authenticate_from_cache(self) -> AuthenticateFromCache:
        return self._made(AuthenticateFromCache)

    @property
    def reload_principal(self) -> ReloadPrincipal:
        return self._made(ReloadPrincipal)

    @property
    def confirm_password(self) -> ConfirmPassword:
        return self._made(ConfirmPassword)

    @property
    def change_profile(self) -> ChangeProfile:
        return self._made(ChangeProfile)

    @property
    def delete_account(self) -> DeleteAccount:
        return self._made(DeleteAccount)

    @property
    def export_account(self) -> ExportAccount:
        return self._made(ExportAccount)

    @property
    def change_password(self) -> ChangePassword:
        return self._made(ChangePassword)

    @property
    def request_email_change(self) -> RequestEmailChange:
        return self._made(RequestEmailChange)

    @property
    def confirm_email_change(self) -> ConfirmEmailChange:
        return self._made(ConfirmEmailChange)

    @property
    def undo_email_change(self) -> UndoEmailChange:
        return self._made(UndoEmailChange)

    @property
    def use_email_link(self) -> UseEmailLink:
        return self._made(UseEmailLink)

    @property
    def refuse_reserved_address(self) -> RefuseReservedAddress:
        return self._made(RefuseReservedAddress)

    @property
    def record_activity(self) -> RecordSessionActivity:
        return self._made(RecordSessionActivity)

    @property
    def flush_activity(self) -> FlushSessionActivity:
        return self._made(FlushSessionActivity)

    @property
    def delete_session(self) -> DeleteSession:
        return self._made(DeleteSession)

    @property
    def revoke_excess_sessions(self) -> RevokeExcessSessions:
        return self._made(RevokeExcessSessions)

    @property
    def start_session(self) -> StartSession:
        return self._made(StartSession)

    @property
    def renew_session(self) -> RenewSession:
        return self._made(RenewSession)

    @property
    def find_sessions(self) -> FindSessions:
        return self._made(FindSessions)

    @property
    def list_sessions(self) -> ListSessions:
        return self._made(ListSessions)

    @property
    def list_sessions_of(self) -> ListSessionsOf:
        return self._made(ListSessionsOf)

    @property
    def revoke_session(self) -> RevokeSession:
        return self._made(RevokeSession)

    @property
    def revoke_other_sessions(self) -> RevokeOtherSessions:
        return self._made(RevokeOtherSessions)

    @property
    def revoke_all_sessions(self) -> RevokeAllSessions:
        return self._made(RevokeAllSessions)

    @property
    def purge_stale_sessions(self) -> PurgeStaleSessions:
        return self._made(PurgeStaleSessions)

    @property
    def list_users(self) -> ListUsers:
        return self._made(ListUsers)

    @property
    def list_audit_events(self) -> ListAuditEvents:
        return self._made(ListAuditEvents)

    @property
    def show_user(self) -> ShowUser:
        return self._made(ShowUser)

    @property
    def find_user(self) -> FindUser:
        return self._made(FindUser)

    @property
    def export_users(self) -> ExportUsers:
        return self._made(ExportUsers)

    @property
    def change_user(self) -> ChangeUser:
        return self._made(ChangeUser)

    @property
    def delete_user(self) -> DeleteUser:
        return self._made(DeleteUser)

    @property
    def revoke_sessions_of(self) -> RevokeSessionsOf:
        return self._made(RevokeSessionsOf)

    @property
    def revoke_sessions_of_all(self) -> RevokeSessionsOfAll:
        return self._made(RevokeSessionsOfAll)

    @property
    def forget_user(self) -> ForgetUser:
        return self._made(ForgetUser)

    @property
    def set_password(self) -> SetPassword:
        return self._made(SetPassword)

    def _made(self, use_case: type[_UseCase]) -> _UseCase:
        """Make a use case from the attributes that have the names of its fields."""
        names = get_type_hints(use_case)
        return use_case(**{name: getattr(self, name) for name in names})

    def random_id(self) -> str:
        return new_id()

    async def request_password_reset(
        self, email: str, link_target: str | None = None, caller: RequestContext = UNKNOWN
    ) -> None:
        await self.request_link(MailKind.PASSWORD_RESET, email, link_target, caller)

    async def request_email_verification(
        self, email: str, link_target: str | None = None, caller: RequestContext = UNKNOWN
    ) -> None:
        await self.request_link(MailKind.EMAIL_VERIFICATION, email, link_target, caller)

    async def sign_up(self, email: str = "ada@example.org") -> User:
        """Register a user with the password PASSWORD."""
        return (await self.register("Ada Lovelace", email, PASSWORD)).user

    async def log_in(self, email: str = "ada@example.org") -> TokenPair:
        """Log in a registered user."""
        return (await self.login(email, PASSWORD)).tokens

    async def change(self, user: User, **changes: Any) -> None:
        """Change attributes of a stored user."""
        assert (await self.users.replace(user, replace(user, **changes))).changed
