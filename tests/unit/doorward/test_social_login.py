"""Which providers a service has."""

import pytest
from dishka import Provider, Scope

from application.ports import IdentityProviders, IdentityStore
from doorward.wiring.container import make_container
from infrastructure.config.settings import Settings
from infrastructure.storage.no_identities import NoIdentities

SETTINGS = {"USERS_URL": "memory:", "GITHUB_CLIENT_ID": "id", "GITHUB_CLIENT_SECRET": "secret"}


@pytest.mark.parametrize("has_identities", [True, False])
async def test_a_service_has_providers_if_its_backend_stores_identities(
    has_identities: bool,
) -> None:
    replacement = Provider(scope=Scope.APP)
    if not has_identities:
        replacement.provide(NoIdentities, provides=IdentityStore)
    container = make_container(Settings.read(SETTINGS), replacement)

    providers = await container.get(IdentityProviders)

    assert [each.name for each in providers.all] == (["github"] if has_identities else [])
    await container.close()
