"""The configured providers of logins. A service without any does not import this module."""

from collections.abc import Iterator

from application.ports import Clock
from domain.social_login.identity import ProviderName
from infrastructure.config.settings import Settings
from infrastructure.config.social_login.providers import GITHUB, GOOGLE
from infrastructure.identity_providers.github import GitHub, GitHubClient
from infrastructure.identity_providers.oidc import OidcClient, OidcProvider

_GOOGLE_ISSUER = "https://accounts.google.com"
_GOOGLE_HOSTS = frozenset(
    {"oauth2.googleapis.com", "openidconnect.googleapis.com", "www.googleapis.com"}
)


def make_providers(settings: Settings, clock: Clock) -> Iterator[OidcProvider | GitHub]:
    """Make the configured providers in the order in which people see them. None asks anything."""
    if settings.identity_providers.has_google:
        yield OidcProvider(_google(settings), clock)
    if settings.identity_providers.has_github:
        yield GitHub(_github(settings))
    for name in settings.oidc:
        yield OidcProvider(_oidc(settings, name), clock)


def redirect_uri(settings: Settings, name: ProviderName) -> str:
    """Return where a provider sends browsers back to, which has to be registered there."""
    return f"{settings.http.url}/api/auth/social/{name}/callback"


def _google(settings: Settings) -> OidcClient:
    given = settings.identity_providers
    return OidcClient(
        name=GOOGLE,
        label="Google",
        issuer=_GOOGLE_ISSUER,
        client_id=given.google_client_id or "",
        client_secret=given.google_client_secret or "",
        redirect_uri=redirect_uri(settings, GOOGLE),
        hosts=_GOOGLE_HOSTS,
        domains=given.google_domains,
        has_hosted_domain=True,
        can_reauthenticate=False,
    )


def _github(settings: Settings) -> GitHubClient:
    given = settings.identity_providers
    return GitHubClient(
        name=GITHUB,
        label="GitHub",
        url=given.github_url,
        client_id=given.github_client_id or "",
        client_secret=given.github_client_secret or "",
        redirect_uri=redirect_uri(settings, GITHUB),
    )


def _oidc(settings: Settings, name: ProviderName) -> OidcClient:
    given = settings.oidc[name]
    return OidcClient(
        name=name,
        label=given.label or name.replace("-", " ").title(),
        issuer=given.issuer,
        client_id=given.client_id,
        client_secret=given.client_secret,
        redirect_uri=redirect_uri(settings, name),
        scopes=given.scopes,
        hosts=given.hosts,
        domains=given.domains,
        emails_verified=given.emails_verified,
        trust_amr=given.trust_amr,
    )
