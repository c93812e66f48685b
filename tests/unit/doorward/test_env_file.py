"""The environment of the process, and the additions of `.env`."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from doorward.env_file import Environment
from infrastructure.config.environment_variables import ConfigurationError


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    before = dict(os.environ)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    os.environ.clear()
    os.environ.update(before)


def test_each_reading_returns_the_file_as_it_is_now() -> None:
    environment = Environment({"PORT": "1"})
    Path(".env").write_text("HOST=a\n")
    assert environment.read() == {"PORT": "1", "HOST": "a"}

    Path(".env").write_text("HOST=b\n")

    assert environment.read() == {"PORT": "1", "HOST": "b"}


def test_a_given_variable_takes_precedence_over_the_file_even_if_it_is_empty() -> None:
    Path(".env").write_text("PORT=2\nHOST=a\n")

    assert Environment({"PORT": "1", "HOST": ""}).read() == {"PORT": "1", "HOST": ""}


def test_a_value_refers_to_given_variables_and_to_earlier_ones() -> None:
    Path(".env").write_text("A=${PORT}\nPORT=2\nB=${A}-${C:-c}\nD\nE=[${F}]\nF=$2b$\nG='$${A}'\n")

    found = Environment({"PORT": "1", "C": ""}).read()

    assert found == {
        "PORT": "1",
        "A": "1",
        "B": "1-",
        "C": "",
        "E": "[]",
        "F": "$2b$",
        "G": "$1",
    }


def test_a_value_of_a_given_variable_is_taken_literally() -> None:
    Path(".env").write_text("A=1\nB=${GIVEN}\n")

    assert Environment({"GIVEN": "${A}"}).read()["B"] == "${A}"


def test_a_default_stands_for_a_variable_that_is_not_set() -> None:
    Path(".env").write_text("A=${B:-b}${C:-}${D}\n")

    assert Environment({}).read() == {"A": "b"}


def test_a_variable_that_left_the_file_leaves_the_environment() -> None:
    environment = Environment({"DOORWARD_GIVEN": "1"})
    Path(".env").write_text("DOORWARD_GIVEN=2\nDOORWARD_FOUND=3\n")
    environment.install(environment.read())
    assert (os.environ["DOORWARD_GIVEN"], os.environ["DOORWARD_FOUND"]) == ("1", "3")

    Path(".env").unlink()
    environment.install(environment.read())

    assert os.environ["DOORWARD_GIVEN"] == "1"
    assert "DOORWARD_FOUND" not in os.environ


def test_a_fixed_variable_takes_precedence_over_the_file() -> None:
    Path(".env").write_text("PORT=1\n")
    environment = Environment({})

    environment.fix(PORT=2, HOST=None)

    assert os.environ["PORT"] == environment.read()["PORT"] == "2"
    assert "HOST" not in environment.read()


def test_a_file_that_is_not_utf_8_is_refused() -> None:
    Path(".env").write_bytes(b"PORT=\xff\n")

    with pytest.raises(ConfigurationError, match=r"^\.env cannot be read"):
        Environment({}).read()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("PORT=1\nDATABASE_URL postgresql://u:s3cret@db/app\n", 2),
        ("PORT=1\n\n\nDATABASE_URL: s3cret\n", 4),
        ("DATABASE_URL:s3cret\n", 1),
        ('# mine\nKEYS_SECRET="s3cret\nPORT=1\n', 2),
        ("PORT='1' s3cret\n", 1),
        ("export PORT=1\n=s3cret\n", 2),
        ("<<<<<<< HEAD\nPORT=1\n", 1),
    ],
)
def test_a_line_that_cannot_be_parsed_is_refused_by_its_number(text: str, line: int) -> None:
    Path(".env").write_text(text)

    with pytest.raises(ConfigurationError) as refused:
        Environment({}).read()

    assert str(refused.value).startswith(".env has no `NAME=value`")
    assert f" in line {line}," in str(refused.value)
    assert "s3cret" not in str(refused.value)


def test_a_file_with_a_byte_order_mark_and_windows_line_ends_is_read() -> None:
    Path(".env").write_bytes(b"\xef\xbb\xbfHOST=a\r\n\r\n# comment\r\nexport PORT=1\r\n")

    assert Environment({}).read() == {"HOST": "a", "PORT": "1"}


def test_a_folder_in_place_of_the_file_is_refused() -> None:
    Path(".env").mkdir()  # Docker makes one where a file to be mounted is missing

    with pytest.raises(ConfigurationError, match=r"^\.env cannot be read"):
        Environment({}).read()


def test_the_next_program_of_a_process_knows_which_variables_the_file_has_set() -> None:
    Path(".env").write_text("LOG_LEVEL=debug\nPORT=1\n")
    installed = {"PORT": "2", "LOG_LEVEL": "debug", "ISSUER": "gone from the file"}

    environment = Environment.taken_over(installed, ["LOG_LEVEL", "ISSUER"])

    assert environment.from_file == {"LOG_LEVEL", "ISSUER"}
    assert environment.read() == {"PORT": "2", "LOG_LEVEL": "debug"}
