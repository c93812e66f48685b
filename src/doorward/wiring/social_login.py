"""Logins at other providers."""

from dishka import Provider, Scope, provide

from application.ports import IdentityProviders
from application.social_login.policy import SocialPolicy


class SocialLoginProvider(Provider):
    """Provides what the operator has decided about other providers."""

    scope = Scope.APP

    @provide
    def policy(self) -> SocialPolicy:
        return SocialPolicy()

    @provide
    def identity_providers(self) -> IdentityProviders:
        return IdentityProviders()
