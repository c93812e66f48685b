"""Settings of the web server and of its place on the web."""

from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network
from urllib.parse import urlsplit

from infrastructure.config import parsers
from infrastructure.config.environment_variables import declare


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSettings:
    """Where and how the service answers HTTP."""

    host: str = declare("HOST", parsers.host, "127.0.0.1", "Address to listen on.")
    port: int = declare("PORT", parsers.port, "8000", "Port to listen on.")
    is_registration_open: bool = declare(
        "REGISTRATION",
        parsers.open_or_closed,
        "open",
        "`closed`: only the operator, imports and invitations of administrators make users.",
    )
    workers: int = declare("WORKERS", parsers.count(1), "1", "Number of server processes.")
    public_url: str | None = declare(
        "PUBLIC_URL",
        parsers.optional(parsers.public_url),
        None,
        "Origin under which browsers reach the service; `http://localhost:$PORT` unless set. It "
        "may end with a path, such as `https://example.com/auth`, which a proxy may strip or not. "
        "With `https://` the cookies are `Secure` and their names begin with `__Host-`. It is the "
        "`iss` and `aud` of tokens: see `FORMER_ISSUERS` before you set or change it.",
    )
    hsts_subdomains: bool = declare(
        "HSTS_SUBDOMAINS",
        parsers.on_or_off,
        "off",
        "`on`: under an https `PUBLIC_URL` browsers reach every subdomain of its host by https "
        "only, too (`includeSubDomains`).",
    )
    client_origins: tuple[str, ...] = declare(
        "CLIENT_ORIGIN",
        parsers.origins,
        "",
        "Origins, separated by commas, whose pages may call the service with cookies (CORS): "
        "`https://app.example.com`, and those of apps such as `capacitor://localhost`. There are "
        "no wildcards.",
    )
    cookie_prefix: str = declare(
        "COOKIE_PREFIX",
        parsers.cookie_prefix,
        "",
        "Beginning of the names of all cookies, such as `shop_`. Two installations on one host "
        "need different ones, because browsers send cookies to every port.",
    )
    api_docs: bool = declare(
        "API_DOCS",
        parsers.on_or_off,
        "on",
        "`off`: neither the page `/docs` nor the document `/openapi.json` is served.",
    )
    legacy_get: bool = declare(
        "LEGACY_GET",
        parsers.on_or_off,
        "on",
        "`off`: `GET` neither refreshes nor logs out, only `POST` does. Over plain http another "
        "site can make a browser send such a `GET`.",
    )
    request_timeout: timedelta = declare(
        "REQUEST_TIMEOUT",
        parsers.lifetime,
        "20s",
        "Time limit for a client to send a request, head and body.",
    )
    max_connections: int = declare(
        "MAX_CONNECTIONS",
        parsers.count(1),
        "4096",
        "Open connections of each worker. A new one above that closes the least recently used one "
        "without a request in work. The operating system's limit of open files may lower it.",
    )
    max_connections_per_address: int = declare(
        "MAX_CONNECTIONS_PER_ADDRESS",
        parsers.count(1),
        "512",
        "The same for the connections of one IPv4 address or IPv6 /64 network that is none of "
        "`TRUSTED_PROXIES`.",
    )
    shutdown_delay: timedelta = declare(
        "SHUTDOWN_DELAY",
        parsers.duration,
        "2s",
        "Time from SIGTERM to the end of accepting connections, with `/health/ready` at 503, so "
        "that load balancers stop sending requests. After it, running requests have 7 s.",
    )
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = declare(
        "TRUSTED_PROXIES",
        parsers.networks,
        "",
        "Addresses or networks, separated by commas, of the proxies whose `X-Forwarded-For`, "
        "`X-Request-Id` and `traceparent` are trusted.",
    )
    allowed_hosts: frozenset[str] = declare(
        "ALLOWED_HOSTS",
        parsers.hosts,
        "",
        "Accepted host names, separated by commas; all unless set. `/health/…` accepts every "
        "name.",
    )

    @property
    def origin(self) -> str:
        """The origin under which browsers reach the service."""
        return self.url.removesuffix(self.path_prefix)

    @property
    def path_prefix(self) -> str:
        """The path below which the service is, such as ``/auth``; empty for the whole host."""
        return urlsplit(self.url).path

    @property
    def url(self) -> str:
        """The origin, with the path below which the service is."""
        return self.public_url or f"http://localhost:{self.port}"
