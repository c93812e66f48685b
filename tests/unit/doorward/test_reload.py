"""The settings that a running process takes from a reloaded configuration."""

import asyncio
import base64
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from application.rate_limiting import CurrentRateLimits
from domain.key_ring import KeyRing
from domain.token import TokenKind
from domain.user import UserId
from doorward.diagnostics import preflight
from doorward.env_file import Environment
from doorward.server.reload import ConfigurationReload
from doorward.wiring.signing_keys.key_stores import factor_secrets, key_times, open_key_store
from infrastructure.clock import system_clock
from infrastructure.config.settings import Settings
from infrastructure.signing.factor_secrets import SealedFactors
from infrastructure.signing.key_ring_watcher import KeyRingWatcher
from infrastructure.signing.key_store import SigningKeyStore

SECRET = base64.b64encode(bytes(range(32))).decode()


class Process:
    """A process with the keys of the embedded default, and its current `.env`."""

    def __init__(self, variables: dict[str, str], store: SigningKeyStore) -> None:
        self.variables = variables
        self.settings = Settings.read(variables)
        self.store = store

    async def start(self) -> None:
        self.limits = CurrentRateLimits(self.settings.rate_limits)
        self.factors = SealedFactors(factor_secrets(self.settings))
        times = key_times(self.settings.keys, self.settings.tokens)
        self.keys = await KeyRingWatcher.load(
            self.store, times, system_clock, timedelta(seconds=60)
        )

    async def reload(self, **changes: str) -> None:
        environment = Environment(self.variables | changes)
        reload = ConfigurationReload(
            environment, self.limits, self.keys, self.settings.keys.source, self.factors
        )
        others = asyncio.all_tasks()
        reload()
        await asyncio.gather(*(asyncio.all_tasks() - others))


@pytest.fixture
async def process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Process]:
    monkeypatch.chdir(tmp_path)  # in which there is no `.env`
    variables = {"DOORWARD_DATA": str(tmp_path / "var"), "TOKEN_ALGORITHM": "EdDSA"}
    settings = Settings.read(variables)
    await preflight.prepare(settings)
    async with open_key_store(settings) as store:
        process = Process(variables, store)
        await process.start()
        yield process


async def rotate(settings: Settings) -> KeyRing:
    """Replace all keys, as another process."""
    async with open_key_store(settings) as store:
        before = await store.ring()
        made = [await store.make(kind, system_clock()) for kind in TokenKind]
        after = KeyRing(frozenset(made))
        assert (await store.replace(before, after)).changed
    return after


async def test_a_new_data_secret_in_the_file_is_used(process: Process) -> None:
    file = process.settings.storage.secret_file
    old = file.read_text().strip()
    file.write_text(f"{SECRET},{old}")
    after = await rotate(process.settings)
    await process.keys.reload()
    assert process.keys.loaded.ring != after

    await process.reload()

    assert process.keys.loaded.ring == after


async def test_a_new_secret_of_second_factors_is_used_and_the_former_one_still_opens(
    process: Process,
) -> None:
    user_id = UserId(uuid4())
    before = process.factors.seal(user_id, b"secret")

    await process.reload(DATA_SECRET=SECRET)

    assert process.factors.open(user_id, before) == b"secret"
    assert process.factors.is_outdated(user_id, before)
    after = process.factors.seal(user_id, b"secret")
    assert SealedFactors([bytes(range(32))]).open(user_id, after) == b"secret"


async def test_keys_in_another_place_need_a_restart(
    process: Process, caplog: pytest.LogCaptureFixture
) -> None:
    after = await rotate(process.settings)

    await process.reload(KEYS_SECRET=SECRET, USERS_URL="sqlite:///elsewhere.db")

    assert process.keys.loaded.ring == after
    assert "key_store_change_ignored" in caplog.text


async def test_a_lost_secret_changes_nothing(
    process: Process, caplog: pytest.LogCaptureFixture
) -> None:
    process.settings.storage.secret_file.unlink()

    await process.reload(LOGIN_LIMIT="1/1h")

    assert process.limits.now == process.settings.rate_limits
    assert "configuration_reload_refused" in caplog.text
