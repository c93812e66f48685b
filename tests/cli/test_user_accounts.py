"""``doorward users …``: list, promote, demote, delete, and set the password of accounts."""

import asyncio
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from application.pagination import EventQuery
from domain.actor import Operator
from domain.audit.event import Event
from domain.email import Email
from domain.mail.one_time_token import OneTimeToken, digest_of
from domain.second_factors.factors import SecondFactors, Totp
from domain.user import User
from infrastructure.storage.options import StoreOptions
from infrastructure.storage.stores import open_stores
from tests.support.builders import PASSWORD
from tests.support.commands import Result, doorward
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

    settings = {**QUICK, "DATABASE_URL": sqlite_url}
    result = doorward(tmp_path, "users", "list", encoding="latin-1", **settings)

    assert (result.returncode, result.stderr) == (0, "")
    assert {line.split()[1] for line in result.stdout.splitlines()} == {
        ADA,
        r"user@\u03b2\u03cc\u03bb\u03bf\u03c2.com",
    }


def test_second_factors_are_reset_also_of_the_last_administrator(
    users: Users, sqlite_url: str
) -> None:
    users("promote", ADA)

    async def enrol() -> User:
        async with open_stores(sqlite_url, sqlite_url, StoreOptions()) as stores:
            user = await stores.users.by_email(Email.parse(ADA))
            assert user is not None
            factors = SecondFactors(user.id, Totp("sealed"))
            await stores.second_factors.replace(SecondFactors(user.id), factors)
            marked = user.with_second_factor(has=True, now=user.updated_at)
            assert (await stores.users.replace(user, marked)).changed
            return marked

    async def look() -> tuple[User | None, SecondFactors]:
        async with open_stores(sqlite_url, sqlite_url, StoreOptions()) as stores:
            return await stores.users.get(ada.id), await stores.second_factors.of_user(ada.id)

    ada = asyncio.run(enrol())

    assert "second_factor:  True\n" in users("show", ADA).stdout

    result = users("reset-second-factors", ADA.upper())

    assert result.stdout == f"{ADA} has no second factor, and all sessions have ended\n"
    user, factors = asyncio.run(look())
    assert user is not None
    assert not user.has_second_factor
    assert user.generation > ada.generation
    assert factors == SecondFactors(ada.id)
    assert users("reset-second-factors", BOB).returncode == 1


def test_a_printed_link_has_a_usable_token(users: Users, sqlite_url: str) -> None:
    result = users("reset-link", ADA.upper())

    page, _, token = result.stdout.strip().partition("#token=")
    assert page == "http://localhost:8000/reset"
    assert re.fullmatch(r"usable once, until [0-9: -]+ UTC\n", result.stderr)
    stored, user, event = asyncio.run(read(sqlite_url, token))
    assert user.email.address == ADA
    assert stored.is_usable(user, datetime.now(UTC))
    assert (event.type, event.actor) == ("request password reset", Operator())


async def read(url: str, token: str) -> tuple[OneTimeToken, User, Event]:
    """Return a token with its user, and the last event in the audit log."""
    async with open_stores(url, url, StoreOptions()) as stores:
        stored = await stores.one_time_tokens.by_digest(digest_of(token))
        assert stored
        user = await stores.users.get(stored.user_id)
        assert user
        events = await stores.audit_log.page(EventQuery(), None, 1)
        return stored, user, events.items[0].event


def test_a_link_for_an_unknown_user_is_not_made(users: Users) -> None:
    result = users("reset-link", BOB)

    assert (result.returncode, result.stdout) == (1, "")


def test_a_user_is_promoted_and_demoted(users: Users) -> None:
    users("create", BOB, "--admin", typed=f"{PASSWORD}\n")

    assert users("promote", ADA).stdout == f"{ADA} has the role admin\n"
    assert users("demote", ADA).stdout == f"{ADA} has the role user\n"


def test_an_auditor_is_created_and_listed_and_any_role_is_given(users: Users) -> None:
    users("create", BOB, "--role", "auditor", typed=f"{PASSWORD}\n")

    assert users("list", "--role", "auditor").stdout.split()[1:] == [BOB, "auditor"]
    assert users("set-role", ADA, "auditor").stdout == f"{ADA} has the role auditor\n"
    assert users("set-role", ADA, "king").returncode == 2


def test_a_user_is_invited_where_mail_is_sent(
    users: Users, tmp_path: Path, sqlite_url: str
) -> None:
    settings = {**QUICK, "DATABASE_URL": sqlite_url, "MAIL_URL": "memory:"}
    options = ("--role", "auditor", "--locale", "de", "--reason", "new")

    invited = doorward(tmp_path, "users", "invite", BOB, *options, **settings)

    assert (invited.returncode, invited.stderr) == (0, "")
    assert invited.stdout == f"{BOB} is invited, with the role auditor\n"
    assert users("list", "--role", "auditor").stdout.split()[1:] == [BOB, "auditor"]


def test_no_user_is_invited_where_no_mail_is_sent(users: Users) -> None:
    refused = users("invite", BOB)

    assert refused.returncode == 1
    assert "this installation sends no mail" in refused.stderr
    assert users("show", BOB).returncode == 1


def test_the_audit_log_has_the_reasons_of_the_operator(users: Users, sqlite_url: str) -> None:
    commands = [
        ("create", BOB, "--role", "auditor"),
        ("set-role", BOB, "user"),
        ("promote", BOB),
        ("demote", BOB),
        ("disable", BOB),
        ("enable", BOB),
        ("end-sessions", BOB),
        ("reset-second-factors", BOB),
        ("set-password", BOB),
        ("delete", BOB, "--yes"),
    ]
    users("create", "last@example.org", "--admin", typed=f"{PASSWORD}\n")

    for number, command in enumerate(commands):
        done = users(*command, "--reason", f"reason {number}", typed=f"{NEW_PASSWORD}\n")
        assert done.returncode == 0, done.stderr

    async def reasons() -> list[str | None]:
        async with open_stores(sqlite_url, sqlite_url, StoreOptions()) as stores:
            page = await stores.audit_log.page(EventQuery(), None, 100)
            return [each.event.reason for each in page.items if each.event.reason]

    assert asyncio.run(reasons())[::-1] == [f"reason {number}" for number in range(10)]
    refused = users("disable", ADA, "--reason", "")
    assert refused.returncode == 1
    assert "reason must not be empty" in refused.stderr


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


async def password_hash(url: str) -> str:
    async with open_stores(url, url, StoreOptions()) as stores:
        user = await stores.users.by_email(Email.parse(ADA))
        assert user
        return user.password_hash


def test_a_password_is_set_from_standard_input(users: Users, sqlite_url: str) -> None:
    before = asyncio.run(password_hash(sqlite_url))

    changed = users("set-password", ADA, typed=f"{NEW_PASSWORD}\n")

    assert changed.returncode == 0, changed.stderr
    assert NEW_PASSWORD not in changed.stdout + changed.stderr
    after = asyncio.run(password_hash(sqlite_url))
    assert after != before
    assert PasswordHasher().verify(after, NEW_PASSWORD)


def test_a_weak_password_is_not_set(users: Users) -> None:
    refused = users("set-password", ADA, typed="password123\n")

    assert refused.returncode == 1
    assert "the password" in refused.stderr
