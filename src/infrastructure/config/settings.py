"""The configuration: environment variables, read once, checked and documented.

Each part of the settings is a dataclass in a file of its own. Its fields name their variable,
default and meaning: docs/configuration.md and ``doorward doctor`` are made from them.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

from application.registration_policy import EmailVerification
from domain.social_login.identity import ProviderName
from infrastructure.config.data_secret import SecretSettings
from infrastructure.config.environment_variables import (
    ConfigurationError,
    Variable,
    read_part,
    variables_of,
)
from infrastructure.config.http import HttpSettings
from infrastructure.config.logging import LogSettings
from infrastructure.config.mail.settings import MailSettings
from infrastructure.config.mail.url import MailScheme
from infrastructure.config.passwords import PasswordSettings
from infrastructure.config.rate_limits import RateLimitSettings
from infrastructure.config.registration import RegistrationSettings
from infrastructure.config.second_factors.passkeys import (
    PasskeySettings,
    check_domain,
    is_domain_of,
)
from infrastructure.config.second_factors.policy import SecondFactorSettings
from infrastructure.config.signing_keys import KeySettings
from infrastructure.config.social_login.oidc_variables import oidc_variables, read_oidc
from infrastructure.config.social_login.providers import IdentityProviderSettings, OidcSettings
from infrastructure.config.storage import StorageSettings
from infrastructure.config.telemetry import TelemetrySettings
from infrastructure.config.tokens import TokenSettings
from infrastructure.config.web_pages.settings import PageSettings

_Part = TypeVar("_Part")


def _part(title: str, part: type[_Part]) -> _Part:
    return field(default_factory=part, metadata={"title": title, "part": part})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings. A part of the program takes the part that it needs."""

    http: HttpSettings = _part("Web server", HttpSettings)
    pages: PageSettings = _part("Pages", PageSettings)
    storage: StorageSettings = _part("Stores", StorageSettings)
    keys: KeySettings = _part("Signing keys", KeySettings)
    secrets: SecretSettings = _part("Secrets in the database", SecretSettings)
    tokens: TokenSettings = _part("Tokens and sessions", TokenSettings)
    passwords: PasswordSettings = _part("Passwords", PasswordSettings)
    rate_limits: RateLimitSettings = _part("Rate limits", RateLimitSettings)
    mail: MailSettings = _part("Mail", MailSettings)
    registration: RegistrationSettings = _part("Registration", RegistrationSettings)
    second_factors: SecondFactorSettings = _part("Second factors", SecondFactorSettings)
    passkeys: PasskeySettings = _part("Passkeys", PasskeySettings)
    identity_providers: IdentityProviderSettings = _part(
        "Logins at other providers", IdentityProviderSettings
    )
    logs: LogSettings = _part("Logs", LogSettings)
    telemetry: TelemetrySettings = _part("Metrics and traces", TelemetrySettings)
    oidc: Mapping[ProviderName, OidcSettings] = field(default_factory=dict, hash=False)
    """The OpenID providers by name."""
    given: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)
    """The texts of the variables that are set and are no secrets, by their names."""

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Read all settings.

        :raises ConfigurationError: a value is invalid, or two contradict each other.
        """
        given = {
            each.name: text
            for each in cls.variables(environment)
            if not each.is_secret and (text := environment.get(each.name, "").strip())
        }
        parts: dict[str, Any] = {
            each.name: read_part(each.metadata["part"], environment) for each in cls.parts()
        }
        return cls(**parts, oidc=read_oidc(environment), given=given)

    @classmethod
    def parts(cls) -> list[Field[Any]]:
        """Return the fields of the parts, each with its ``title`` and its type, the ``part``."""
        return [each for each in fields(cls) if "part" in each.metadata]

    @classmethod
    def variables(cls, environment: Mapping[str, str] | None = None) -> list[Variable[Any]]:
        """Return the variables of all parts.

        :param environment: whose OpenID providers are among them.
        """
        return [
            variable for each in cls.parts() for variable in variables_of(each.metadata["part"])
        ] + list(oidc_variables(environment or {}))

    def __post_init__(self) -> None:
        """Report at the start what needs mail or else discloses what it must not, and what no
        browser accepts.
        """
        needed = EmailVerification.REQUIRED
        if not self.registration.discloses and self.email_verification is not needed:
            raise ConfigurationError(
                "REGISTRATION_DISCLOSES",
                "is false, and needs EMAIL_VERIFICATION=required: a login discloses it otherwise",
            )
        if self.email_verification is needed and not self.sends_mail:
            name = (
                "EMAIL_VERIFICATION" if self.registration.discloses else "REGISTRATION_DISCLOSES"
            )
            value = "required" if self.registration.discloses else "false"
            raise ConfigurationError(name, f"is {value}, and needs mail: set MAIL_URL")
        host = urlsplit(self.http.url).hostname or ""
        check_domain(self.passkeys.domain, host, self.passkeys.origins)

    @property
    def sends_mail(self) -> bool:
        """Whether this installation sends mail at all."""
        return self.mail.destination(self.storage).scheme is not MailScheme.OFF

    @property
    def passkey_domain(self) -> str:
        """The domain that passkeys are made for (the RP id)."""
        return self.passkeys.domain or urlsplit(self.http.url).hostname or "localhost"

    @property
    def offers_passkeys(self) -> bool:
        """Whether browsers let a page use passkeys: they want https, or ``localhost``."""
        return any(
            each.startswith(("https://", "android:")) or urlsplit(each).hostname == "localhost"
            for each in self.passkey_origins
        )

    @property
    def passkey_origins(self) -> tuple[str, ...]:
        """The origins whose pages may use passkeys."""
        return self.passkeys.origins or (self.http.origin,)

    @property
    def related_origins(self) -> tuple[str, ...]:
        """The origins of pages outside the domain of passkeys. Browsers have to be told of them
        (Web Authentication, Level 3, section 5.11).
        """
        return tuple(
            each
            for each in self.passkey_origins
            if each.startswith("https://")
            and not is_domain_of(self.passkey_domain, urlsplit(each).hostname or "")
        )

    @property
    def password_page(self) -> str | None:
        """The page to change a password: configured, or the service's own one."""
        own = f"{self.http.path_prefix}/account/password"
        return self.passwords.change_url or (own if self.pages.has_account_pages else None)

    @property
    def email_verification(self) -> EmailVerification:
        """Whether users prove their addresses, as configured or by default."""
        chosen = self.registration.email_verification
        if chosen is not None:
            return EmailVerification(chosen)
        if not self.registration.discloses:
            return EmailVerification.REQUIRED
        return EmailVerification.OPTIONAL if self.mail.is_configured else EmailVerification.OFF

    @property
    def issuer(self) -> str:
        """The ``iss`` claim of tokens. It never depends on the port: changing that must log out
        no user.
        """
        return self.tokens.issuer or self.http.public_url or "doorward"


def tables() -> str:
    """Return a Markdown table of the settings for each part, under its title."""
    return "\n".join(
        f"## {each.metadata['title']}\n\n{_table(variables_of(each.metadata['part']))}"
        for each in Settings.parts()
    ) + (
        "\n## OpenID providers\n\n"
        "Each has a name, such as `KEYCLOAK` in `OIDC_KEYCLOAK_ISSUER`: capital letters, digits "
        "and `_`.\n\n"
        f"{_table(variables_of(OidcSettings, 'OIDC_<NAME>_'))}"
    )


def _table(variables: Iterable[Variable[Any]]) -> str:
    rows = ["| Variable | Default | Meaning |", "|---|---|---|"]
    for each in variables:
        default = f"`{each.default}`" if each.default else ""
        rows.append(f"| `{each.name}` | {default} | {each.meaning} |")
    return "\n".join(rows) + "\n"
