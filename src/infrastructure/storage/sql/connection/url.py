"""URLs of SQL databases, as hosting providers and other tools write them."""

import re
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import unquote

import structlog
from sqlalchemy import make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError

from infrastructure.storage.options import InvalidUrl
from infrastructure.storage.sql.connection import sqlite
from infrastructure.storage.sql.connection.tls import take_tls_options

log = structlog.stdlib.get_logger("doorward")

_DRIVERS = {
    "postgresql": "postgresql+asyncpg",
    "postgres": "postgresql+asyncpg",
    "sqlite": sqlite.DRIVER,
}

_PORT = 5432

_SERVER_SETTINGS = (
    "application_name",
    "options",  # of libpq: `-c statement_timeout=5s`; Neon and CockroachDB choose a server by it
    "search_path",
    "statement_timeout",
    "lock_timeout",
    "idle_in_transaction_session_timeout",
)
"""Options that PostgreSQL reads at the start of a connection."""

_SCHEMA = ("schema", "currentSchema")  # of Prisma, of JDBC
_TARGETS = ("any", "primary", "read-write")

_OF_POOLS = "STORE_CONNECTIONS and STORE_TIMEOUT configure the connections"
_OF_TCP = "the operating system's settings apply"
_IGNORED = {
    "channel_binding": "asyncpg does not support it; sslmode=verify-full authenticates the server",
    "connect_timeout": "STORE_TIMEOUT limits each call, and connecting is part of it",
    **dict.fromkeys(
        [
            "connection_limit",  # this and the next ones are Prisma's
            "pool_timeout",
            "socket_timeout",
            "pgbouncer",
            "statement_cache_size",
            "supa",  # Supabase's
            "pool",  # of Rails
            "pool_max_conns",  # of pgx, as are the next ones
            "pool_min_conns",
            "default_query_exec_mode",
            "prepared_statement_cache_size",  # of SQLAlchemy
            "prepareThreshold",  # of JDBC
        ],
        _OF_POOLS,
    ),
    **dict.fromkeys(
        [
            "keepalives",
            "keepalives_idle",
            "keepalives_interval",
            "keepalives_count",
            "tcp_user_timeout",
        ],
        _OF_TCP,
    ),
    "fallback_application_name": "application_name is the option for that",
    "client_encoding": "it is always UTF-8",
    "gssencmode": "asyncpg encrypts with TLS only: sslmode is the option for that",
    "sslcompression": "TLS does not compress any more",
    "sslsni": "the name of the server is always sent",
}
"""Options of other software that has the same URL, and why they have no effect here."""


@dataclass(frozen=True, slots=True)
class _Parsed:
    """
    :ivar url: without options, and without hosts if there are several.
    :ivar hosts: names, addresses or folders of Unix sockets; none for the driver's default.
    :ivar ports: as many, or none for the default.
    """

    url: URL = field(repr=False)
    hosts: tuple[str, ...]
    ports: tuple[int, ...]
    options: dict[str, str] = field(repr=False)


def connect_options(url: str) -> tuple[URL, dict[str, Any]]:
    """Split a URL into the URL for SQLAlchemy and the options for its driver.

    :raises InvalidUrl: the URL is invalid or has an option that cannot be used.
    """
    parsed = _parse(url)
    driver = _DRIVERS.get(parsed.url.get_backend_name())
    if driver is None:
        raise InvalidUrl(f"must start with one of these: {', '.join(_DRIVERS)}")
    options = {} if driver.startswith("sqlite") else _driver_options(parsed.options)
    _refuse_unknown(parsed.options)
    return _with_hosts(parsed).set(drivername=driver), options


def address_of(url: str) -> str:
    """Return the host and port of a PostgreSQL URL, and no other part of it.

    :raises InvalidUrl: the URL cannot be read.
    """
    parsed = _parse(url)
    if parsed.hosts and parsed.hosts[0].startswith("/"):
        return f"the Unix socket in {parsed.hosts[0]}"
    ports = parsed.ports or (_PORT,) * len(parsed.hosts)
    pairs = zip(parsed.hosts, ports, strict=True)
    return ", ".join(f"{host}:{port}" for host, port in pairs) or f"localhost:{_PORT}"


def _parse(url: str) -> _Parsed:
    address, hosts, ports = _take_several_hosts(url)
    try:
        parsed = make_url(address)
    except (ArgumentError, ValueError):  # whose messages quote the URL
        raise InvalidUrl(
            "is not a database URL, or its port is no number; mind what must be "
            "percent-encoded in its password"
        ) from None
    options = {
        name: value if isinstance(value, str) else value[-1]
        for name, value in parsed.query.items()
    }
    parsed = parsed.set(query={})
    if parsed.get_backend_name() == "sqlite":
        _check_file(parsed)
        return _Parsed(parsed, (), (), options)
    if "@" in (parsed.host or "") or "@" in (parsed.database or ""):
        # The rest of the password would be read as the host, and shown.
        raise InvalidUrl("has an @ or a / in its user or password: write it as %40 or %2F")
    parsed = parsed.set(
        username=options.pop("user", parsed.username),
        password=options.pop("password", parsed.password),
        database=options.pop("dbname", parsed.database),
    )
    if not hosts:
        hosts = _split(options.pop("host", unquote(parsed.host or "")))
        ports = _ports(options.pop("port", str(parsed.port or "")))
    if len(ports) not in {0, len(hosts)}:
        raise InvalidUrl("must name as many ports as hosts, or none")
    return _Parsed(parsed.set(host=None, port=None), hosts, ports, options)


def _take_several_hosts(url: str) -> tuple[str, tuple[str, ...], tuple[int, ...]]:
    """Take ``a:5432,b:5432`` out of a URL, which SQLAlchemy does not parse there."""
    found = re.fullmatch(
        r"(postgres\w*(?:\+\w+)?://(?:[^@]*@)?)([^/?@]*,[^/?@]*)((?:[/?][^@]*)?)", url
    )
    if found is None:
        return url, (), ()
    pairs = [each.partition(":") for each in _split(found[2])]
    ports = ",".join(port or str(_PORT) for _, _, port in pairs)
    return found[1] + found[3], tuple(host for host, _, _ in pairs), _ports(ports)


def _with_hosts(parsed: _Parsed) -> URL:
    match parsed.hosts:
        case ():
            return parsed.url
        case (host,):
            return parsed.url.set(host=host, port=next(iter(parsed.ports), None))
        case _:  # in the form that SQLAlchemy splits
            query = {"host": ",".join(parsed.hosts)}
            ports = parsed.ports or (_PORT,) * len(parsed.hosts)
            return parsed.url.set(query=query | {"port": ",".join(map(str, ports))})


def _split(text: str) -> tuple[str, ...]:
    return tuple(part for part in text.split(",") if part)


def _ports(text: str) -> tuple[int, ...]:
    if not all(part.isascii() and part.isdigit() and len(part) < 6 for part in _split(text)):
        raise InvalidUrl("has a port that is no number")
    return tuple(int(part) for part in _split(text))


def _check_file(parsed: URL) -> None:
    if parsed.database in {None, "", ":memory:"} or parsed.host:
        raise InvalidUrl(
            "must name a file: sqlite:///users.db in the current folder, "
            "or sqlite:////srv/users.db with four slashes"
        )


def _driver_options(options: dict[str, str]) -> dict[str, Any]:
    """Take the options that asyncpg can honour, as its own."""
    settings = {name: options.pop(name) for name in _SERVER_SETTINGS if name in options}
    for name in _SCHEMA:
        if schema := options.pop(name, ""):
            quoted = schema.replace('"', '""')
            settings["search_path"] = f'"{quoted}"'
    found = take_tls_options(options)
    if target := options.pop("target_session_attrs", ""):
        if target not in _TARGETS:
            raise InvalidUrl(f"has a target_session_attrs that is none of {', '.join(_TARGETS)}")
        found["target_session_attrs"] = target
    if options.get("gssencmode") == "require":
        raise InvalidUrl("has gssencmode=require, which asyncpg does not support")
    for name in sorted(options.keys() & _IGNORED.keys()):
        del options[name]
        _log_ignored(name, _IGNORED[name])
    return found | ({"server_settings": settings} if settings else {})


def _refuse_unknown(options: dict[str, str]) -> None:
    names = sorted(options)
    if any(not re.fullmatch(r"\w{1,40}", each) or "@" in options[each] for each in names):
        raise InvalidUrl("has an unknown option")  # it may be part of a password
    if names:
        raise InvalidUrl(f"has an unknown option: {', '.join(names)}")


@cache  # one line a process and option
def _log_ignored(name: str, reason: str) -> None:
    log.warning("postgres_url_option_ignored", option=name, reason=reason)
