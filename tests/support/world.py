"""All use cases around one set of adapters, for tests."""

import os
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Generic, Self, TypeVar, get_type_hints

from application.accounts.account import (
    ChangePassword,
    ChangeProfile,
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
from application.accounts.invitation import InviteUser
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
from application.accounts.reset_second_factors import ResetSecondFactors
from application.accounts.session_revocation import (
    RevokeSessionOf,
    RevokeSessionsOf,
    RevokeSessionsOfAll,
)
from application.accounts.user_transfer.export_users import ExportUsers
from application.accounts.user_transfer.import_users import ImportUsers
from application.accounts.user_transfer.records import ParseRecords
from application.accounts.users import (
    ChangeUser,
    FindUser,
    ListUsers,
    SetPassword,
    ShowOverview,
    ShowUser,
)
from application.audit import Audit
from application.audit_log import ListAuditEvents
from application.authenticate import Authenticate, AuthenticateFromCache, ReloadPrincipal
from application.authentication import (
    Login,
    Logout,
    RefreshAccess,
    RefreshSession,
    ResumeSession,
)
from application.confirm_password import ConfirmPassword
from application.enrolment.account import AdjustAccount, AdjustUser
from application.enrolment.passkey_list import (
    FindPasskey,
    ListPasskeys,
    ListPasskeysOf,
    RemovePasskey,
    RemovePasskeyOf,
    RenamePasskey,
)
from application.enrolment.passkeys import AddPasskey, OfferPasskey
from application.enrolment.recovery_codes import (
    AddRecoveryCodes,
    MakeRecoveryCodes,
    RenewRecoveryCodes,
)
from application.enrolment.totp import (
    ConfirmTotp,
    ProposeTotp,
    RemoveTotp,
    RequireProvenAddress,
)
from application.known_networks import KnownNetworks
from application.login.complete import CompleteLogin, IssueTokens, LoggedIn, TokenPair
from application.login.passkey import LoginWithPasskey, OfferPasskeyUse
from application.login.second_factor import LoginWithSecondFactor
from application.mail.delivery import DeliverMail, MailRetention, PruneMail, WriteLetter
from application.mail.messages import MailPolicy, MakeMessage
from application.mail.one_time_tokens import FindToken, IssueToken
from application.mail.request_link import RequestLink
from application.operation.outbox import (
    CountMail,
    DropMail,
    ListMail,
    ListMailTo,
    RetryAllMail,
    RetryMail,
    SendTestMail,
    ShowMail,
)
from application.ports import (
    AuditLog,
    CachedSessions,
    CachedTokens,
    CachedUsers,
    ChallengeStore,
    Devices,
    FactorSecrets,
    FlowStore,
    IdentityProviders,
    IdentityStore,
    Letter,
    MailSender,
    OneTimeSecrets,
    OneTimeTokenStore,
    Outbox,
    PasskeyStore,
    PasskeyVerifier,
    RateLimiter,
    SecondFactorStore,
    SessionStore,
    TokenSigner,
    UserRepository,
)
from application.rate_limiting import CurrentRateLimits, RateLimiting, RateLimits
from application.registration_policy import RegistrationPolicy
from application.second_factors.challenges import IssueChallenge, PurgeChallenges, TryChallenge
from application.second_factors.find import FindFactors
from application.second_factors.passkeys import TakePasskeyChallenge, VerifyPasskey
from application.second_factors.policy import SecondFactorPolicy
from application.second_factors.require import RequireFactor
from application.second_factors.require_level import RequireLevel
from application.second_factors.verify import (
    CodeProof,
    RefuseFactor,
    VerifyCode,
    VerifyFactor,
)
from application.session_activity import (
    FlushSessionActivity,
    RecordSessionActivity,
    SessionActivityBuffer,
)
from application.sessions.find import FindSessions, ListSessions, ListSessionsOf
from application.sessions.purge import PurgeStaleSessions
from application.sessions.revoke import (
    DeleteSession,
    RevokeAllSessions,
    RevokeExcessSessions,
    RevokeOtherSessions,
    RevokeSession,
)
from application.sessions.start import RenewSession, StartSession
from application.social_login.begin import BeginFlow, BeginLink, BeginSocialLogin, BeginStepUp
from application.social_login.codes import IssueCode, LinkWithCode, LoginWithCode, RedeemCode
from application.social_login.finish import (
    FindStarter,
    FinishFlow,
    LinkFromFlow,
    StepUpWithIdentity,
)
from application.social_login.flows import PurgeFlows, TakeFlow
from application.social_login.identities import (
    FindIdentity,
    LinkIdentity,
    ListIdentities,
    ListIdentitiesOf,
    ListProviders,
    RecordUse,
    UnlinkIdentity,
    UnlinkIdentityOf,
)
from application.social_login.login import AdmitAccount, LoginWithIdentity
from application.social_login.policy import SocialPolicy
from application.social_login.step_up import ConfirmWithAccount, StepUpWithCode
from application.step_up import FindStepUpMethods, PasswordProof, RequireStepUp, StepUp
from domain.actor import Principal
from domain.authentication import Method
from domain.email import Email
from domain.mail.message import Delivery, MailKind
from domain.passwords.password import PasswordRule
from domain.request_context import UNKNOWN, RequestContext
from domain.second_factors.totp import Issuer
from domain.session import Lifetimes, SessionsPerUser
from domain.user import User
from doorward.conformance.support.examples import (
    LIFETIMES,
    NOW,
    new_id,
)
from infrastructure.passkeys.webauthn import WebAuthn
from infrastructure.signing.factor_secrets import SealedFactors
from infrastructure.signing.one_time_secrets import HmacOneTimeSecrets
from infrastructure.signing.verified_token_cache import UncachedTokens, VerifiedTokenCache
from infrastructure.storage.memory.audit_log import MemoryAuditLog
from infrastructure.storage.memory.challenges import MemoryChallenges
from infrastructure.storage.memory.one_time_tokens import MemoryOneTimeTokens
from infrastructure.storage.memory.outbox import MemoryOutbox
from infrastructure.storage.memory.passkeys import MemoryPasskeys
from infrastructure.storage.memory.rate_limiter import MemoryRateLimiter
from infrastructure.storage.memory.second_factors import MemorySecondFactors
from infrastructure.storage.memory.sessions import MemorySessions
from infrastructure.storage.memory.social_login.flows import MemoryFlows
from infrastructure.storage.memory.social_login.identities import MemoryIdentities
from infrastructure.storage.memory.users import MemoryUsers
from infrastructure.storage.near_cache.sessions import NearCacheSessions
from infrastructure.storage.near_cache.uncached import UncachedSessions, UncachedUsers
from infrastructure.storage.near_cache.users import NearCacheUsers
from infrastructure.storage.stores import Stores
from tests.support.authenticator import ORIGIN, RP_ID
from tests.support.builders import MOST, PASSWORD, an_administrator, some_devices
from tests.support.doubles import Mailbox, QuickHasher, Recorder, SettableClock

_UseCase = TypeVar("_UseCase")


class _Made(Generic[_UseCase]):
    """A use case, made from the attributes of the world that have the names of its fields."""

    def __init__(self, use_case: type[_UseCase]) -> None:
        self._use_case = use_case
        self._names = tuple(get_type_hints(use_case))

    def __get__(self, world: "World", _owner: object) -> _UseCase:
        return self._use_case(**{name: getattr(world, name) for name in self._names})


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
    second_factors: SecondFactorStore = field(default_factory=MemorySecondFactors)
    challenges: ChallengeStore = field(default_factory=MemoryChallenges)
    passkey_verifier: PasskeyVerifier = field(
        default_factory=lambda: WebAuthn(RP_ID, frozenset({ORIGIN}))
    )
    passkeys: PasskeyStore = field(default_factory=MemoryPasskeys)
    identities: IdentityStore = field(default_factory=MemoryIdentities)
    flows: FlowStore = field(default_factory=MemoryFlows)
    factor_secrets: FactorSecrets = field(default_factory=lambda: SealedFactors([bytes(32)]))
    secrets: OneTimeSecrets = field(
        default_factory=lambda: HmacOneTimeSecrets(lambda: [b"outside the database"])
    )
    second_factor_policy: SecondFactorPolicy = SecondFactorPolicy.OPTIONAL

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
            second_factors=stores.second_factors,
            challenges=stores.challenges,
            passkeys=stores.passkeys,
            identities=stores.identities,
            flows=stores.flows,
        )

    def __post_init__(self) -> None:
        if isinstance(self.tokens, MemoryOneTimeTokens):
            for store in (self.users, self.outbox):
                if isinstance(store, MemoryUsers | MemoryOutbox):
                    store.tokens = self.tokens
        if isinstance(self.users, MemoryUsers) and isinstance(self.identities, MemoryIdentities):
            self.users.identities = self.identities

    mail_policy = MailPolicy()

    @property
    def make_message(self) -> MakeMessage:
        return MakeMessage(self.mail_policy, self.clock, self.random_id)

    issue_token = _Made(IssueToken)
    find_token = _Made(FindToken)
    write_letter = _Made(WriteLetter)
    request_link = _Made(RequestLink)
    check_password_reset = _Made(CheckPasswordReset)
    reset_password = _Made(ResetPassword)
    send_password_reset = _Made(SendPasswordReset)
    make_reset_link = _Made(MakeResetLink)

    @property
    def sender(self) -> MailSender:
        return self.mailbox

    def report(self, delivery: Delivery) -> None:
        """Take note of nothing."""

    deliver_mail = _Made(DeliverMail)
    list_mail = _Made(ListMail)
    list_mail_to = _Made(ListMailTo)
    count_mail = _Made(CountMail)
    show_mail = _Made(ShowMail)
    retry_mail = _Made(RetryMail)
    retry_all_mail = _Made(RetryAllMail)
    drop_mail = _Made(DropMail)
    send_test_mail = _Made(SendTestMail)
    prune_mail = _Made(PruneMail)
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

    register = _Made(RegisterUser)
    policy = RegistrationPolicy()

    is_registrant = _Made(IsRegistrant)
    purge_unverified_users = _Made(PurgeUnverifiedUsers)
    verify_email = _Made(VerifyEmail)
    create_user = _Made(CreateUser)
    invite_user = _Made(InviteUser)
    make_user = _Made(MakeUser)
    login = _Made(Login)
    complete_login = _Made(CompleteLogin)
    issue_tokens = _Made(IssueTokens)
    find_factors = _Made(FindFactors)
    issue_challenge = _Made(IssueChallenge)
    try_challenge = _Made(TryChallenge)
    verify_code = _Made(VerifyCode)
    refuse_factor = _Made(RefuseFactor)
    verify_factor = _Made(VerifyFactor)
    require_factor = _Made(RequireFactor)
    purge_challenges = _Made(PurgeChallenges)
    require_level = _Made(RequireLevel)
    find_step_up_methods = _Made(FindStepUpMethods)
    require_step_up = _Made(RequireStepUp)
    step_up = _Made(StepUp)
    issuer = Issuer("Doorward")
    require_proven_address = _Made(RequireProvenAddress)
    propose_totp = _Made(ProposeTotp)
    confirm_totp = _Made(ConfirmTotp)
    remove_totp = _Made(RemoveTotp)
    make_recovery_codes = _Made(MakeRecoveryCodes)
    renew_recovery_codes = _Made(RenewRecoveryCodes)
    adjust_account = _Made(AdjustAccount)
    adjust_user = _Made(AdjustUser)
    add_recovery_codes = _Made(AddRecoveryCodes)
    offer_passkey = _Made(OfferPasskey)
    add_passkey = _Made(AddPasskey)
    find_passkey = _Made(FindPasskey)
    list_passkeys = _Made(ListPasskeys)
    rename_passkey = _Made(RenamePasskey)
    remove_passkey = _Made(RemovePasskey)
    list_passkeys_of = _Made(ListPasskeysOf)
    remove_passkey_of = _Made(RemovePasskeyOf)
    take_passkey_challenge = _Made(TakePasskeyChallenge)
    verify_passkey = _Made(VerifyPasskey)
    offer_passkey_use = _Made(OfferPasskeyUse)
    login_with_passkey = _Made(LoginWithPasskey)
    use_second_factor = _Made(LoginWithSecondFactor)
    refresh_session = _Made(RefreshSession)
    refresh = _Made(RefreshAccess)
    resume_session = _Made(ResumeSession)
    logout = _Made(Logout)
    authenticate = _Made(Authenticate)
    authenticate_from_cache = _Made(AuthenticateFromCache)
    reload_principal = _Made(ReloadPrincipal)
    confirm_password = _Made(ConfirmPassword)
    change_profile = _Made(ChangeProfile)
    delete_account = _Made(DeleteAccount)
    export_account = _Made(ExportAccount)
    change_password = _Made(ChangePassword)
    request_email_change = _Made(RequestEmailChange)
    confirm_email_change = _Made(ConfirmEmailChange)
    undo_email_change = _Made(UndoEmailChange)
    use_email_link = _Made(UseEmailLink)
    refuse_reserved_address = _Made(RefuseReservedAddress)
    record_activity = _Made(RecordSessionActivity)
    flush_activity = _Made(FlushSessionActivity)
    delete_session = _Made(DeleteSession)
    revoke_excess_sessions = _Made(RevokeExcessSessions)
    start_session = _Made(StartSession)
    renew_session = _Made(RenewSession)
    find_sessions = _Made(FindSessions)
    list_sessions = _Made(ListSessions)
    list_sessions_of = _Made(ListSessionsOf)
    revoke_session_of = _Made(RevokeSessionOf)
    show_overview = _Made(ShowOverview)
    revoke_session = _Made(RevokeSession)
    revoke_other_sessions = _Made(RevokeOtherSessions)
    revoke_all_sessions = _Made(RevokeAllSessions)
    purge_stale_sessions = _Made(PurgeStaleSessions)
    list_users = _Made(ListUsers)
    list_audit_events = _Made(ListAuditEvents)
    show_user = _Made(ShowUser)
    find_user = _Made(FindUser)
    export_users = _Made(ExportUsers)
    parse_records = _Made(ParseRecords)
    import_users = _Made(ImportUsers)
    change_user = _Made(ChangeUser)
    delete_user = _Made(DeleteUser)
    revoke_sessions_of = _Made(RevokeSessionsOf)
    revoke_sessions_of_all = _Made(RevokeSessionsOfAll)
    forget_user = _Made(ForgetUser)
    set_password = _Made(SetPassword)
    reset_second_factors = _Made(ResetSecondFactors)
    identity_providers = IdentityProviders()
    social_policy = SocialPolicy()
    begin_flow = _Made(BeginFlow)
    begin_social_login = _Made(BeginSocialLogin)
    begin_link = _Made(BeginLink)
    begin_step_up = _Made(BeginStepUp)
    take_flow = _Made(TakeFlow)
    finish_flow = _Made(FinishFlow)
    find_starter = _Made(FindStarter)
    link_from_flow = _Made(LinkFromFlow)
    step_up_with_identity = _Made(StepUpWithIdentity)
    confirm_with_account = _Made(ConfirmWithAccount)
    step_up_with_code = _Made(StepUpWithCode)
    admit_account = _Made(AdmitAccount)
    login_with_identity = _Made(LoginWithIdentity)
    issue_code = _Made(IssueCode)
    redeem_code = _Made(RedeemCode)
    login_with_code = _Made(LoginWithCode)
    link_with_code = _Made(LinkWithCode)
    list_providers = _Made(ListProviders)
    record_use = _Made(RecordUse)
    find_identity = _Made(FindIdentity)
    list_identities = _Made(ListIdentities)
    link_identity = _Made(LinkIdentity)
    unlink_identity = _Made(UnlinkIdentity)
    list_identities_of = _Made(ListIdentitiesOf)
    unlink_identity_of = _Made(UnlinkIdentityOf)
    purge_flows = _Made(PurgeFlows)

    def random_id(self) -> str:
        return new_id()

    def random_bytes(self, count: int) -> bytes:
        return os.urandom(count)

    async def request_password_reset(
        self, email: str, link_target: str | None = None, caller: RequestContext = UNKNOWN
    ) -> None:
        await self.request_link(MailKind.PASSWORD_RESET, email, link_target, caller)

    async def request_email_verification(
        self, email: str, link_target: str | None = None, caller: RequestContext = UNKNOWN
    ) -> None:
        await self.request_link(MailKind.EMAIL_VERIFICATION, email, link_target, caller)

    async def login_with_second_factor(
        self, challenge: str, method: Method, code: str, caller: RequestContext = UNKNOWN
    ) -> LoggedIn:
        return await self.use_second_factor(challenge, CodeProof(method, code), caller)

    async def sign_up(self, email: str = "ada@example.org") -> User:
        """Register a user with the password PASSWORD."""
        return (await self.register("Ada Lovelace", email, PASSWORD)).user

    async def log_in(self, email: str = "ada@example.org") -> TokenPair:
        """Log in a registered user."""
        return (await self.login(email, PASSWORD)).tokens

    async def change(self, user: User, **changes: Any) -> None:
        """Change attributes of a stored user."""
        assert (await self.users.replace(user, replace(user, **changes))).changed

    async def stepped_up(self, principal: Principal, password: str = PASSWORD) -> Principal:
        """Step up the session of a user without a second factor, by the password."""
        tokens = await self.step_up(principal, PasswordProof(password))
        return await self.authenticate(tokens.access)

    async def administrator(self, **changes: Any) -> Principal:
        """Store an administrator whose session was stepped up, and return it."""
        admin = an_administrator(email=Email.parse("grace@example.org"), **changes)
        await self.users.add(admin.user)
        await self.sessions.add(admin.session)
        return admin
