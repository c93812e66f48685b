"""The configuration: environment variables, read once, checked, and explained.

Each field of :class:`Settings` names its variable, its default and its meaning, so the table in
docs/configuration.md and the answers of ``doorward doctor`` come from here.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network
from typing import Self

from domain.rate_limit import RateLimit
from infrastructure.config import environment_variables as var
from infrastructure.config.environment_variables import ConfigurationError
from infrastructure.config.signing_keys import KeySettings
from infrastructure.passwords.argon2_hasher import (
    HIGHEST_MEMORY_KIB,
    HIGHEST_TIME_COST,
    LOWEST_MEMORY_KIB,
    LOWEST_TIME_COST,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(KeySettings):
    """What can be configured. An empty variable counts as not set."""

    host: str = var.declare("HOST", var.text, "127.0.0.1", "The address to listen on.")
    port: int = var.declare("PORT", var.port, "8000", "The port to listen on.")
    workers: int = var.declare("WORKERS", var.count(1), "1", "The number of server processes.")
    public_url: str | None = var.declare(
        "PUBLIC_URL",
        var.optional(var.origin),
        None,
        "The origin under which browsers reach the service; `http://localhost:$PORT` unless set. "
        "With `https://` cookies are `Secure` and bear the `__Host-` prefix.",
    )
    client_origin: tuple[str, ...] = var.declare(
        "CLIENT_ORIGIN",
        var.origins,
        "",
        "The origins, separated by commas, whose pages may call the service with cookies (CORS).",
    )
    request_timeout: timedelta = var.declare(
        "REQUEST_TIMEOUT",
        var.lifetime,
        "20s",
        "How long a caller may take to send a request, head and body.",
    )
    shutdown_delay: timedelta = var.declare(
        "SHUTDOWN_DELAY",
        var.duration,
        "2s",
        "How long the service goes on after SIGTERM, with `/health/ready` at 503, so that load "
        "balancers send no more. After it, requests under way have 7 s.",
    )
    access_expired_in: timedelta | None = var.declare(
        "ACCESS_TOKEN_EXPIRED_IN",
        var.optional(var.lifetime),
        None,
        "How long an access token is good: `15m` unless set.",
    )
    access_maxage: timedelta | None = var.declare(
        "ACCESS_TOKEN_MAXAGE",
        var.optional(var.minutes),
        None,
        "The same in minutes. If both are set they must agree.",
    )
    refresh_expired_in: timedelta | None = var.declare(
        "REFRESH_TOKEN_EXPIRED_IN",
        var.optional(var.lifetime),
        None,
        "How long a session lasts without a refresh: `60m` unless set.",
    )
    refresh_maxage: timedelta | None = var.declare(
        "REFRESH_TOKEN_MAXAGE",
        var.optional(var.minutes),
        None,
        "The same in minutes. If both are set they must agree.",
    )
    session_lifetime: timedelta = var.declare(
        "SESSION_LIFETIME",
        var.lifetime,
        "30d",
        "How long a session lasts with refreshes, at most.",
    )
    sessions_per_user: int = var.declare(
        "SESSIONS_PER_USER",
        var.count(1, 1000),
        "50",
        "How many sessions a user can have at a time; a login beyond that ends the oldest.",
    )
    refresh_grace: timedelta = var.declare(
        "REFRESH_GRACE",
        var.duration,
        "10s",
        "How long a spent refresh token still gets its successor.",
    )
    issuer: str | None = var.declare(
        "ISSUER",
        var.optional(var.text),
        None,
        "The `iss` of tokens: `PUBLIC_URL` unless set, or else `doorward`.",
    )
    audience: str | None = var.declare(
        "AUDIENCE",
        var.optional(var.text),
        None,
        "The `aud` of access tokens: `ISSUER` unless set.",
    )
    password_min_length: int = var.declare(
        "PASSWORD_MIN_LENGTH", var.count(8), "8", "The fewest characters of a new password."
    )
    argon2_memory: int = var.declare(
        "ARGON2_MEMORY_KIB",
        var.count(LOWEST_MEMORY_KIB, HIGHEST_MEMORY_KIB),
        "47104",
        "The memory of a password hash, in KiB.",
    )
    argon2_passes: int = var.declare(
        "ARGON2_PASSES",
        var.count(LOWEST_TIME_COST, HIGHEST_TIME_COST),
        "2",
        "The passes of a password hash over its memory.",
    )
    hash_threads: int = var.declare(
        "HASH_THREADS", var.count(1), "1", "Password hashes computed at once, for each worker."
    )
    hash_queue: int = var.declare(
        "HASH_QUEUE",
        var.count(0),
        "64",
        "Password hashes that may wait, for each worker. Beyond that the answer is 503.",
    )

    login_limit_account: RateLimit | None = var.declare(
        "LOGIN_LIMIT_ACCOUNT",
        var.limit("login-account"),
        "10/15m",
        "Failed logins to one account, as attempts/time; `off` for no limit. A device on which "
        "the owner has logged in before has attempts of its own.",
    )
    login_limit_address: RateLimit | None = var.declare(
        "LOGIN_LIMIT_ADDRESS",
        var.limit("login-address"),
        "300/15m",
        "Logins from one address; from a network of 64 bits with IPv6.",
    )
    login_limit: RateLimit | None = var.declare(
        "LOGIN_LIMIT", var.limit("login"), "3000/1m", "Logins of everybody."
    )
    register_limit_address: RateLimit | None = var.declare(
        "REGISTER_LIMIT_ADDRESS",
        var.limit("register-address"),
        "100/1h",
        "Registrations from one address.",
    )
    register_limit: RateLimit | None = var.declare(
        "REGISTER_LIMIT", var.limit("register"), "1000/1m", "Registrations of everybody."
    )
    change_limit_account: RateLimit | None = var.declare(
        "CHANGE_LIMIT_ACCOUNT",
        var.limit("change-account"),
        "60/1h",
        "Changes of a profile and exports, of one user.",
    )
    refresh_limit_account: RateLimit | None = var.declare(
        "REFRESH_LIMIT_ACCOUNT",
        var.limit("refresh-account"),
        "300/1m",
        "Refreshes of one user, on all devices together.",
    )
    refresh_limit_address: RateLimit | None = var.declare(
        "REFRESH_LIMIT_ADDRESS",
        var.limit("refresh-address"),
        "3000/1m",
        "Refreshes from one address.",
    )
    refresh_limit: RateLimit | None = var.declare(
        "REFRESH_LIMIT", var.limit("refresh"), "off", "Refreshes of everybody."
    )
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = var.declare(
        "TRUSTED_PROXIES",
        var.networks,
        "",
        "Addresses or networks, separated by commas, whose `X-Forwarded-For` and `X-Request-Id` "
        "are believed.",
    )
    allowed_hosts: frozenset[str] = var.declare(
        "ALLOWED_HOSTS",
        var.hosts,
        "",
        "Host names, separated by commas, by which the service may be called; any unless set. "
        "`/health/…` answers to every name.",
    )

    metrics_port: int | None = var.declare(
        "METRICS_PORT",
        var.optional(var.port),
        None,
        "The port of `/metrics`, for Prometheus. Unless it is set nothing is counted.",
    )
    metrics_host: str = var.declare(
        "METRICS_HOST",
        var.text,
        "127.0.0.1",
        "The address that `METRICS_PORT` is at. Whoever can connect to it can read it.",
    )
    traces_exporter: str | None = var.declare(
        "OTEL_TRACES_EXPORTER",
        var.optional(var.one_of("otlp", "none")),
        None,
        "`otlp` sends traces to OpenTelemetry's collector, as does either of the next two; `none` "
        "does not. The other `OTEL_…` variables of OpenTelemetry's SDK count as well.",
    )
    otlp_endpoint: str | None = var.declare(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        var.optional(var.text),
        None,
        "Where the collector is: `http://localhost:4318` unless set.",
        is_secret=True,  # a password may be in it
    )
    otlp_traces_endpoint: str | None = var.declare(
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        var.optional(var.text),
        None,
        "The whole URL for traces, `/v1/traces` included, in place of that.",
        is_secret=True,
    )
    otlp_protocol: str = var.declare(
        "OTEL_EXPORTER_OTLP_PROTOCOL",
        var.one_of("http/protobuf"),
        "http/protobuf",
        "The only one that is spoken.",
    )
    is_otel_disabled: bool = var.declare(
        "OTEL_SDK_DISABLED", var.is_true, "false", "`true` for no traces, whatever else is set."
    )

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """
        :raises ConfigurationError: a value that cannot be, or two that contradict each other.
        """
        settings = cls(**{each.name: var.read(each, environment) for each in fields(cls)})
        # Contradictions are reported at the start, not when the value is first needed.
        _ = settings.access_lifetime, settings.refresh_lifetime
        return settings

    @property
    def origin(self) -> str:
        """Under which browsers reach the service."""
        return self.public_url or f"http://localhost:{self.port}"

    @property
    def token_issuer(self) -> str:
        # Not the port: moving to another one must log nobody out.
        return self.issuer or self.public_url or "doorward"

    @property
    def is_traced(self) -> bool:
        if self.is_otel_disabled or self.traces_exporter == "none":
            return False
        return bool(self.traces_exporter or self.otlp_endpoint or self.otlp_traces_endpoint)

    @property
    def access_lifetime(self) -> timedelta:
        return self._agreed("access", timedelta(minutes=15))

    @property
    def refresh_lifetime(self) -> timedelta:
        return self._agreed("refresh", timedelta(minutes=60))

    def _agreed(self, kind: str, default: timedelta) -> timedelta:
        spelled: timedelta | None = getattr(self, f"{kind}_expired_in")
        in_minutes: timedelta | None = getattr(self, f"{kind}_maxage")
        if spelled and in_minutes and spelled != in_minutes:
            raise ConfigurationError(
                f"{kind.upper()}_TOKEN_EXPIRED_IN and {kind.upper()}_TOKEN_MAXAGE",
                "disagree: set one of them, or both to the same lifetime",
            )
        return spelled or in_minutes or default


def table() -> str:
    """The settings as a Markdown table."""
    rows = ["| Variable | Default | Meaning |", "|---|---|---|"]
    for each in fields(Settings):
        default = each.metadata["default"]
        shown = f"`{default}`" if default else ""
        rows.append(f"| `{each.metadata['variable']}` | {shown} | {each.metadata['meaning']} |")
    return "\n".join(rows) + "\n"
