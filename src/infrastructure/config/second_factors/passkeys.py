"""The settings of passkeys."""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from infrastructure.config import parsers
from infrastructure.config.environment_variables import ConfigurationError, declare

_LOCALHOST = "localhost"


@dataclass(frozen=True, slots=True, kw_only=True)
class PasskeySettings:
    """For which domain passkeys are made, and which pages and apps use them."""

    domain: str | None = declare(
        "PASSKEY_DOMAIN",
        parsers.optional(parsers.passkey_domain),
        None,
        "The domain that passkeys are made for (the RP id): the host of `PUBLIC_URL`, or "
        "`localhost`, unless set. It may be a parent of the hosts that use it: `example.com` for "
        "`https://id.example.com`. Browsers accept no IP address. A passkey works for its domain "
        "alone: with another one, all users have to make new passkeys.",
    )
    former_domains: tuple[str, ...] = declare(
        "PASSKEY_FORMER_DOMAINS",
        parsers.passkey_domains,
        "",
        "Domains, separated by commas, whose passkeys are lost: without them, a start is refused "
        "when passkeys are stored that were made for another domain than the present one. See "
        "[second factors](second-factors.md#another-domain).",
    )
    origins: tuple[str, ...] = declare(
        "PASSKEY_ORIGINS",
        parsers.passkey_origins,
        "",
        "Origins of the pages and apps that may use passkeys, separated by commas: the origin of "
        "`PUBLIC_URL`, or `http://localhost:$PORT`, unless set. Apps for Android have "
        "`android:apk-key-hash:…`. `http://127.0.0.1` cannot use passkeys: open "
        "`http://localhost` there.",
    )


def is_domain_of(domain: str, host: str) -> bool:
    """Return whether pages of a host may use passkeys of a domain: it is the same or a parent.

    No browser lets a page use those of a top-level domain.
    """
    return domain == host or ("." in domain and host.endswith(f".{domain}"))


def check_domain(domain: str | None, public_host: str, origins: Iterable[str]) -> None:
    """Refuse a configured domain that no page could use, and origins that browsers do not trust.

    :param origins: of pages and apps.
    :raises ConfigurationError: at the start, not when a user makes a passkey.
    """
    urls = [urlsplit(each) for each in origins if each.startswith("http")]
    hosts = {public_host, *(each.hostname or "" for each in urls)}
    if domain and not any(is_domain_of(domain, host) for host in hosts):
        raise ConfigurationError(
            "PASSKEY_DOMAIN",
            "must be the host of PUBLIC_URL, or of one of PASSKEY_ORIGINS, or a parent domain of "
            "one: browsers refuse any other",
        )
    if any(each.scheme == "http" and each.hostname != _LOCALHOST for each in urls):
        raise ConfigurationError(
            "PASSKEY_ORIGINS", "must have https (http on localhost only): browsers want it"
        )
