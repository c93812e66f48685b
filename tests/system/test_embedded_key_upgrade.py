"""An upgrade from a release that kept the embedded keys as files ends no session.

The files, their names, modes and times were compared with those of revision 4230614. That release
read them as `KEYS_FOLDER` is read now, and derived the secrets of device tokens from them alone:
so this release, with that setting, stands for it.
"""

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from infrastructure.signing.algorithms import EDDSA, RS256, Algorithm
from infrastructure.signing.signing_key import SigningKey
from tests.http.client import EMAIL, LOGIN, ME, NEW_USER, REFRESH, REGISTER, bearer
from tests.support.builders import PASSWORD
from tests.support.processes import Service, a_service
from tests.system.conftest import SETTINGS

RIGHT = {"email": EMAIL, "password": PASSWORD}
WRONG = {"email": EMAIL, "password": "a guess of a stranger"}


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Current keys of both kinds, a retired one and a standby."""
    folder = tmp_path / "var" / "keys"
    folder.mkdir(mode=0o700, parents=True)
    hour_ago = f"{datetime.now(UTC) - timedelta(hours=1):%Y%m%dT%H%M%SZ}"
    write(folder / "access.pem", RS256)
    write(folder / f"access.{hour_ago}.pem", EDDSA)
    write(folder / "access.next.pem", EDDSA)
    write(folder / "refresh.pem", RS256)
    return folder


def write(file: Path, algorithm: Algorithm) -> None:
    with os.fdopen(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as stream:
        stream.write(SigningKey.generate(algorithm).private_pem())


@pytest.fixture
def service(tmp_path: Path, files: Path) -> Iterator[Service]:
    """The earlier release."""
    settings = SETTINGS | {"LOGIN_LIMIT_ACCOUNT": "1/1h", "KEYS_FOLDER": str(files)}
    with a_service(tmp_path, **settings) as service:
        yield service


@pytest.fixture
def client(service: Service) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=service.url) as client:
        yield client


def test_tokens_and_devices_of_before_an_upgrade_stay_valid(
    service: Service, client: httpx.Client, files: Path
) -> None:
    client.post(REGISTER, json=NEW_USER).raise_for_status()
    tokens = client.post(LOGIN, json=RIGHT | {"transport": "bearer"}).json()
    device = client.post(LOGIN, json=RIGHT).cookies["device"]
    keys = client.get("/.well-known/jwks.json").json()
    client.cookies.clear()
    service.end()

    upgraded = replace(service, environment=without(service, "KEYS_FOLDER"))
    upgraded.start()

    try:
        assert client.get("/.well-known/jwks.json").json() == keys
        assert client.get(ME, headers=bearer(tokens["access_token"])).status_code == 200
        refreshed = client.post(REFRESH, json={"refresh_token": tokens["refresh_token"]})
        assert refreshed.status_code == 200
        assert client.post(LOGIN, json=WRONG).status_code == 400
        assert client.post(LOGIN, json=RIGHT).status_code == 429
        known = client.post(LOGIN, json=RIGHT, headers={"Cookie": f"device={device}"})
        assert known.status_code == 200
    finally:
        upgraded.end()
    assert not files.exists()
    assert (files.parent / "secret").stat().st_mode & 0o777 == 0o600
    assert PRIVATE not in (files.parent / "doorward.db").read_bytes()


PRIVATE = b"PRIVATE KEY"


def without(service: Service, variable: str) -> dict[str, str]:
    return {name: value for name, value in service.environment.items() if name != variable}
