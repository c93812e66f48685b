"""The checks of other providers: discovery, keys and client, without a login."""

import time

from domain.errors import ProviderRefused, ProviderUnavailable
from domain.social_login.identity import ProviderName
from doorward.diagnostics.finding import Verdict
from infrastructure.clock import system_clock
from infrastructure.config.environment_variables import ConfigurationError
from infrastructure.config.settings import Settings
from infrastructure.config.social_login.providers import GITHUB, GOOGLE
from infrastructure.storage.locations import locations

_MEANINGS = {
    "discovery_issuer_differs": "its discovery document names another issuer: copy that to the "
    "letter",
    "discovery_status_404": "there is no discovery document below the issuer",
    "discovery_algorithms_unknown": "it signs ID tokens neither with RS256 nor PS256, ES256 "
    "or EdDSA",
    "discovery_client_authentication_unknown": "it offers neither client_secret_basic nor "
    "client_secret_post",
    "keys_unusable": "none of its keys can verify an ID token",
    "token_invalid_client": "it does not know this client id and secret",
    "token_unauthorized_client": "it does not let this client log people in",
    "token_incorrect_client_credentials": "it does not know this client id and secret",
    "token_redirect_uri_mismatch": "another redirect URI is registered",
}
_SUFFIXES = {
    "_host_not_allowed": "is at a host that its _HOSTS has to list",
    "_missing": "is missing in the discovery document",
    "_timeout": "does not answer in time",
}


def names_of(settings: Settings) -> list[ProviderName]:
    """Return the names of the configured providers."""
    given = settings.identity_providers
    own = {GOOGLE: given.has_google, GITHUB: given.has_github}
    return [name for name, is_there in own.items() if is_there] + list(settings.oidc)


def require_identities(settings: Settings) -> None:
    """Require that the store of the users can link the accounts of the configured providers.

    :raises ConfigurationError: it cannot: a new user would be left without the account.
    """
    names = names_of(settings)
    users, _ = locations(settings.storage)
    if names and users.backend.identities is None:
        prefix = "" if names[0] in {GOOGLE, GITHUB} else "OIDC_"
        variable = f"{prefix}{names[0].upper().replace('-', '_')}_CLIENT_ID"
        message = "is set, but the users are in a store without accounts of other providers"
        raise ConfigurationError(variable, message)


async def check_provider(settings: Settings, name: ProviderName) -> tuple[Verdict, str]:
    """Ask a provider, and say which redirect URI has to be registered there.

    :raises ConfigurationError: see :func:`require_identities`.
    """
    from doorward.wiring.identity_providers import make_providers  # noqa: PLC0415 - see there

    require_identities(settings)
    [provider] = (each for each in make_providers(settings, system_clock) if each.name == name)
    start = time.perf_counter()
    try:
        await provider.check()
    except (ProviderRefused, ProviderUnavailable) as error:
        problem = f"{provider.label} cannot be used: {_meaning(error.reason)}"
        return "FAIL", f"{problem}; redirect URI to register: {provider.redirect_uri}"
    finally:
        await provider.close()
    took = (time.perf_counter() - start) * 1000
    found = f"{provider.label} answers in {took:.0f} ms"
    return "ok", f"{found}; redirect URI to register: {provider.redirect_uri}"


def _meaning(reason: str) -> str:
    if reason in _MEANINGS:
        return _MEANINGS[reason]
    if reason.endswith("_connect_error"):
        return "it cannot be reached, or TLS fails"
    for suffix, words in _SUFFIXES.items():
        if reason.endswith(suffix):
            return f"{reason.removesuffix(suffix)} {words}"
    return reason
