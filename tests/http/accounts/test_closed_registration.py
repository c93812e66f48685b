"""``REGISTRATION=closed``: only administrators and the operator create users."""

from pathlib import Path

import pytest

from infrastructure.config.settings import Settings
from tests.http.client import Client


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    stores = {"USERS_URL": "memory:", "SESSIONS_URL": "memory:", "DOORWARD_DATA": str(tmp_path)}
    return Settings.read(stores | {"REGISTRATION": "closed"})


async def test_a_registration_is_refused(client: Client) -> None:
    answer = await client.register()

    assert answer.status_code == 403
    assert answer.json()["code"] == "registration_closed"
    assert (await client.log_in()).status_code == 400
