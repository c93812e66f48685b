"""`doorward users …`: import, export, and changes of a user's account."""

import asyncio
import csv
import json
import re
import signal
import sqlite3
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from application.accounts.user_transfer.import_users import Imported, ImportUsers
from application.pagination import UserQuery
from application.ports import NO_EFFECTS
from domain.email import Email
from domain.permissions import Role
from domain.social_login.identity import ProviderName
from domain.user import User
from doorward.conformance.support.social_login import an_identity
from infrastructure.storage.stores import open_stores
from infrastructure.user_transfer.files import json_line, record_of
from tests.http.client import LOGIN, ME, NEW_USER, REGISTER, bearer
from tests.support.builders import NOW, PASSWORD, SECOND, a_user
from tests.support.commands import Result, assert_one_line, doorward
from tests.support.databases import SyncConnection, TemplateDatabases
from tests.support.processes import QUICK, Service, a_service, fork
from tests.support.waiting import PATIENCE, PATIENT, until
from tests.unit.infrastructure.passwords.published_hashes import PUBLISHED, PUBLISHED_ARGON2
from tests.unit.infrastructure.passwords.test_imported_hashes import GOOD, a_bcrypt

EMAIL = "ada@example.org"
UNKNOWN_USER = ["eve@example.org", str(UUID(int=1)), "nobody"]
NOT_THERE = "postgresql://ada:s3cret@127.0.0.1:1/db"  # nothing listens on port 1
HASH = a_bcrypt(PASSWORD)
SECRET = re.compile(rf"\$2[aby]\$|argon2|pbkdf2|scrypt|s3cret|{re.escape(PASSWORD)}")

each_database = pytest.mark.parametrize("url", ["sqlite_url", "postgres_url"], indirect=True)


@pytest.fixture
def url(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(request.param))


def users(folder: Path, url: str, *arguments: str | Path) -> Result:
    """Run ``doorward users``, which reveals no secret and reports an error in words."""
    result = doorward(folder, "users", *arguments, **QUICK, DATABASE_URL=url)
    said = result.stdout + result.stderr
    assert SECRET.search(said) is None
    assert "Traceback" not in said, said
    return result


def stored_users(url: str) -> list[User]:
    """The newest first."""

    async def read() -> list[User]:
        found: list[User] = []
        after: str | None = None
        async with open_stores(url, url, PATIENT) as stores:
            while True:
                page = await stores.users.page(UserQuery(), after, 1000)
                found += page.items
                after = page.next
                if after is None:
                    return found

    return asyncio.run(read())


def stored_user(url: str, email: str = EMAIL) -> User:
    [user] = [user for user in stored_users(url) if user.email == Email.parse(email)]
    return user


def link(url: str, user: User, provider: str) -> None:
    async def store() -> None:
        identity = an_identity(user, provider=ProviderName(provider))
        async with open_stores(url, url, PATIENT) as stores:
            assert (await stores.users.replace(user, user, NO_EFFECTS.linking(identity))).changed

    asyncio.run(store())


def sign_up(url: str, *users_to_add: User) -> None:
    async def add() -> None:
        async with open_stores(url, url, PATIENT) as stores:
            assert len((await stores.users.add_all(users_to_add)).changed) == len(users_to_add)

    asyncio.run(add())


def a_csv(folder: Path, rows: Iterable[Mapping[str, str]], name: str = "users.csv") -> Path:
    rows = list(rows)
    with (folder / name).open("w", newline="", encoding="utf-8") as opened:
        writer = csv.DictWriter(opened, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder / name


def log_in(service: Service, email: str = EMAIL, password: str = PASSWORD) -> httpx.Response:
    login = {"email": email, "password": password, "transport": "bearer"}
    return httpx.post(service.url + LOGIN, json=login, timeout=PATIENCE)


def is_in(service: Service, login: httpx.Response) -> bool:
    """Whether the session of a login is live."""
    token = login.json()["access_token"]
    return httpx.get(service.url + ME, headers=bearer(token)).status_code == 200


FOREIGN: dict[str, tuple[str, str]] = {
    **{f"ours, {name}": (PASSWORD, stored) for name, stored in GOOD.items()},
    **PUBLISHED,
    **PUBLISHED_ARGON2,
}
"""Passwords and their hashes, of each form."""


class TestImport:
    @each_database
    def test_hashes_of_all_forms_are_stored(self, tmp_path: Path, url: str) -> None:
        """``test_imported_hashes.py`` logs in with them."""
        hashes = {
            f"{number}@example.org": stored for number, (_, stored) in enumerate(FOREIGN.values())
        }
        rows = ({"email": email, "password_hash": stored} for email, stored in hashes.items())

        imported = users(tmp_path, url, "import", a_csv(tmp_path, rows))

        assert imported.returncode == 0, imported.stderr
        assert imported.stdout == f"{len(FOREIGN)} imported, 0 there already, 0 rejected\n"
        assert {user.email.address: user.password_hash for user in stored_users(url)} == {
            email: f"argon2{stored}" if stored.startswith("$argon2") else stored  # see ADR 40
            for email, stored in hashes.items()
        }

    @each_database
    def test_bad_records_are_rejected_with_reasons_free_of_personal_data(
        self, tmp_path: Path, url: str
    ) -> None:
        sign_up(url, a_user(email=Email.parse("taken@example.org")))
        name = {"name": "Somebody", "role": ""}
        rows = [
            name | {"email": EMAIL, "password_hash": HASH},
            name | {"email": "s3cret", "password_hash": HASH, "role": "s3cret"},
            name | {"email": "s3cret@example.org", "password_hash": "s3cret"},
            name | {"email": "taken@example.org", "password_hash": HASH},
            name | {"email": EMAIL, "password_hash": HASH},
            name | {"email": "eve@example.org", "password_hash": HASH},
        ]
        file = a_csv(tmp_path, rows)

        result = users(tmp_path, url, "import", file)

        report = file.with_name("users.csv.rejected.jsonl")
        assert result.returncode == 1
        assert result.stdout == (
            "2 imported, 1 there already, 3 rejected\n" + f"the reasons are in {report}\n"
        )
        assert "example.org" not in result.stdout + result.stderr + report.read_text()
        assert SECRET.search(report.read_text()) is None
        assert [
            (each["line"], [problem["field"] for problem in each["problems"]])
            for each in map(json.loads, report.read_text().splitlines())
        ] == [(3, ["email", "role"]), (4, ["password_hash"]), (5, ["email"])]
        assert len(stored_users(url)) == 3

    def test_a_dry_run_prints_the_same_and_stores_nothing(
        self, tmp_path: Path, sqlite_url: str
    ) -> None:
        mine = a_user(email=Email.parse("taken@example.org"))
        sign_up(sqlite_url, mine)
        addresses = [EMAIL, "taken@example.org", EMAIL, "s3cret"]
        file = a_csv(tmp_path, ({"email": each, "password_hash": HASH} for each in addresses))

        rehearsed = users(tmp_path, sqlite_url, "import", "--dry-run", file)

        report = file.with_name("users.csv.dry-run.jsonl")
        assert rehearsed.returncode == 1
        assert rehearsed.stdout == (
            f"1 would be imported, 1 there already, 2 rejected\nthe reasons are in {report}\n"
        )
        assert stored_users(sqlite_url) == [mine]

        users(tmp_path, sqlite_url, "import", file)
        assert report.read_text() == file.with_name("users.csv.rejected.jsonl").read_text()

    def test_a_dry_run_of_a_valid_file_leaves_no_files(
        self, tmp_path: Path, sqlite_url: str
    ) -> None:
        folder = tmp_path / "of the file"
        folder.mkdir()
        file = a_csv(folder, [{"email": EMAIL, "password_hash": HASH}])

        rehearsed = users(tmp_path, sqlite_url, "import", "--dry-run", file)

        assert (rehearsed.returncode, rehearsed.stdout) == (
            0,
            "1 would be imported, 0 there already, 0 rejected\n",
        )
        assert stored_users(sqlite_url) == []
        assert list(folder.iterdir()) == [file]

    @pytest.mark.parametrize(
        ("url", "stop"),
        [("sqlite_url", signal.SIGINT), ("postgres_url", signal.SIGKILL)],
        indirect=["url"],
    )
    def test_an_interrupted_import_continues_and_stores_each_user_once(
        self, tmp_path: Path, url: str, stop: signal.Signals
    ) -> None:
        many, bad = 3_000, range(0, 3_000, 500)
        file = a_csv(
            tmp_path,
            (
                {"email": f"{number}@example.org", "password_hash": "" if number in bad else HASH}
                for number in range(many)
            ),
        )

        options = interrupt(tmp_path, url, file, stop)
        assert 0 < len(stored_users(url)) < many - len(bad)
        assert bool(options) == (stop is signal.SIGINT)  # SIGKILL leaves no time for a hint
        result = users(tmp_path, url, "import", file, *options)

        counts = re.search(
            r"^(\d+) imported, (\d+) there already, (\d+) rejected$", result.stdout, re.MULTILINE
        )
        assert counts is not None
        imported, skipped, rejected = map(int, counts.groups())
        if stop is signal.SIGKILL:
            assert (imported + skipped, rejected) == (many - len(bad), len(bad))
            assert skipped > 0
        else:
            assert (imported + rejected, skipped) == (many + 1 - int(options[1]), 0)
        assert sorted(user.email.key for user in stored_users(url)) == sorted(
            f"{number}@example.org" for number in range(many) if number not in bad
        )
        report = file.with_name("users.csv.rejected.jsonl").read_text().splitlines()
        assert [json.loads(each)["line"] for each in report] == [number + 2 for number in bad]
        assert result.returncode == 1

    def test_ctrl_c_during_a_batch_is_obeyed_after_it(
        self, tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        original = ImportUsers.__call__

        async def interrupted(*arguments: Any, **named: Any) -> Imported:
            imported = await original(*arguments, **named)
            signal.raise_signal(signal.SIGINT)
            await asyncio.sleep(0)  # the task is cancelled here, if at all
            return imported

        monkeypatch.setattr(ImportUsers, "__call__", interrupted)
        file = a_csv(
            tmp_path,
            ({"email": f"{n}@example.org", "password_hash": HASH} for n in range(600)),
        )

        stopped = users(tmp_path, sqlite_url, "import", file)

        assert stopped.returncode == 1
        assert len(stored_users(sqlite_url)) == 500
        hint = f"continue with: doorward users import {file} --skip-lines 501"
        assert hint in stopped.stderr.splitlines()

    def test_an_import_that_fails_prints_how_to_continue(
        self, tmp_path: Path, sqlite_url: str
    ) -> None:
        records = [
            {"email": f"{number}@example.org", "password_hash": HASH} for number in range(600)
        ]
        file = a_csv(tmp_path, records)
        good = file.read_text()
        file.write_text(f'{good}"x@example.org')

        failed = users(tmp_path, sqlite_url, "import", file)

        assert failed.returncode == 1
        command = f"doorward users import {file} --skip-lines 501"
        assert f"continue with: {command}" in failed.stderr.splitlines()
        assert "line 602 cannot be read as CSV" in failed.stderr.splitlines()[-1]
        file.write_text(good)
        continued = users(tmp_path, sqlite_url, "import", file, "--skip-lines", "501")
        assert continued.stdout == "100 imported, 0 there already, 0 rejected\n"
        again = users(tmp_path, sqlite_url, "import", file)
        assert again.stdout == "0 imported, 600 there already, 0 rejected\n"

    def test_an_import_cannot_continue_after_the_end_of_its_file(
        self, tmp_path: Path, sqlite_url: str
    ) -> None:
        file = a_csv(tmp_path, [{"email": EMAIL, "password_hash": HASH}])

        result = users(tmp_path, sqlite_url, "import", file, "--skip-lines", "3")

        assert result.returncode == 1
        assert result.stderr.splitlines()[-1] == "doorward: there are only 2 lines"

    @pytest.mark.parametrize(
        ("name", "content", "message"),
        [
            (
                "users.csv",
                f'email,password_hash\n{EMAIL},"{HASH}\n',
                "line 2 cannot be read as CSV",
            ),
            ("users.csv", f"{EMAIL},{HASH}\n", "line 1 must name the columns"),
            ("users.json", "[]", "must end in .csv, .jsonl or .ndjson"),
        ],
        ids=["an open quote", "no header", "another format"],
    )
    def test_an_unreadable_import_file_prints_one_line(
        self, tmp_path: Path, sqlite_url: str, name: str, content: str, message: str
    ) -> None:
        (tmp_path / name).write_text(content)

        result = users(tmp_path, sqlite_url, "import", name)

        assert result.returncode == 1
        assert message in result.stderr.splitlines()[-1]
        assert EMAIL not in result.stderr
        assert stored_users(sqlite_url) == []

    @each_database
    def test_a_hash_that_the_database_rejects_blocks_no_other_user(
        self, tmp_path: Path, url: str
    ) -> None:
        odd = GOOD["Django pbkdf2_sha1"].replace("$Salz$", "$Sa\0z$")
        hashes = {EMAIL: HASH, "odd@example.org": odd, "eve@example.org": HASH}
        lines = [
            json_line({"email": email, "password_hash": stored})
            for email, stored in hashes.items()
        ]
        file = tmp_path / "users.jsonl"
        file.write_text("".join(lines))

        result = users(tmp_path, url, "import", file)

        assert "2 imported, 0 there already, 1 rejected" in result.stdout, result.stderr
        [rejected] = file.with_name("users.jsonl.rejected.jsonl").read_text().splitlines()
        assert json.loads(rejected)["line"] == 2


@contextmanager
def has_users(url: str) -> Iterator[Callable[[], bool]]:
    """Ask without the stores: they take more than the import that is asked about."""
    question = "SELECT EXISTS (SELECT 1 FROM users)"
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as file:
            yield lambda: bool(file.execute(question).fetchone()[0])
    else:
        with closing(SyncConnection(url)) as connection:
            yield lambda: bool(connection.value(question))


def interrupt(folder: Path, url: str, file: Path, stop: signal.Signals) -> list[str]:
    """Stop an import once it has stored users, and return the options of its hint."""
    log = folder / "log"
    with log.open("wb") as errors:
        process = fork(
            ["doorward", "users", "import", str(file)],
            folder,
            {"DATABASE_URL": url},
            errors.fileno(),
            errors.fileno(),
        )
    try:
        with has_users(url) as is_asked:
            until(is_asked, "users")
        process.send_signal(stop)
        assert process.wait(PATIENCE) == (1 if stop is signal.SIGINT else -stop)
    finally:
        process.send_signal(signal.SIGKILL)
    said = log.read_text()
    hint = re.search(rf"^continue with: doorward users import {file} (.*)$", said, re.MULTILINE)
    return hint[1].split() if hint else []


NEW_USERS = [
    a_user(name='=Zoë, "李"', role=Role.ADMIN, photo="a.png", verified=True, password_hash=HASH),
    a_user(
        email=Email.parse("EVE@münchen.example"),
        disabled=True,
        password_hash=GOOD["Django pbkdf2_sha256"],
        created_at=NOW.replace(year=1971),
        updated_at=NOW - SECOND,
    ),
]


class TestExport:
    @each_database
    def test_users_round_trip_to_another_database(
        self, tmp_path: Path, url: str, migrated_databases: TemplateDatabases
    ) -> None:
        sign_up(url, *NEW_USERS)
        file = tmp_path / "users.jsonl"

        exported = users(tmp_path, url, "export", "--with-hashes", file)

        assert (exported.returncode, exported.stdout) == (0, f"2 users written to {file}\n")
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        with migrated_databases.fresh() as other:
            imported = users(tmp_path, other, "import", file)
            assert imported.stdout == "2 imported, 0 there already, 0 rejected\n"
            assert every_fact(other) == every_fact(url)

    @each_database
    def test_an_export_has_no_hashes_by_default(self, tmp_path: Path, url: str) -> None:
        sign_up(url, *NEW_USERS)
        file = tmp_path / "users.jsonl"

        assert users(tmp_path, url, "export", file).returncode == 0

        assert [json.loads(line) for line in file.read_text().splitlines()] == [
            record_of(user, with_hash=False) for user in NEW_USERS
        ]
        assert SECRET.search(file.read_text()) is None
        assert stat.S_IMODE(file.stat().st_mode) == 0o600

    def test_an_export_as_csv_names_the_columns_and_has_no_formulas(
        self, tmp_path: Path, sqlite_url: str
    ) -> None:
        sign_up(sqlite_url, *NEW_USERS)
        file = tmp_path / "users.csv"

        assert users(tmp_path, sqlite_url, "export", file).returncode == 0

        with file.open(newline="") as opened:
            rows = list(csv.DictReader(opened))
        assert list(rows[0]) == list(record_of(NEW_USERS[0], with_hash=False))
        assert [row["name"] for row in rows] == ['\'=Zoë, "李"', "Ada Lovelace"]

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("there.jsonl", "there.jsonl: File exists"),
            ("nowhere/users.jsonl", "nowhere/users.jsonl: No such file or directory"),
            ("users.json", "must end in .csv, .jsonl or .ndjson"),
        ],
    )
    def test_an_unwritable_export_file_prints_one_line(
        self, tmp_path: Path, sqlite_url: str, name: str, message: str
    ) -> None:
        (tmp_path / "there.jsonl").write_text("mine")

        assert_one_line(users(tmp_path, sqlite_url, "export", name), 1, message)
        assert (tmp_path / "there.jsonl").read_text() == "mine"

    def test_an_export_without_users_is_a_file(self, tmp_path: Path, sqlite_url: str) -> None:
        assert users(tmp_path, sqlite_url, "export", "users.csv").stdout == (
            "0 users written to users.csv\n"
        )


def every_fact(url: str) -> list[object]:
    """Equality of addresses looks at their keys only."""
    return [(user, user.email.address, user.password_hash) for user in stored_users(url)]


class TestOneUser:
    @pytest.mark.parametrize(
        ("url", "by"), [("sqlite_url", "address"), ("postgres_url", "id")], indirect=["url"]
    )
    def test_a_user_is_shown_disabled_and_enabled_and_the_sessions_end(
        self, tmp_path: Path, url: str, by: str
    ) -> None:
        with a_service(tmp_path, **QUICK, DATABASE_URL=url) as service:
            httpx.post(service.url + REGISTER, json=NEW_USER).raise_for_status()
            login = log_in(service)
            who = EMAIL.upper() if by == "address" else str(stored_user(url).id)
            link(url, stored_user(url), "acme")

            shown = users(tmp_path, url, "show", who).stdout
            record = record_of(stored_user(url), with_hash=False)
            message = {**record, "second_factor": False, "linked": "acme", "sessions": 1}
            assert dict(line.split(":", 1) for line in shown.splitlines()) == {
                name: f"{'':<{15 - len(name)}}{value}" for name, value in message.items()
            }

            ended = users(tmp_path, url, "end-sessions", who)
            assert ended.stdout == f"all sessions of {EMAIL} have ended\n"
            until(lambda: not is_in(service, login), "the end of the session")
            assert "sessions:       0" in users(tmp_path, url, "show", who).stdout

            login = log_in(service)
            assert is_in(service, login)
            assert users(tmp_path, url, "disable", who).stdout == f"{EMAIL} is disabled\n"
            until(lambda: not is_in(service, login), "the end of the session")
            assert log_in(service).status_code == 400

            assert users(tmp_path, url, "enable", who).stdout == f"{EMAIL} is enabled\n"
            assert log_in(service).status_code == 200
            assert not is_in(service, login)

    @pytest.mark.parametrize(
        ("command", "who"),
        [
            *(("show", who) for who in UNKNOWN_USER),
            *((command, UNKNOWN_USER[0]) for command in ("disable", "enable", "end-sessions")),
        ],
    )
    def test_a_missing_user_prints_one_line(
        self, tmp_path: Path, sqlite_url: str, command: str, who: str
    ) -> None:
        sign_up(sqlite_url, a_user())

        result = users(tmp_path, sqlite_url, command, who)

        assert_one_line(result, 1, "no user has that address or id")

    @each_database
    def test_the_last_administrator_is_not_disabled_or_deleted(
        self, tmp_path: Path, url: str
    ) -> None:
        last = a_user(role=Role.ADMIN)
        other = a_user(role=Role.ADMIN, email=Email.parse("eve@example.org"))
        sign_up(url, last, other)

        assert users(tmp_path, url, "disable", str(other.id)).returncode == 0
        assert_one_line(
            users(tmp_path, url, "disable", EMAIL), 1, "this is the last administrator"
        )
        assert stored_user(url) == last


class TestWithoutADatabase:
    @pytest.mark.parametrize(
        "command",
        [["show", EMAIL], ["import", "users.csv"], ["export", "new.jsonl"]],
        ids=" ".join,
    )
    def test_a_command_without_a_database_prints_one_line(
        self, tmp_path: Path, command: list[str]
    ) -> None:
        a_csv(tmp_path, [{"email": EMAIL, "password_hash": HASH}])

        result = users(tmp_path, NOT_THERE, *command)

        assert_one_line(result, 1, "PostgreSQL at 127.0.0.1:1 cannot be used")
        assert {each.name for each in tmp_path.iterdir()} <= {"users.csv", "var"}

    def test_missing_tables_are_reported(self, tmp_path: Path, empty_postgres_url: str) -> None:
        result = users(tmp_path, empty_postgres_url, "show", EMAIL)

        assert_one_line(result, 1, "run `doorward migrate up`")

    def test_a_command_without_the_folder_of_its_database_prints_one_line(
        self, tmp_path: Path
    ) -> None:
        result = users(tmp_path, f"sqlite:///{tmp_path}/nowhere/users.db", "show", EMAIL)

        assert_one_line(result, 1, "its folder does not exist")
