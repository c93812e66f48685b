"""`doorward doctor audit` and `doorward audit prune`: the audit log, from the command line."""

import asyncio
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from domain.audit.event import Event, EventType
from domain.outcome import Outcome
from domain.request_context import RequestContext
from doorward.diagnostics.doctor import examine_audit_log
from infrastructure.config.settings import Settings
from infrastructure.storage.stores import open_stores
from tests.support.builders import PASSWORD, a_user, new_id
from tests.support.commands import Result, doorward
from tests.support.processes import QUICK
from tests.support.waiting import PATIENT

Printed = tuple[int, list[str]]
"""The exit code, and the lines but for the head."""

NOW, LONG_AGO = timedelta(), timedelta(days=500)
NOT_THERE = "postgresql://ada:s3cret@127.0.0.1:1/db"  # nothing listens on port 1
NOTHING = "0" * 64

each_database = pytest.mark.parametrize("url", ["sqlite_url", "postgres_url"], indirect=True)


@pytest.fixture
def url(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(request.param))


def audit(folder: Path, url: str, *arguments: str, typed: str = "") -> Result:
    """Run a command, which reveals no secret and reports an error in words."""
    result = doorward(folder, *arguments, typed=typed, **QUICK, DATABASE_URL=url)
    said = result.stdout + result.stderr
    assert "Traceback" not in said, said
    assert "s3cret" not in said
    return result


def examine(folder: Path, url: str, *arguments: str) -> Printed:
    result = audit(folder, url, "doctor", "audit", *arguments)
    assert result.stderr == ""
    lines = result.stdout.splitlines()
    return result.returncode, [line for line in lines if not line.startswith("info  head: ")]


def prune(folder: Path, url: str, age: str = "400d") -> str:
    result = audit(folder, url, "audit", "prune", "--older-than", age)
    assert result.returncode == 0, result.stderr
    return result.stdout


def fine(count: int, pruned: int = 0) -> Printed:
    earlier = "1 earlier event" if pruned == 1 else f"{pruned} earlier events"
    before = f" ({earlier} pruned)" if pruned else ""
    events = "1 event" if count == 1 else f"{count} events"
    return 0, [f"ok    audit log: {events}{before}, none changed and none removed"]


def failed(what: str) -> Printed:
    return 1, [f"FAIL  audit log: {what}"]


def findings(url: str, since: str | None = None) -> list[str]:
    """Return the findings of the command without running it."""

    async def examine() -> list[str]:
        found = examine_audit_log(Settings.read({"DATABASE_URL": url}), since)
        return [f"{each.verdict} {each.text}" async for each in found]

    return asyncio.run(examine())


def head(url: str) -> str:
    """Return the head as the command prints it."""
    return findings(url)[1].removeprefix("info ")


def happen(url: str, *ages: timedelta) -> None:
    """Record one event of each age, in this order."""

    async def record() -> None:
        async with open_stores(url, url, PATIENT) as stores:
            await asyncio.gather(*[stores.audit_log.record(an_event(age)) for age in ages])

    asyncio.run(record())


def an_event(age: timedelta) -> Event:
    at, caller = datetime.now(UTC) - age, RequestContext("192.0.2.1", "request-7")
    return Event(new_id(), EventType.LOGIN, Outcome.SUCCESS, at, caller, a_user().id)


@contextmanager
def opened(url: str) -> Iterator[sqlite3.Connection]:
    """Open the database file directly, with all rights."""
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as database, database:
        database.execute("DROP TRIGGER IF EXISTS audit_events_append_only")
        database.execute("DROP TRIGGER IF EXISTS audit_events_keep")
        yield database


def write_anew(url: str, count: int) -> None:
    """A log in which nothing shows that there was another one."""
    with opened(url) as database:
        database.execute("DELETE FROM audit_events")
        database.execute("UPDATE audit_chain SET last_number = 0, last_digest = start_digest")
    happen(url, *[NOW] * count)


class TestDoctorAudit:
    @each_database
    def test_an_empty_audit_log_verifies(self, tmp_path: Path, url: str) -> None:
        printed = audit(tmp_path, url, "doctor", "audit")

        assert (printed.returncode, printed.stderr) == (0, "")
        assert printed.stdout.splitlines() == [
            "ok    audit log: 0 events, none changed and none removed",
            f"info  head: 0:{NOTHING}",
        ]

    @each_database
    def test_the_chain_contains_all_events(self, tmp_path: Path, url: str) -> None:
        create = ["users", "create", "ada@example.org", "--name", "Ada"]
        for command in (create, ["users", "disable", "ada@example.org"]):
            result = audit(tmp_path, url, *command, typed=f"{PASSWORD}\n")
            assert result.returncode == 0, result.stderr

        assert examine(tmp_path, url) == fine(2)
        assert re.fullmatch("2:[0-9a-f]{64}", head(url))

    @each_database
    def test_an_audit_log_of_any_length_verifies(self, tmp_path: Path, url: str) -> None:
        happen(url, *[NOW] * 2345)

        assert examine(tmp_path, url) == fine(2345)

    def test_a_row_that_was_changed_by_hand_is_named(
        self, tmp_path: Path, sqlite_url: str
    ) -> None:
        happen(sqlite_url, *[NOW] * 5)
        with opened(sqlite_url) as database:
            database.execute("UPDATE audit_events SET what = 'logout' WHERE number >= 3")

        assert examine(tmp_path, sqlite_url) == failed("event 3 was changed")

    @each_database
    def test_a_noted_head_is_found_in_a_longer_audit_log(self, tmp_path: Path, url: str) -> None:
        happen(url, *[NOW] * 3)
        noted = head(url)
        happen(url, *[NOW] * 2)

        assert examine(tmp_path, url, "--since", noted) == fine(5)

    def test_without_a_noted_head_a_rewritten_log_verifies(
        self, tmp_path: Path, sqlite_url: str
    ) -> None:
        happen(sqlite_url, *[NOW] * 3)
        noted = head(sqlite_url)
        write_anew(sqlite_url, 5)

        assert examine(tmp_path, sqlite_url) == fine(5)
        assert examine(tmp_path, sqlite_url, "--since", noted) == failed(
            "event 3 is not the one that was noted"
        )

    def test_an_audit_log_that_ends_before_the_noted_head_fails(
        self, tmp_path: Path, sqlite_url: str
    ) -> None:
        happen(sqlite_url, *[NOW] * 5)
        noted = head(sqlite_url)
        write_anew(sqlite_url, 3)

        assert examine(tmp_path, sqlite_url, "--since", noted) == failed("event 4 is missing")

    def test_an_audit_log_in_memory_is_reported_as_not_stored(self, tmp_path: Path) -> None:
        code, [line] = examine(tmp_path, "memory:")

        assert code == 0
        assert re.fullmatch(r"info  audit log: memory .* stores none", line)

    def test_verifying_creates_no_database(self, tmp_path: Path) -> None:
        _, lines = examine(tmp_path, "sqlite:///users.db")

        assert len(lines) == 1
        assert list(tmp_path.iterdir()) == []

    def test_verifying_without_an_answer_of_the_database_prints_one_line(
        self, tmp_path: Path
    ) -> None:
        code, [line] = examine(tmp_path, NOT_THERE)

        assert code == 1
        assert line.startswith("FAIL  audit log: PostgreSQL at 127.0.0.1:1 cannot be used: ")

    def test_missing_tables_are_reported(self, tmp_path: Path, empty_postgres_url: str) -> None:
        code, [line] = examine(tmp_path, empty_postgres_url)

        assert code == 1
        assert line.endswith(" cannot be used: its tables are missing")

    def test_an_invalid_head_prints_one_line(self, tmp_path: Path, sqlite_url: str) -> None:
        printed = examine(tmp_path, sqlite_url, "--since", "s3cret")

        assert printed == failed("--since must be a head as this command prints it")


FORGERIES = {
    "what": ("UPDATE audit_events SET what = 'logout' WHERE number = 3", "3 was changed"),
    "outcome": ("UPDATE audit_events SET outcome = 'x' WHERE number = 3", "3 was changed"),
    "time": ("UPDATE audit_events SET at = '2020-01-01' WHERE number = 3", "3 was changed"),
    "no time": ("UPDATE audit_events SET at = 'yesterday' WHERE number = 3", "3 was changed"),
    "user": ("UPDATE audit_events SET user_id = NULL WHERE number = 3", "3 was changed"),
    "no user": ("UPDATE audit_events SET user_id = 'x' WHERE number = 3", "3 was changed"),
    "actor": ("UPDATE audit_events SET actor_id = user_id WHERE number = 3", "3 was changed"),
    "session": ("UPDATE audit_events SET session_id = 'x' WHERE number = 3", "3 was changed"),
    "detail": ("UPDATE audit_events SET detail = 'x' WHERE number = 3", "3 was changed"),
    "no detail": ("UPDATE audit_events SET detail = X'FF' WHERE number = 3", "3 was changed"),
    "request": ("UPDATE audit_events SET request_id = 'x' WHERE number = 3", "3 was changed"),
    "id": ("UPDATE audit_events SET id = 'x' WHERE number = 3", "3 was changed"),
    "address": ("UPDATE audit_events SET address = '192.0.2.2' WHERE number = 3", "3 was changed"),
    "digest": ("UPDATE audit_events SET digest = previous WHERE number = 3", "3 was changed"),
    "previous": ("UPDATE audit_events SET previous = digest WHERE number = 3", "3 was changed"),
    "several": ("UPDATE audit_events SET what = 'x' WHERE number IN (3, 5)", "3 was changed"),
    "order": ("UPDATE audit_events SET number = 13 - number WHERE number > 2", "3 is missing"),
    "one less": ("DELETE FROM audit_events WHERE number = 3", "3 is missing"),
    "the first": ("DELETE FROM audit_events WHERE number = 1", "1 is missing"),
    "the last": ("DELETE FROM audit_events WHERE number > 3", "4 is missing"),
    "all": ("DELETE FROM audit_events", "1 is missing"),
    "the head": (
        "DELETE FROM audit_chain",
        "0 is not the head of the chain: there must be one",
    ),
    "some more": (
        (
            "UPDATE audit_chain SET (last_number, last_digest) = "
            "(SELECT number, digest FROM audit_events WHERE number = 3)"
        ),
        "4 is no part of the chain",
    ),
}
"""What is done to five events, and what is said of the first that is not as it was."""


@pytest.mark.parametrize(("statement", "what"), FORGERIES.values(), ids=FORGERIES)
def test_no_forgery_passes(sqlite_url: str, statement: str, what: str) -> None:
    happen(sqlite_url, *[NOW] * 5)
    with opened(sqlite_url) as database:
        database.execute(statement)

    assert findings(sqlite_url) == [f"FAIL event {what}"]


def test_rows_appended_after_the_end_do_not_hide_an_earlier_change(
    sqlite_url: str,
) -> None:
    happen(sqlite_url, *[NOW] * 5)
    with opened(sqlite_url) as database:
        database.execute("UPDATE audit_events SET what = 'logout' WHERE number = 2")
        database.execute("UPDATE audit_events SET number = 7 WHERE number = 5")

    assert findings(sqlite_url) == ["FAIL event 2 was changed"]


def test_an_address_that_was_forgotten_is_no_forgery(sqlite_url: str) -> None:
    happen(sqlite_url, *[NOW] * 3)
    with opened(sqlite_url) as database:
        database.execute("UPDATE audit_events SET address = NULL, address_salt = NULL")

    assert findings(sqlite_url)[0] == "ok 3 events, none changed and none removed"


@pytest.mark.parametrize(
    "since",
    [
        "",
        ":",
        "3",
        NOTHING,
        f":{NOTHING}",
        f"-1:{NOTHING}",
        f"three:{NOTHING}",
        f"٣:{NOTHING}",
        f"{'9' * 5000}:{NOTHING}",
        f"3:{NOTHING}0",
        f"3:{NOTHING[1:]}",
    ],
    ids=lambda since: since[:20] or "nothing",
)
def test_no_bad_head_is_taken_for_a_good_one(sqlite_url: str, since: str) -> None:
    happen(sqlite_url, *[NOW] * 5)

    assert findings(sqlite_url, since) == ["FAIL --since must be a head as this command prints it"]


class TestPrune:
    @each_database
    def test_pruning_deletes_the_oldest_rows_and_keeps_the_chain(
        self, tmp_path: Path, url: str
    ) -> None:
        happen(url, LONG_AGO, LONG_AGO)
        pruned = head(url)
        happen(url, LONG_AGO, NOW, NOW)
        noted = head(url)

        assert prune(tmp_path, url) == "3 events deleted\n"

        assert examine(tmp_path, url) == fine(3, pruned=3)  # with that of the pruning
        assert head(url).startswith("6:")
        assert examine(tmp_path, url, "--since", noted) == fine(3, pruned=3)
        code, lines = examine(tmp_path, url, "--since", pruned)
        assert (code, lines[:1]) == fine(3, pruned=3)
        assert lines[1:] == ["info  noted head: was pruned: it cannot be compared"]
        assert prune(tmp_path, url) == "0 events deleted\n"

    @each_database
    def test_pruning_stops_at_the_first_young_row(self, tmp_path: Path, url: str) -> None:
        """Or there would be a gap."""
        happen(url, LONG_AGO, NOW, LONG_AGO, LONG_AGO)

        assert prune(tmp_path, url) == "1 event deleted\n"
        assert examine(tmp_path, url) == fine(4, pruned=1)

    @each_database
    def test_pruning_deletes_any_number_of_old_rows(self, tmp_path: Path, url: str) -> None:
        happen(url, *[LONG_AGO] * 2345)

        assert prune(tmp_path, url) == "2345 events deleted\n"
        assert examine(tmp_path, url) == fine(1, pruned=2345)

    def test_pruning_an_empty_audit_log_deletes_nothing(
        self, tmp_path: Path, sqlite_url: str
    ) -> None:
        assert prune(tmp_path, sqlite_url) == "0 events deleted\n"

    def test_a_change_after_a_pruning_is_detected(self, tmp_path: Path, sqlite_url: str) -> None:
        happen(sqlite_url, LONG_AGO, LONG_AGO, NOW, NOW)
        prune(tmp_path, sqlite_url)
        with opened(sqlite_url) as database:
            database.execute("DELETE FROM audit_events WHERE number = 3")

        assert findings(sqlite_url) == ["FAIL event 3 is missing"]

    @pytest.mark.parametrize("age", ["", "0d", "-1d", "s3cret", "4000d"])
    def test_an_invalid_age_prints_one_line_and_deletes_nothing(
        self, tmp_path: Path, sqlite_url: str, age: str
    ) -> None:
        happen(sqlite_url, LONG_AGO)

        refused = audit(tmp_path, sqlite_url, "audit", "prune", "--older-than", age)

        assert (refused.returncode, refused.stdout) == (2, "")
        assert re.fullmatch(
            r"Error: Invalid value for --older-than: must be [^\n]+",
            refused.stderr.splitlines()[-1],
        )
        assert findings(sqlite_url)[0].startswith("ok 1 event,")

    def test_pruning_without_an_answer_of_the_database_prints_one_line(
        self, tmp_path: Path
    ) -> None:
        refused = audit(tmp_path, NOT_THERE, "audit", "prune", "--older-than", "1d")

        assert (refused.returncode, refused.stdout) == (1, "")
        assert re.fullmatch(
            r"doorward: PostgreSQL at 127.0.0.1:1 cannot be used[^\n]+\n", refused.stderr
        )


def test_the_doctor_alone_looks_at_everything_else_as_before(
    tmp_path: Path, sqlite_url: str
) -> None:
    result = audit(tmp_path, sqlite_url, "doctor")

    assert result.returncode == 0
    assert re.findall(r"^(?:ok  |info)  ([^:]+): ", result.stdout, re.MULTILINE) == [
        "configuration",
        "keys",
        "users",
        "sessions",
        "schema of the users",
        "second factors",
        "passkeys",
        "pages",
        "mail",
        "password hashing",
    ]
    assert result.stdout.count("\n") == 10
