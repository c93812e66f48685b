"""The configuration of the stores: where they are, and how they are used."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

from infrastructure.config import environment_variables as var


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSettings:
    """A part of :class:`~infrastructure.config.settings.Settings`."""

    data: Path = var.declare(
        "DOORWARD_DATA",
        Path,
        "./var",
        "Where the embedded default keeps its database, and the secret that encrypts its keys.",
    )
    users_url: str | None = var.declare(
        "USERS_URL",
        var.optional(var.text),
        None,
        "Where the users are: `postgresql://…`, `sqlite:///path` or `memory:`.",
        is_secret=True,
    )
    sessions_url: str | None = var.declare(
        "SESSIONS_URL",
        var.optional(var.text),
        None,
        "Where the sessions are: `redis://…`, `rediss://…`, or any of the above.",
        is_secret=True,
    )
    database_url: str | None = var.declare(
        "DATABASE_URL",
        var.optional(var.text),
        None,
        "Stands in for `USERS_URL`. Without either, users are in an SQLite file.",
        is_secret=True,
    )
    redis_url: str | None = var.declare(
        "REDIS_URL",
        var.optional(var.text),
        None,
        "Stands in for `SESSIONS_URL`. Without either, sessions are where the users are.",
        is_secret=True,
    )
    postgres_host: str | None = var.declare(
        "POSTGRES_HOST",
        var.optional(var.text),
        None,
        "With the next four, stands in for a missing `DATABASE_URL`.",
    )
    postgres_port: int = var.declare("POSTGRES_PORT", var.port, "5432", "PostgreSQL's port.")
    postgres_user: str = var.declare("POSTGRES_USER", var.text, "postgres", "PostgreSQL's user.")
    postgres_password: str = var.declare(
        "POSTGRES_PASSWORD", var.text, "", "That user's password.", is_secret=True
    )
    postgres_db: str = var.declare("POSTGRES_DB", var.text, "postgres", "PostgreSQL's database.")
    store_timeout: timedelta = var.declare(
        "STORE_TIMEOUT", var.lifetime, "2s", "How long one call to a store may take."
    )
    store_connections: int = var.declare(
        "STORE_CONNECTIONS",
        var.count(1),
        "10",
        "Connections to a database, for each worker. Redis needs two whatever this is.",
    )
    cached_users: int = var.declare(
        "CACHED_USERS",
        var.count(0),
        "20000",
        "Of how many users each worker keeps copies (with their sessions and verified tokens), so "
        "that most requests ask no store; `0` for none.",
    )
    revocation_bound: timedelta = var.declare(
        "REVOCATION_BOUND",
        var.lifetime,
        "2s",
        "How long at most what was revoked is accepted by a worker that cannot hear of it.",
    )

    @property
    def users_at(self) -> str:
        """The URL of the users: as given, or of the embedded default."""
        return self.users_url or self.database_url or self._postgres_url or self.embedded_url

    @property
    def sessions_at(self) -> str:
        """The URL of the sessions: as given, or where the users are."""
        return self.sessions_url or self.redis_url or self.users_at

    @property
    def embedded_url(self) -> str:
        return f"sqlite:///{quote(str(self.data))}/doorward.db"

    @property
    def _postgres_url(self) -> str | None:
        if self.postgres_host is None:
            return None
        user, password = quote(self.postgres_user, safe=""), quote(self.postgres_password, safe="")
        host = f"[{self.postgres_host}]" if ":" in self.postgres_host else self.postgres_host
        place = f"{host}:{self.postgres_port}/{quote(self.postgres_db, safe='')}"
        return f"postgresql://{user}:{password}@{place}"
