"""Reload the signing keys, so that this process learns of changes that others make."""

from datetime import timedelta

from doorward.jobs.scheduler import Job
from infrastructure.signing.key_ring_watcher import KeyRingWatcher

INTERVAL = timedelta(seconds=1)


def reload_signing_keys(keys: KeyRingWatcher) -> Job:
    """Reload every second, and at least four times within the bound of a revocation."""
    return Job("signing_keys_reload", keys.reload, min(keys.bound / 4, INTERVAL))
