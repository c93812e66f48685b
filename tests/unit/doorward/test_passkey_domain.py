"""A start with another domain than stored passkeys were made for."""

import asyncio
import re
from pathlib import Path

import pytest

from domain.user import User
from doorward.conformance.second_factors.test_passkeys import a_passkey
from doorward.conformance.support.examples import a_user
from doorward.diagnostics import preflight
from doorward.diagnostics.passkeys import check_passkeys
from infrastructure.config.environment_variables import ConfigurationError
from infrastructure.config.settings import Settings
from infrastructure.storage.locations import locations, store_options
from tests.support.commands import assert_one_line, doorward

LOST = (
    "PASSKEY_DOMAIN is another one than that of 2 passkeys, which it ends: set "
    "PASSKEY_DOMAIN=id.example.com, or PASSKEY_FORMER_DOMAINS=id.example.com,old.example to lose "
    "them"
)


def settings_of(folder: Path, **more: str) -> Settings:
    return Settings.read(
        {"DOORWARD_DATA": str(folder), "TOKEN_ALGORITHM": "EdDSA", "MAIL_URL": "off"} | more
    )


async def store_passkeys(folder: Path) -> None:
    """Store passkeys of three domains."""
    settings = settings_of(folder)
    await preflight.prepare(settings)
    users, _ = locations(settings.storage)
    assert users.backend.passkeys is not None
    async with users.connect(store_options(settings.storage)) as connection:
        passkeys = users.backend.passkeys(connection)
        for domain in ("id.example.com", "id.example.com", "old.example", "new.example"):
            user: User = a_user()
            await passkeys.handle_of(user.id, user.id.bytes)
            assert (await passkeys.add(a_passkey(user.id, rp_id=domain))).changed


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    """A folder with passkeys of three domains in its database."""
    await store_passkeys(tmp_path)
    return tmp_path


NEW = {"PUBLIC_URL": "https://new.example"}
ACCEPTED = NEW | {"PASSKEY_FORMER_DOMAINS": "old.example,id.example.com"}


async def test_a_start_that_would_end_passkeys_is_refused(folder: Path) -> None:
    settings = settings_of(folder, **NEW)

    with pytest.raises(ConfigurationError, match=f"^{re.escape(LOST)}$"):
        await preflight.prepare_service(settings)
    with pytest.raises(ConfigurationError, match=f"^{re.escape(LOST)}$"):
        await preflight.check_again(settings)
    assert await check_passkeys(settings) == ("FAIL", LOST)


def test_the_command_says_in_one_line_why_it_does_not_serve(tmp_path: Path) -> None:
    asyncio.run(store_passkeys(tmp_path))
    settings = {"DOORWARD_DATA": str(tmp_path), "MAIL_URL": "off"} | NEW

    result = doorward(tmp_path, "serve", **settings)

    assert_one_line(result, 2, LOST)


async def test_commands_that_serve_no_browser_work_in_spite_of_it(folder: Path) -> None:
    await preflight.prepare(settings_of(folder, **NEW))


async def test_a_start_that_knows_the_former_domains_is_not_refused(folder: Path) -> None:
    settings = settings_of(folder, **ACCEPTED)

    await preflight.prepare_service(settings)
    await preflight.check_again(settings)

    assert await check_passkeys(settings) == (
        "info",
        "for new.example; 3 passkeys of id.example.com, old.example cannot be used",
    )


async def test_one_more_change_of_the_domain_is_refused_again(folder: Path) -> None:
    settings = settings_of(folder, **ACCEPTED | {"PUBLIC_URL": "https://newer.example"})

    with pytest.raises(ConfigurationError, match="than that of 1 passkey,"):
        await preflight.prepare_service(settings)


@pytest.mark.parametrize(
    ("more", "found"),
    [
        ({}, ("ok", "for localhost")),
        ({"PUBLIC_URL": "https://id.example.com"}, ("ok", "for id.example.com")),
        (
            {"PUBLIC_URL": "http://10.0.0.1"},
            ("info", "off in browsers: PUBLIC_URL needs https and a host name"),
        ),
        ({"USERS_URL": "memory:"}, ("info", "off: the users are in a store without them")),
    ],
)
async def test_the_doctor_tells_for_which_domain_passkeys_are(
    tmp_path: Path, more: dict[str, str], found: tuple[str, str]
) -> None:
    assert await check_passkeys(settings_of(tmp_path, **more)) == found


async def test_an_outage_is_no_reason_to_refuse_a_reload(folder: Path) -> None:
    (folder / "doorward.db").unlink()
    (folder / "doorward.db").mkdir()

    await preflight.check_again(settings_of(folder, **NEW))
