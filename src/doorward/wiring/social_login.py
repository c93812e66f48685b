"""Logins at other providers: the configured ones, and what the operator has decided."""

from collections.abc import AsyncIterator

from dishka import Provider, Scope, provide

from application.ports import Clock, IdentityProviders, IdentityStore
from application.social_login.policy import SocialPolicy
from infrastructure.config.settings import Settings
from infrastructure.storage.no_identities import NoIdentities


class SocialLoginProvider(Provider):
    """Provides the providers, and closes their connections with the container."""

    scope = Scope.APP

    @provide
    def policy(self, settings: Settings) -> SocialPolicy:
        return SocialPolicy(settings.identity_providers.linking, settings.pages.return_targets)

    @provide
    async def providers(
        self, settings: Settings, clock: Clock, identities: IdentityStore
    ) -> AsyncIterator[IdentityProviders]:
        if isinstance(identities, NoIdentities):  # each login would make a user, and link nothing
            yield IdentityProviders()
            return
        given = settings.identity_providers
        if not (settings.oidc or given.has_google or given.has_github):
            yield IdentityProviders()
            return
        from doorward.wiring.identity_providers import (  # noqa: PLC0415 - see there
            make_providers,
        )

        providers = tuple(make_providers(settings, clock))
        yield IdentityProviders(providers)
        for each in providers:
            await each.close()
