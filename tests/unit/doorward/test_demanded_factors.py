"""A start that would lock users out for want of a second factor is refused."""

import dataclasses
from base64 import b64encode
from pathlib import Path

import pytest

from domain.token import TokenKind
from doorward.diagnostics import preflight
from doorward.diagnostics.second_factors import check_second_factors
from infrastructure.config.environment_variables import ConfigurationError
from infrastructure.config.settings import Settings
from infrastructure.signing.signing_key import SigningKey
from infrastructure.storage.memory import backend as memory
from tests.support.builders import in_environment

Keys = dict[TokenKind, SigningKey]
SECRET = {"DATA_SECRET": b64encode(bytes(32)).decode()}


def settings_of(folder: Path, policy: str, **environment: str) -> Settings:
    return Settings.read({"DOORWARD_DATA": str(folder), "MFA": policy} | environment)


@pytest.mark.parametrize("policy", ["admins", "everybody"])
async def test_factors_that_no_secret_protects_cannot_be_demanded(
    tmp_path: Path, keys: Keys, policy: str
) -> None:
    settings = settings_of(tmp_path, policy, USERS_URL="memory:", **in_environment(keys))
    expected = (
        f"MFA is {policy}, but no secret protects second factors: set DATA_SECRET, which "
        "`doorward secrets generate` prints"
    )

    for check in (preflight.check, preflight.check_again, check_second_factors):
        with pytest.raises(ConfigurationError) as refused:
            await check(settings)
        assert str(refused.value) == expected


async def test_factors_cannot_be_demanded_where_the_store_of_the_users_has_none(
    tmp_path: Path, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = dataclasses.replace(memory.BACKEND, second_factors=None)
    monkeypatch.setattr(memory, "BACKEND", without)
    settings = settings_of(
        tmp_path, "admins", USERS_URL="memory:", **SECRET, **in_environment(keys)
    )

    with pytest.raises(
        ConfigurationError,
        match=r"^MFA is admins, but the users are in a store without second factors$",
    ):
        await preflight.check(settings)


@pytest.mark.parametrize("policy", ["admins", "everybody"])
async def test_factors_can_be_demanded_with_a_secret(
    tmp_path: Path, keys: Keys, policy: str
) -> None:
    with_keys = in_environment(keys) | {"USERS_URL": "memory:"}

    await preflight.check(settings_of(tmp_path, policy, **with_keys, **SECRET))
    await preflight.check(settings_of(tmp_path, policy))  # its first start makes one


@pytest.mark.parametrize("policy", ["off", "optional"])
async def test_without_a_demand_no_secret_is_needed(
    tmp_path: Path, keys: Keys, policy: str
) -> None:
    await preflight.check(
        settings_of(tmp_path, policy, USERS_URL="memory:", **in_environment(keys))
    )
