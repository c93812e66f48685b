"""Users in a backend that has no identities cannot log in with other providers."""

import dataclasses

import pytest

from application.ports import Effects
from doorward.conformance.support.opening import PATIENT
from doorward.conformance.support.social_login import an_identity, another_user
from infrastructure.storage.memory import backend
from infrastructure.storage.no_identities import NoIdentities
from infrastructure.storage.stores import open_stores


async def test_a_backend_without_identities_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    without = dataclasses.replace(backend.BACKEND, identities=None, flows=None)
    monkeypatch.setattr(backend, "BACKEND", without)
    user = another_user()
    identity = an_identity(user)

    async with open_stores("memory:", "memory:", PATIENT) as stores:
        assert isinstance(stores.identities, NoIdentities)
        await stores.users.add(user, Effects(linked=identity))

        assert await stores.identities.find(identity.issuer, identity.subject) is None
        assert await stores.identities.by_id(identity.id) is None
        assert list(await stores.identities.of_user(user.id)) == []
        assert not (await stores.identities.replace(identity, identity)).changed
        assert not (await stores.identities.delete(identity)).changed
        await stores.identities.forget(user.id)
        assert await stores.flows.take_flow("unknown") is None
