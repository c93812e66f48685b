"""Keys in a folder of PEM files: that of the embedded default, or a mounted secret.

The name of a file says what its key is for, and from when on it signs::

    access.pem                     has always signed
    access.20261201T120000Z.pem    signs from then on (UTC)
    access.next.pem                is a standby: it is published and does not sign
    refresh.pem, …                 the same for refresh tokens

An RSA key signs with RS256 unless the name says ``ps256`` before ``pem``. A name that begins and
ends like these and says something else is an error; all other files are nobody's.
"""

import asyncio
import fcntl
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from application.ports import Clock
from domain.key_ring import Key, KeyId, KeyRing, KeysReadOnly, whole_second
from domain.token import TokenKind
from infrastructure.config.environment_variables import ConfigurationError
from infrastructure.signing.algorithms import (
    ALGORITHMS,
    RS256,
    Algorithm,
    UnfitKey,
    usual_algorithm,
)
from infrastructure.signing.key_store import UNKNOWN_START, LoadedKeys, SigningKeyStore
from infrastructure.signing.signing_key import SigningKey

_TIME = "%Y%m%dT%H%M%SZ"
_BY_FILE = {name.lower(): algorithm for name, algorithm in ALGORITHMS.items()}
_NAME = re.compile(
    rf"(?P<kind>{'|'.join(TokenKind)})"
    r"(?:\.(?P<start>next|[0-9]{8}T[0-9]{6}Z))?"
    rf"(?:\.(?P<algorithm>{'|'.join(_BY_FILE)}))?\.pem"
)

_MEANT = re.compile(rf"({'|'.join(TokenKind)})\..*pem")
"""Files that somebody means to be keys."""


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    key: Key
    pair: SigningKey


class FolderKeys(SigningKeyStore):
    """
    :param notice: how long a key is to be published before it signs. One that appears while the
        service runs waits for that long, whatever its name says.
    :param makes: a kind of token that has no key at the start gets one.
    """

    def __init__(
        self,
        folder: Path,
        variable: str,
        clock: Clock,
        notice: timedelta = timedelta(0),
        algorithm: Algorithm = RS256,
        *,
        makes: bool = False,
    ) -> None:
        super().__init__(variable, algorithm)
        self._folder = folder
        self._clock = clock
        self._notice = notice
        self._makes = makes
        self._earliest: dict[KeyId, datetime] = {}
        self._has_read = False
        self._seen: object = None
        self._good: dict[str, _File] = {}
        self._held = LoadedKeys()

    async def read(self) -> LoadedKeys:
        return await asyncio.to_thread(self._read)

    async def replace(self, old: KeyRing, new: KeyRing) -> bool:
        return await asyncio.to_thread(self._replace, old, new)

    def _read(self) -> LoadedKeys:
        with self._explained():
            if self._makes and not self._has_read:
                self._make_first_keys()
            with self._locked(fcntl.LOCK_SH):
                seen = self._look()  # first: what others change meanwhile is read the next time
                if seen != self._seen:
                    files, warnings = self._files()
                    self._held, self._seen = _held(files, warnings), seen
                    self._has_read = True
        return self._held

    def _look(self) -> object:
        """Something that changes whenever a file does."""
        states = ((path.name, path.stat()) for path in self._paths())
        return [(name, at.st_ino, at.st_size, at.st_ctime_ns) for name, at in states]

    def _paths(self) -> list[Path]:
        return sorted(path for path in self._folder.iterdir() if _MEANT.fullmatch(path.name))

    def _files(self) -> tuple[list[_File], list[str]]:
        """Those that are good, and what is wrong with the others. A file that was good and is not
        any more still stands for its key: only who takes it away takes the key away.
        """
        found: dict[KeyId, _File] = {}
        warnings = []
        for path in self._paths():
            try:
                file = self._file(path)
            except UnfitKey as error:
                warnings.append(f"{self.variable} holds {self._told(path)}, which {error}")
                if path.name not in self._good:
                    continue
                file = self._good[path.name]
            if file.key.id in found:
                warnings.append(f"{self.variable} holds the key of {self._told(path)} twice")
            else:
                found[file.key.id] = file
        self._good = {file.path.name: file for file in found.values()}
        return list(found.values()), warnings

    def _told(self, path: Path) -> str:
        return str(path.relative_to(self._folder.parent) if self._makes else path.name)

    def _file(self, path: Path) -> _File:
        match = _NAME.fullmatch(path.name)
        if match is None:
            raise UnfitKey("has a name that does not say when it signs")
        algorithm = _BY_FILE.get(match["algorithm"] or "")
        pair = SigningKey.from_pem(path.read_bytes(), algorithm=algorithm)
        start = self._start(pair.kid, match["start"])
        written_at = UNKNOWN_START + timedelta(microseconds=path.stat().st_mtime_ns // 1000)
        return _File(path, Key(pair.kid, TokenKind(match["kind"]), written_at, start), pair)

    def _start(self, kid: KeyId, text: str | None) -> datetime | None:
        """What is there at the start may have been published by others for long."""
        earliest = whole_second(self._clock() + self._notice) if self._has_read else UNKNOWN_START
        earliest = self._earliest.setdefault(kid, earliest)
        if text == "next":
            return None
        try:
            named = datetime.strptime(text, _TIME).replace(tzinfo=UTC) if text else UNKNOWN_START
        except ValueError:
            raise UnfitKey("is named for a time that there is not") from None
        return max(named, earliest)

    def _make_first_keys(self) -> None:
        """Several processes may start at once: one of them makes a key and all read that one."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._locked():
            files, warnings = self._files()
            for kind in () if warnings else set(TokenKind) - {file.key.kind for file in files}:
                pair = SigningKey.generate(self._algorithm)
                self._write(Key(pair.kid, kind, self._clock(), UNKNOWN_START), pair)

    def _replace(self, old: KeyRing, new: KeyRing) -> bool:
        with self._changing():
            good, _ = self._files()
            if _held(good).ring != old:
                return False
            files = {file.key.id: file for file in good}
            # A crash between the steps leaves a revoked key revoked.
            for key_id, file in files.items():
                if new.find(key_id) is None:
                    file.path.unlink()
            for key in new.keys - old.keys:
                if key.id in files:
                    file = files[key.id]
                    self._earliest[key.id] = UNKNOWN_START
                    file.path.rename(self._folder / _name(key, file.pair))
            for key in new.keys:
                if key.id not in files:
                    self._earliest[key.id] = UNKNOWN_START
                    self._write(key, self._made[key.id])
            self._made.clear()
            return True

    def _write(self, key: Key, pair: SigningKey) -> None:
        """Wholly or not at all, and for the owner only."""
        path = self._folder / _name(key, pair)
        draft = path.with_name(f".{path.name}")
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            file.write(pair.private_pem())
            file.flush()
            os.fsync(file.fileno())
        written_at = (key.published_at - UNKNOWN_START) // timedelta(microseconds=1) * 1000
        os.utime(draft, ns=(written_at, written_at))
        draft.rename(path)

    @contextmanager
    def _locked(self, how: int = fcntl.LOCK_EX) -> Iterator[None]:
        """Only one process at a time changes what is in the folder, and none reads it half
        changed. Those who move files by hand know nothing of that.
        """
        descriptor = os.open(self._folder, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, how)
            yield
        finally:
            os.close(descriptor)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            reason = error.strerror or "it cannot be used"
            raise ConfigurationError(self.variable, f"cannot keep the keys: {reason}") from None

    @contextmanager
    def _changing(self) -> Iterator[None]:
        try:
            with self._locked():
                yield
        except OSError as error:
            raise KeysReadOnly(
                f"{self._folder} cannot be written to ({error.strerror}): "
                "change its files where they come from"
            ) from None


def _held(files: Sequence[_File], warnings: Sequence[str] = ()) -> LoadedKeys:
    ring = KeyRing(frozenset(file.key for file in files))
    return LoadedKeys(ring, {file.key.id: file.pair for file in files}, tuple(warnings))


def _name(key: Key, pair: SigningKey) -> str:
    start = key.signs_from.strftime(_TIME) if key.signs_from else "next"
    is_usual = pair.algorithm is usual_algorithm(pair.private)
    parts = [key.kind.value, start, pair.algorithm.name.lower(), "pem"]
    if key.signs_from == UNKNOWN_START:
        parts.remove(start)
    if is_usual:
        parts.remove(pair.algorithm.name.lower())
    return ".".join(parts)
