"""The use cases, each made once from the ports that it names."""

from dishka import Provider, Scope, provide, provide_all

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
from application.accounts.registration import CreateUser, MakeUser, RegisterUser
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
from application.audit import Audit, PruneAuditLog
from application.audit_log import (
    ExportAuditLog,
    ListActivity,
    ListAuditEvents,
    ShowAuditEvent,
    ShowAuditLogState,
)
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
from application.figures.show import ShowFigures
from application.known_networks import KnownNetworks
from application.login.complete import CompleteLogin, IssueTokens
from application.login.passkey import LoginWithPasskey, OfferPasskeyUse
from application.login.second_factor import LoginWithSecondFactor
from application.mail.messages import MakeMessage
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
from application.operation.settings import ShowSettings
from application.rate_limiting import RateLimiting
from application.readiness import CheckReadiness
from application.second_factors.challenges import IssueChallenge, TryChallenge
from application.second_factors.find import FindFactors
from application.second_factors.passkeys import TakePasskeyChallenge, VerifyPasskey
from application.second_factors.reencrypt import ReencryptSecrets
from application.second_factors.require import RequireFactor
from application.second_factors.require_level import RequireLevel
from application.second_factors.verify import RefuseFactor, VerifyCode, VerifyFactor
from application.session_activity import RecordSessionActivity, SessionActivityBuffer
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
from application.signing_keys import (
    KeyRotation,
    ListPublicKeys,
    ListSigningKeys,
    MaintainKeys,
    RevokeKey,
    RotateKeys,
)
from application.social_login.begin import BeginFlow, BeginLink, BeginSocialLogin, BeginStepUp
from application.social_login.codes import IssueCode, LinkWithCode, LoginWithCode, RedeemCode
from application.social_login.finish import (
    FindStarter,
    FinishFlow,
    LinkFromFlow,
    StepUpWithIdentity,
)
from application.social_login.flows import TakeFlow
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
from application.social_login.step_up import ConfirmWithAccount, StepUpWithCode
from application.step_up import FindStepUpMethods, RequireStepUp, StepUp

USE_CASES: tuple[type, ...] = (
    RegisterUser,
    CreateUser,
    MakeUser,
    Login,
    CompleteLogin,
    IssueTokens,
    FindFactors,
    IssueChallenge,
    TryChallenge,
    VerifyCode,
    RefuseFactor,
    VerifyFactor,
    TakePasskeyChallenge,
    VerifyPasskey,
    OfferPasskeyUse,
    LoginWithPasskey,
    OfferPasskey,
    AddPasskey,
    AddRecoveryCodes,
    FindPasskey,
    ListPasskeys,
    RenamePasskey,
    RemovePasskey,
    ListPasskeysOf,
    RemovePasskeyOf,
    RequireFactor,
    RequireLevel,
    LoginWithSecondFactor,
    FindStepUpMethods,
    RequireStepUp,
    StepUp,
    RequireProvenAddress,
    ProposeTotp,
    ConfirmTotp,
    RemoveTotp,
    MakeRecoveryCodes,
    RenewRecoveryCodes,
    AdjustAccount,
    AdjustUser,
    RefreshSession,
    RefreshAccess,
    ResumeSession,
    Logout,
    Authenticate,
    ReloadPrincipal,
    ConfirmPassword,
    ChangePassword,
    ChangeProfile,
    DeleteAccount,
    ExportAccount,
    CheckPasswordReset,
    ResetPassword,
    SendPasswordReset,
    MakeResetLink,
    IsRegistrant,
    VerifyEmail,
    StartSession,
    RenewSession,
    RevokeExcessSessions,
    DeleteSession,
    FindSessions,
    ListSessions,
    ListSessionsOf,
    RevokeSession,
    RevokeOtherSessions,
    RevokeAllSessions,
    PurgeStaleSessions,
    SessionActivityBuffer,
    RecordSessionActivity,
    ListUsers,
    ListMailTo,
    ShowOverview,
    InviteUser,
    RevokeSessionOf,
    ShowUser,
    ChangeUser,
    DeleteUser,
    RevokeSessionsOf,
    RevokeSessionsOfAll,
    SetPassword,
    ForgetUser,
    FindUser,
    ExportUsers,
    ParseRecords,
    ImportUsers,
    PruneAuditLog,
    ListAuditEvents,
    ShowAuditEvent,
    ShowAuditLogState,
    ExportAuditLog,
    ListActivity,
    ShowFigures,
    CheckReadiness,
    ListPublicKeys,
    ListSigningKeys,
    KeyRotation,
    RotateKeys,
    RevokeKey,
    MaintainKeys,
    ReencryptSecrets,
    ResetSecondFactors,
    BeginFlow,
    BeginSocialLogin,
    BeginLink,
    BeginStepUp,
    ConfirmWithAccount,
    StepUpWithCode,
    TakeFlow,
    FinishFlow,
    FindStarter,
    LinkFromFlow,
    StepUpWithIdentity,
    AdmitAccount,
    LoginWithIdentity,
    IssueCode,
    RedeemCode,
    LoginWithCode,
    LinkWithCode,
    ListProviders,
    RecordUse,
    FindIdentity,
    ListIdentities,
    LinkIdentity,
    UnlinkIdentity,
    ListIdentitiesOf,
    UnlinkIdentityOf,
    RequestEmailChange,
    ConfirmEmailChange,
    UndoEmailChange,
    UseEmailLink,
    RefuseReservedAddress,
    MakeMessage,
    RequestLink,
    IssueToken,
    FindToken,
    ListMail,
    CountMail,
    ShowMail,
    RetryMail,
    RetryAllMail,
    DropMail,
    SendTestMail,
    ShowSettings,
    RateLimiting,
    KnownNetworks,
    Audit,
)


class UseCases(Provider):
    """Provides the use cases."""

    scope = Scope.APP

    all = provide_all(*USE_CASES)
    authenticate_from_cache = provide(AuthenticateFromCache)  # awaits nothing: not traced
