"""`doorward secrets …`, and what `doorward doctor` says of second factors."""

import asyncio
from base64 import b64encode
from pathlib import Path

import pytest

from domain.key_ring import KeyRing
from domain.second_factors.factors import SecondFactors, Totp
from domain.token import TokenKind
from doorward.diagnostics.second_factors import check_second_factors
from infrastructure.config.settings import Settings
from infrastructure.signing.algorithms import EDDSA
from infrastructure.signing.factor_secrets import SealedFactors
from infrastructure.storage.options import StoreOptions
from infrastructure.storage.sql.database import Database
from infrastructure.storage.sql.signing_keys import SqlKeys
from infrastructure.storage.stores import open_stores
from tests.support.builders import NOW, a_user
from tests.support.commands import Result, doorward
from tests.support.key_commands import started
from tests.support.processes import QUICK
from tests.support.waiting import PATIENT

OLD, NEW = b"o" * 32, b"n" * 32
SECRET = b"12345678901234567890"
ADA = a_user().id


def as_text(*secrets: bytes) -> str:
    return ",".join(b64encode(each).decode() for each in secrets)


def run(folder: Path, url: str, *arguments: str, **settings: str) -> Result:
    result = doorward(folder, *arguments, **QUICK, DATABASE_URL=url, **settings)
    said = result.stdout + result.stderr
    assert "Traceback" not in said, said
    assert as_text(OLD) not in said
    return result


def enrol(url: str, secret: bytes = OLD) -> None:
    async def store() -> None:
        totp = Totp(SealedFactors([secret]).seal(ADA, SECRET))
        factors = SecondFactors(ADA, totp, recovery_codes=frozenset({"digest"}))
        async with open_stores(url, url, PATIENT) as stores:
            assert (await stores.second_factors.replace(SecondFactors(ADA), factors)).changed

    asyncio.run(store())


def make_keys(url: str) -> None:
    async def store() -> None:
        async with Database.open(url, StoreOptions()) as database:
            keys = SqlKeys(database, [OLD], EDDSA)
            made = [started(await keys.make(kind, NOW), NOW) for kind in TokenKind]
            assert (await keys.replace(KeyRing(), KeyRing(frozenset(made)))).changed

    asyncio.run(store())


def opened_by(url: str, *secrets: bytes) -> list[bytes | None]:
    async def read() -> list[bytes | None]:
        async with open_stores(url, url, PATIENT) as stores:
            factors = await stores.second_factors.of_user(ADA)
            return [SealedFactors(secrets).open(ADA, each) for each in factors.sealed]

    return asyncio.run(read())


def finding(url: str, **settings: str) -> tuple[str, str]:
    """Return what the doctor says of second factors, with the keys in a folder."""
    read = Settings.read({"DATABASE_URL": url, "KEYS_FOLDER": "keys", **settings})
    return asyncio.run(check_second_factors(read))


def test_a_generated_secret_is_a_valid_setting(tmp_path: Path) -> None:
    line = doorward(tmp_path, "secrets", "generate").stdout.strip()

    name, _, value = line.partition("=")
    [secret] = Settings.read({name: value}).secrets.data or ()
    assert len(secret) == 32


def test_after_an_exchange_the_first_secret_encrypts_everything(
    tmp_path: Path, sqlite_url: str
) -> None:
    make_keys(sqlite_url)
    enrol(sqlite_url)

    exchanged = {"KEYS_SECRET": as_text(NEW, OLD)}
    done = run(tmp_path, sqlite_url, "secrets", "reencrypt", **exchanged)

    assert done.returncode == 0, done.stderr
    keys, apps, codes = done.stdout.splitlines()
    assert keys == "signing keys: 2 re-encrypted"
    assert apps == "authenticator apps: 1 re-encrypted, of 1 user"
    assert codes.startswith("recovery codes: 1 user with some.")
    assert opened_by(sqlite_url, NEW) == [SECRET]
    listed = run(tmp_path, sqlite_url, "keys", "list", KEYS_SECRET=as_text(NEW))
    assert (listed.returncode, len(listed.stdout.splitlines()), listed.stderr) == (0, 2, "")
    again = run(tmp_path, sqlite_url, "secrets", "reencrypt", **exchanged)
    assert again.stdout.startswith("signing keys: 0 re-encrypted\nauthenticator apps: 0 re-")


def test_a_data_secret_replaces_that_of_the_keys_for_second_factors_only(
    tmp_path: Path, sqlite_url: str
) -> None:
    make_keys(sqlite_url)
    enrol(sqlite_url)
    both = {"KEYS_SECRET": as_text(OLD), "DATA_SECRET": as_text(NEW)}
    assert finding(sqlite_url, **both, KEYS_FOLDER="")[0] == "warn"

    done = run(tmp_path, sqlite_url, "secrets", "reencrypt", **both)

    assert done.stdout.startswith("signing keys: 0 re-encrypted\nauthenticator apps: 1 re-")
    assert opened_by(sqlite_url, NEW) == [SECRET]
    assert finding(sqlite_url, **both, KEYS_FOLDER="")[0] == "ok"


def test_a_lost_secret_is_a_failure_that_changes_nothing(tmp_path: Path, sqlite_url: str) -> None:
    enrol(sqlite_url)

    done = run(tmp_path, sqlite_url, "secrets", "reencrypt", KEYS_SECRET=as_text(NEW))

    assert done.returncode == 1
    assert done.stderr.endswith("no secret opens the authenticator apps of 1 user\n")
    assert opened_by(sqlite_url, OLD) == [SECRET]


@pytest.mark.parametrize(
    ("settings", "verdict", "text"),
    [
        ({}, "FAIL", "1 of 1 user cannot use their authenticator app"),
        ({"DATA_SECRET": as_text(NEW)}, "FAIL", "1 of 1 user cannot use their authenticator app"),
        ({"DATA_SECRET": as_text(NEW, OLD)}, "warn", "1 of them under an earlier secret"),
        ({"DATA_SECRET": as_text(OLD)}, "ok", "1 user with an authenticator app"),
    ],
    ids=["none", "lost", "outdated", "good"],
)
def test_the_doctor_counts_what_no_secret_or_an_earlier_one_opens(
    sqlite_url: str, settings: dict[str, str], verdict: str, text: str
) -> None:
    enrol(sqlite_url)

    found, words = finding(sqlite_url, **settings)

    assert (found, text in words) == (verdict, True), words


@pytest.mark.parametrize(
    ("settings", "verdict", "text"),
    [
        ({}, "info", "Set DATA_SECRET, which `doorward secrets generate` prints"),
        ({"DATA_SECRET": as_text(NEW)}, "ok", "0 users with an authenticator app"),
        ({"USERS_URL": "memory:"}, "info", "in memory"),
        ({"KEYS_FOLDER": ""}, "info", "the first start makes the secret"),
        ({"USERS_URL": "sqlite:////nowhere/at.all"}, "info", "Set DATA_SECRET"),
    ],
    ids=["no secret", "a secret", "memory", "before the first start", "no file yet"],
)
def test_the_doctor_says_what_second_factors_need(
    tmp_path: Path, sqlite_url: str, settings: dict[str, str], verdict: str, text: str
) -> None:
    found, words = finding(sqlite_url, **{"DOORWARD_DATA": str(tmp_path), **settings})

    assert (found, text in words) == (verdict, True), words
