"""Rotate the signing keys and delete expired ones, when the calendar says so."""

from datetime import timedelta

from application.signing_keys import MaintainKeys
from doorward.jobs.scheduler import Job
from infrastructure.signing.key_ring_watcher import KeyRingWatcher

INTERVAL = timedelta(seconds=1)


def maintain_signing_keys(maintain: MaintainKeys, keys: KeyRingWatcher) -> Job:
    """Check the loaded ring every second, and ask the store only when something is due."""

    async def run() -> None:
        if maintain.is_due(keys.loaded.ring):
            await maintain()

    return Job("key_rotation", run, INTERVAL, jitter=0.2)
