"""What a server process does periodically."""

from typing import NewType

from dishka import Provider, Scope, provide

from application.accounts.purge_unverified_users import PurgeUnverifiedUsers
from application.figures.counting import CountEvents, StoreUnrecordedCounts
from application.figures.measuring import MeasureFigures
from application.ports import AuditLog
from application.second_factors.challenges import PurgeChallenges
from application.session_activity import FlushSessionActivity
from application.sessions.purge import PurgeExpiredSessions
from application.signing_keys import MaintainKeys
from application.social_login.flows import PurgeFlows
from doorward.jobs.figures import count_events, measure_figures, store_unrecorded_counts
from doorward.jobs.flush_audit_log import flush_audit_log
from doorward.jobs.flush_session_activity import flush_session_activity
from doorward.jobs.maintain_signing_keys import maintain_signing_keys
from doorward.jobs.purge_challenges import purge_challenges
from doorward.jobs.purge_expired_sessions import purge_expired_sessions
from doorward.jobs.purge_flows import purge_flows
from doorward.jobs.purge_unverified_users import purge_unverified_users
from doorward.jobs.reload_signing_keys import reload_signing_keys
from doorward.jobs.scheduler import Job
from doorward.wiring.mail.delivery import MailJobs
from infrastructure.config.signing_keys import KeySettings
from infrastructure.signing.key_ring_watcher import KeyRingWatcher

FlushJobs = NewType("FlushJobs", tuple[Job, ...])
PurgeJobs = NewType("PurgeJobs", tuple[Job, ...])
FigureJobs = NewType("FigureJobs", tuple[Job, ...])


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
    purge_flows = provide(PurgeFlows)
    count_events = provide(CountEvents)
    store_unrecorded_counts = provide(StoreUnrecordedCounts)
    measure_figures = provide(MeasureFigures)

    @provide
    def flushes(
        self,
        activity: FlushSessionActivity,
        audit_log: AuditLog,
        unrecorded: StoreUnrecordedCounts,
    ) -> FlushJobs:
        return FlushJobs(
            (
                flush_session_activity(activity),
                flush_audit_log(audit_log),
                store_unrecorded_counts(unrecorded),
            )
        )

    @provide
    def purges(
        self,
        sessions: PurgeExpiredSessions,
        users: PurgeUnverifiedUsers,
        challenges: PurgeChallenges,
        flows: PurgeFlows,
    ) -> PurgeJobs:
        return PurgeJobs(
            (
                purge_expired_sessions(sessions),
                purge_unverified_users(users),
                purge_challenges(challenges),
                purge_flows(flows),
            )
        )

    @provide
    def figures(self, count: CountEvents, measure: MeasureFigures) -> FigureJobs:
        return FigureJobs((count_events(count), measure_figures(measure)))

    @provide
    def jobs(
        self,
        settings: KeySettings,
        flushes: FlushJobs,
        purges: PurgeJobs,
        figures: FigureJobs,
        mail: MailJobs,
        keys: KeyRingWatcher,
        maintain_keys: MaintainKeys,
    ) -> list[Job]:
        """List the jobs, for a server process to run."""
        jobs = [
            *flushes,
            *purges,
            *figures,
            reload_signing_keys(keys),
            *mail,
        ]
        if settings.secrets:
            jobs.append(maintain_signing_keys(maintain_keys, keys))
        return jobs
