"""The locations of users and sessions, and their descriptions without passwords."""

import os
import socket
import sqlite3
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from domain.errors import Unavailable
from infrastructure.config.environment_variables import ConfigurationError
from infrastructure.config.signing_keys import KeySource
from infrastructure.config.storage import StorageSettings
from infrastructure.storage.backends import Backend, backend_for, is_sql
from infrastructure.storage.driver_errors import errors_of
from infrastructure.storage.not_ready import NotReady
from infrastructure.storage.options import InvalidUrl, Role, StoreOptions

_PRODUCTS = {
    "postgresql": "PostgreSQL",
    "postgres": "PostgreSQL",
    "redis": "Redis",
    "rediss": "Redis",
    "unix": "Redis",
}
_PORTS = {"PostgreSQL": 5432, "Redis": 6379}

_REASONS: dict[type[BaseException], str] = {
    TimeoutError: "no answer in time",
    ConnectionRefusedError: "nothing listens there",
    socket.gaierror: "its host name is not known",
}

_DRIVER_REASONS = {
    "redis.exceptions": {
        "TimeoutError": "no answer in time",
        "AuthenticationError": "it refuses the user or the password",
        "OutOfMemoryError": "its memory is full",
        "NoPermissionError": "its user lacks the right",
        "ReadOnlyError": "it is a read-only replica",
    },
    "asyncpg": {
        "InvalidAuthorizationSpecificationError": "it refuses the user or the password",
        "InvalidCatalogNameError": "it has no such database",
        "InvalidSchemaNameError": "it has no such schema; create it first",
        "InsufficientPrivilegeError": "its user lacks the right",
        "ReadOnlySQLTransactionError": "it is read-only",
        "DiskFullError": "its disk is full",
        "TooManyConnectionsError": "it has too many connections already",
        "UndefinedTableError": "its tables are missing",
        "UndefinedColumnError": "its schema is that of another version",
    },
}
"""By the module and the name of an error: the drivers are imported where they are used."""

_CERTIFICATE_FAILURES = {
    10: "it has expired",
    18: "it is signed by itself, and by no known CA",
    **dict.fromkeys([19, 20, 21], "it is signed by an unknown CA; name the CA's file in the URL"),
    **dict.fromkeys([62, 64], "it is for another host name or address"),
}
"""By OpenSSL's ``X509_V_ERR_…``."""


@dataclass(frozen=True, slots=True)
class Location:
    """The location of the users or of the sessions.

    :ivar variable: the environment variable that its URL comes from.
    """

    role: Role
    variable: str
    url: str = field(repr=False)

    @property
    def backend(self) -> Backend[Any]:
        """:raises ConfigurationError: there is no backend for this URL."""
        try:
            return backend_for(self.url, self.role)
        except ValueError as error:
            raise ConfigurationError(self.variable, str(error)) from None

    @property
    def scheme(self) -> str:
        return self.url.partition(":")[0].partition("+")[0]

    @property
    def is_sql(self) -> bool:
        return is_sql(self.scheme)

    @property
    def is_memory(self) -> bool:
        return self.scheme == "memory"

    @property
    def file(self) -> Path | None:
        """The SQLite file; ``None`` for other backends."""
        if self.scheme != "sqlite":
            return None
        from sqlalchemy import make_url  # noqa: PLC0415 - not every store is SQL

        return Path(make_url(self.url).database or "").absolute()

    @property
    def missing_folder(self) -> str | None:
        """Explain that the folder of the SQLite file does not exist; ``None`` if it does."""
        if self.file is None or self.file.parent.is_dir():
            return None
        is_relative = not self.url.startswith("sqlite:////")
        hint = (
            "; a path from the root begins with four slashes: sqlite:////" if is_relative else ""
        )
        return f"its folder does not exist{hint}"

    @property
    def description(self) -> str:
        """The product and its address, and no other part of the URL: it may have a password."""
        if self.is_memory:
            return "memory (gone when the process ends)"
        if self.file:
            return f"SQLite file {self.file}"
        product = _PRODUCTS.get(self.scheme, self.scheme)
        if self.scheme == "unix":
            return f"{product} at a Unix socket"
        address = _address(self, _PORTS.get(product))
        return f"{product} at {address}" if address else product

    @asynccontextmanager
    async def connect(self, options: StoreOptions) -> AsyncIterator[Any]:
        """Open a connection of the backend.

        :raises ConfigurationError: the URL is invalid.
        """
        opening = self.backend.connect(self.url, options)
        async with AsyncExitStack() as stack:
            with self._translate_url_errors():
                connection = await stack.enter_async_context(opening)
            yield connection

    async def ping(self, connection: Any) -> None:
        """Check that the backend behind the connection works.

        :raises ConfigurationError: the URL has an option that its driver rejects.
        """
        with self._translate_url_errors():  # drivers check some options only when they connect
            await self.backend.ping(connection)

    async def check_writes(self, connection: Any) -> None:
        """Check that the stores behind the connection can be written, and leave nothing behind.

        :raises ConfigurationError: as :meth:`ping`.
        """
        if self.backend.check_writes:
            with self._translate_url_errors():
                await self.backend.check_writes(connection, self.role)

    @contextmanager
    def _translate_url_errors(self) -> Iterator[None]:
        try:
            yield
        except InvalidUrl as error:
            raise ConfigurationError(self.variable, str(error)) from None
        except (ValueError, TypeError):  # their messages may quote the URL
            raise ConfigurationError(
                self.variable,
                "is not a URL that can be used: look at its port, at its options and at what "
                "must be percent-encoded in its password",
            ) from None


def locations(settings: StorageSettings) -> tuple[Location, Location]:
    """Return the locations of the users and of the sessions."""
    users = _first_set(
        {
            "USERS_URL": settings.users_url,
            "DATABASE_URL": settings.database_url,
            "POSTGRES_HOST": settings.postgres_host,
        },
        "DOORWARD_DATA",
    )
    sessions = _first_set(
        {"SESSIONS_URL": settings.sessions_url, "REDIS_URL": settings.redis_url}, users
    )
    return (
        Location("users", users, settings.users_at),
        Location("sessions", sessions, settings.sessions_at),
    )


def key_database(settings: StorageSettings, source: KeySource) -> Location:
    """The database of the signing keys, where they are in one."""
    if source is KeySource.USERS_DATABASE:
        return locations(settings)[0]
    return Location("users", "DOORWARD_DATA", settings.embedded_url)


def distinct(settings: StorageSettings) -> list[Location]:
    """Return both locations, or one where both are the same."""
    users, sessions = locations(settings)
    return [users] if users.url == sessions.url else [users, sessions]


def store_options(settings: StorageSettings) -> StoreOptions:
    """Return the options of a connection that caches nothing."""
    return StoreOptions(settings.connections, settings.timeout)


@contextmanager
def translate_errors(location: Location, failure: str = "cannot be used") -> Iterator[None]:
    """
    :raises NotReady: the location does not answer, or answers with an error.
    """
    try:
        yield
    except _no_answer() as error:
        explained = location.missing_folder or reason(error)
        raise NotReady(f"{location.description} {failure}: {explained}") from None


def _no_answer() -> tuple[type[BaseException], ...]:
    return (
        Unavailable,
        OSError,
        *errors_of("sqlalchemy.exc", "SQLAlchemyError"),
        *errors_of("asyncpg", "PostgresError", "InterfaceError"),
    )


def reason(error: BaseException) -> str:
    """Explain why a store cannot be used, without any part of its URL."""
    causes = list(_causes(error))
    for each in causes:
        for known, text in _known_reasons():
            if isinstance(each, known):
                return text
    for each in causes:
        if description := _described(each):
            return description
    return f"it fails with {type(causes[-1]).__name__}"


def _known_reasons() -> Iterator[tuple[type[BaseException], str]]:
    yield from _REASONS.items()
    for driver, reasons in _DRIVER_REASONS.items():
        for name, text in reasons.items():
            for known in errors_of(driver, name):
                yield known, text


def _described(error: BaseException) -> str | None:
    if isinstance(error, ssl.SSLError):
        return _tls_failure(error)
    if type(error) is ConnectionError and "rejected SSL upgrade" in str(error):  # asyncpg's
        return "it offers no TLS, which sslmode demands"
    if isinstance(error, sqlite3.Error):
        return str(error)
    if isinstance(error, OSError):
        return os.strerror(error.errno) if error.errno else "it cannot be reached"
    return None


def _tls_failure(error: ssl.SSLError) -> str:
    if not isinstance(error, ssl.SSLCertVerificationError):
        return f"TLS fails ({error.reason or 'no reason given'})"
    failure = _CERTIFICATE_FAILURES.get(error.verify_code, error.verify_message)
    return f"its certificate is refused: {failure}"


def _first_set(candidates: dict[str, str | None], otherwise: str) -> str:
    return next((name for name, value in candidates.items() if value), otherwise)


def _address(location: Location, default_port: int | None) -> str:
    """The host and port that the driver parses, without anything before the last ``@``."""
    if location.is_sql:
        from infrastructure.storage.sql.connection.url import (  # noqa: PLC0415 - as above
            address_of,
        )

        try:
            return address_of(location.url)
        except InvalidUrl:
            return ""
    parsed = urlsplit(location.url)
    name, port = (parsed.hostname or "localhost").rpartition("@")[2], parsed.port or default_port
    return f"{name}:{port}" if port else name


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
