"""A service with two other providers, which say what a test sets."""

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl

import httpx
import pytest

from application.ports import Effects, IdentityProviders, UserRepository
from domain.social_login.identity import (
    Identity,
    IdentityId,
    ProviderAccount,
    ProviderName,
)
from domain.user import User
from infrastructure.config.settings import Settings
from tests.http.client import SOCIAL, Client
from tests.http.flows import APP, CODE, state_of
from tests.support.builders import NOW, new_id
from tests.support.social_login import FakeProvider, an_account

SPA = "https://spa.example/after"
"""The page of an application that is configured."""


@pytest.fixture
def acme() -> FakeProvider:
    """The provider of most tests."""
    return FakeProvider()


@pytest.fixture
def identity_providers(acme: FakeProvider) -> IdentityProviders:
    return IdentityProviders((acme, FakeProvider(ProviderName("umbrella"), "Umbrella")))


@pytest.fixture
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Settings with pages, unless the test has others."""
    own: dict[str, str] = getattr(request, "param", {})
    return Settings.read(
        {
            "USERS_URL": "memory:",
            "SESSIONS_URL": "memory:",
            "DOORWARD_DATA": str(tmp_path),
            "MAIL_URL": "memory:",
            "EMAIL_VERIFICATION": "optional",
            "RETURN_TARGETS": f"{SPA},{APP}",
        }
        | own
    )


without_pages = pytest.mark.parametrize("settings", [{"PAGES": "off"}], indirect=True)


@dataclass
class Browser:
    """A browser that goes to Acme and comes back.

    :ivar accept: what it asks for: pages.
    """

    client: Client
    accept: dict[str, str] = field(default_factory=lambda: {"Accept": "text/html,*/*;q=0.8"})

    async def start(self, provider: str = "acme", **query: str) -> httpx.Response:
        path = f"{SOCIAL}/{provider}/start"
        return await self.client.get(path, params=query, headers=self.accept)

    async def come_back(
        self, begun: httpx.Response | str, provider: str = "acme", **parameters: str
    ) -> httpx.Response:
        """Return from the provider.

        :param begun: the answer to the start, or the ``state``.
        """
        state = begun if isinstance(begun, str) else state_of(begun)
        parameters = {"code": CODE} | parameters | {"state": state}
        path = f"{SOCIAL}/{provider}/callback"
        return await self.client.get(path, params=parameters, headers=self.accept)

    async def log_in(self, **query: str) -> httpx.Response:
        return await self.come_back(await self.start(**query))

    @property
    def flows(self) -> list[str]:
        """The names of the cookies of flows."""
        return [name for name in self.client.cookies if "social-" in name]


def place_of(answer: httpx.Response) -> tuple[str, dict[str, str]]:
    """Return where an answer sends the browser: the address without its query, and that."""
    assert answer.status_code == 303, answer.text
    location = answer.headers["location"]
    address, _, query = location.partition("?")
    return address, dict(parse_qsl(query))


@pytest.fixture
def browser(client: Client) -> Browser:
    return Browser(client)


async def linked_to(
    users: UserRepository, user: User, account: ProviderAccount | None = None
) -> Identity:
    """Link an account of Acme to a stored user, as its login shows it by default."""
    identity = Identity.of(account or an_account(), IdentityId(new_id()), user.id, NOW)
    assert (await users.replace(user, user, Effects().linking(identity))).changed
    return identity
