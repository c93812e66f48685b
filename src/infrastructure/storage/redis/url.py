"""URLs of Redis servers: the options that they may have, and those that Doorward sets itself."""

import re
from collections.abc import Iterator
from functools import cache
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

import structlog

from infrastructure.storage.options import InvalidUrl

log = structlog.stdlib.get_logger("doorward")

UNREADABLE = "is not a Redis URL; mind what must be percent-encoded"

RESPONSES = {
    "protocol": 3,
    "decode_responses": False,
    "encoding": "utf-8",
    "encoding_errors": "strict",
}
"""Options of a connection that change the shape of responses: the stores rely on these."""

_IGNORED = frozenset(
    {
        *RESPONSES,
        "legacy_responses",
        # STORE_TIMEOUT limits each call, and each process has two connections.
        "timeout",
        "socket_timeout",
        "socket_connect_timeout",
        "socket_read_size",
        "retry_on_timeout",
        "health_check_interval",
        "max_connections",
    }
)
"""Options for other software that has the same URL."""

_ALLOWED = frozenset({"db", "username", "password", "client_name", "socket_keepalive"})

_ALLOWED_WITH_TLS = _ALLOWED | {
    "ssl_keyfile",
    "ssl_certfile",
    "ssl_password",
    "ssl_cert_reqs",
    "ssl_ca_certs",
    "ssl_ca_path",
    "ssl_ca_data",
    "ssl_check_hostname",
    "ssl_min_version",
    "ssl_ciphers",
}

_CERTIFICATE_CHECKS = ("none", "optional", "required")


def own_url(url: str) -> str:
    """Return the URL without the options that Doorward sets itself, for ``ConnectionPool``.

    :raises InvalidUrl: the URL cannot be read, or has an unknown option or database.
    """
    if url.count("@") > 1 or re.match(r"rediss?://[^@/]*/[^?]*@", url):
        # A part of the password would be read as the host, and shown.
        raise InvalidUrl("has an @ or a / in its user or password: write it as %40 or %2F")
    try:
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
    except ValueError:  # its message quotes the URL
        raise InvalidUrl(UNREADABLE) from None
    _require_number(parts, options)
    return parts._replace(query=urlencode(dict(_own(parts.scheme, options)))).geturl()


def _own(scheme: str, options: dict[str, str]) -> Iterator[tuple[str, str]]:
    allowed = _ALLOWED_WITH_TLS if scheme == "rediss" else _ALLOWED
    for name, value in options.items():
        if name in _IGNORED:
            _log_ignored(name)
        elif name not in allowed:
            raise InvalidUrl(_unknown(name))
        elif name == "ssl_cert_reqs":
            yield name, _certificate_check(value)
        else:
            yield name, value


def _unknown(name: str) -> str:
    if name in _ALLOWED_WITH_TLS:
        return f"has the option {name}, which needs rediss://"
    return "has an unknown option"  # its name may be part of a password


def _certificate_check(value: str) -> str:
    """Accept the spellings of redis-py and of Celery, which are Python's: ``CERT_NONE``."""
    check = value.lower().removeprefix("cert_")
    if check not in _CERTIFICATE_CHECKS:
        raise InvalidUrl(f"has an ssl_cert_reqs that is none of {', '.join(_CERTIFICATE_CHECKS)}")
    return check


def _require_number(parts: SplitResult, options: dict[str, str]) -> None:
    """
    :raises InvalidUrl: the database is no number. redis-py would use database 0.
    """
    numbers = [options["db"]] if "db" in options else []
    if parts.scheme != "unix":  # there the path is the socket's
        numbers.append(parts.path.removeprefix("/").removesuffix("/") or "0")
    if not all(each.isascii() and each.isdigit() and len(each) < 10 for each in numbers):
        raise InvalidUrl("must name the database by its number: redis://host:6379/0")


@cache  # one line a process and option
def _log_ignored(name: str) -> None:
    log.warning("redis_url_option_ignored", option=name)
