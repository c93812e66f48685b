"""The environment of the process, and what `.env` adds to it now."""

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


def test_the_file_is_read_anew_each_time() -> None:
    environment = Environment({"PORT": "1"})
    Path(".env").write_text("HOST=a\n")
    assert environment.read() == {"PORT": "1", "HOST": "a"}

    Path(".env").write_text("HOST=b\n")

    assert environment.read() == {"PORT": "1", "HOST": "b"}


def test_what_was_given_wins_even_if_it_is_empty() -> None:
    Path(".env").write_text("PORT=2\nHOST=a\n")

    assert Environment({"PORT": "1", "HOST": ""}).read() == {"PORT": "1", "HOST": ""}


def test_the_file_may_name_what_is_known() -> None:
    Path(".env").write_text("A=${PORT}\nPORT=2\nB=${A}-${C:-c}\nD\n")

    assert Environment({"PORT": "1"}).read() == {"PORT": "1", "A": "1", "B": "1-c"}


def test_what_is_not_in_the_file_any_more_is_gone() -> None:
    environment = Environment({"DOORWARD_GIVEN": "1"})
    Path(".env").write_text("DOORWARD_GIVEN=2\nDOORWARD_FOUND=3\n")
    environment.install(environment.read())
    assert (os.environ["DOORWARD_GIVEN"], os.environ["DOORWARD_FOUND"]) == ("1", "3")

    Path(".env").unlink()
    environment.install(environment.read())

    assert os.environ["DOORWARD_GIVEN"] == "1"
    assert "DOORWARD_FOUND" not in os.environ


def test_what_is_decided_stays_whatever_the_file_says() -> None:
    Path(".env").write_text("PORT=1\n")
    environment = Environment({})

    environment.fix(PORT=2, HOST=None)

    assert os.environ["PORT"] == environment.read()["PORT"] == "2"
    assert "HOST" not in environment.read()


def test_what_cannot_be_read_changes_nothing() -> None:
    Path(".env").write_bytes(b"PORT=\xff\n")

    with pytest.raises(ConfigurationError, match=r"^\.env cannot be read"):
        Environment({}).read()
