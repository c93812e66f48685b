"""`doorward keys`."""

import re
import sqlite3
import subprocess
from pathlib import Path

from dotenv import dotenv_values

from domain.token import TokenKind
from doorward.wiring.signing_keys.key_stores import keys_in_environment
from infrastructure.config import parsers
from infrastructure.config.settings import Settings
from infrastructure.signing.algorithms import EDDSA
from infrastructure.signing.signing_key import SigningKey
from tests.support.commands import Result, assert_one_line, doorward
from tests.support.processes import a_service

MANUAL = Path(__file__).parents[2] / "docs" / "operating.md"

QUICKLY = ("generate", "--algorithm", "EdDSA")
WHY = ("--reason", "as each year")


class TestKeys:
    def test_generated_keys_can_be_appended_to_the_env_file(self, tmp_path: Path) -> None:
        result = doorward(tmp_path, "keys", "generate")
        variables = dict(line.split("=", 1) for line in result.stdout.split())

        assert (result.returncode, result.stderr) == (0, "")
        assert list(variables) == [
            "ACCESS_TOKEN_PRIVATE_KEY",
            "ACCESS_TOKEN_PUBLIC_KEY",
            "REFRESH_TOKEN_PRIVATE_KEY",
            "REFRESH_TOKEN_PUBLIC_KEY",
        ]
        settings = Settings.read(variables)
        generated = keys_in_environment(settings.keys).values()
        assert {key.public.key_size for key in generated} == {3072}

        (tmp_path / ".env").write_text(result.stdout)
        found = doorward(tmp_path, "doctor", USERS_URL="memory:")
        assert "in the environment" in found.stdout
        assert not [value for value in variables.values() if value in found.stdout]

    def test_generated_keys_do_not_join_the_last_line_of_a_file_without_a_newline(
        self, tmp_path: Path
    ) -> None:
        for command in (QUICKLY, ("secret",)):
            printed = doorward(tmp_path, "keys", *command).stdout
            (tmp_path / ".env").write_text(f"CLIENT_ORIGIN=http://localhost:3000{printed}")

            first, *others = dotenv_values(tmp_path / ".env").items()
            assert first == ("CLIENT_ORIGIN", "http://localhost:3000")
            assert others

    def test_the_secret_file_can_be_made_as_the_manual_says(self, tmp_path: Path) -> None:
        [command] = re.findall(r"doorward keys secret (\| .*) > var/secret", MANUAL.read_text())
        printed = doorward(tmp_path, "keys", "secret").stdout

        shell = ["sh", "-c", f"cat {command}"]
        made = subprocess.run(shell, input=printed, capture_output=True, check=True, text=True)

        assert len(parsers.secrets(made.stdout)) == 1

    def test_keys_are_listed_rotated_and_revoked(self, tmp_path: Path) -> None:
        secret = doorward(tmp_path, "keys", "secret").stdout
        (tmp_path / ".env").write_text(f"{secret}TOKEN_ALGORITHM=EdDSA\nREVOCATION_BOUND=1\n")
        none = doorward(tmp_path, "keys", "list")
        assert none.stdout == "there are no keys yet\n"
        with a_service(tmp_path):
            pass

        first = key_lines(doorward(tmp_path, "keys", "list"))
        assert [line[:2] for line in first] == [
            ["access", "current"],
            ["access", "next"],
            ["refresh", "current"],
            ["refresh", "next"],
        ]
        assert key_lines(doorward(tmp_path, "keys", "list")) == first

        rotated = key_lines(doorward(tmp_path, "keys", "rotate", "--kind", "access", *WHY))
        assert [line[:3] for line in rotated[:2]] == [line[:3] for line in first[:2]]
        assert rotated[1][3:6] == ["EdDSA", "signs", "from"]
        assert [line[1] for line in rotated] == ["current", "next", "next", "current", "next"]

        revoked = first[0][2]
        left = key_lines(doorward(tmp_path, "keys", "revoke", revoked, *WHY))
        assert left[0][:3] == ["access", "current", first[1][2]]
        assert revoked not in [line[2] for line in left]
        with sqlite3.connect(tmp_path / "var" / "doorward.db") as database:
            texts = [text for [text] in database.execute("SELECT detail FROM audit_events")]
        reason = "; reason: as each year"
        assert texts[-2:] == [f"access{reason}", f"access {revoked}{reason}"]
        assert_one_line(doorward(tmp_path, "keys", "revoke", revoked), 1, "no key of that id")

    def test_keys_of_the_embedded_default_can_be_rotated_and_revoked(self, tmp_path: Path) -> None:
        (tmp_path / ".env").write_text("TOKEN_ALGORITHM=EdDSA\nREVOCATION_BOUND=1\n")
        [access, refresh] = key_lines(doorward(tmp_path, "keys", "list"))
        assert access[3:6] == refresh[3:6] == ["EdDSA", "signs", "since"]

        rotated = key_lines(doorward(tmp_path, "keys", "rotate"))
        assert [line[1] for line in rotated] == ["current", "next", "next"] * 2

        left = key_lines(doorward(tmp_path, "keys", "revoke", access[2]))
        assert left[0][:2] == ["access", "current"]
        assert left[0][2] != access[2]

    def test_keys_that_no_secret_decrypts_are_revoked_one_after_the_other(
        self, tmp_path: Path
    ) -> None:
        (tmp_path / ".env").write_text("TOKEN_ALGORITHM=EdDSA\nREVOCATION_BOUND=1\n")
        keys = [line[2] for line in key_lines(doorward(tmp_path, "keys", "list"))]
        another = doorward(tmp_path, "keys", "secret").stdout.partition("=")[2]
        (tmp_path / "var" / "secret").write_text(another)

        first, last = (doorward(tmp_path, "keys", "revoke", each) for each in keys)

        assert first.returncode == 2
        assert first.stderr.startswith(f"the key {keys[0]} is revoked\n")
        assert f"no secret that decrypts the key {keys[1]}" in first.stderr
        assert (last.returncode, last.stdout) == (0, "there are no keys yet\n")
        assert not {line[2] for line in key_lines(doorward(tmp_path, "keys", "list"))} & {*keys}

    def test_keys_of_a_folder_are_not_changed_by_commands(self, tmp_path: Path) -> None:
        folder = tmp_path / "mount"
        folder.mkdir()
        for kind in ("access", "refresh"):
            pair = SigningKey.generate(EDDSA)
            (folder / f"{kind}.pem").write_bytes(pair.private_pem())
        before = _contents(folder)
        [access, _] = key_lines(doorward(tmp_path, "keys", "list", KEYS_FOLDER=str(folder)))
        assert access[3:] == ["EdDSA", "has", "always", "signed"]

        for change in (("rotate",), ("revoke", access[2])):
            result = doorward(tmp_path, "keys", *change, KEYS_FOLDER=str(folder))
            assert_one_line(result, 1, "the keys are in KEYS_FOLDER, which is only read")

        assert _contents(folder) == before

    def test_keys_in_the_environment_are_not_changed_by_commands(self, tmp_path: Path) -> None:
        (tmp_path / ".env").write_text(doorward(tmp_path, "keys", *QUICKLY).stdout)
        [access, _] = key_lines(doorward(tmp_path, "keys", "list"))

        for change in (("rotate",), ("revoke", access[2])):
            result = doorward(tmp_path, "keys", *change)
            assert_one_line(result, 1, "the keys are in the environment: change them there")

    def test_a_key_id_may_begin_with_a_dash(self, tmp_path: Path) -> None:
        settings = {"USERS_URL": "memory:", "TOKEN_ALGORITHM": "EdDSA"}
        result = doorward(tmp_path, "keys", "revoke", "-x", **settings)

        assert_one_line(result, 1, "no key of that id")


def key_lines(result: Result) -> list[list[str]]:
    assert (result.returncode, result.stderr) == (0, ""), result.stderr
    return [line.split() for line in result.stdout.splitlines()]


def _contents(folder: Path) -> dict[str, bytes]:
    contents = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert set(contents) == {f"{kind}.pem" for kind in TokenKind}
    return contents
