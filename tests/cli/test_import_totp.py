"""`doorward users import` with authenticator apps, as exports of other systems have them."""

import asyncio
import json
from base64 import b32encode, b64encode, urlsafe_b64encode
from pathlib import Path

import pytest

from domain.second_factors.totp import text_of
from domain.token import TokenKind
from domain.user import User
from infrastructure.signing.factor_secrets import SealedFactors
from infrastructure.signing.signing_key import SigningKey
from infrastructure.storage.stores import open_stores
from tests.cli.test_users import HASH, each_database, stored_users, url, users
from tests.http.secrecy.test_dumps import of_sqlite
from tests.support.commands import doorward
from tests.support.databases import SyncConnection
from tests.support.processes import QUICK
from tests.support.waiting import PATIENT

__all__ = ["url"]  # a fixture

DATA_SECRET = b"d" * 32
GIVEN = {"DATA_SECRET": b64encode(DATA_SECRET).decode()}
GOTRUE, KRATOS = b"gotrue-678901234567x", b"kratos-678901234567x"
KEYCLOAK = "keycloak-67890123456"
"""Its secrets are texts, and the bytes of a text are the secret."""


def records() -> list[dict[str, object]]:
    """What the recipes of docs/import.md make of the exports."""
    plain = b32encode(KEYCLOAK.encode()).decode()
    return [
        {"email": "gotrue@example.org", "password_hash": HASH, "totp": text_of(GOTRUE)},
        {
            "email": "kratos@example.org",
            "password_hash": HASH,
            "totp": "otpauth://totp/Example:kratos@example.org?algorithm=SHA1&digits=6&issuer="
            f"Example&period=30&secret={text_of(KRATOS)}",
        },
        {
            "email": "keycloak@example.org",
            "password_hash": HASH,
            "totp": f"otpauth://totp/Keycloak?secret={plain}&algorithm=SHA1&digits=6&period=30",
        },
        {"email": "none@example.org", "password_hash": HASH, "totp": None},
    ]


def a_file(folder: Path, *lines: dict[str, object]) -> Path:
    file = folder / "users.jsonl"
    file.write_text("".join(json.dumps(each) + "\n" for each in lines))
    return file


def secrets_of(database: str, people: list[User]) -> dict[str, bytes | None]:
    async def read() -> dict[str, bytes | None]:
        found: dict[str, bytes | None] = {}
        async with open_stores(database, database, PATIENT) as stores:
            for user in people:
                factors = await stores.second_factors.of_user(user.id)
                for sealed in factors.sealed:
                    opened = SealedFactors([DATA_SECRET]).open(user.id, sealed)
                    found[user.email.address] = opened
        return found

    return asyncio.run(read())


@each_database
def test_apps_of_three_systems_are_imported_and_a_dump_shows_no_secret(
    tmp_path: Path, url: str
) -> None:
    file = a_file(tmp_path, *records())

    done = doorward(tmp_path, "users", "import", file, **QUICK, DATABASE_URL=url, **GIVEN)

    assert done.stdout == (
        "4 imported, 0 there already, 0 rejected\n"
        "3 of them with an authenticator app, none with recovery codes\n"
    )
    people = stored_users(url)
    assert secrets_of(url, people) == {
        "gotrue@example.org": GOTRUE,
        "kratos@example.org": KRATOS,
        "keycloak@example.org": KEYCLOAK.encode(),
    }
    assert {each.email.address: each.has_second_factor for each in people} == {
        "gotrue@example.org": True,
        "kratos@example.org": True,
        "keycloak@example.org": True,
        "none@example.org": False,
    }
    dump = dump_of(url)
    assert "gotrue@example.org" in dump  # it is the right dump
    for secret in (GOTRUE, KRATOS, KEYCLOAK.encode()):
        assert not [each for each in ways_to_write(secret) if each in dump]


def dump_of(database: str) -> str:
    if database.startswith("sqlite"):
        return "\n".join(of_sqlite(database))
    connection = SyncConnection(database)
    names = connection.value(
        "SELECT string_agg(quote_ident(table_name), ',') FROM information_schema.tables "
        "WHERE table_schema = 'public'"
    )
    try:
        return "\n".join(
            str(connection.value(f"SELECT string_agg(t::text, ' ') FROM {name} t"))  # noqa: S608
            for name in names.split(",")
        )
    finally:
        connection.close()


def ways_to_write(secret: bytes) -> list[str]:
    return [
        secret.decode(),
        secret.hex(),
        text_of(secret),
        b64encode(secret).decode().rstrip("="),
        urlsafe_b64encode(secret).decode().rstrip("="),
    ]


def test_an_app_that_cannot_be_used_is_reported_without_its_secret(
    tmp_path: Path, sqlite_url: str
) -> None:
    good = records()[0]
    file = a_file(tmp_path, good | {"totp": '{"alg":"aes-gcm-hkdf"}'}, good | {"totp": "s3cret"})

    done = doorward(tmp_path, "users", "import", file, **QUICK, DATABASE_URL=sqlite_url, **GIVEN)

    report = (tmp_path / "users.jsonl.rejected.jsonl").read_text()
    assert done.returncode == 1
    assert [json.loads(line)["problems"][0]["field"] for line in report.splitlines()] == [
        "totp",
        "totp",
    ]
    assert "s3cret" not in report + done.stdout + done.stderr
    assert stored_users(sqlite_url) == []


def test_with_keys_in_a_folder_apps_need_a_data_secret(
    tmp_path: Path, sqlite_url: str, key_folder: Path
) -> None:
    file = a_file(tmp_path, *records())
    settings = {**QUICK, "DATABASE_URL": sqlite_url, "KEYS_FOLDER": str(key_folder)}

    without = doorward(tmp_path, "users", "import", file, **settings)
    given = doorward(tmp_path, "users", "import", file, **settings, **GIVEN)

    assert without.stdout.startswith("1 imported, 0 there already, 3 rejected\n")
    assert given.stdout.startswith("3 imported, 1 there already, 0 rejected\n")


def test_an_export_has_no_second_factors(tmp_path: Path, sqlite_url: str) -> None:
    file = a_file(tmp_path, *records())
    doorward(tmp_path, "users", "import", file, **QUICK, DATABASE_URL=sqlite_url, **GIVEN)

    exported = tmp_path / "exported.jsonl"
    assert users(tmp_path, sqlite_url, "export", "--with-hashes", exported).returncode == 0

    written = exported.read_text()
    assert "gotrue@example.org" in written
    assert HASH in written
    assert "totp" not in written
    assert not [each for each in ways_to_write(GOTRUE) if each in written]


@pytest.fixture
def key_folder(tmp_path: Path, keys: dict[TokenKind, SigningKey]) -> Path:
    folder = tmp_path / "keys"
    folder.mkdir()
    for kind, key in keys.items():
        (folder / f"{kind}.pem").write_bytes(key.private_pem())
    return folder
