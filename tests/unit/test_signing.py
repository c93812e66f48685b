"""Which keys sign: from the environment or, with none there, from files."""

import base64
from pathlib import Path

import pytest

from domain.token import TokenKind
from infrastructure.keys import SigningKey
from infrastructure.settings import Settings
from infrastructure.signing import make_signer, signing_keys
from infrastructure.variables import ConfigurationError
from tests.builders import a_session, a_signing_key, an_rsa_key, claims_of, pem

Keys = dict[TokenKind, SigningKey]


def in_text(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


@pytest.fixture
def texts(keys: Keys) -> dict[str, str]:
    """The four variables of the old server."""
    return {
        f"{kind.upper()}_TOKEN_{part}_KEY": in_text(octets)
        for kind, key in keys.items()
        for part, octets in (("PRIVATE", key.private_pem()), ("PUBLIC", key.public_pem()))
    }


def refusal_of(environment: dict[str, str]) -> str:
    with pytest.raises(ConfigurationError) as refused:
        signing_keys(Settings.read(environment))
    for value in environment.values():
        assert value not in str(refused.value)
    return str(refused.value)


def test_keys_come_from_the_environment(keys: Keys, texts: dict[str, str]) -> None:
    found = signing_keys(Settings.read(texts))

    assert {kind: key.kid for kind, key in found.items()} == {k: v.kid for k, v in keys.items()}


def test_public_keys_are_not_needed(keys: Keys, texts: dict[str, str]) -> None:
    private = {name: text for name, text in texts.items() if "PRIVATE" in name}

    assert signing_keys(Settings.read(private))[TokenKind.REFRESH].kid == (
        keys[TokenKind.REFRESH].kid
    )


def test_without_keys_in_the_environment_they_are_made_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SigningKey, "generate", a_signing_key)  # quicker than the real size
    settings = Settings.read({"DOORWARD_DATA": str(tmp_path)})

    made, kept = signing_keys(settings), signing_keys(settings)

    assert {kind: key.kid for kind, key in made.items()} == {k: v.kid for k, v in kept.items()}
    assert made[TokenKind.ACCESS].kid != made[TokenKind.REFRESH].kid
    assert sorted(path.name for path in (tmp_path / "keys").iterdir()) == [
        "access.pem",
        "refresh.pem",
    ]


@pytest.mark.parametrize("missing", ["ACCESS_TOKEN_PRIVATE_KEY", "REFRESH_TOKEN_PRIVATE_KEY"])
def test_a_missing_private_key_is_named(texts: dict[str, str], missing: str) -> None:
    del texts[missing]

    assert refusal_of(texts) == f"{missing} is missing: the other keys are given"


@pytest.mark.parametrize("name", ["ACCESS_TOKEN_PRIVATE_KEY", "REFRESH_TOKEN_PRIVATE_KEY"])
def test_an_unfit_private_key_is_named(texts: dict[str, str], name: str) -> None:
    texts[name] = in_text(pem(an_rsa_key(1024)))

    assert refusal_of(texts) == f"{name} has 1024 bits; at least 2048 are needed"


@pytest.mark.parametrize("kind", TokenKind)
def test_a_public_key_of_another_pair_is_named(
    texts: dict[str, str], strange_key: SigningKey, kind: TokenKind
) -> None:
    name = f"{kind.upper()}_TOKEN_PUBLIC_KEY"
    texts[name] = in_text(strange_key.public_pem())

    assert refusal_of(texts) == f"{name} does not belong to the private key"


def test_a_key_that_is_no_base64_is_named(texts: dict[str, str]) -> None:
    texts["REFRESH_TOKEN_PUBLIC_KEY"] = "rubbish!"

    assert refusal_of(texts) == "REFRESH_TOKEN_PUBLIC_KEY is not base64"


def test_both_kinds_of_token_need_keys_of_their_own(texts: dict[str, str]) -> None:
    for part in ("PRIVATE", "PUBLIC"):
        texts[f"REFRESH_TOKEN_{part}_KEY"] = texts[f"ACCESS_TOKEN_{part}_KEY"]

    assert refusal_of(texts) == (
        "REFRESH_TOKEN_PRIVATE_KEY must be another key than ACCESS_TOKEN_PRIVATE_KEY"
    )


def test_an_unfit_key_in_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "access.pem").write_bytes(pem(an_rsa_key(1024)))

    assert refusal_of({"DOORWARD_DATA": str(tmp_path)}) == (
        "DOORWARD_DATA holds keys/access.pem, which has 1024 bits; at least 2048 are needed"
    )


def test_a_place_that_cannot_keep_keys_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where a directory should be")

    assert refusal_of({"DOORWARD_DATA": str(tmp_path / "data")}) == (
        "DOORWARD_DATA cannot keep the keys: Not a directory"
    )


@pytest.mark.parametrize("kind", TokenKind)
def test_a_signer_from_the_settings_signs_what_it_accepts(
    texts: dict[str, str], kind: TokenKind
) -> None:
    signer = make_signer(Settings.read({**texts, "AUDIENCE": "https://api.example.org"}))
    claims = claims_of(a_session(), kind)

    assert signer.verify(signer.sign(claims), kind) == claims
