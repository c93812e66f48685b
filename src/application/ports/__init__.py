"""The ports: what the use cases need from other systems. The docstrings are the contract.

Every adapter inherits its port by name and passes the contract tests in ``tests/contracts``.
Four promises hold for all of them:

* One call is one atomic step: it happens completely or not at all. It has happened when it
  returns. When it raises :class:`~domain.errors.Unavailable`, it may have: the answer was lost.
* A store returns what was stored. It knows no expiry and no rule; the domain decides.
* :class:`~domain.errors.Unavailable` is raised when the technology behind the port does not
  answer within its time-out. The next call tries again: an adapter recovers by itself.
* A change brings its ``effects``, and the store returns what it did with them (``Stored``): one
  that shares its database with the audit log writes both in one transaction, if anything is
  changed. Another one leaves them to the use case. Nothing is recorded that did not happen.
"""

from application.ports.audit_log import Announce, AuditLog, AuditLogState
from application.ports.caching import CachedSessions, CachedTokens, CachedUsers
from application.ports.devices import Devices
from application.ports.effects import CHANGED, NO_EFFECTS, UNCHANGED, Effects, Stored
from application.ports.figures import FigureStore
from application.ports.health import HealthCheck, HealthChecks
from application.ports.mail.one_time_tokens import OneTimeSecrets, OneTimeTokenStore
from application.ports.mail.outbox import MailPosition, Outbox, OutboxStatus, ReportDelivery
from application.ports.mail.sender import Letter, MailDelayed, MailNotSent, MailRefused, MailSender
from application.ports.passwords import HashClient, PasswordHasher, UnusableHash
from application.ports.rate_limits import RateLimiter, ReportMailLimit
from application.ports.second_factors.challenges import ChallengeStore
from application.ports.second_factors.factors import FactorSecrets, SecondFactorStore
from application.ports.second_factors.passkeys import (
    Assertion,
    PasskeyStore,
    PasskeyVerifier,
    Registration,
)
from application.ports.sessions import SessionStore
from application.ports.settings import ReportSettings, SettingsInForce, ShownSetting
from application.ports.signing_keys import KeyStore
from application.ports.social_login.flows import FlowStore
from application.ports.social_login.identities import IdentityStore
from application.ports.social_login.providers import (
    AuthorizationRequest,
    IdentityProvider,
    IdentityProviders,
    ProviderAnswer,
)
from application.ports.time import Clock, RandomBytes, RandomId
from application.ports.tokens import TokenSigner
from application.ports.users import UserRepository

__all__ = [
    "CHANGED",
    "NO_EFFECTS",
    "UNCHANGED",
    "Announce",
    "Assertion",
    "AuditLog",
    "AuditLogState",
    "AuthorizationRequest",
    "CachedSessions",
    "CachedTokens",
    "CachedUsers",
    "ChallengeStore",
    "Clock",
    "Devices",
    "Effects",
    "FactorSecrets",
    "FigureStore",
    "FlowStore",
    "HashClient",
    "HealthCheck",
    "HealthChecks",
    "IdentityProvider",
    "IdentityProviders",
    "IdentityStore",
    "KeyStore",
    "Letter",
    "MailDelayed",
    "MailNotSent",
    "MailPosition",
    "MailRefused",
    "MailSender",
    "OneTimeSecrets",
    "OneTimeTokenStore",
    "Outbox",
    "OutboxStatus",
    "PasskeyStore",
    "PasskeyVerifier",
    "PasswordHasher",
    "ProviderAnswer",
    "RandomBytes",
    "RandomId",
    "RateLimiter",
    "Registration",
    "ReportDelivery",
    "ReportMailLimit",
    "ReportSettings",
    "SecondFactorStore",
    "SessionStore",
    "SettingsInForce",
    "ShownSetting",
    "Stored",
    "TokenSigner",
    "UnusableHash",
    "UserRepository",
]
