"""The keys of an earlier release, which kept them as files, go into the key store once."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

from application.ports import Clock
from domain.key_ring import KeyRing
from domain.token import TokenKind
from infrastructure.config.environment_variables import ConfigurationError
from infrastructure.signing.key_folder import FolderKeys, has_key_files
from infrastructure.signing.key_store import LoadedKeys, WritableKeyStore


async def fill(store: WritableKeyStore, folder: Path, clock: Clock) -> None:
    """Bring the keys of the folder into the store, and make those that are missing then.

    The order makes a crash harmless: first the keys are stored, then the folder is renamed. Until
    then each start repeats both, and a key that the store has already stays as it is there.
    Several processes may do this at once.

    :raises ConfigurationError: a file is no valid key, or the folder cannot be renamed.
    """
    while True:
        ring = await store.ring()
        files = await _read(folder, clock)
        added = {key for key in files.ring.keys if ring.find(key.id) is None}
        for key in added:
            store.accept(files.pairs[key.id])
        complete = await _completed(store, KeyRing(ring.keys | added), clock())
        if complete == ring or (await store.replace(ring, complete)).changed:
            if files.ring.keys:
                _rename(folder, clock())
            return


async def _read(folder: Path, clock: Clock) -> LoadedKeys:
    if not has_key_files(folder):
        return LoadedKeys()
    try:
        files = await FolderKeys(folder, "DOORWARD_DATA", clock, prefix=f"{folder.name}/").read()
    except ConfigurationError:
        if has_key_files(folder):
            raise
        return LoadedKeys()  # another process has taken them over meanwhile
    files.require_no_warning()
    return files


async def _completed(store: WritableKeyStore, ring: KeyRing, now: datetime) -> KeyRing:
    """Return the ring with a key for each kind of token."""
    for kind in TokenKind:
        if not ring.of(kind):
            first = await store.make(kind, now)
            ring = ring.plus(replace(first, signs_from=first.published_at))
    return ring


def _rename(folder: Path, now: datetime) -> None:
    """Rename the folder, so that a key that is revoked later does not come back from it."""
    kept = folder.with_name(f"{folder.name}.taken-over-{now:%Y%m%dT%H%M%SZ}")
    try:
        folder.rename(kept)
    except FileNotFoundError:
        return  # another process has done it
    except OSError as error:
        raise ConfigurationError(
            "DOORWARD_DATA",
            f"has a folder {folder.name} whose keys are in the database now, and which cannot be "
            f"renamed ({error.strerror}): remove it, or name it in KEYS_FOLDER to keep using it",
        ) from None
