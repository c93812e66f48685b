"""Sessions in a folder: one JSON file a session, for a single machine."""

import fcntl
import os
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from operator import attrgetter
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec
from typing_extensions import override

from application.ports import CHANGED, NO_EFFECTS, UNCHANGED, Effects, SessionStore, Stored
from domain.errors import Unavailable
from domain.session import Session, SessionId
from domain.session_activity import SessionActivity
from domain.user import UserId
from infrastructure.storage.backends import Backend
from infrastructure.storage.options import StoreOptions

_Record = TypeVar("_Record")


class FolderSessions(SessionStore):
    """The sessions below a folder, which has one folder a user.

    A lock file makes each call atomic, also across processes.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @override
    async def add(
        self,
        session: Session,
        activity: SessionActivity | None = None,
        effects: Effects = NO_EFFECTS,
    ) -> Stored[bool]:
        with self.locked():
            for old in self._sessions(session.user_id):
                if old.has_ended(session.started_at):
                    self._forget(old.user_id, old.id)
            self._write(self._file(session.user_id, session.id), session)
            if activity:
                self._write(self._activity(session.user_id, session.id), activity)
        return CHANGED

    async def get(self, user_id: UserId, session_id: SessionId) -> Session | None:
        with self.locked():
            return self._read(self._file(user_id, session_id), Session)

    @override
    async def replace(
        self, old: Session, new: Session, effects: Effects = NO_EFFECTS
    ) -> Stored[bool]:
        with self.locked():
            file = self._file(old.user_id, old.id)
            if self._read(file, Session) != old:
                return UNCHANGED
            self._write(self._file(new.user_id, new.id), new)
            if new.id != old.id:
                activity = self._activity(old.user_id, old.id)
                if activity.exists():
                    activity.rename(self._activity(new.user_id, new.id))
                self._forget(old.user_id, old.id)
            return CHANGED

    @override
    async def delete(
        self, user_id: UserId, session_id: SessionId, effects: Effects = NO_EFFECTS
    ) -> Stored[bool]:
        with self.locked():
            is_there = self._file(user_id, session_id).exists()
            self._forget(user_id, session_id)
        return Stored(is_there)

    async def of_user(self, user_id: UserId) -> Sequence[Session]:
        with self.locked():
            return sorted(self._sessions(user_id), key=attrgetter("started_at"))

    async def record_activity(
        self, user_id: UserId, session_id: SessionId, activity: SessionActivity
    ) -> None:
        with self.locked():
            if self._file(user_id, session_id).exists():
                self._write(self._activity(user_id, session_id), activity)

    async def activity_of(self, user_id: UserId) -> Mapping[SessionId, SessionActivity]:
        with self.locked():
            found = {
                session.id: self._read(self._activity(user_id, session.id), SessionActivity)
                for session in self._sessions(user_id)
            }
        return {session_id: activity for session_id, activity in found.items() if activity}

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock; translate an error of the file system into that of the port."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with (self._folder / "lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield
        except OSError as error:
            raise Unavailable("sessions") from error

    def _sessions(self, user_id: UserId) -> list[Session]:
        files = (self._folder / user_id.hex).glob("*.json")
        found = (self._read(file, Session) for file in files)
        return [session for session in found if session]

    def _file(self, user_id: UserId, session_id: SessionId) -> Path:
        return self._folder / user_id.hex / f"{session_id}.json"

    def _activity(self, user_id: UserId, session_id: SessionId) -> Path:
        return self._file(user_id, session_id).with_suffix(".seen")

    def _forget(self, user_id: UserId, session_id: SessionId) -> None:
        self._file(user_id, session_id).unlink(missing_ok=True)
        self._activity(user_id, session_id).unlink(missing_ok=True)

    def _read(self, file: Path, kind: type[_Record]) -> _Record | None:
        return msgspec.json.decode(file.read_bytes(), type=kind) if file.exists() else None

    def _write(self, file: Path, record: object) -> None:
        file.parent.mkdir(mode=0o700, exist_ok=True)
        draft = file.with_suffix(".draft")
        with draft.open("wb") as opened:
            opened.write(msgspec.json.encode(record))
            opened.flush()
            os.fsync(opened.fileno())
        draft.replace(file)  # atomic: readers see the old file or the new one


@asynccontextmanager
async def open_folder(url: str, _options: StoreOptions) -> AsyncIterator[Path]:
    """Open ``folder:///var/lib/doorward/sessions``. It is created with the first session."""
    yield Path(urlsplit(url).path)


async def ping_folder(folder: Path) -> None:
    """Check that the folder can be locked.

    :raises Unavailable: it cannot.
    """
    with FolderSessions(folder).locked():
        pass


BACKEND = Backend(open_folder, ping_folder, sessions=FolderSessions)
