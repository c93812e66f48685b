"""Keys in a folder of PEM files, such as a mounted secret. The service only reads it.

The name of a file says what its key is for, and from when on it signs::

    access.pem                     has always signed
    access.20261201T120000Z.pem    signs from then on (UTC)
    access.next.pem                is a standby: in the key set (JWKS), and does not sign
    refresh.pem, …                 the same for refresh tokens

An RSA key signs with RS256 unless the name says ``ps256`` before ``pem``. A name that begins and
ends like these and says something else is an error; all other files are ignored.
"""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from typing_extensions import override

from application.ports import Clock
from domain.key_ring import UNKNOWN_START, Key, KeyId, KeyRing, whole_second
from domain.token import TokenKind
from infrastructure.config.environment_variables import ConfigurationError
from infrastructure.signing.algorithms import ALGORITHMS, UnfitKey
from infrastructure.signing.key_store import LoadedKeys, ReadOnlyKeys
from infrastructure.signing.signing_key import SigningKey

_TIME = "%Y%m%dT%H%M%SZ"
_ALGORITHMS = {name.lower(): algorithm for name, algorithm in ALGORITHMS.items()}
_NAME = re.compile(
    rf"(?P<kind>{'|'.join(TokenKind)})"
    r"(?:\.(?P<start>next|[0-9]{8}T[0-9]{6}Z))?"
    rf"(?:\.(?P<algorithm>{'|'.join(_ALGORITHMS)}))?\.pem"
)
_INTENDED = re.compile(rf"({'|'.join(TokenKind)})\..*pem")


@dataclass(frozen=True, slots=True)
class _File:
    name: str
    key: Key
    pair: SigningKey


class FolderKeys(ReadOnlyKeys):
    """
    :param folder: the folder of PEM files.
    :param variable: the environment variable that names the folder.
    :param notice: how long a key is published before it signs. A key that appears while the
        service runs waits for that long, whatever its name says.
    :param prefix: put before the names of files in warnings.
    """

    def __init__(
        self,
        folder: Path,
        variable: str,
        clock: Clock,
        notice: timedelta = timedelta(0),
        prefix: str = "",
    ) -> None:
        super().__init__(
            variable,
            f"the keys are in {variable}, which is only read: add and remove files there",
        )
        self._folder = folder
        self._clock = clock
        self._notice = notice
        self._prefix = prefix
        self._earliest: dict[KeyId, datetime] = {}
        self._has_read = False
        self._fingerprint: object = None
        self._good: dict[str, _File] = {}
        self._loaded = LoadedKeys()

    @override
    async def read(self) -> LoadedKeys:
        return await asyncio.to_thread(self._read)

    def _read(self) -> LoadedKeys:
        try:
            fingerprint = self._look()  # first: a later change is found by the next reading
            if fingerprint != self._fingerprint:
                files, warnings = self._files()
                self._loaded, self._fingerprint = _loaded(files, warnings), fingerprint
                self._has_read = True
        except OSError as error:
            reason = error.strerror or "it cannot be used"
            raise ConfigurationError(self.variable, f"cannot be read: {reason}") from None
        return self._loaded

    def _look(self) -> object:
        """Return a value that changes whenever a file does."""
        states = ((path.name, path.stat()) for path in self._paths())
        return [(name, at.st_ino, at.st_size, at.st_ctime_ns) for name, at in states]

    def _paths(self) -> list[Path]:
        return sorted(path for path in self._folder.iterdir() if _is_intended(path))

    def _files(self) -> tuple[list[_File], list[str]]:
        """Read the valid files, with a warning for each other one.

        A file that was valid before still stands for its key: only its removal removes the key.
        """
        found: dict[KeyId, _File] = {}
        warnings = []
        for path in self._paths():
            described = f"{self._prefix}{path.name}"
            try:
                file = self._file(path)
            except UnfitKey as error:
                warnings.append(f"{self.variable} holds {described}, which {error}")
                if path.name not in self._good:
                    continue
                file = self._good[path.name]
            if file.key.id in found:
                warnings.append(f"{self.variable} holds the key of {described} twice")
            else:
                found[file.key.id] = file
        self._good = {file.name: file for file in found.values()}
        return list(found.values()), warnings

    def _file(self, path: Path) -> _File:
        match = _NAME.fullmatch(path.name)
        if match is None:
            raise UnfitKey("has a name that does not say when it signs")
        algorithm = _ALGORITHMS.get(match["algorithm"] or "")
        pair = SigningKey.from_pem(path.read_bytes(), algorithm=algorithm)
        start = self._start(pair.kid, match["start"])
        written_at = UNKNOWN_START + timedelta(microseconds=path.stat().st_mtime_ns // 1000)
        key = Key(pair.kid, TokenKind(match["kind"]), written_at, start)
        return _File(path.name, key, pair)

    def _start(self, kid: KeyId, text: str | None) -> datetime | None:
        """Take the first reading at its word: other nodes may have published those keys before."""
        earliest = whole_second(self._clock() + self._notice) if self._has_read else UNKNOWN_START
        earliest = self._earliest.setdefault(kid, earliest)
        if text == "next":
            return None
        try:
            named = datetime.strptime(text, _TIME).replace(tzinfo=UTC) if text else UNKNOWN_START
        except ValueError:
            raise UnfitKey("is named for a time that there is not") from None
        return max(named, earliest)


def has_key_files(folder: Path) -> bool:
    """Return whether the folder holds files that are meant as keys.

    :raises ConfigurationError: the folder of ``DOORWARD_DATA`` exists and cannot be read. It is
        never taken for an empty one: new keys would end all sessions.
    """
    try:
        return any(map(_is_intended, folder.iterdir()))
    except FileNotFoundError:
        return False
    except OSError as error:
        raise ConfigurationError(
            "DOORWARD_DATA", f"has a folder {folder.name} that cannot be read: {error.strerror}"
        ) from None


def _is_intended(path: Path) -> bool:
    return _INTENDED.fullmatch(path.name) is not None


def _loaded(files: Sequence[_File], warnings: Sequence[str]) -> LoadedKeys:
    ring = KeyRing(frozenset(file.key for file in files))
    return LoadedKeys(ring, {file.key.id: file.pair for file in files}, tuple(warnings))
