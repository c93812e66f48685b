"""`doorward sessions …`, as operators run it."""

import asyncio
from pathlib import Path

from click.testing import CliRunner

from domain.email import Email
from domain.permissions import Role
from doorward.cli.sessions import sessions
from doorward.conformance.support.opening import PATIENT
from infrastructure.storage.stores import open_stores
from tests.support.builders import a_session, a_user
from tests.support.commands import doorward
from tests.support.processes import QUICK


def test_without_a_terminal_the_end_of_all_sessions_needs_a_confirmation() -> None:
    result = CliRunner().invoke(sessions, ["end-all"])

    assert result.exit_code == 2
    assert "--yes" in result.output


def test_all_sessions_of_users_with_a_role_end(tmp_path: Path, sqlite_url: str) -> None:
    admin = a_user(role=Role.ADMIN)
    user = a_user(email=Email.parse("eve@example.org"))

    async def log_both_in() -> None:
        async with open_stores(sqlite_url, sqlite_url, PATIENT) as stores:
            for each in (admin, user):
                await stores.users.add(each)
                await stores.sessions.add(a_session(user_id=each.id))

    async def left() -> list[int]:
        async with open_stores(sqlite_url, sqlite_url, PATIENT) as stores:
            return [len(await stores.sessions.of_user(each.id)) for each in (admin, user)]

    asyncio.run(log_both_in())
    command = ("sessions", "end-all", "--yes", "--role", "admin")

    result = doorward(tmp_path, *command, **QUICK, DATABASE_URL=sqlite_url)

    assert result.stdout == "all sessions of 1 user have ended\n"
    assert asyncio.run(left()) == [0, 1]
