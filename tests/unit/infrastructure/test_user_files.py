"""Files of users, as other systems write them, and read on from where an import was."""

import csv
import io
import json
import stat
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from application.accounts.user_transfer.import_users import Imported
from application.accounts.user_transfer.records import FIELDS, Record, Rejected
from application.pagination import UserQuery
from domain.actor import Operator
from domain.email import Email
from domain.errors import Problem
from domain.permissions import Role
from domain.user import NO_PASSWORD, User
from infrastructure.storage.memory.users import MemoryUsers
from infrastructure.user_transfer.files import (
    UnreadableFile,
    batches,
    csv_line,
    is_csv,
    json_line,
    open_private,
    record_of,
)
from infrastructure.user_transfer.report import Report
from tests.support.builders import NOW, SECOND, a_user
from tests.unit.application.accounts.test_import_users import an_import_into

UTF_8 = "must be one JSON object in UTF-8"
LONG = "x" * 1_000_000


def a_file(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(path: Path, skip_lines: int = 0) -> list[Record]:
    return [record for batch in batches(path, skip_lines) for record in batch.records]


def in_csv(folder: Path, content: str | bytes) -> list[Record]:
    return read(a_file(folder, "users.csv", content))


def in_json(folder: Path, content: str | bytes) -> list[Record]:
    return read(a_file(folder, "users.jsonl", content))


def addresses(records: Sequence[Record]) -> list[tuple[int, str]]:
    return [(record.line, record.values["email"]) for record in records]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.csv", True),
        ("a.CSV", True),
        ("a.jsonl", False),
        ("a.ndjson", False),
        ("a.JSONL", False),
    ],
)
def test_the_file_name_selects_the_format(name: str, expected: bool) -> None:
    assert is_csv(Path(name)) is expected


@pytest.mark.parametrize("name", ["users", "users.json", "users.csv.gz", "users.xlsx", ".csv"])
def test_another_name_is_not_guessed_at(name: str) -> None:
    with pytest.raises(UnreadableFile, match=r"must end in \.csv, \.jsonl or \.ndjson"):
        is_csv(Path(name))


class TestCsv:
    def test_the_first_line_names_the_columns(self, tmp_path: Path) -> None:
        text = "name,email,shoe_size\nAda,ada@example.org,38\nEve,eve@example.org,\n"

        assert in_csv(tmp_path, text) == [
            Record(2, {"name": "Ada", "email": "ada@example.org", "shoe_size": "38"}),
            Record(3, {"name": "Eve", "email": "eve@example.org", "shoe_size": ""}),
        ]

    @pytest.mark.parametrize("names", ["email,role,role", "email,name, Role ,ROLE", "x,email,x"])
    def test_a_column_that_is_named_twice_is_refused(self, tmp_path: Path, names: str) -> None:
        with pytest.raises(UnreadableFile, match=r"^line 1 names the column '(role|x)' twice$"):
            in_csv(tmp_path, f"{names}\nada@example.org,user,admin,admin\n")

    def test_columns_without_a_name_are_ignored(self, tmp_path: Path) -> None:
        [record] = in_csv(tmp_path, "email,,\nada@example.org,,\n")

        assert record.values["email"] == "ada@example.org"

    @pytest.mark.parametrize("names", ["EMAIL,Name", " email , NAME\t", '"Email","Name"'])
    def test_column_names_may_be_in_capitals_with_surrounding_space(
        self, tmp_path: Path, names: str
    ) -> None:
        [record] = in_csv(tmp_path, f"{names}\nada@example.org,Ada\n")

        assert record.values == {"email": "ada@example.org", "name": "Ada"}

    def test_a_quoted_field_may_hold_anything(self, tmp_path: Path) -> None:
        text = 'email,name\nada@example.org,"Lovelace, ""Ada""\r\nCountess\r"\n'

        assert in_csv(tmp_path, text) == [
            Record(2, {"email": "ada@example.org", "name": 'Lovelace, "Ada"\r\nCountess\r'})
        ]

    def test_a_csv_record_has_the_number_of_its_first_line(self, tmp_path: Path) -> None:
        text = 'email,name\na@x.org,"1\n2\n3"\nb@x.org,B\nc@x.org,"1\n\n"\nd@x.org,D\n'

        assert addresses(in_csv(tmp_path, text)) == [
            (2, "a@x.org"),
            (5, "b@x.org"),
            (6, "c@x.org"),
            (9, "d@x.org"),
        ]

    def test_multi_line_names_do_not_shift_line_numbers(self, tmp_path: Path) -> None:
        text = 'email,"name\nof the person"\na@x.org,A\n'

        assert addresses(in_csv(tmp_path, text)) == [(3, "a@x.org")]

    def test_empty_csv_lines_are_no_records_and_counted(self, tmp_path: Path) -> None:
        text = "email\n\na@x.org\n\n\r\nb@x.org\n\n"

        assert addresses(in_csv(tmp_path, text)) == [(3, "a@x.org"), (6, "b@x.org")]

    @pytest.mark.parametrize("end", ["\n", "\r\n"])
    @pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["", "BOM"])
    @pytest.mark.parametrize("last", ["", "the end"])
    def test_a_csv_file_of_excel_is_read(
        self, tmp_path: Path, end: str, mark: bytes, last: str
    ) -> None:
        lines = ["email,name", "ada@example.org,Zoë", "eve@example.org,李"]
        text = end.join(lines) + (end if last else "")

        records = in_csv(tmp_path, mark + text.encode())

        assert [tuple(each.values.values()) for each in records] == [
            ("ada@example.org", "Zoë"),
            ("eve@example.org", "李"),
        ]

    @pytest.mark.parametrize("row", ["a@x.org", "a@x.org,A,more", "a@x.org,A,", "a@x.org,A;B,C"])
    def test_a_row_of_another_length_has_a_problem(self, tmp_path: Path, row: str) -> None:
        bad, good = in_csv(tmp_path, f"email,name\n{row}\nb@x.org,B\n")

        assert (bad.line, bad.problem) == (2, "must have 2 columns")
        assert good == Record(3, {"email": "b@x.org", "name": "B"})

    @pytest.mark.parametrize("separator", [";", "\t", ","])
    def test_semicolons_and_tabs_may_separate_the_columns(
        self, tmp_path: Path, separator: str
    ) -> None:
        lines = '"email"|"name"\na@x.org|A, B; C\tD\nb@x.org|"B"\n'
        content = lines.replace("A, B; C\tD", '"A, B; C\tD"').replace("|", separator)

        first, second = in_csv(tmp_path, content)

        assert first.values == {"email": "a@x.org", "name": "A, B; C\tD"}
        assert second.values == {"email": "b@x.org", "name": "B"}

    def test_names_of_columns_may_have_blanks_and_hyphens(self, tmp_path: Path) -> None:
        [record] = in_csv(tmp_path, "E Mail , Email,Password Hash,created-at\nx,a@x.org,h,t\n")

        assert record.values == {
            "e_mail": "x",
            "email": "a@x.org",
            "password_hash": "h",
            "created_at": "t",
        }

    def test_the_null_of_databases_is_no_value(self, tmp_path: Path) -> None:
        [record] = in_csv(tmp_path, "email\tname\trole\na@x.org\t\\N\t\\Nx\n")

        assert record.values == {"email": "a@x.org", "role": "\\Nx"}

    def test_quotation_marks_escaped_by_mysql_are_named_as_the_reason(
        self, tmp_path: Path
    ) -> None:
        with pytest.raises(
            UnreadableFile, match=r'line 2 .* it has \\" for a quotation mark, as MySQL'
        ):
            in_csv(tmp_path, 'email,name\na@x.org,"Bob \\"the\\" Builder"\nb@x.org,B\n')

    def test_windows_1252_is_rejected_with_the_remedy(self, tmp_path: Path) -> None:
        bad, good = in_csv(
            tmp_path, "email,name\na@x.org,J\xfcrgen\nb@x.org,Bob\n".encode("cp1252")
        )

        assert "iconv -f WINDOWS-1252 -t UTF-8" in bad.problem
        assert good.problem == ""

    def test_a_line_that_is_not_utf_8_is_rejected_and_hides_no_other(self, tmp_path: Path) -> None:
        octets = b"email,name,role\nada@example.org,Zo\xeb,\xff\neve@example.org,Eve,\n"

        bad, good = in_csv(tmp_path, octets)

        for field in ("name", "role"):
            with pytest.raises(UnicodeEncodeError):
                bad.values[field].encode()
        assert good.values["name"] == "Eve"

    def test_a_nul_stays_in_its_csv_field(self, tmp_path: Path) -> None:
        first, second = in_csv(tmp_path, "email,name\nada@example.org,A\0da\nb@x.org,B\n")

        assert first.values["name"] == "A\0da"
        assert second.values["name"] == "B"

    def test_a_file_with_only_a_header_has_no_users(self, tmp_path: Path) -> None:
        assert in_csv(tmp_path, "email,name\n") == []
        assert in_csv(tmp_path, "email,name") == []

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"\n",
            b"ada@example.org,Ada\n",
            b"e-mail,name\nada@example.org,Ada\n",
            b"\x00\x01\x02\xff",
            b"email,name\rada@example.org,Ada\r",  # as on old Macintoshes
            b'"email,name\nada@example.org,Ada\n',
            b'"email,name\n' + b"ada@example.org,Ada\n" * 10_000,
            b'{"email": "ada@example.org"}\n',
            LONG.encode(),
        ],
        ids=[
            "nothing",
            "an empty line",
            "no names",
            "other names",
            "no text",
            "carriage returns alone",
            "an open quote",
            "an open quote and much behind it",
            "JSON",
            "a line that is too long",
        ],
    )
    def test_a_csv_file_without_column_names_is_refused(
        self, tmp_path: Path, content: bytes
    ) -> None:
        with pytest.raises(UnreadableFile, match=r"\bline 1\b"):
            in_csv(tmp_path, content)

    @pytest.mark.parametrize(
        "rest",
        [
            'b@x.org,"B\nc@x.org,C\n',
            'b@x.org,"B\n' + "c@x.org,C\n" * 20_000,
            'b@x.org,"B"B\n',
            "b@x.org,B\rc@x.org,C\n",
        ],
        ids=["an open quote", "much behind it", "a quote too many", "a carriage return alone"],
    )
    def test_reading_a_csv_file_stops_at_a_syntax_error(self, tmp_path: Path, rest: str) -> None:
        with pytest.raises(UnreadableFile, match=r"^line 4 cannot be read as CSV: "):
            in_csv(tmp_path, f'email,name\na@x.org,"1\n2"\n{rest}')

    @given(st.lists(st.tuples(st.text(), st.text()), max_size=5))
    def test_any_written_csv_file_is_read_back(
        self, folder: Path, rows: list[tuple[str, str]]
    ) -> None:
        text = io.StringIO()
        csv.writer(text).writerows([("email", "name"), *rows])

        records = in_csv(folder, text.getvalue())

        assert [tuple(record.values.values()) for record in records] == rows
        assert not any(record.problem for record in records)


class TestJsonLines:
    def test_each_json_line_is_a_record(self, tmp_path: Path) -> None:
        text = '{"email": "a@x.org", "name": "Zo\\u00eb"}\n{"name": "李", "email": "b@x.org"}\n'

        assert in_json(tmp_path, text) == [
            Record(1, {"email": "a@x.org", "name": "Zoë"}),
            Record(2, {"email": "b@x.org", "name": "李"}),
        ]

    def test_unknown_members_of_json_lines_are_ignored(self, tmp_path: Path) -> None:
        [record] = in_json(tmp_path, '{"email": "a@x.org", "password": "x", "more": {"a": [1]}}')

        assert record == Record(1, {"email": "a@x.org"})

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("true", {"verified": "true"}),
            ("false", {"verified": "false"}),
            ("1", {"verified": "1"}),
            ("0", {"verified": "0"}),
            ("1.5", {"verified": "1.5"}),
            ('"yes"', {"verified": "yes"}),
            ('""', {"verified": ""}),
            ("null", {}),
        ],
    )
    def test_a_json_value_becomes_text_and_null_is_none(
        self, tmp_path: Path, value: str, expected: dict[str, str]
    ) -> None:
        assert in_json(tmp_path, f'{{"verified": {value}}}') == [Record(1, expected)]

    @pytest.mark.parametrize("value", ['{"first": "Ada", "last": "Lovelace"}', '["Ada"]', "[]"])
    def test_a_value_that_is_no_text_is_rejected(self, tmp_path: Path, value: str) -> None:
        [record] = in_json(tmp_path, f'{{"email": "a@x.org", "name": {value}}}\n')

        assert record.problem

    @pytest.mark.parametrize(
        "line",
        [
            b"{",
            b"[]",
            b'["a@x.org"]',
            b"[{}]",
            b"1",
            b"null",
            b'"a@x.org"',
            b'{"email": "a@x.org",}',
            b"{'email': 'a@x.org'}",
            b'{"email": "a@x.org"} {"email": "b@x.org"}',
            b'{"email": NaN}',
            b'{"name": "Zo\xeb"}',
            b'{"name": "\\ud800"}',
            b'{"name": "a\x00"}',
            b'{"name": ' + b"9" * 5000 + b"}",
            b'{"name": ' + b"[" * 2000 + b"]" * 2000 + b"}",
            b'{"name": ' + b"[" * 60_000,
            b'{"more": ' + b'{"a":' * 10_000 + b"1" + b"}" * 10_001,
        ],
        ids=lambda line: line.decode(errors="replace")[:30],
    )
    def test_a_line_that_is_no_object_has_a_problem_and_hides_nothing(
        self, tmp_path: Path, line: bytes
    ) -> None:
        records = in_json(tmp_path, line + b'\n{"email": "b@x.org"}\n')

        assert records == [Record(1, {}, UTF_8), Record(2, {"email": "b@x.org"})]

    @pytest.mark.parametrize("depth", range(100, 1100, 100))
    def test_however_deep_a_value_is_the_next_line_is_read(
        self, tmp_path: Path, depth: int
    ) -> None:
        line = f'{{"name": {"[" * depth}{"]" * depth}}}\n'

        assert in_json(tmp_path, line + '{"email": "b@x.org"}\n')[1:] == [
            Record(2, {"email": "b@x.org"})
        ]

    def test_empty_json_lines_are_no_records_and_counted(self, tmp_path: Path) -> None:
        text = '\n{"email": "a@x.org"}\n  \n\r\n{"email": "b@x.org"}\r\n\n'

        assert addresses(in_json(tmp_path, text)) == [(2, "a@x.org"), (5, "b@x.org")]

    def test_a_json_lines_file_may_have_a_byte_order_mark_and_no_final_newline(
        self, tmp_path: Path
    ) -> None:
        octets = b'\xef\xbb\xbf{"email": "a@x.org"}\n{"email": "b@x.org"}'

        assert addresses(in_json(tmp_path, octets)) == [(1, "a@x.org"), (2, "b@x.org")]

    def test_an_empty_json_lines_file_has_no_users(self, tmp_path: Path) -> None:
        assert in_json(tmp_path, "") == []


@pytest.mark.parametrize(
    ("name", "first"), [("users.csv", "email\na@x.org\n"), ("users.jsonl", "{}\n{}\n")]
)
@pytest.mark.parametrize("end", ["", "\n"])
def test_a_line_without_an_end_is_not_waited_for(
    tmp_path: Path, name: str, first: str, end: str
) -> None:
    with pytest.raises(UnreadableFile, match=r"^line 3 is longer than 65536 bytes$"):
        read(a_file(tmp_path, name, f"{first}{LONG}{end}"))


@pytest.mark.parametrize("name", ["users.csv", "users.jsonl"])
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_is_refused_with_the_remedy(tmp_path: Path, name: str, encoding: str) -> None:
    content = "\ufeffemail,password_hash\na@x.org,x\n".encode(encoding)

    with pytest.raises(
        UnreadableFile, match=r"is in UTF-16: convert it, as with `iconv -f UTF-16"
    ):
        read(a_file(tmp_path, name, content))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for many examples, each of which writes its own file."""
    return tmp_path_factory.mktemp("examples")


parts = st.sampled_from(
    [b"email", b"\n", b"\r", b'"', b",", b"\0", b"\xff", b"{", b"}", b":", b"1"]
)


@given(st.binary() | st.lists(parts).map(b"".join))
@example(b"email\rname\n")
@example(b'"email\n')
@pytest.mark.parametrize("name", ["users.csv", "users.jsonl"])
def test_no_octets_are_too_much(folder: Path, name: str, content: bytes) -> None:
    records = []
    with suppress(UnreadableFile):
        records = read(a_file(folder, name, content))

    assert [each.line for each in records] == sorted({each.line for each in records})


MANY = 1234


def many_in_csv() -> str:
    rows = ["name,email"]
    for number in range(MANY):
        name = f'"{number},\r\n""{number}"""' if number % 7 == 0 else f"Zoë {number}"
        rows += [f"{name},{number}@example.org"] + [""] * (number % 11 == 0)
    return "\n".join(rows)


def many_in_json() -> str:
    rows = []
    for number in range(MANY):
        values = {"name": f"Zoë {number}", "email": f"{number}@example.org"}
        rows += [json.dumps(values, ensure_ascii=number % 2 == 0)] + [" "] * (number % 11 == 0)
    return "\n".join(rows)


@pytest.mark.parametrize(
    ("name", "text"), [("a.csv", many_in_csv()), ("a.jsonl", many_in_json())], ids=["csv", "json"]
)
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["", "BOM"])
@pytest.mark.parametrize("end", ["", "\n"], ids=["", "a last end of line"])
def test_reading_continues_after_each_batch_with_the_same_records(
    tmp_path: Path, name: str, text: str, mark: bytes, end: str
) -> None:
    path = a_file(tmp_path, name, mark + (text + end).encode())
    found = list(batches(path))
    everything = [record for batch in found for record in batch.records]

    assert len(found) > 2
    assert [each.values["email"] for each in everything] == [
        f"{number}@example.org" for number in range(MANY)
    ]
    so_far = 0
    for batch in found:
        so_far += len(batch.records)
        assert read(path, batch.line) == everything[so_far:]
    assert found[-1].offset == path.stat().st_size
    with pytest.raises(UnreadableFile, match=f"^there are only {found[-1].line} lines$"):
        read(path, found[-1].line + 1)


SOME = [Rejected(4, [Problem("email", "is required"), Problem("id", "is odd")])]
OTHERS = [Rejected(9, [Problem("line", "must have 4 columns")])]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return a_file(tmp_path, "users.csv", "email\nada@example.org\n")


class TestReport:
    def test_the_report_has_line_and_reasons_of_each_rejected_record(self, path: Path) -> None:
        report = Report.beside(path, dry_run=False)

        report.add([*SOME, *OTHERS])

        assert report.path == path.with_name("users.csv.rejected.jsonl")
        assert [json.loads(line) for line in report.path.read_text().splitlines()] == [
            {
                "line": 4,
                "problems": [
                    {"field": "email", "message": "is required"},
                    {"field": "id", "message": "is odd"},
                ],
            },
            {"line": 9, "problems": [{"field": "line", "message": "must have 4 columns"}]},
        ]

    def test_a_continued_import_keeps_the_earlier_report(self, path: Path) -> None:
        report = Report.beside(path, dry_run=False)
        report.add(SOME)
        before = report.path.read_bytes()
        report.add(OTHERS)

        report.keep(8)

        assert report.path.read_bytes() == before
        report.keep(4)
        assert report.path.read_bytes() == before

    def test_an_import_from_the_start_deletes_the_report_of_an_earlier_one(
        self, path: Path
    ) -> None:
        report = Report.beside(path, dry_run=False)
        report.add(SOME)

        report.keep(0)
        report.keep(0)

        assert report.is_empty

    @pytest.mark.parametrize("content", [b"{\n", b"[]\n", b"{}\n", b"mine\n", b"\xff\n"])
    def test_an_import_does_not_continue_a_file_that_is_no_report(
        self, path: Path, content: bytes
    ) -> None:
        report = Report.beside(path, dry_run=False)
        report.path.write_bytes(content)

        with pytest.raises(UnreadableFile, match=r"^users.csv.rejected.jsonl is not a report"):
            report.keep(1)

        assert report.path.read_bytes() == content

    def test_without_rejected_records_there_is_no_report(self, path: Path) -> None:
        report = Report.beside(path, dry_run=False)

        report.add([])

        assert report.is_empty

    def test_a_dry_run_writes_a_separate_report(self, path: Path) -> None:
        Report.beside(path, dry_run=False).add(SOME)
        dry_run = Report.beside(path, dry_run=True)

        dry_run.keep(0)

        assert dry_run.path != Report.beside(path, dry_run=False).path
        assert not Report.beside(path, dry_run=False).is_empty


def row(values: Mapping[str, Any]) -> list[str]:
    [cells] = csv.reader(io.StringIO(csv_line(values), newline=""))
    return cells


@pytest.mark.parametrize(
    "name",
    ["Ada", 'Ada "Countess"', "Lovelace, Ada", "a\nb", "1+1", "", "O'Neill", "Anne-Marie", "é="],
)
def test_a_line_of_csv_round_trips(name: str) -> None:
    assert row({"name": name, "verified": True, "email": "ada@example.org"}) == [
        name,
        "True",
        "ada@example.org",
    ]


def test_every_field_of_csv_is_quoted() -> None:
    assert csv_line({"name": "Ada", "verified": True, "photo": ""}) == '"Ada","True",""\r\n'


@pytest.mark.parametrize(
    ("name", "exported"),
    [
        (" =1+1", "' =1+1"),
        ("Ada;=1+1", "Ada;'=1+1"),
        ("Ada, @SUM(1)", "Ada,' @SUM(1)"),
        ("Ada\t+1|-1", "Ada\t'+1|'-1"),
        ('Ada;"=1"', 'Ada;\'"=1"'),
        ("Ada\n=1", "Ada\n'=1"),
    ],
)
def test_a_formula_behind_a_separator_is_exported_as_text(name: str, exported: str) -> None:
    assert row({"name": name}) == [exported]


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r", "\0", *"＝＋－＠﹦﹢﹣﹫−"])  # noqa: RUF001
def test_a_formula_is_exported_as_text(sign: str) -> None:
    """OWASP ASVS 5.0, V1.2.10, names all but the last but one."""
    formula = f'{sign}HYPERLINK("https://evil.example","x")'

    assert row({"name": formula, "email": f"{sign}eve@example.org"}) == [
        f"'{formula}",
        f"'{sign}eve@example.org",
    ]


def test_a_line_of_json_is_one_line() -> None:
    values = {"name": "a\nb\r\u2028Zoë", "verified": False}

    assert json_line(values).splitlines(keepends=True)[-1].endswith("}\n")
    assert json_line(values).count("\n") == 1
    assert json.loads(json_line(values)) == values


PEOPLE = [
    a_user(password_hash="quick$1$salt$digest"),
    a_user(
        email=Email.parse("ÄDA@münchen.example."),
        name='Zoë 李小龍 👩\u200d💻 O\'Brien "x", =1',
        password_hash="quick$2$s=,\"'$digest",
        role=Role.ADMIN,
        photo="https://example.org/a.png?x=1,2",
        verified=True,
        disabled=True,
        created_at=NOW.replace(year=1971),
        updated_at=NOW + SECOND,
        locale="de-AT",
    ),
    a_user(email=Email.parse("=eve@example.org"), created_at=NOW.replace(microsecond=0)),
]


async def brought_back(path: Path) -> tuple[Imported, Sequence[User]]:
    users = MemoryUsers()
    import_users = an_import_into(users)
    imported = await import_users(Operator(), read(path))
    return imported, (await users.page(UserQuery(), None, 100)).items


async def test_users_round_trip_through_a_file(tmp_path: Path) -> None:
    people = [
        *PEOPLE[:2],
        a_user(email=PEOPLE[2].email, password_hash="quick$1$x$y"),
        a_user(email=Email.parse("bob@example.org"), password_hash=NO_PASSWORD),
    ]
    lines = [json_line(record_of(user, with_hash=True)) for user in people]

    imported, users = await brought_back(a_file(tmp_path, "a.jsonl", "".join(lines)))

    assert imported == Imported(len(people), 0, [])
    assert sorted(users, key=str) == sorted(people, key=str)
    assert {each.email.address for each in users} == {each.email.address for each in people}


def test_all_that_can_be_imported_is_written() -> None:
    assert set(record_of(a_user(), with_hash=True)) == set(FIELDS) - {"totp"}


async def test_an_export_without_hashes_cannot_be_imported(tmp_path: Path) -> None:
    lines = [json_line(record_of(user, with_hash=False)) for user in PEOPLE]
    assert "quick$" not in "".join(lines)

    imported, users = await brought_back(a_file(tmp_path, "a.jsonl", "".join(lines)))

    assert not users
    reasons = [[problem.field for problem in each.problems] for each in imported.rejected]
    assert reasons == [["password_hash"]] * len(PEOPLE)


def test_a_name_twice_in_an_object_is_refused(tmp_path: Path) -> None:
    [record] = in_json(tmp_path, '{"email": "a@x.org", "role": "user", "role": "admin"}')

    assert (record.values, record.problem) == ({}, "must not hold a name twice")


@pytest.mark.parametrize("number", ["9" * 5000, "9" * 300, "1e999", "-0"])
def test_a_number_of_any_size_ends_no_import(tmp_path: Path, number: str) -> None:
    records = in_json(tmp_path, f'{{"shoe_size": {number}}}\n{{"email": "a@x.org"}}\n')

    assert len(records) == 2
    assert records[1].values == {"email": "a@x.org"}


def test_a_symbolic_link_is_not_imported(tmp_path: Path) -> None:
    link = tmp_path / "users.csv"
    link.symlink_to(a_file(tmp_path, "elsewhere.csv", "email\nada@example.org\n"))

    with pytest.raises(UnreadableFile, match=r"users\.csv is a symbolic link"):
        read(link)


def test_a_report_is_not_written_through_a_symbolic_link(tmp_path: Path) -> None:
    report = Report.beside(tmp_path / "users.csv", dry_run=False)
    elsewhere = a_file(tmp_path, "elsewhere", '{"line": 1}\n')
    report.path.symlink_to(elsewhere)

    with pytest.raises(UnreadableFile, match="is a symbolic link"):
        report.keep(1)
    with pytest.raises(UnreadableFile, match="is a symbolic link"):
        report.add([Rejected(2, [Problem("email", "is taken")])])

    assert elsewhere.read_text() == '{"line": 1}\n'


def test_a_private_file_is_its_owners(tmp_path: Path) -> None:
    path = tmp_path / "users.jsonl"
    with open_private(path) as opened:
        opened.write("Zoë")

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text(encoding="utf-8") == "Zoë"


def test_a_private_file_takes_the_place_of_none(tmp_path: Path) -> None:
    path = a_file(tmp_path, "users.jsonl", "mine")

    with pytest.raises(FileExistsError):
        open_private(path)

    assert path.read_text() == "mine"


def test_a_linked_file_is_not_made_private(tmp_path: Path) -> None:
    path = tmp_path / "users.jsonl"
    path.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(FileExistsError):
        open_private(path)

    assert not (tmp_path / "elsewhere").exists()
