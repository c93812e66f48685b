"""What a server process does periodically."""

from typing import NewType

from dishka import Provider, Scope, provide

from application.accounts.purge_unverified_users import PurgeUnverifiedUsers
from application.ports import AuditLog
from application.second_factors.challenges import PurgeChallenges
from application.session_activity import FlushSessionActivity
from application.sessions import PurgeExpiredSessions
from application.signing_keys import MaintainKeys
from doorward.jobs.flush_audit_log import flush_audit_log
from doorward.jobs.flush_session_activity import flush_session_activity
from doorward.jobs.maintain_signing_keys import maintain_signing_keys
from doorward.jobs.purge_challenges import purge_challenges
from doorward.jobs.purge_expired_sessions import purge_expired_sessions
from doorward.jobs.purge_unverified_users import purge_unverified_users
from doorward.jobs.reload_signing_keys import reload_signing_keys
from doorward.jobs.scheduler import Job
from doorward.wiring.mail.delivery import MailJobs
from infrastructure.config.signing_keys import KeySettings
from infrastructure.signing.key_ring_watcher import KeyRingWatcher

PurgeJobs = NewType("PurgeJobs", tuple[Job, ...])


class Jobs(Provider):
    """A new job is a parameter and an entry in the list.

    Use cases that only jobs call are provided here. They are not traced: no request waits for
    them.
    """

    scope = Scope.APP

    flush_session_activity = provide(FlushSessionActivity)
    purge_expired_sessions = provide(PurgeExpiredSessions)
    purge_unverified_users = provide(PurgeUnverifiedUsers)
    purge_challenges = provide(PurgeChallenges)

    @provide
    def purges(
        self,
        sessions: PurgeExpiredSessions,
        users: PurgeUnverifiedUsers,
        challenges: PurgeChallenges,
    ) -> PurgeJobs:
        return PurgeJobs(
            (
                purge_expired_sessions(sessions),
                purge_unverified_users(users),
                purge_challenges(challenges),
            )
        )

    @provide
    def jobs(
        self,
        settings: KeySettings,
        flush_activity: FlushSessionActivity,
        purges: PurgeJobs,
        audit_log: AuditLog,
        mail: MailJobs,
        keys: KeyRingWatcher,
        maintain_keys: MaintainKeys,
    ) -> list[Job]:
        """List the jobs, for a server process to run."""
        jobs = [
            flush_session_activity(flush_activity),
            flush_audit_log(audit_log),
            *purges,
            reload_signing_keys(keys),
            *mail,
        ]
        if settings.secrets:
            jobs.append(maintain_signing_keys(maintain_keys, keys))
        return jobs
