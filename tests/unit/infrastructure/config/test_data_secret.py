"""The data secret: where it comes from, and its file."""

import base64
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from infrastructure.config.data_secret import data_secrets, make_secret_file
from infrastructure.config.environment_variables import ConfigurationError
from infrastructure.config.settings import Settings

GIVEN = bytes(range(32))
KEYS_SECRET = base64.b64encode(GIVEN).decode()
USELESS = ["", "hidden", KEYS_SECRET[:-8], "\N{LATIN SMALL LETTER E WITH ACUTE}" * 44]


def secrets_of(folder: Path, **more: str) -> tuple[bytes, ...]:
    """The data secrets of the embedded default in this folder."""
    settings = Settings.read({"DOORWARD_DATA": str(folder), **more})
    return data_secrets(settings.keys, settings.storage)


def test_a_generated_secret_is_for_its_owner_only(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        make_secret_file(tmp_path / "secret")
    finally:
        os.umask(before)

    [secret] = secrets_of(tmp_path)
    assert len(secret) == 32
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]


def test_two_folders_have_different_secrets(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        make_secret_file(tmp_path / name / "secret")

    assert secrets_of(tmp_path / "a") != secrets_of(tmp_path / "b")


def test_a_secret_is_never_replaced(tmp_path: Path) -> None:
    make_secret_file(tmp_path / "secret")
    before = (tmp_path / "secret").read_bytes()

    make_secret_file(tmp_path / "secret")

    assert (tmp_path / "secret").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]


def test_processes_that_start_at_once_have_the_same_secret(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; "
        "from infrastructure.config.data_secret import make_secret_file; "
        "file = Path(sys.argv[1]); print(flush=True); sys.stdin.read(); "
        "make_secret_file(file); print(file.read_text())"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path / "secret")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()  # it is ready

    answers = {process.communicate()[0] for process in processes}

    assert len(answers) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]


def test_a_missing_secret_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigurationError, match=r"has no file secret, .* the former KEYS_SECRET into it$"
    ):
        secrets_of(tmp_path)

    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", USELESS)
def test_a_file_without_a_secret_is_an_error_that_does_not_show_it(
    tmp_path: Path, content: str
) -> None:
    (tmp_path / "secret").write_text(content)

    with pytest.raises(ConfigurationError) as refused:
        secrets_of(tmp_path)

    expected = "DOORWARD_DATA has a file secret that does not hold 32 bytes in base64"
    assert str(refused.value) == expected


def test_a_secret_that_cannot_be_read_or_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    with pytest.raises(ConfigurationError, match="cannot be read: Is a directory"):
        secrets_of(tmp_path)

    with pytest.raises(ConfigurationError, match="cannot keep a file secret: No such file"):
        make_secret_file(tmp_path / "nowhere" / "secret")


def test_a_file_may_hold_several_secrets(tmp_path: Path) -> None:
    other = base64.b64encode(bytes(32)).decode()
    (tmp_path / "secret").write_text(f"{other},{KEYS_SECRET}\n")

    assert secrets_of(tmp_path) == (bytes(32), GIVEN)


def test_the_variable_takes_the_place_of_the_file_and_the_file_still_decrypts(
    tmp_path: Path,
) -> None:
    make_secret_file(tmp_path / "secret")
    of_file = secrets_of(tmp_path)

    assert secrets_of(tmp_path, KEYS_SECRET=KEYS_SECRET) == (GIVEN, *of_file)


def test_the_file_means_nothing_to_another_database(tmp_path: Path) -> None:
    make_secret_file(tmp_path / "secret")
    elsewhere = {"KEYS_SECRET": KEYS_SECRET, "DATABASE_URL": "postgresql://h/d"}

    assert secrets_of(tmp_path, **elsewhere) == (GIVEN,)
