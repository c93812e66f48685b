"""What a server process does periodically."""

from dishka import Provider, Scope, provide

from application.session_activity import FlushSessionActivity
from doorward.jobs.flush_session_activity import flush_session_activity
from doorward.jobs.scheduler import Job


class Jobs(Provider):
    """A new job is a parameter and an entry in the list.

    Use cases that only jobs call are provided here. They are not traced: no request waits for
    them.
    """

    scope = Scope.APP

    flush_session_activity = provide(FlushSessionActivity)

    @provide
    def jobs(self, flush_activity: FlushSessionActivity) -> list[Job]:
        """List the jobs, for a server process to run."""
        return [flush_session_activity(flush_activity)]
