"""Settings of the stores: where they are, and how they are used."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

from infrastructure.config import parsers
from infrastructure.config.environment_variables import ConfigurationError, declare


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageSettings:
    """The stores of users and sessions, and the cache."""

    data: Path = declare(
        "DOORWARD_DATA",
        Path,
        "./var",
        "Folder of the embedded default: its database, and the secret that encrypts its keys.",
    )
    is_embedded_allowed: bool = declare(
        "EMBEDDED",
        parsers.on_or_off,
        "on",
        "`off` refuses to start unless `USERS_URL`, `DATABASE_URL` or `POSTGRES_HOST` is set, so "
        "that no user ends up in the embedded default because a variable is missing. "
        "The Docker image sets it.",
    )
    users_url: str | None = declare(
        "USERS_URL",
        parsers.optional(parsers.text),
        None,
        "URL of the users: `postgresql://…`, `sqlite:///path` or `memory:`.",
        is_secret=True,
    )
    sessions_url: str | None = declare(
        "SESSIONS_URL",
        parsers.optional(parsers.text),
        None,
        "URL of the sessions: `redis://…`, `rediss://…`, or any of the above.",
        is_secret=True,
    )
    database_url: str | None = declare(
        "DATABASE_URL",
        parsers.optional(parsers.text),
        None,
        "Used if `USERS_URL` is not set. Without either, users are in an SQLite file.",
        is_secret=True,
    )
    redis_url: str | None = declare(
        "REDIS_URL",
        parsers.optional(parsers.text),
        None,
        "Used if `SESSIONS_URL` is not set. Without either, sessions are where the users are.",
        is_secret=True,
    )
    postgres_host: str | None = declare(
        "POSTGRES_HOST",
        parsers.optional(parsers.text),
        None,
        "Used, with the next four, if `DATABASE_URL` is not set.",
    )
    postgres_port: int = declare("POSTGRES_PORT", parsers.port, "5432", "Port of PostgreSQL.")
    postgres_user: str = declare("POSTGRES_USER", parsers.text, "postgres", "User of PostgreSQL.")
    postgres_password: str = declare(
        "POSTGRES_PASSWORD", parsers.text, "", "Password of that user.", is_secret=True
    )
    postgres_db: str = declare("POSTGRES_DB", parsers.text, "postgres", "Database in PostgreSQL.")
    timeout: timedelta = declare(
        "STORE_TIMEOUT", parsers.lifetime, "2s", "Time limit of one call to a store."
    )
    connections: int = declare(
        "STORE_CONNECTIONS",
        parsers.count(1),
        "10",
        "Connections to a database, per worker. Redis always has two.",
    )
    cached_users: int = declare(
        "CACHED_USERS",
        parsers.count(0),
        "20000",
        "Users cached per worker, with their sessions and verified tokens. 0 disables the cache.",
    )
    revocation_bound: timedelta = declare(
        "REVOCATION_BOUND",
        parsers.lifetime,
        "2s",
        "Upper bound on how long a worker that has lost its invalidation feed may accept a "
        "revoked session.",
    )

    def __post_init__(self) -> None:
        """
        :raises ConfigurationError: the users have no location but the forbidden default.
        """
        if not self.is_embedded_allowed and self.users_at == self.embedded_url:
            raise ConfigurationError(
                "DATABASE_URL",
                "is not set, and EMBEDDED=off forbids the embedded default: set DATABASE_URL, or "
                "EMBEDDED=on to store users in DOORWARD_DATA",
            )

    @property
    def users_at(self) -> str:
        """The URL of the users, as configured or of the embedded default."""
        return self.users_url or self.database_url or self._postgres_url or self.embedded_url

    @property
    def sessions_at(self) -> str:
        """The URL of the sessions, as configured or that of the users."""
        return self.sessions_url or self.redis_url or self.users_at

    @property
    def embedded_url(self) -> str:
        """The URL of the database of the embedded default."""
        return f"sqlite:///{quote(str(self.data))}/doorward.db"

    @property
    def secret_file(self) -> Path:
        """The data secret of the embedded default."""
        return self.data / "secret"

    @property
    def _postgres_url(self) -> str | None:
        if self.postgres_host is None:
            return None
        user, password = quote(self.postgres_user, safe=""), quote(self.postgres_password, safe="")
        is_ipv6 = ":" in self.postgres_host and "/" not in self.postgres_host
        # A folder of a Unix socket begins with a slash.
        host = f"[{self.postgres_host}]" if is_ipv6 else quote(self.postgres_host, safe="")
        location = f"{host}:{self.postgres_port}/{quote(self.postgres_db, safe='')}"
        return f"postgresql://{user}:{password}@{location}"
