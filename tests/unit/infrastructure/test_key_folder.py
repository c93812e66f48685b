"""Keys in a folder: what the names of the files mean, and what happens when they change."""

import os
import stat
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from domain.key_ring import Key, KeyId, KeyRing, KeysReadOnly
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
    """A new key into a file of this name. EdDSA's are made quickly."""
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


def kept(folder: Path) -> FolderKeys:
    return FolderKeys(folder, "DOORWARD_DATA", SettableClock(NOW), NOTICE, EDDSA, makes=True)


async def signing(store: FolderKeys, at: datetime = NOW) -> KeyId:
    return (await store.ring()).signing(ACCESS, at).id


async def test_a_name_says_from_when_on_a_key_signs(mounted: FolderKeys, tmp_path: Path) -> None:
    earlier = put(tmp_path, f"access.{stamp(PAST)}.pem")
    later = put(tmp_path, f"access.{stamp(FUTURE)}.pem")
    spare = put(tmp_path, "access.next.pem")

    ring = await mounted.ring()

    assert ring.signing(ACCESS, NOW).id == earlier
    assert ring.signing(ACCESS, FUTURE + SECOND).id == later
    assert [key.id for key in ring.of(ACCESS)][1:] == [earlier, later, spare]


async def test_a_name_may_say_the_algorithm(mounted: FolderKeys, tmp_path: Path) -> None:
    plain = put(tmp_path, f"access.{stamp(PAST)}.pem", RS256)
    salted = put(tmp_path, "access.next.ps256.pem", RS256)

    pairs = (await mounted.read()).pairs

    assert pairs[plain].algorithm is RS256
    assert pairs[salted].algorithm is PS256


async def test_other_files_are_nobodys(mounted: FolderKeys, tmp_path: Path) -> None:
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
async def test_a_bad_file_is_named_and_the_others_count(
    mounted: FolderKeys, tmp_path: Path, name: str, content: str | None, reason: str
) -> None:
    before = await mounted.ring()
    put(tmp_path, name)
    if content is not None:
        (tmp_path / name).write_text(content)

    held = await mounted.read()

    assert held.warnings == (f"KEYS_FOLDER holds {name}, which {reason}",)
    assert held.ring == before


async def test_a_file_that_is_not_good_any_more_stands_for_its_key(
    mounted: FolderKeys, tmp_path: Path
) -> None:
    before = await mounted.ring()

    (tmp_path / "access.pem").write_text("half of a key")

    held = await mounted.read()
    assert held.ring == before
    assert len(held.warnings) == 1


async def test_beside_a_bad_file_a_key_can_be_taken_away(
    mounted: FolderKeys, tmp_path: Path
) -> None:
    successor = put(tmp_path, "access.next.pem")
    await mounted.read()
    (tmp_path / "refresh.next.pem").write_text("half of a key")

    (tmp_path / "access.pem").unlink()

    assert await signing(mounted) == successor


async def test_beside_a_bad_file_a_key_can_be_revoked(tmp_path: Path) -> None:
    store = kept(tmp_path)
    ring = await store.ring()
    (tmp_path / "refresh.next.pem").write_text("half of a key")
    ready = ring.plus(await store.make(ACCESS, NOW))

    assert await store.replace(ring, ready.without(ring.signing(ACCESS, NOW), NOW))

    assert await signing(kept(tmp_path)) != ring.signing(ACCESS, NOW).id
    assert (tmp_path / "refresh.next.pem").exists()


async def test_what_a_bad_file_stands_beside_is_published_first_all_the_same(
    mounted: FolderKeys, tmp_path: Path
) -> None:
    before = await signing(mounted)
    (tmp_path / "refresh.next.pem").write_text("half of a key")
    key = put(tmp_path, f"access.{stamp(PAST)}.pem")

    assert key in (await mounted.read()).pairs
    assert await signing(mounted, NOW + NOTICE - SECOND) == before
    assert await signing(mounted, NOW + NOTICE + SECOND) == key


async def test_one_key_has_one_file(mounted: FolderKeys, tmp_path: Path) -> None:
    before = await mounted.ring()
    (tmp_path / "refresh.next.pem").write_bytes((tmp_path / "access.pem").read_bytes())

    held = await mounted.read()

    assert held.warnings == ("KEYS_FOLDER holds the key of refresh.next.pem twice",)
    assert held.ring == before


async def test_keys_that_disappear_while_the_service_runs_are_not_made_anew(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "keys"
    store = kept(folder)
    await store.read()

    (folder / "access.pem").unlink()
    with pytest.raises(ConfigurationError, match="holds no key for access tokens"):
        (await store.read()).check("DOORWARD_DATA")
    folder.rename(tmp_path / "elsewhere")
    with pytest.raises(ConfigurationError, match="cannot keep the keys"):
        await store.read()

    assert not folder.exists()


async def test_a_bad_file_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "access.pem").write_text("half of a key")

    held = await kept(tmp_path).read()

    assert held.warnings
    assert names(tmp_path) == ["access.pem"]


async def test_a_folder_that_is_not_there_is_named(tmp_path: Path, clock: SettableClock) -> None:
    store = FolderKeys(tmp_path / "nowhere", "KEYS_FOLDER", clock)

    with pytest.raises(ConfigurationError) as refused:
        await store.read()

    assert str(refused.value) == "KEYS_FOLDER cannot keep the keys: No such file or directory"


async def test_what_is_there_at_the_start_has_been_published_before(
    mounted: FolderKeys, tmp_path: Path
) -> None:
    key = put(tmp_path, f"access.{stamp(NOW)}.pem")

    assert await signing(mounted) == key


async def test_what_appears_later_is_published_first(
    mounted: FolderKeys, tmp_path: Path, clock: SettableClock
) -> None:
    before = await signing(mounted)
    key = put(tmp_path, f"access.{stamp(PAST)}.pem")
    await mounted.read()
    clock.advance(SECOND)

    assert await signing(mounted, NOW + NOTICE - SECOND) == before
    assert await signing(mounted, NOW + NOTICE + SECOND) == key


async def test_when_the_current_key_is_taken_away_another_signs_at_once(
    mounted: FolderKeys, tmp_path: Path
) -> None:
    await mounted.read()
    key = put(tmp_path, "access.next.pem")
    await mounted.read()

    (tmp_path / "access.pem").unlink()

    assert await signing(mounted) == key


async def test_a_mounted_secret_is_swapped_as_a_whole(
    tmp_path: Path, clock: SettableClock
) -> None:
    """As Kubernetes does it: each file is a link into a folder that is itself one."""
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


async def test_missing_keys_are_made_for_their_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "var" / "keys"
    before = os.umask(0)
    try:
        ring = await kept(folder).ring()
    finally:
        os.umask(before)

    assert await kept(folder).ring() == ring
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert sorted(file.name for file in folder.iterdir()) == ["access.pem", "refresh.pem"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}


def test_processes_that_start_at_once_have_the_same_keys(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys; from pathlib import Path; "
        "from infrastructure.signing.algorithms import EDDSA; "
        "from infrastructure.clock import system_clock; "
        "from infrastructure.signing.key_folder import FolderKeys; "
        "sys.stdin.read(); store = FolderKeys(Path(sys.argv[1]), '', system_clock, "
        "algorithm=EDDSA, makes=True); "
        "print(sorted(key.id for key in asyncio.run(store.ring()).keys))"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path / "keys")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None

    answers = {process.communicate()[0] for process in processes}

    assert len(answers) == 1
    assert len(list((tmp_path / "keys").iterdir())) == 2


async def test_files_follow_the_ring(tmp_path: Path) -> None:
    store = kept(tmp_path)
    ring = await store.ring()
    spare = await store.make(ACCESS, NOW)
    assert await store.replace(ring, ring.plus(spare))
    assert names(tmp_path) == ["access.next.pem", "access.pem", "refresh.pem"]

    before = await store.ring()
    start = NOW.replace(microsecond=0)
    current, coming = before.of(ACCESS)
    moved = KeyRing(before.keys - {coming} | {replace_start(coming, start)})
    assert await store.replace(before, moved)
    assert names(tmp_path) == [f"access.{stamp(start)}.pem", "access.pem", "refresh.pem"]

    before = await store.ring()
    assert await store.replace(before, KeyRing(before.keys - {current}))
    assert names(tmp_path) == [f"access.{stamp(start)}.pem", "refresh.pem"]
    assert await signing(kept(tmp_path)) == spare.id


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def replace_start(key: Key, start: datetime) -> Key:
    return replace(key, signs_from=start)


async def test_the_heir_of_a_revoked_key_may_take_its_name(tmp_path: Path) -> None:
    store = kept(tmp_path)
    ring = await store.ring()
    current = ring.signing(ACCESS, NOW)
    ready = ring.plus(await store.make(ACCESS, NOW))

    assert await store.replace(ring, ready.without(current, NOW))

    assert names(tmp_path) == ["access.pem", "refresh.pem"]
    assert await signing(kept(tmp_path)) == ready.next(ACCESS, NOW).id  # type: ignore[union-attr]


async def test_a_folder_that_cannot_be_written_to_is_changed_elsewhere(
    mounted: FolderKeys, tmp_path: Path
) -> None:
    ring = await mounted.ring()
    more = ring.plus(await mounted.make(ACCESS, NOW))
    (tmp_path / ".access.next.pem").mkdir()  # for that is where a new one is written first

    with pytest.raises(KeysReadOnly, match="where they come from"):
        await mounted.replace(ring, more)

    assert await mounted.ring() == ring


async def test_a_key_that_was_made_here_need_not_wait(tmp_path: Path) -> None:
    """The ring says when it signs, and has made it wait already."""
    store = kept(tmp_path)
    ring = await store.ring()
    key = replace_start(await store.make(ACCESS, NOW), NOW.replace(microsecond=0))

    assert await store.replace(ring, ring.plus(key))

    assert await signing(store) == key.id


async def test_times_are_those_of_the_file_system(tmp_path: Path) -> None:
    store = kept(tmp_path)
    [published] = {key.published_at.tzinfo for key in (await store.ring()).keys}

    assert published is UTC
