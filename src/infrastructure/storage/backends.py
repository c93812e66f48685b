"""The registry of storage backends, by the scheme of a URL.

An installed package registers another one by an entry point (``external_backends.py``).

``docs/adding-a-backend.md`` adds one, step by step.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module
from typing import Any, Generic, TypeVar

from application.ports import (
    AuditLog,
    ChallengeStore,
    FigureStore,
    FlowStore,
    IdentityStore,
    OneTimeTokenStore,
    Outbox,
    PasskeyStore,
    RateLimiter,
    SecondFactorStore,
    SessionStore,
    UserRepository,
)
from infrastructure.storage.external_backends import external_schemes, load_external
from infrastructure.storage.near_cache.invalidation_feed import InvalidationFeed
from infrastructure.storage.options import Role, StoreOptions

_Connection = TypeVar("_Connection")


@dataclass(frozen=True, slots=True)
class Backend(Generic[_Connection]):
    """A storage technology. The connection may be a pool of them.

    :ivar connect: opens the connection to a URL, and closes it on exit. It must not fail because
        the server is down: each call says that for itself.
    :ivar ping: checks that the stores behind the connection can be read; raises
        :class:`~domain.errors.Unavailable` if they do not answer. The readiness probe, the check
        before the service listens and ``doorward doctor`` call it.
    :ivar check_writes: checks that the stores of a role can be written, and leaves nothing behind;
        raises any error if not. The same three call it, the readiness probe at most once in ten
        seconds. ``None`` when only reads are checked.
    :ivar users: makes the repository from the connection; ``None`` when it stores no users.
    :ivar sessions: makes the store from the connection; ``None`` when it stores no sessions.
    :ivar rate_limiter: makes the counter from the connection; ``None`` when it counts nothing.
    :ivar audit_log: opens the audit log beside the users, and closes it on exit; ``None`` when it
        has none. Then the last events are in the memory of this process, and all in its own log.
    :ivar outbox: makes the outbox beside the users; ``None`` when it has none. Then messages are
        in the memory of this process, and lost with it.
    :ivar one_time_tokens: likewise, the store of the tokens in mails.
    :ivar second_factors: makes the store of second factors beside the users; ``None`` when it has
        none. Then no user can enrol one.
    :ivar challenges: likewise, the store of what clients have to answer; ``None`` keeps them in
        the memory of this process.
    :ivar passkeys: likewise, the store of passkeys; ``None`` when it has none. Then no user can
        add one.
    :ivar identities: likewise, the store of accounts at other providers, which changes of users
        link and unlink in their own transaction; ``None`` when it has none. Then no user can log
        in with another provider.
    :ivar flows: likewise, the store of logins at other providers that are under way; ``None``
        keeps them in the memory of this process.
    :ivar figures: makes the store of figures beside the audit log; ``None`` when it has none. Then
        each process counts for itself, in its memory.
    :ivar feed: opens the invalidation feed, over the connection or another one, with the bound on
        the age of cached data; ``None`` when it has none. Then each request reads the store.
    """

    connect: Callable[[str, StoreOptions], AbstractAsyncContextManager[_Connection]]
    ping: Callable[[_Connection], Awaitable[None]]
    users: Callable[[_Connection], UserRepository] | None = None
    sessions: Callable[[_Connection], SessionStore] | None = None
    rate_limiter: Callable[[_Connection], RateLimiter] | None = None
    audit_log: Callable[[_Connection], AbstractAsyncContextManager[AuditLog]] | None = None
    feed: (
        Callable[[_Connection, timedelta], AbstractAsyncContextManager[InvalidationFeed]] | None
    ) = None
    check_writes: Callable[[_Connection, Role], Awaitable[None]] | None = None
    outbox: Callable[[_Connection], Outbox] | None = None
    one_time_tokens: Callable[[_Connection], OneTimeTokenStore] | None = None
    second_factors: Callable[[_Connection], SecondFactorStore] | None = None
    challenges: Callable[[_Connection], ChallengeStore] | None = None
    passkeys: Callable[[_Connection], PasskeyStore] | None = None
    identities: Callable[[_Connection], IdentityStore] | None = None
    flows: Callable[[_Connection], FlowStore] | None = None
    figures: Callable[[_Connection], FigureStore] | None = None


_MEMORY, _SQL, _REDIS = (
    f"infrastructure.storage.{technology}.backend" for technology in ("memory", "sql", "redis")
)
BUILT_IN: Mapping[str, str] = {
    "memory": _MEMORY,
    "sqlite": _SQL,
    "postgresql": _SQL,
    "postgres": _SQL,
    "redis": _REDIS,
    "rediss": _REDIS,
    "unix": _REDIS,
}
"""By scheme, the module with the ``BACKEND``. It is imported when a URL has the scheme: the driver
of a technology takes tens of milliseconds and several MB, and most services use one.
"""


def load(scheme: str) -> Backend[Any]:
    """Import the built-in backend of a scheme. Each has its own type of connection."""
    backend: Backend[Any] = import_module(BUILT_IN[scheme]).BACKEND
    return backend


def is_sql(scheme: str) -> bool:
    """Return whether a scheme is that of PostgreSQL or SQLite."""
    return BUILT_IN.get(scheme) == _SQL


def backend_for(url: str, role: Role) -> Backend[Any]:
    """The backend that stores the users, or the sessions, at this URL.

    :raises ValueError: no backend of that scheme stores them, and the message names those that do;
        or the backend of an installed package cannot be loaded.
    """
    scheme = url.partition(":")[0].partition("+")[0]
    backend = find_backend(scheme)
    if backend is None or getattr(backend, role) is None:
        known = [name for name in BUILT_IN if getattr(load(name), role)]
        schemes = ", ".join([*known, *external_schemes()])
        raise ValueError(f"must start with one of these schemes to keep {role}: {schemes}")
    return backend


def find_backend(scheme: str) -> Backend[Any] | None:
    """Return the backend of a scheme: a built-in one, or one of an installed package.

    No package can replace a built-in backend.

    :raises ValueError: the package's backend cannot be loaded.
    """
    if scheme in BUILT_IN:
        return load(scheme)
    if scheme not in external_schemes():
        return None
    loaded = load_external(scheme)
    if isinstance(loaded, Backend):
        return loaded
    raise ValueError(f"has the scheme {scheme}, whose package registers no Backend")
