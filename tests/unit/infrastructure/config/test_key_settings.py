"""The signing keys by the settings."""

import base64
from datetime import timedelta
from pathlib import Path

import pytest

from domain.key_ring import KeyId, KeyTimes
from domain.token import TokenKind
from doorward.diagnostics import preflight
from doorward.wiring.signing_keys.key_stores import (
    key_times,
    keys_in_environment,
    make_signer,
    open_key_store,
)
from infrastructure.config.environment_variables import ConfigurationError
from infrastructure.config.settings import Settings
from infrastructure.config.signing_keys import KeySource
from infrastructure.signing.key_ring_watcher import KeyRingWatcher
from infrastructure.signing.signing_key import SigningKey
from tests.support.builders import NOW, a_session, an_rsa_key, claims_of, pem

Keys = dict[TokenKind, SigningKey]


def in_text(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


@pytest.fixture
def texts(keys: Keys) -> dict[str, str]:
    """The four variables of the tutorial server."""
    return {
        f"{kind.upper()}_TOKEN_{part}_KEY": in_text(octets)
        for kind, key in keys.items()
        for part, octets in (("PRIVATE", key.private_pem()), ("PUBLIC", key.public_pem()))
    }


async def read(environment: dict[str, str]) -> dict[TokenKind, KeyId]:
    """Return the keys that sign now."""
    async with open_key_store(Settings.read(environment)) as store:
        ring = await store.ring()
    return {kind: ring.signing(kind, NOW).id for kind in TokenKind}


async def refusal_of(environment: dict[str, str]) -> str:
    with pytest.raises(ConfigurationError) as refused:
        await read(environment)
    for value in environment.values():
        assert value not in str(refused.value)
    return str(refused.value)


async def test_keys_come_from_the_environment(keys: Keys, texts: dict[str, str]) -> None:
    assert await read(texts) == {kind: key.kid for kind, key in keys.items()}


async def test_public_keys_are_not_needed(keys: Keys, texts: dict[str, str]) -> None:
    private = {name: text for name, text in texts.items() if "PRIVATE" in name}

    assert (await read(private))[TokenKind.REFRESH] == keys[TokenKind.REFRESH].kid


@pytest.mark.parametrize("missing", ["ACCESS_TOKEN_PRIVATE_KEY", "REFRESH_TOKEN_PRIVATE_KEY"])
async def test_a_missing_private_key_is_named(texts: dict[str, str], missing: str) -> None:
    del texts[missing]

    assert await refusal_of(texts) == f"{missing} is missing: the other keys are given"


@pytest.mark.parametrize("name", ["ACCESS_TOKEN_PRIVATE_KEY", "REFRESH_TOKEN_PRIVATE_KEY"])
async def test_an_unfit_private_key_is_named(texts: dict[str, str], name: str) -> None:
    texts[name] = in_text(pem(an_rsa_key(1024)))

    assert await refusal_of(texts) == f"{name} has 1024 bits; at least 2048 are needed"


@pytest.mark.parametrize("kind", TokenKind)
async def test_a_public_key_of_another_pair_is_named(
    texts: dict[str, str], strange_key: SigningKey, kind: TokenKind
) -> None:
    name = f"{kind.upper()}_TOKEN_PUBLIC_KEY"
    texts[name] = in_text(strange_key.public_pem())

    assert await refusal_of(texts) == f"{name} does not belong to the private key"


async def test_a_key_that_is_not_base64_is_named(texts: dict[str, str]) -> None:
    texts["REFRESH_TOKEN_PUBLIC_KEY"] = "rubbish!"

    assert await refusal_of(texts) == "REFRESH_TOKEN_PUBLIC_KEY is not base64"


async def test_access_and_refresh_tokens_need_different_keys(texts: dict[str, str]) -> None:
    for part in ("PRIVATE", "PUBLIC"):
        texts[f"REFRESH_TOKEN_{part}_KEY"] = texts[f"ACCESS_TOKEN_{part}_KEY"]

    assert await refusal_of(texts) == (
        "REFRESH_TOKEN_PRIVATE_KEY must be another key than ACCESS_TOKEN_PRIVATE_KEY"
    )


async def test_an_unfit_key_in_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "access.pem").write_bytes(pem(an_rsa_key(1024)))

    with pytest.raises(ConfigurationError) as refused:
        await preflight.check(Settings.read({"KEYS_FOLDER": str(tmp_path)}))

    assert str(refused.value) == (
        "KEYS_FOLDER holds access.pem, which has 1024 bits; at least 2048 are needed"
    )


async def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where a directory should be")

    with pytest.raises(ConfigurationError) as refused:
        await preflight.prepare(Settings.read({"DOORWARD_DATA": str(tmp_path / "data")}))

    assert str(refused.value) == "DOORWARD_DATA cannot be made: File exists"


SECRET = in_text(bytes(32))


@pytest.mark.parametrize(
    ("extra", "named"),
    [
        ({"KEYS_FOLDER": "/nowhere"}, "ACCESS_TOKEN_PRIVATE_KEY and KEYS_FOLDER"),
        ({"KEYS_SECRET": SECRET}, "ACCESS_TOKEN_PRIVATE_KEY and KEYS_SECRET"),
        (
            {"KEYS_FOLDER": "/nowhere", "KEYS_SECRET": SECRET},
            "ACCESS_TOKEN_PRIVATE_KEY and KEYS_FOLDER and KEYS_SECRET",
        ),
    ],
    ids=["folder", "database", "all"],
)
async def test_keys_are_in_one_location(
    texts: dict[str, str], extra: dict[str, str], named: str
) -> None:
    assert await refusal_of({**texts, **extra}) == (
        f"{named} are different locations of the keys: choose one of them"
    )


async def test_a_configured_secret_needs_users_in_a_sql_database() -> None:
    assert await refusal_of({"KEYS_SECRET": SECRET, "USERS_URL": "memory:"}) == (
        "KEYS_SECRET needs the users in PostgreSQL or SQLite: their database has the keys"
    )


@pytest.mark.parametrize("kind", TokenKind)
def test_a_signer_from_the_settings_accepts_its_own_tokens(
    texts: dict[str, str], kind: TokenKind
) -> None:
    settings = Settings.read({**texts, "AUDIENCE": "https://api.example.org"})
    signer = make_signer(settings, KeyRingWatcher.fixed(keys_in_environment(settings.keys)))
    claims = claims_of(a_session(), kind)

    assert signer.verify(signer.sign(claims), kind) == claims


def times_of(environment: dict[str, str]) -> KeyTimes:
    settings = Settings.read(environment)
    return key_times(settings.keys, settings.tokens)


def test_keys_are_published_before_they_sign_and_kept_afterwards() -> None:
    times = times_of(
        {"JWKS_MAX_AGE": "60", "ACCESS_TOKEN_EXPIRED_IN": "5m", "KEYS_SECRET": SECRET}
    )

    assert times.published == timedelta(minutes=2)
    assert times.kept[TokenKind.ACCESS] > timedelta(minutes=5)
    assert times.kept[TokenKind.REFRESH] > timedelta(minutes=60)
    assert times.rotation == timedelta(days=30)


@pytest.mark.parametrize(
    "environment",
    [
        {"BEARER_REFRESH_TOKEN_EXPIRED_IN": "30d"},
        {"REFRESH_TOKEN_EXPIRED_IN": "30d", "BEARER_REFRESH_TOKEN_EXPIRED_IN": "1h"},
    ],
)
def test_keys_are_kept_for_the_refresh_tokens_that_live_longest(
    environment: dict[str, str],
) -> None:
    assert times_of(environment).kept[TokenKind.REFRESH] > timedelta(days=30)


@pytest.mark.parametrize("longer", ["SESSION_LIFETIME", "BEARER_SESSION_LIFETIME"])
def test_refresh_tokens_may_live_as_long_as_the_sessions_that_live_longest(
    texts: dict[str, str], longer: str
) -> None:
    lifetimes = {"SESSION_LIFETIME": "1d", "BEARER_SESSION_LIFETIME": "1d"} | {longer: "90d"}
    settings = Settings.read(texts | lifetimes)
    signer = make_signer(settings, KeyRingWatcher.fixed(keys_in_environment(settings.keys)))
    claims = claims_of(a_session(expires_at=NOW + timedelta(days=89)), TokenKind.REFRESH)

    assert signer.verify(signer.sign(claims), TokenKind.REFRESH) == claims


def test_only_keys_under_a_configured_secret_rotate_automatically() -> None:
    assert times_of({}).rotation is None
    assert times_of({"KEYS_FOLDER": "/run/secrets"}).rotation is None
    assert times_of({"KEYS_SECRET": SECRET, "KEY_ROTATION": "off"}).rotation is None


@pytest.mark.parametrize(
    ("environment", "source"),
    [
        ({}, KeySource.EMBEDDED_DATABASE),
        ({"DATABASE_URL": "postgresql://h/d"}, KeySource.EMBEDDED_DATABASE),
        ({"KEYS_SECRET": SECRET}, KeySource.USERS_DATABASE),
        ({"KEYS_FOLDER": "/run/secrets"}, KeySource.FOLDER),
        ({"REFRESH_TOKEN_PUBLIC_KEY": "x"}, KeySource.ENVIRONMENT),
    ],
)
def test_the_settings_say_where_the_keys_are(
    environment: dict[str, str], source: KeySource
) -> None:
    assert Settings.read(environment).keys.source is source
