"""The backend in PostgreSQL or SQLite."""

from infrastructure.storage.backends import Backend
from infrastructure.storage.sql.audit.audit_log import SqlAuditLog
from infrastructure.storage.sql.database import Database
from infrastructure.storage.sql.figures import SqlFigures
from infrastructure.storage.sql.invalidation_feed import open_feed
from infrastructure.storage.sql.mail.one_time_tokens import SqlOneTimeTokens
from infrastructure.storage.sql.mail.outbox import SqlOutbox
from infrastructure.storage.sql.rate_limits.rate_limiter import SqlRateLimiter
from infrastructure.storage.sql.rate_limits.sqlite_rate_limiter import SqliteRateLimiter
from infrastructure.storage.sql.second_factors.challenges import SqlChallenges
from infrastructure.storage.sql.second_factors.factors import SqlSecondFactors
from infrastructure.storage.sql.second_factors.passkeys import SqlPasskeys
from infrastructure.storage.sql.sessions import SqlSessions
from infrastructure.storage.sql.social_login.flows import SqlFlows
from infrastructure.storage.sql.social_login.identities import SqlIdentities
from infrastructure.storage.sql.users import SqlUsers
from infrastructure.storage.sql.write_check import check_writes as check_sql_writes


def _sql_rate_limiter(database: Database) -> SqlRateLimiter:
    return SqliteRateLimiter(database) if database.file else SqlRateLimiter(database)


BACKEND = Backend(
    Database.open,
    Database.ping,
    users=SqlUsers,
    sessions=SqlSessions,
    rate_limiter=_sql_rate_limiter,
    audit_log=SqlAuditLog.open,
    feed=open_feed,
    check_writes=check_sql_writes,
    outbox=SqlOutbox,
    one_time_tokens=SqlOneTimeTokens,
    second_factors=SqlSecondFactors,
    challenges=SqlChallenges,
    passkeys=SqlPasskeys,
    identities=SqlIdentities,
    flows=SqlFlows,
    figures=SqlFigures,
)
