"""The checks of ``doorward doctor``. They leave nothing behind and print no secret."""

import os
import re
import stat
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, cast

from sqlalchemy import text

from domain.token import LEEWAY, TokenKind
from doorward.diagnostics.finding import Finding, Verdict
from doorward.diagnostics.identity_providers import check_provider, names_of
from doorward.diagnostics.mail import check_mail
from doorward.diagnostics.pages import check_pages
from doorward.diagnostics.passkeys import check_passkeys
from doorward.diagnostics.second_factors import check_second_factors
from doorward.env_file import ENV_FILE, names_in_env_file
from doorward.plurals import counted
from doorward.wiring.signing_keys.key_stores import EARLIER_FOLDER, keys_location, open_key_store
from infrastructure.config.environment_variables import ConfigurationError
from infrastructure.config.environment_warnings import warnings_of
from infrastructure.config.settings import Settings
from infrastructure.config.signing_keys import KeySource
from infrastructure.signing.key_folder import has_key_files
from infrastructure.signing.key_store import LoadedKeys
from infrastructure.storage.locations import (
    Location,
    distinct,
    key_database,
    locations,
    reason,
    store_options,
    translate_errors,
)
from infrastructure.storage.not_ready import NotReady
from infrastructure.storage.redis.server import RedisServer
from infrastructure.storage.schema_version import require_usable
from infrastructure.storage.sql.audit.chain import Broken, Head
from infrastructure.storage.sql.audit.verify import verify
from infrastructure.storage.sql.database import Database
from infrastructure.storage.sql.migrations import state
from infrastructure.storage.sql.signing_keys import has_keys

Check = Callable[[], Awaitable[tuple[Verdict, str]]]


async def examine(environment: Mapping[str, str]) -> AsyncIterator[Finding]:
    """Run all checks, one after the other. A failure hides no later finding."""
    problems, settings = read_configuration(environment)
    for problem in problems or ["every variable can be read"]:
        yield Finding("FAIL" if problems else "ok", "configuration", problem)
    for warning in warnings_of(environment):
        yield Finding("warn", "configuration", f"{warning.variable} {warning.reason}")
    if exposed := _exposed_env_file():
        yield Finding(*exposed)
    for subject, check in _checks(settings):
        try:
            verdict, words = await check()
        except (ConfigurationError, NotReady) as error:
            verdict, words = "FAIL", str(error)
        except Exception as error:  # noqa: BLE001 - no error ends the other checks
            verdict, words = "FAIL", reason(error)
        yield Finding(verdict, subject, words)


async def examine_audit_log(settings: Settings, since: str | None) -> AsyncIterator[Finding]:
    """Verify the chain of the audit log.

    :param since: a head that an earlier run printed, as ``number:digest``.
    """
    location, _ = locations(settings.storage)
    if _is_missing(location):
        yield Finding("info", "audit log", f"{location.description} does not exist yet")
        return
    try:
        async with location.connect(store_options(settings.storage)) as connection:
            if not isinstance(connection, Database):
                yield Finding("info", "audit log", f"{location.description} stores none")
                return
            with translate_errors(location):
                noted = _parse_head(since)
                count, head = await verify(connection, noted)
        before = head.number - count
        pruned = f" ({counted(before, 'earlier event')} pruned)" if before else ""
        text = f"{counted(count, 'event')}{pruned}, none changed and none removed"
        yield Finding("ok", "audit log", text)
        if noted and noted.number < before:
            yield Finding("info", "noted head", "was pruned: it cannot be compared")
        yield Finding("info", "head", f"{head.number}:{head.digest}")
    except (ConfigurationError, NotReady, Broken) as error:
        yield Finding("FAIL", "audit log", str(error))


def _exposed_env_file() -> tuple[Verdict, str, str] | None:
    """Report `.env` if it has secrets and other users may use it."""
    names = names_in_env_file()
    variables = Settings.variables(dict.fromkeys(names, "set"))
    secret = {each.name for each in variables if each.is_secret}
    found = {name for name in names if name in secret or name.endswith("_PASSWORD")}
    exposed = _exposed([ENV_FILE], 0o077) if found else None
    return (exposed[0], "secrets", f"{exposed[1]}, it has {min(found)}") if exposed else None


def _parse_head(since: str | None) -> Head | None:
    if since is None:
        return None
    number, _, digest = since.partition(":")
    if not (number.isascii() and number.isdigit() and len(number) < 19 and len(digest) == 64):
        raise ConfigurationError("--since", "must be a head as this command prints it")
    return Head(int(number), digest)


def read_configuration(environment: Mapping[str, str]) -> tuple[list[str], Settings]:
    """Return the errors of the variables, and the settings without the invalid ones.

    An error that is due to one of these being left out is none.
    """
    good, problems = dict(environment), []
    variables = list(Settings.variables(environment))
    names = good.keys() | {variable.name for variable in variables}
    invalid: set[str] = set()
    for variable in variables:
        try:
            variable.read(environment)
        except ConfigurationError as error:
            problems.append(str(error))
            invalid.add(variable.name)
    while True:
        good = {name: text for name, text in good.items() if name not in invalid}
        try:
            return problems, Settings.read(good)
        except ConfigurationError as error:  # settings contradict each other: without all of them
            named = names & set(re.findall(r"[A-Z0-9_]+", str(error)))
            if not named & good.keys():
                raise
            if not named & invalid:
                problems.append(str(error))
            invalid |= named


def _checks(settings: Settings) -> Iterator[tuple[str, Check]]:
    yield "keys", partial(check_keys, settings)
    for location in locations(settings.storage):
        yield location.role, partial(check_store, settings, location)
    for location in distinct(settings.storage):
        if location.is_sql:
            yield f"schema of the {location.role}", partial(check_schema, settings, location)
    for location in distinct(settings.storage):
        if not (location.file or location.is_memory):
            yield f"clock of the {location.role}", partial(check_clock, settings, location)
    yield "second factors", partial(check_second_factors, settings)
    yield "passkeys", partial(check_passkeys, settings)
    yield "pages", partial(check_pages, settings)
    for name in names_of(settings):
        yield f"provider {name}", partial(check_provider, settings, name)
    yield "mail", partial(check_mail, settings)
    yield "password hashing", partial(describe_hashing, settings)


async def check_keys(settings: Settings) -> tuple[Verdict, str]:
    """Check that the keys are valid, and that no other user can read their files."""
    match settings.keys.source:
        case KeySource.ENVIRONMENT:
            return await _examine_keys(settings)
        case KeySource.FOLDER if settings.keys.folder:  # a mounted secret may be for a group
            exposed = _exposed(settings.keys.folder.glob("*.pem"), 0o007)
            return await _unless(exposed, _examine_keys(settings))
        case KeySource.EMBEDDED_DATABASE:
            exposed = _exposed([settings.storage.secret_file], 0o077)
            return await _unless(exposed, _examine_embedded_keys(settings))
        case _:
            return await _examine_sql_keys(settings)


async def _examine_embedded_keys(settings: Settings) -> tuple[Verdict, str]:
    earlier = settings.storage.data.absolute() / EARLIER_FOLDER
    if has_key_files(earlier):
        return "info", f"in {earlier}: the first start takes them over"
    return await _examine_sql_keys(settings)


async def _examine_sql_keys(settings: Settings) -> tuple[Verdict, str]:
    location = key_database(settings.storage, settings.keys.source)
    if not _is_missing(location):
        with translate_errors(location):
            async with location.connect(store_options(settings.storage)) as database:
                if not isinstance(database, Database) or await has_keys(database):
                    return await _examine_keys(settings)
    return "info", "none yet: the first start generates them"


async def _examine_keys(settings: Settings) -> tuple[Verdict, str]:
    async with open_key_store(settings) as store:
        with translate_errors(key_database(settings.storage, settings.keys.source)):
            held = await store.read()
    if held.warnings:
        return "FAIL", held.warnings[0]
    held.check(store.variable)
    return "ok", f"{', '.join(_format_keys(held))}, {keys_location(settings)}"


def _exposed(files: Iterable[Path], others: int) -> tuple[Verdict, str] | None:
    """Report the first file that other users may use: a failure if `chmod` can prevent that.

    :param others: the permission bits of those that must not use the files.
    """
    for file in sorted(files):
        if file.exists() and _mode(file) & others:
            subject = f"other users may use {file.absolute()}"
            if _is_mounted(file):
                return "warn", f"{subject}: mount the secret with the mode 0400 (`defaultMode`)"
            return "FAIL", f"{subject}: `chmod 600` it"
    return None


def _is_mounted(file: Path) -> bool:
    """Whether the file comes from an orchestrator, which sets its mode (0644 unless configured).

    Kubernetes mounts the files of a secret behind a symbolic link ``..data``. Files of another
    owner, such as those of a Docker secret, cannot be changed by this process either.
    """
    return (file.parent / "..data").is_symlink() or file.stat().st_uid != os.geteuid()


async def _unless(
    exposed: tuple[Verdict, str] | None, examining: Awaitable[tuple[Verdict, str]]
) -> tuple[Verdict, str]:
    """Return the finding about the files if it is the worse one of the two."""
    found = await examining
    if exposed is None or (exposed[0] == "warn" and found[0] == "FAIL"):
        return found
    return exposed


def _format_keys(held: LoadedKeys) -> Iterator[str]:
    now = datetime.now(UTC)
    for kind in TokenKind:
        current = held.ring.signing(kind, now)
        algorithm = held.pairs[current.id].algorithm.name
        more = len(held.ring.of(kind)) - 1
        yield f"{kind} {algorithm} (kid {current.id}{f' and {more} more' if more else ''})"


async def check_store(settings: Settings, location: Location) -> tuple[Verdict, str]:
    """Check that the store can be read and written, and measure how fast it answers."""
    if _is_missing(location):
        if location.missing_folder and location.url != settings.storage.embedded_url:
            return "FAIL", f"{location.description} cannot be created: {location.missing_folder}"
        return "info", f"{location.description} does not exist yet: the first start creates it"
    if location.file and _mode(location.file) & 0o077:
        return "FAIL", f"other users may read {location.file}: `chmod 600` it"
    with translate_errors(location):
        async with location.connect(store_options(settings.storage)) as connection:
            await location.ping(connection)
            await location.check_writes(connection)
            start = time.perf_counter()
            await location.ping(connection)
            took = time.perf_counter() - start
            is_pooled = isinstance(connection, Database) and await connection.is_pooled()
    path = " through a connection pooler" if is_pooled else ""
    return "ok", f"{location.description} answers in {took * 1000:.1f} ms{path}"


async def check_schema(settings: Settings, location: Location) -> tuple[Verdict, str]:
    """Check that the schema is one that this version works on."""
    if _is_missing(location):
        return "info", "the first start creates it"
    found, newest = (
        await require_usable(location, store_options(settings.storage)),
        state.newest(),
    )
    if found != newest:
        return "ok", f"at revision {found}: later than {newest}, and compatible with this version"
    return "ok", f"at revision {found}, the newest"


async def check_clock(settings: Settings, location: Location) -> tuple[Verdict, str]:
    """Check that the clock of the store differs from this machine's by at most the leeway."""
    with translate_errors(location):
        async with location.connect(store_options(settings.storage)) as connection:
            difference = await _clock_difference(location, connection)
    if difference is None:
        return "info", f"{location.description} has no clock to ask"
    verdict: Verdict = "FAIL" if difference > LEEWAY else "ok"
    return verdict, f"differs by {difference.total_seconds():.1f} s from this machine's"


async def describe_hashing(settings: Settings) -> tuple[Verdict, str]:
    """Report the maximum memory of all hashes at once."""
    at_once = settings.http.workers * settings.passwords.hash_threads
    return (
        "info",
        f"takes up to {at_once * settings.passwords.argon2_memory // 1024} MiB of memory",
    )


async def _clock_difference(location: Location, connection: Any) -> timedelta | None:
    """Return the difference of the clocks; ``None`` if the store cannot be asked."""
    if isinstance(connection, Database):
        async with connection.connection(location.role) as database:
            remote = cast(datetime, await database.scalar(text("SELECT now()")))
            return abs(remote - datetime.now(UTC))
    if isinstance(connection, RedisServer):
        async with connection.connection(location.role) as redis:
            seconds, microseconds = await redis.call("TIME")
            remote = datetime.fromtimestamp(int(seconds), UTC)
            return abs(remote + timedelta(microseconds=int(microseconds)) - datetime.now(UTC))
    return None


def _is_missing(location: Location) -> bool:
    return location.file is not None and not location.file.exists()


def _mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)
