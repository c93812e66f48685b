"""There is no administrator until one is named on the command line."""

import asyncio
from pathlib import Path

from domain.email import Email
from domain.permissions import Role
from domain.user import User
from infrastructure.storage.stores import open_stores
from tests.support.builders import PASSWORD
from tests.support.commands import Result, doorward
from tests.support.processes import QUICK
from tests.support.waiting import PATIENT


def create(folder: Path, url: str, password: str, *arguments: str) -> Result:
    command = ("users", "create", "Ada@Example.org", "--name", "Ada", *arguments)
    return doorward(folder, *command, typed=f"{password}\n", **QUICK, DATABASE_URL=url)


def stored_user(url: str) -> User | None:
    async def read() -> User | None:
        async with open_stores(url, url, PATIENT) as stores:
            return await stores.users.by_email(Email.parse("ada@example.org"))

    return asyncio.run(read())


def test_a_fresh_installation_has_no_users(sqlite_url: str) -> None:
    assert stored_user(sqlite_url) is None


def test_the_first_administrator_is_named_on_the_command_line(
    tmp_path: Path, sqlite_url: str
) -> None:
    created = create(tmp_path, sqlite_url, PASSWORD, "--admin")

    assert created.returncode == 0, created.stderr
    assert PASSWORD not in created.stdout + created.stderr
    user = stored_user(sqlite_url)
    assert user is not None
    assert user.role is Role.ADMIN


def test_a_user_without_admin_has_the_role_user(tmp_path: Path, sqlite_url: str) -> None:
    assert create(tmp_path, sqlite_url, PASSWORD).returncode == 0
    user = stored_user(sqlite_url)
    assert user is not None
    assert user.role is Role.USER


def test_an_invalid_argument_is_one_line(tmp_path: Path, sqlite_url: str) -> None:
    refused = create(tmp_path, sqlite_url, "short", "--admin")

    assert refused.returncode == 1
    assert refused.stderr.splitlines()[-1].startswith("doorward: the password must be")
    assert stored_user(sqlite_url) is None
