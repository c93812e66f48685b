"""Keys in a folder: the meaning of file names, and changes while the service runs."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from domain.key_ring import UNKNOWN_START, KeyId, KeyRing, KeysReadOnly
from domain.token import TokenKind
from infrastructure.config.environment_variables import ConfigurationError
from infrastructure.signing.algorithms import EDDSA, PS256, RS256, Algorithm
from infrastructure.signing.key_folder import FolderKeys
from infrastructure.signing.signing_key import SigningKey
from tests.support.builders import NOW, SECOND
from tests.support.doubles import SettableClock

ACCESS, REFRESH = TokenKind
NOTICE = timedelta(minutes=10)
PAST, FUTURE = NOW - timedelta(days=3), NOW + timedelta(days=3)


def put(folder: Path, name: str, algorithm: Algorithm = EDDSA) -> KeyId:
    """Write a new key into a file of this name. EdDSA keys are generated quickly."""
    pair = SigningKey.generate(algorithm)
    (folder / name).write_bytes(pair.private_pem())
    return pair.kid


def stamp(time: datetime) -> str:
    return f"{time:%Y%m%dT%H%M%SZ}"


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(NOW)


@pytest.fixture
def mounted(tmp_path: Path, clock: SettableClock) -> FolderKeys:
    """The folder of the test, with one key of each kind."""
    put(tmp_path, "access.pem")
    put(tmp_path, "refresh.pem")
    return FolderKeys(tmp_path, "KEYS_FOLDER", clock, NOTICE)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


async def signing(store: FolderKeys, at: datetime = NOW) -> KeyId:
    return (await store.ring()).signing(ACCESS, at).id


async def test_a_file_name_says_when_a_key_starts_to_sign(
    mounted: FolderKeys, tmp_path: Path
) -> None:
    earlier = put(tmp_path, f"access.{stamp(PAST)}.pem")
    later = put(tmp_path, f"access.{stamp(FUTURE)}.pem")
    standby = put(tmp_path, "access.next.pem")

    ring = await mounted.ring()

    assert ring.signing(ACCESS, NOW).id == earlier
    assert ring.signing(ACCESS, FUTURE + SECOND).id == later
    assert [key.id for key in ring.of(ACCESS)][1:] == [earlier, later, standby]


async def test_a_file_name_may_say_the_algorithm(mounted: FolderKeys, tmp_path: Path) -> None:
    plain = put(tmp_path, f"access.{stamp(PAST)}.pem", RS256)
    salted = put(tmp_path, "access.next.ps256.pem", RS256)

    pairs = (await mounted.read()).pairs

    assert pairs[plain].algorithm is RS256
    assert pairs[salted].algorithm is PS256


async def test_files_of_other_names_are_ignored(mounted: FolderKeys, tmp_path: Path) -> None:
    before = await mounted.ring()
    for name in (
        "README",
        ".access.pem",
        "access.pem.bak",
        "tls.pem",
        "access.soon.pem",
        "..data",
    ):
        (tmp_path / name).write_text("rubbish")

    assert await mounted.ring() == before


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("access.next.pem", "rubbish", "is not a private key in PEM form without a password"),
        (f"access.{stamp(NOW)}.pem", "", "is not a private key in PEM form without a password"),
        ("access.20261399T000000Z.pem", None, "is named for a time that there is not"),
        ("access.next.ps256.pem", None, "is not a key for PS256"),
        ("access.soon.pem", None, "has a name that does not say when it signs"),
        ("access.20270101.pem", None, "has a name that does not say when it signs"),
    ],
    ids=["rubbish", "empty", "no such time", "another algorithm", "a word", "a day"],
)
async def test_an_invalid_file_is_a_warning_and_the_other_keys_stay(
    mounted: FolderKeys, tmp_path: Path, name: str, content: str | None, reason: str
) -> None:
    before = await mounted.ring()
    put(tmp_path, name)
    if content is not None:
        (tmp_path / name).write_text(content)

    held = await mounted.read()

    assert held.warnings == (f"KEYS_FOLDER holds {name}, which {reason}",)
    assert held.ring == before


async def test_a_file_that_becomes_invalid_still_stands_for_its_key(
    mounted: FolderKeys, tmp_path: Path
) -> None:
    before = await mounted.ring()

    (tmp_path / "access.pem").write_text("half of a key")

    held = await mounted.read()
    assert held.ring == before
    assert len(held.warnings) == 1


async def test_a_key_can_be_removed_beside_an_invalid_file(
    mounted: FolderKeys, tmp_path: Path
) -> None:
    successor = put(tmp_path, "access.next.pem")
    await mounted.read()
    (tmp_path / "refresh.next.pem").write_text("half of a key")

    (tmp_path / "access.pem").unlink()

    assert await signing(mounted) == successor


async def test_a_new_key_beside_an_invalid_file_is_published_before_it_signs(
    mounted: FolderKeys, tmp_path: Path
) -> None:
    before = await signing(mounted)
    (tmp_path / "refresh.next.pem").write_text("half of a key")
    key = put(tmp_path, f"access.{stamp(PAST)}.pem")

    assert key in (await mounted.read()).pairs
    assert await signing(mounted, NOW + NOTICE - SECOND) == before
    assert await signing(mounted, NOW + NOTICE + SECOND) == key


async def test_a_second_file_of_the_same_key_is_a_warning(
    mounted: FolderKeys, tmp_path: Path
) -> None:
    before = await mounted.ring()
    (tmp_path / "refresh.next.pem").write_bytes((tmp_path / "access.pem").read_bytes())

    held = await mounted.read()

    assert held.warnings == ("KEYS_FOLDER holds the key of refresh.next.pem twice",)
    assert held.ring == before


async def test_a_missing_folder_is_a_configuration_error(
    tmp_path: Path, clock: SettableClock
) -> None:
    store = FolderKeys(tmp_path / "nowhere", "KEYS_FOLDER", clock)

    with pytest.raises(ConfigurationError) as refused:
        await store.read()

    assert str(refused.value) == "KEYS_FOLDER cannot be read: No such file or directory"


async def test_a_key_found_at_the_start_signs_as_its_name_says(
    mounted: FolderKeys, tmp_path: Path
) -> None:
    key = put(tmp_path, f"access.{stamp(NOW)}.pem")

    assert await signing(mounted) == key


async def test_a_key_that_appears_later_is_published_before_it_signs(
    mounted: FolderKeys, tmp_path: Path, clock: SettableClock
) -> None:
    before = await signing(mounted)
    key = put(tmp_path, f"access.{stamp(PAST)}.pem")
    await mounted.read()
    clock.advance(SECOND)

    assert await signing(mounted, NOW + NOTICE - SECOND) == before
    assert await signing(mounted, NOW + NOTICE + SECOND) == key


async def test_the_next_key_signs_at_once_when_the_current_one_is_removed(
    mounted: FolderKeys, tmp_path: Path
) -> None:
    await mounted.read()
    key = put(tmp_path, "access.next.pem")
    await mounted.read()

    (tmp_path / "access.pem").unlink()

    assert await signing(mounted) == key


async def test_a_mounted_secret_is_replaced_as_a_whole(
    tmp_path: Path, clock: SettableClock
) -> None:
    """Kubernetes links each file into a folder, and replaces a link to that folder."""
    keys = []
    for version in ("1", "2"):
        (tmp_path / version).mkdir()
        keys.append(put(tmp_path / version, "access.pem"))
        put(tmp_path / version, "refresh.pem")
    mount = tmp_path / "mount"
    mount.mkdir()
    (mount / "..data").symlink_to(tmp_path / "1")
    for name in ("access.pem", "refresh.pem"):
        (mount / name).symlink_to(Path("..data") / name)
    store = FolderKeys(mount, "KEYS_FOLDER", clock)
    assert await signing(store) == keys[0]

    (mount / "..new").symlink_to(tmp_path / "2")
    (mount / "..new").rename(mount / "..data")

    assert await signing(store) == keys[1]


async def test_a_folder_that_disappears_is_a_configuration_error(
    tmp_path: Path, clock: SettableClock
) -> None:
    folder = tmp_path / "mount"
    folder.mkdir()
    put(folder, "access.pem")
    store = FolderKeys(folder, "KEYS_FOLDER", clock)
    ring = await store.ring()
    folder.rename(tmp_path / "elsewhere")

    with pytest.raises(ConfigurationError, match="cannot be read"):
        await store.read()

    (tmp_path / "elsewhere").rename(folder)
    assert await store.ring() == ring


async def test_the_service_never_changes_the_folder(mounted: FolderKeys, tmp_path: Path) -> None:
    before = contents(tmp_path)
    ring = await mounted.ring()

    with pytest.raises(KeysReadOnly, match="KEYS_FOLDER, which is only read"):
        await mounted.make(ACCESS, NOW)
    with pytest.raises(KeysReadOnly, match="add and remove files there"):
        await mounted.replace(ring, KeyRing())

    assert contents(tmp_path) == before
    assert await mounted.ring() == ring


async def test_a_key_was_published_when_its_file_was_written(
    mounted: FolderKeys, tmp_path: Path
) -> None:
    key = put(tmp_path, "access.next.pem")
    microseconds = (PAST - UNKNOWN_START) // timedelta(microseconds=1)
    os.utime(tmp_path / "access.next.pem", ns=(microseconds * 1000, microseconds * 1000))

    found = (await mounted.ring()).find(key)

    assert found is not None
    assert found.published_at == PAST
    assert found.published_at.tzinfo is UTC
