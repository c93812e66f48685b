"""Settings of logins at other providers.

Google and GitHub have variables of their own; ``oidc_variables.py`` reads those of OpenID
providers.
"""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from domain.social_login.identity import (
    LONGEST_ISSUER,
    ProviderName,
)
from domain.social_login.rules import LinkingPolicy
from domain.text import is_clean, is_visible
from infrastructure.config import parsers
from infrastructure.config.environment_variables import (
    ConfigurationError,
    declare,
)
from infrastructure.config.mail.url import LOCAL_HOSTS

GOOGLE, GITHUB = ProviderName("google"), ProviderName("github")

_LONGEST_LABEL = 30
_LONGEST_CLIENT = 255
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")  # RFC 6749, section 3.3
_ISSUER = re.compile(r"[A-Za-z0-9._~:/\[\]@!$&()*+,;=%-]+")
_HOST = re.compile(r"[a-z0-9.-]+(:[0-9]{1,5})?")


def _client(text: str) -> str:
    """A client id or secret as RFC 6749, appendix A has them: visible ASCII, and spaces."""
    if not re.fullmatch(rf"[\x20-\x7e]{{1,{_LONGEST_CLIENT}}}", text):
        raise ValueError(f"must be at most {_LONGEST_CLIENT} visible ASCII characters")
    return text


def _issuer(text: str) -> str:
    """The issuer, kept to the letter, because tokens are compared with it."""
    try:
        url = urlsplit(text)
        parsers.origin(f"{url.scheme}://{url.netloc}")
    except ValueError:
        url = urlsplit("")
    is_local = LOCAL_HOSTS.fullmatch(url.hostname or "") is not None
    is_safe = url.scheme == "https" or (url.scheme == "http" and is_local)
    if not (is_safe and len(text) <= LONGEST_ISSUER and _ISSUER.fullmatch(text)):
        raise ValueError(
            "must be the https URL of an issuer (http on localhost only), without a query, such "
            "as https://id.example.com/realms/staff"
        )
    return text


def _scopes(text: str) -> tuple[str, ...]:
    found = tuple(text.replace(",", " ").split())
    if "openid" not in found or not all(map(_SCOPE.fullmatch, found)):
        raise ValueError("must be scopes, separated by spaces, and openid among them")
    return found


def _label(text: str) -> str:
    if len(text) > _LONGEST_LABEL or not (is_clean(text) and is_visible(text)):
        raise ValueError(f"must be at most {_LONGEST_LABEL} characters, none of them invisible")
    return text


def _domains(text: str) -> frozenset[str]:
    try:
        found = frozenset(parsers.passkey_domains(text))
    except ValueError:
        found = frozenset({""})
    if not all("." in each for each in found):
        raise ValueError("must be domains of addresses, such as example.com")
    return found


def _github_url(text: str) -> str:
    url = parsers.origin(text)
    is_local = LOCAL_HOSTS.fullmatch(urlsplit(url).hostname or "") is not None
    if not (url.startswith("https://") or is_local):
        raise ValueError("must be an https origin such as https://github.example.com")
    return url


def _linking(text: str) -> LinkingPolicy:
    return LinkingPolicy(parsers.one_of(*LinkingPolicy)(text))


def _hosts(text: str) -> frozenset[str]:
    found = frozenset(part.strip().lower() for part in text.split(",") if part.strip())
    if not all(map(_HOST.fullmatch, found)):
        raise ValueError("must be host names such as api.example.com, without schemes")
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcSettings:
    """One OpenID provider. The names of its variables begin with ``OIDC_<NAME>_``.

    :func:`read_oidc` returns complete ones only: issuer, client id and client secret are set.
    """

    issuer: str = declare(
        "ISSUER",
        _issuer,
        None,
        "Issuer of the provider, to the letter as in its discovery document, which is at "
        "`/.well-known/openid-configuration` below it.",
    )
    client_id: str = declare(
        "CLIENT_ID",
        _client,
        None,
        "What the provider calls Doorward.",
    )
    client_secret: str = declare(
        "CLIENT_SECRET",
        _client,
        None,
        "What Doorward authenticates with at the provider.",
        is_secret=True,
    )
    scopes: tuple[str, ...] = declare(
        "SCOPES",
        _scopes,
        "openid email profile",
        "What Doorward asks for, separated by spaces.",
    )
    label: str | None = declare(
        "LABEL",
        parsers.optional(_label),
        None,
        "What people read on the button; the name of the provider unless set.",
    )
    emails_verified: bool = declare(
        "EMAILS_VERIFIED",
        parsers.true_or_false,
        "false",
        "`true`: the operator knows that each address that the provider states is that of the "
        "person, though the provider does not say so (`email_verified`).",
    )
    trust_amr: bool = declare(
        "TRUST_AMR",
        parsers.true_or_false,
        "false",
        "`true`: a login there with several factors (`amr` with `mfa`) counts as one with several "
        "factors here, and no second factor of the account is asked for.",
    )
    domains: frozenset[str] = declare(
        "DOMAINS",
        _domains,
        "",
        "Domains of addresses, separated by commas, whose owners may log in; all unless set.",
    )
    hosts: frozenset[str] = declare(
        "HOSTS",
        _hosts,
        "",
        "Hosts, separated by commas, that the endpoints of the provider may be at, beside that of "
        "its issuer.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityProviderSettings:
    """The providers with variables of their own, and whether known users are linked."""

    google_client_id: str | None = declare(
        "GOOGLE_CLIENT_ID",
        parsers.optional(_client),
        None,
        "Client id of Google for web applications. With its secret people can log in with "
        "Google: see [social-login.md](social-login.md).",
    )
    google_client_secret: str | None = declare(
        "GOOGLE_CLIENT_SECRET",
        parsers.optional(_client),
        None,
        "Client secret of Google.",
        is_secret=True,
    )
    google_domains: frozenset[str] = declare(
        "GOOGLE_DOMAINS",
        _domains,
        "",
        "Google Workspace organisations, separated by commas, whose members may log in: the "
        "`hd` claim is checked. All Google accounts unless set.",
    )
    github_client_id: str | None = declare(
        "GITHUB_CLIENT_ID",
        parsers.optional(_client),
        None,
        "Client id of an OAuth app of GitHub. With its secret people can log in with GitHub.",
    )
    github_client_secret: str | None = declare(
        "GITHUB_CLIENT_SECRET",
        parsers.optional(_client),
        None,
        "Client secret of GitHub.",
        is_secret=True,
    )
    github_url: str = declare(
        "GITHUB_URL",
        _github_url,
        "https://github.com",
        "Another GitHub, such as an Enterprise Server.",
    )
    linking: LinkingPolicy = declare(
        "SOCIAL_LINKING",
        _linking,
        "off",
        "`verified`: an unknown account of a provider logs in the user who has its address, if "
        "the provider and Doorward have both verified it, and the user has no second factor. "
        "`off`: users link accounts themselves.",
    )

    def __post_init__(self) -> None:
        """
        :raises ConfigurationError: only one half of a client is configured.
        """
        _check_both("GOOGLE", self.google_client_id, self.google_client_secret)
        _check_both("GITHUB", self.github_client_id, self.github_client_secret)

    @property
    def has_google(self) -> bool:
        return self.google_client_id is not None

    @property
    def has_github(self) -> bool:
        return self.github_client_id is not None


def _check_both(name: str, client_id: str | None, secret: str | None) -> None:
    given, missing = f"{name}_CLIENT_ID", f"{name}_CLIENT_SECRET"
    if client_id is None:
        given, missing = missing, given
    if (client_id is None) is not (secret is None):
        raise ConfigurationError(given, f"is set, and {missing} is not: set both or none")
