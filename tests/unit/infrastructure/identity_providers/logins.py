"""The way of a browser to a provider and back, for tests."""

from dataclasses import replace

import pytest

from application.ports import AuthorizationRequest
from domain.errors import ProviderRefused, ProviderUnavailable
from domain.social_login.identity import ProviderAccount, ProviderName
from infrastructure.identity_providers.github import GitHub, GitHubClient
from infrastructure.identity_providers.oidc import OidcClient, OidcProvider
from tests.support.identity_provider import CLIENT_ID, CLIENT_SECRET, ProviderServer

REDIRECT_URI = "https://id.example/api/auth/social/any/callback"
REQUEST = AuthorizationRequest("the-state", "v" * 43, "the-nonce")
FRESH = replace(REQUEST, is_fresh=True)


class Login:
    """The way of a browser to a provider and back.

    :ivar seconds: a clock for what is cached.
    """

    def __init__(self, server: ProviderServer) -> None:
        self.server = server
        self.made: list[OidcProvider | GitHub] = []
        self.seconds = 0.0
        self.client = OidcClient(
            name=ProviderName("any"),
            label="Any",
            issuer=server.url,
            client_id=CLIENT_ID,
            client_secret=CLIENT_SECRET,
            redirect_uri=REDIRECT_URI,
        )
        self.configure()

    def configure(self, *, timeout: float = 5.0, **changes: object) -> None:
        """Make the provider again, with other settings."""
        self.client = replace(self.client, **changes)  # type: ignore[arg-type]  # by each test
        self.provider: OidcProvider | GitHub = OidcProvider(
            self.client,
            lambda: self.server.now,
            timeout=timeout,
            now=lambda: self.seconds,
        )
        self.made.append(self.provider)

    def use_github(self, timeout: float = 5.0) -> None:
        client = GitHubClient(
            name=ProviderName("github"),
            label="GitHub",
            url=self.server.url,
            client_id=CLIENT_ID,
            client_secret=CLIENT_SECRET,
            redirect_uri=REDIRECT_URI,
        )
        self.provider = GitHub(client, timeout=timeout)
        self.made.append(self.provider)

    async def __call__(
        self, request: AuthorizationRequest = REQUEST, /, **answer: str
    ) -> ProviderAccount:
        url = await self.provider.authorization_url(request)
        given = self.server.authorize(url)
        return await self.provider.account(replace(given, **answer) if answer else given, request)

    async def refusal(self, request: AuthorizationRequest = REQUEST, /, **answer: str) -> str:
        """Return the reason why a login is refused."""
        with pytest.raises(ProviderRefused) as refused:
            await self(request, **answer)
        return refused.value.reason

    async def outage(self) -> str:
        """Return the reason why the provider counts as unavailable."""
        with pytest.raises(ProviderUnavailable) as failed:
            await self()
        return failed.value.reason
