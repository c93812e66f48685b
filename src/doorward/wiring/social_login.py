"""Logins at other providers."""

from dishka import Provider, Scope, provide

from application.ports import FlowStore, IdentityProviders, IdentityStore
from application.social_login.policy import SocialPolicy
from infrastructure.storage.memory.social_login.flows import MemoryFlows
from infrastructure.storage.no_identities import NoIdentities


class SocialLoginProvider(Provider):
    """Provides what the operator has decided about other providers."""

    scope = Scope.APP

    @provide
    def policy(self) -> SocialPolicy:
        return SocialPolicy()

    @provide
    def identity_providers(self) -> IdentityProviders:
        return IdentityProviders()

    @provide
    def identities(self) -> IdentityStore:
        return NoIdentities()

    @provide
    def flows(self) -> FlowStore:
        return MemoryFlows()
