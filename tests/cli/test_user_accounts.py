"""``doorward users …``: list, promote, demote, delete, and set the password of accounts."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.builders import PASSWORD
from tests.support.commands import Result, doorward, in_a_process
from tests.support.processes import QUICK

ADA, BOB = "ada@example.org", "bob@example.org"
NEW_PASSWORD = "a wholly other passphrase"

Users = Callable[..., Result]


@pytest.fixture
def users(tmp_path: Path, sqlite_url: str) -> Users:
    """Run ``doorward users`` on a database that has Ada."""

    def run(*arguments: str, typed: str = "") -> Result:
        return doorward(
            tmp_path, "users", *arguments, typed=typed, **QUICK, DATABASE_URL=sqlite_url
        )

    assert run("create", ADA, typed=f"{PASSWORD}\n").returncode == 0
    return run


def test_users_are_listed_with_role_and_state(users: Users) -> None:
    users("create", BOB, "--admin", typed=f"{PASSWORD}\n")
    users("disable", ADA)

    lines = [line.split()[1:] for line in users("list").stdout.splitlines()]

    assert sorted(lines) == [[ADA, "user", "disabled"], [BOB, "admin"]]
    assert users("list", "--admins").stdout.split()[1:] == [BOB, "admin"]
    assert users("list", "--email", "ADA").stdout.split()[1] == ADA


def test_a_terminal_without_unicode_gets_every_address(
    users: Users, tmp_path: Path, sqlite_url: str
) -> None:
    users("create", "user@βόλος.com", typed=f"{PASSWORD}\n")

    settings = {**QUICK, "DATABASE_URL": sqlite_url, "PYTHONIOENCODING": "latin-1"}
    result = in_a_process(tmp_path, "users", "list", **settings)

    assert (result.returncode, result.stderr) == (0, "")
    assert {line.split()[1] for line in result.stdout.splitlines()} == {
        ADA,
        r"user@\u03b2\u03cc\u03bb\u03bf\u03c2.com",
    }


def test_a_user_is_promoted_and_demoted(users: Users) -> None:
    users("create", BOB, "--admin", typed=f"{PASSWORD}\n")

    assert users("promote", ADA).stdout == f"{ADA} has the role admin\n"
    assert users("demote", ADA).stdout == f"{ADA} has the role user\n"


def test_the_last_administrator_is_not_demoted_or_deleted(users: Users) -> None:
    users("promote", ADA)

    for command in (["demote", ADA], ["delete", ADA, "--yes"]):
        refused = users(*command)
        assert refused.returncode == 1
        assert "last administrator" in refused.stderr
    assert users("show", ADA).returncode == 0


def test_an_existing_user_is_promoted_instead_of_created(users: Users) -> None:
    refused = users("create", ADA, "--admin", typed=f"{PASSWORD}\n")

    assert refused.returncode == 1
    assert "`doorward users promote`" in refused.stderr


def test_a_user_is_deleted_once_it_is_confirmed(users: Users) -> None:
    assert users("delete", ADA).returncode == 2
    assert users("show", ADA).returncode == 0

    assert users("delete", ADA, "--yes").stdout == f"{ADA} is deleted\n"
    assert users("show", ADA).returncode == 1


def test_a_password_is_set_from_standard_input(users: Users) -> None:
    changed = users("set-password", ADA, typed=f"{NEW_PASSWORD}\n")

    assert changed.returncode == 0, changed.stderr
    assert NEW_PASSWORD not in changed.stdout + changed.stderr


def test_a_weak_password_is_not_set(users: Users) -> None:
    refused = users("set-password", ADA, typed="password123\n")

    assert refused.returncode == 1
    assert "the password" in refused.stderr
