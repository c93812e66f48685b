"""`doorward doctor`, but for the audit log."""

import re
from pathlib import Path

import pytest

from domain.token import TokenKind
from doorward.diagnostics.doctor import examine
from infrastructure.signing.signing_key import SigningKey
from tests.support.commands import Result, doorward
from tests.support.processes import QUICK, a_service

CLOSED_REDIS = "redis://:s3cret@127.0.0.1:1/0"  # nothing listens on port 1


class TestDoctor:
    def test_a_fresh_folder_is_fine_and_stays_empty(self, tmp_path: Path) -> None:
        result = doorward(tmp_path, "doctor")

        assert result.returncode == 0, result.stdout
        assert not list(tmp_path.iterdir())

    def test_the_embedded_default_is_fine_after_its_start(self, tmp_path: Path) -> None:
        with a_service(tmp_path):
            pass
        result = doorward(tmp_path, "doctor")

        assert result.returncode == 0, result.stdout
        assert verdicts(result) == {
            "configuration": "ok",
            "keys": "ok",
            "users": "ok",
            "sessions": "ok",
            "schema of the users": "ok",
            "second factors": "ok",
            "passkeys": "ok",
            "pages": "ok",
            "mail": "info",
            "password hashing": "info",
        }

    def test_postgresql_and_redis_are_fine(
        self, tmp_path: Path, postgres_url: str, redis_url: str
    ) -> None:
        result = doorward(tmp_path, "doctor", DATABASE_URL=postgres_url, REDIS_URL=redis_url)

        assert result.returncode == 0, result.stdout
        found = verdicts(result)
        assert found["schema of the users"] == "ok"
        assert found["clock of the users"] == found["clock of the sessions"] == "ok"

    def test_a_failed_check_hides_no_other_check(self, tmp_path: Path) -> None:
        result = doorward(
            tmp_path, "doctor", PORT="s3cret", DATABASE_URL="s3cret", REDIS_URL=CLOSED_REDIS
        )

        assert result.returncode == 1
        assert "s3cret" not in result.stdout + result.stderr
        assert verdicts(result) == {
            "configuration": "FAIL",
            "keys": "info",
            "users": "FAIL",
            "sessions": "FAIL",
            "clock of the users": "FAIL",
            "clock of the sessions": "FAIL",
            "second factors": "info",
            "passkeys": "FAIL",
            "pages": "ok",
            "mail": "info",
            "password hashing": "info",
        }

    def test_settings_that_contradict_each_other_hide_no_other_check(self, tmp_path: Path) -> None:
        result = doorward(
            tmp_path,
            "doctor",
            REGISTRATION_DISCLOSES="false",
            MAIL_URL="off",
            PASSKEY_DOMAIN="b.c",
        )

        assert result.returncode == 1
        assert "REGISTRATION_DISCLOSES is false" in result.stdout
        assert "PASSKEY_DOMAIN must be the host of PUBLIC_URL" in result.stdout
        assert verdicts(result)["passkeys"] == "ok"

    def test_a_secret_that_other_users_can_read_is_found(self, tmp_path: Path) -> None:
        with a_service(tmp_path, **QUICK, USERS_URL="memory:"):
            pass
        (tmp_path / "var" / "secret").chmod(0o644)
        result = doorward(tmp_path, "doctor", USERS_URL="memory:")

        assert result.returncode == 1
        assert verdicts(result)["keys"] == "FAIL"

    @pytest.mark.parametrize(
        ("text", "mode", "code"),
        [
            ("KEYS_SECRET=s3cret\n", 0o644, 1),
            ("REDIS_PASSWORD=s3cret\n", 0o640, 1),
            ("REDIS_PASSWORD=s3cret\n", 0o600, 0),
            ("PORT=8000\nREDIS_PASSWORD=\n", 0o644, 0),
        ],
    )
    async def test_an_env_file_with_secrets_that_others_can_read_is_a_failure(
        self, tmp_path: Path, text: str, mode: int, code: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = tmp_path / ".env"
        file.write_text(text)
        file.chmod(mode)
        monkeypatch.chdir(tmp_path)

        found = [each async for each in examine({}) if each.subject == "secrets"]

        assert [each.verdict for each in found] == ["FAIL"] * code
        assert "s3cret" not in str(found)

    @pytest.mark.parametrize(("is_mounted", "verdict"), [(True, "warn"), (False, "FAIL")])
    def test_keys_that_others_can_read_are_a_failure_unless_kubernetes_mounts_them(
        self, tmp_path: Path, keys: dict[TokenKind, SigningKey], *, is_mounted: bool, verdict: str
    ) -> None:
        folder = tmp_path / "keys"
        files = folder / "..2026_11_28" if is_mounted else folder
        files.mkdir(parents=True)
        for kind, key in keys.items():
            (files / f"{kind}.pem").write_bytes(key.private_pem())
            (files / f"{kind}.pem").chmod(0o644)
            if is_mounted:
                (folder / f"{kind}.pem").symlink_to(f"..data/{kind}.pem")
        if is_mounted:
            (folder / "..data").symlink_to(files.name)
        result = doorward(tmp_path, "doctor", KEYS_FOLDER=str(folder), USERS_URL="memory:")

        assert verdicts(result)["keys"] == verdict
        assert result.returncode == (0 if is_mounted else 1), result.stdout

    def test_a_mounted_folder_of_unusable_keys_is_a_failure(self, tmp_path: Path) -> None:
        folder = tmp_path / "keys"
        (folder / "..now").mkdir(parents=True)
        (folder / "..data").symlink_to("..now")
        (folder / "access.pem").write_text("no key")
        (folder / "access.pem").chmod(0o644)
        result = doorward(tmp_path, "doctor", KEYS_FOLDER=str(folder), USERS_URL="memory:")

        assert verdicts(result)["keys"] == "FAIL"

    def test_a_misspelt_variable_is_a_warning(self, tmp_path: Path) -> None:
        (tmp_path / ".env").write_text("DATBASE_URL=postgresql://u:s3cret@db/app\n")
        result = doorward(tmp_path, "doctor")

        assert result.returncode == 0, result.stdout
        assert "warn  configuration: DATBASE_URL is no setting" in result.stdout
        assert "s3cret" not in result.stdout

    def test_a_forbidden_embedded_default_is_found(self, tmp_path: Path) -> None:
        result = doorward(tmp_path, "doctor", EMBEDDED="off")

        assert result.returncode == 1
        assert verdicts(result)["configuration"] == "FAIL"


def verdicts(result: Result) -> dict[str, str]:
    lines = [re.fullmatch(r"(\w+) +([^:]+): .+", line) for line in result.stdout.splitlines()]
    return {line[2]: line[1] for line in lines if line}
