"""From the text of an environment variable to a typed value.

Each parser raises :class:`ValueError` with the words that follow the name of the variable. They
never contain the text: it may be a secret.
"""

import base64
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import TypeVar
from urllib.parse import urlsplit

from domain.rate_limit import RateLimit

_T = TypeVar("_T")
_LONGEST = 3650 * 86400

OWN_PATHS = (
    ".well-known", "account", "admin", "api", "assets", "docs", "forgot", "health",
    "login", "logout", "openapi.json", "register", "reset", "undo", "verify",
)  # fmt: skip
"""The first segments of the paths of all routes."""

_WITHOUT_PAGES = {"about", "blob", "data", "file", "ftp", "javascript", "mailto", "ws", "wss"}
"""Schemes of URLs whose pages have no origin of their own (``null``), or that have no pages."""

_URL_SAFE = str.maketrans("-_", "+/")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def text(text: str) -> str:
    """Accept any text."""
    return text


def host(text: str) -> str:
    """A host to listen on; an IPv6 address may be in brackets, as in a URL."""
    return text[1:-1] if text.startswith("[") and text.endswith("]") else text


def former_issuers(text: str) -> tuple[tuple[str, datetime], ...]:
    """``doorward until 2027-01-31, …``: issuers, each with a time; without a zone it is UTC."""
    found = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        issuer, _, until = part.partition(" until ")
        try:
            time = datetime.fromisoformat(until.strip())
            utc = time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
        except (ValueError, OverflowError):
            raise ValueError(
                "must be issuers with times: https://old.example until 2026-12-31"
            ) from None
        found.append((issuer.strip(), utc))
    return tuple(found)


def optional(parse: Callable[[str], _T]) -> Callable[[str], _T | None]:
    """Widen the type of a setting that has no default."""
    return parse


def port(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0
    if not 0 < number < 65536:
        raise ValueError("must be a port number from 1 to 65535")
    return number


def count(least: int, most: int = 10**9) -> Callable[[str], int]:
    up_to = f"to {most}" if most < 10**9 else ""

    def parse(text: str) -> int:
        is_number = text.isascii() and text.isdigit() and len(text) < 11
        if not (is_number and least <= int(text) <= most):
            raise ValueError(f"must be a whole number from {least} {up_to}".rstrip())
        return int(text)

    return parse


def one_of(*words: str) -> Callable[[str], str]:
    listed = " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))

    def parse(text: str) -> str:
        if text not in words:
            raise ValueError(f"must be {listed}")
        return text

    return parse


def in_any_case(parse: Callable[[str], _T]) -> Callable[[str], _T]:
    """Accept capitals, where other software reads a variable of the same name."""
    return lambda text: parse(text.lower())


def on_or_off(text: str) -> bool:
    return one_of("on", "off")(text) == "on"


def true_or_false(text: str) -> bool:
    return one_of("true", "false")(text) == "true"


def open_or_closed(text: str) -> bool:
    return one_of("open", "closed")(text) == "open"


def is_true(text: str) -> bool:
    """As OpenTelemetry has it: whatever is not ``true`` is false."""
    return text.lower() == "true"


def duration(text: str) -> timedelta:
    """``15m``, ``30d`` …; a number alone is in seconds."""
    match = re.fullmatch(r"([0-9]{1,9})([smhd]?)", text)
    if match is None:
        raise ValueError("must be a duration such as 10s, 15m, 2h or 30d")
    seconds = int(match[1]) * _UNITS[match[2] or "s"]
    if seconds > _LONGEST:
        raise ValueError("must be at most 3650d")
    return timedelta(seconds=seconds)


def lifetime(text: str) -> timedelta:
    if not (time := duration(text)):
        raise ValueError("must be longer than nothing")
    return time


def lifetime_or_off(text: str) -> timedelta | None:
    return None if text == "off" else lifetime(text)


def minutes(text: str) -> timedelta:
    return lifetime(f"{count(1)(text)}m")


def public_url(text: str) -> str:
    """A web origin, with the path below which the service is, if it is not the whole host."""
    whole = re.fullmatch(r"([^/]*//[^/?#]*)((?:/[A-Za-z0-9._~-]+)*)/?", text)
    if not whole or not whole[2]:
        return origin(text)
    segments = whole[2].split("/")[1:]
    if segments[0] in OWN_PATHS or {".", ".."} & set(segments):
        own = ", ".join(f"/{each}" for each in OWN_PATHS)
        raise ValueError(f"must be at another path: Doorward's own begin with {own}")
    return origin(whole[1]) + whole[2]


def origin(text: str) -> str:
    """A web origin as browsers write it (RFC 6454)."""
    try:
        url = urlsplit(text)
        number = url.port
    except ValueError:
        raise ValueError("must be an origin such as https://app.example.com") from None
    if url.scheme not in {"http", "https"} or not url.hostname or url.username is not None:
        raise ValueError("must be an origin such as https://app.example.com")
    if url.path not in {"", "/"} or url.query or url.fragment:
        raise ValueError("must be an origin, without a path")
    _check_host(url.hostname)
    default = 443 if url.scheme == "https" else 80
    host = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
    return f"{url.scheme}://{host}" + (f":{number}" if number not in {None, default} else "")


def _check_host(host: str, expected: str = "an origin such as https://app.example.com") -> None:
    """
    :param expected: what the setting takes.
    :raises ValueError: no browser sends an origin with this host, so it would never match.
    """
    if "*" in host:
        raise ValueError("must be written in full: there are no wildcards")
    if not host.isascii():
        raise ValueError("must be in ASCII, as browsers send host names: xn--…")
    if not re.fullmatch(r"[A-Za-z0-9._-]+|[0-9a-f:.]+", host):
        raise ValueError(f"must be {expected}")


def client_origin(text: str) -> str:
    """A web origin, or that of an app: ``capacitor://localhost``, ``chrome-extension://id`` …"""
    scheme, separator, rest = text.partition("://")
    is_app = re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*", scheme) and separator
    if not is_app or scheme.lower() in {"http", "https"}:
        return origin(text)
    if scheme.lower() in _WITHOUT_PAGES:
        raise ValueError("must be origins of pages or apps, such as https://app.example.com")
    host, colon, number = rest.removesuffix("/").partition(":")
    _check_host(host)
    return f"{scheme.lower()}://{host}" + (f":{port(number)}" if colon else "")


def origins(text: str) -> tuple[str, ...]:
    return tuple(client_origin(part.strip()) for part in text.split(",") if part.strip())


def passkey_domain(text: str) -> str:
    """The name of a host, as browsers write it: no address, no port."""
    host = text.lower()
    expected = "the name of a host such as example.com, without a scheme or port"
    _check_host(host, expected)
    label = r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?"
    is_address = re.fullmatch(r"[0-9.]+", host)
    if is_address or len(host) > 253 or not re.fullmatch(rf"{label}(\.{label})*", host):
        raise ValueError(f"must be {expected}")
    return host


def passkey_domains(text: str) -> tuple[str, ...]:
    return tuple(passkey_domain(part.strip()) for part in text.split(",") if part.strip())


def passkey_origins(text: str) -> tuple[str, ...]:
    return tuple(_passkey_origin(part.strip()) for part in text.split(",") if part.strip())


def _passkey_origin(text: str) -> str:
    """A web origin, or that of an app for Android: the digest of its certificate."""
    is_app = re.fullmatch(r"android:apk-key-hash:[A-Za-z0-9_-]{43}", text)
    return text if is_app else origin(text)


def words(text: str) -> tuple[str, ...]:
    found = tuple(part.strip() for part in text.split(",") if part.strip())
    if any(len(word) < 3 for word in found):
        raise ValueError("must be words of at least 3 characters, separated by commas")
    return found


def secrets(text: str) -> tuple[bytes, ...]:
    """Of 32 bytes each, in either alphabet of base64 (RFC 4648)."""
    parts = tuple(part.strip() for part in text.split(","))
    try:
        found = tuple(base64.b64decode(part.translate(_URL_SAFE), validate=True) for part in parts)
    except ValueError:
        found = ()
    if not found or any(len(secret) != 32 for secret in found):
        raise ValueError("must be 32 bytes in base64, or several such, separated by commas")
    return found


def unless_off(parse: Callable[[str], _T]) -> Callable[[str], _T | None]:
    return lambda text: None if text == "off" else parse(text)


def limit(name: str) -> Callable[[str], RateLimit | None]:
    """``10/15m``: ten attempts in fifteen minutes. ``off``: no limit."""

    def parse(text: str) -> RateLimit | None:
        if text == "off":
            return None
        attempts, _, window = text.partition("/")
        try:
            return RateLimit(name, count(1)(attempts), lifetime(window))
        except ValueError:
            raise ValueError("must be attempts in a time, such as 10/15m, or off") from None

    return parse


def networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    try:
        return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())
    except ValueError:
        raise ValueError("must be addresses or networks such as 10.0.0.0/8") from None


def cookie_prefix(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{0,32}", text) or text.lower().startswith("__"):
        raise ValueError("must be up to 32 letters, digits, - and _, and not begin with __")
    return text


def hosts(text: str) -> frozenset[str]:
    if re.search(r"[^\]]:\d+\s*(,|$)|//", text):
        raise ValueError("must be host names, without schemes and ports")
    return frozenset(part.strip().lower() for part in text.split(",") if part.strip())
