"""The keys of the embedded default: made, or taken over from the files of an earlier release."""

import asyncio
import base64
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from domain.key_ring import KeyRing, KeyState
from domain.token import TokenKind
from doorward.diagnostics import preflight
from doorward.diagnostics.doctor import check_keys
from doorward.wiring.signing_keys import key_stores as wiring
from doorward.wiring.signing_keys.key_stores import open_key_store, prepare_embedded_keys
from infrastructure.config.environment_variables import ConfigurationError
from infrastructure.config.settings import Settings
from infrastructure.signing import key_takeover
from infrastructure.signing.algorithms import EDDSA
from infrastructure.signing.key_folder import FolderKeys
from infrastructure.signing.key_store import LoadedKeys
from infrastructure.signing.signing_key import SigningKey
from infrastructure.storage.sql.signing_keys import SqlKeys
from tests.support.builders import NOW
from tests.support.doubles import SettableClock

pytestmark = pytest.mark.slow

ACCESS, REFRESH = TokenKind
PAST, FUTURE = NOW - timedelta(days=3), NOW + timedelta(days=3)
SECRET = base64.b64encode(bytes(range(32))).decode()

FILES = (
    "access.pem",
    f"access.{PAST:%Y%m%dT%H%M%SZ}.pem",
    f"access.{FUTURE:%Y%m%dT%H%M%SZ}.pem",
    "access.next.pem",
    "refresh.pem",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The data folder."""
    return tmp_path / "var"


@pytest.fixture
def settings(folder: Path) -> Settings:
    return embedded(folder)


@pytest.fixture
def earlier(folder: Path) -> Path:
    """The key files that an earlier release has left: two retired, current and next keys."""
    keys = folder / "keys"
    keys.mkdir(mode=0o700, parents=True)
    for name in FILES:
        (keys / name).write_bytes(SigningKey.generate(EDDSA).private_pem())
    return keys


def embedded(folder: Path, **more: str) -> Settings:
    return Settings.read({"DOORWARD_DATA": str(folder), "TOKEN_ALGORITHM": "EdDSA", **more})


async def start(settings: Settings) -> LoadedKeys:
    """Prepare the key store as a start does, and read the keys as a worker does."""
    await preflight.prepare(settings)
    return await read(settings)


async def read(settings: Settings) -> LoadedKeys:
    async with open_key_store(settings) as store:
        return await store.read()


async def ring_of(files: Path) -> KeyRing:
    return await FolderKeys(files, "KEYS_FOLDER", SettableClock(NOW)).ring()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def exists(path: Path) -> bool:
    return path.exists()


def taken_over(folder: Path) -> list[Path]:
    return sorted(folder.glob("keys.taken-over-*"))


def count_of_rows(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "doorward.db")) as database:
        return int(database.execute("SELECT count(*) FROM signing_keys").fetchone()[0])


class TestTheFirstStart:
    async def test_the_first_start_generates_a_key_of_each_kind_and_their_secret(
        self, settings: Settings, folder: Path
    ) -> None:
        made = await start(settings)

        assert {kind: len(made.ring.of(kind)) for kind in TokenKind} == {ACCESS: 1, REFRESH: 1}
        assert names(folder) == ["doorward.db", "secret"]

    async def test_only_the_first_start_generates_keys(self, settings: Settings) -> None:
        assert (await start(settings)).ring == (await start(settings)).ring

    async def test_processes_that_start_concurrently_generate_keys_once(
        self, settings: Settings
    ) -> None:
        await preflight.prepare(settings, keys=False)  # the schema
        await asyncio.gather(*(prepare_embedded_keys(settings) for _ in range(5)))

        assert len((await read(settings)).ring.keys) == 2

    @pytest.mark.parametrize("users", ["memory:", "sqlite:///{folder}/users.db"])
    async def test_embedded_keys_are_in_the_data_folder_wherever_the_users_are(
        self, folder: Path, tmp_path: Path, users: str
    ) -> None:
        settings = embedded(folder, USERS_URL=users.format(folder=tmp_path))

        assert (await start(settings)).ring == (await start(settings)).ring
        assert names(folder) == ["doorward.db", "secret"]

    async def test_a_start_after_a_lost_database_keeps_the_secret(
        self, settings: Settings, folder: Path
    ) -> None:
        before = await start(settings)
        secret = (folder / "secret").read_bytes()
        for name in names(folder):
            if name != "secret":
                (folder / name).unlink()

        after = await start(settings)

        assert not before.ring.keys & after.ring.keys
        assert (folder / "secret").read_bytes() == secret


class TestALostSecret:
    async def test_a_lost_secret_is_an_error_and_no_new_key_or_secret_is_made(
        self, settings: Settings, folder: Path
    ) -> None:
        await start(settings)
        (folder / "secret").unlink()

        with pytest.raises(ConfigurationError, match="DOORWARD_DATA has no file secret"):
            await preflight.prepare(settings)

        assert names(folder) == ["doorward.db"]
        assert count_of_rows(folder) == 2

    async def test_a_lost_secret_is_not_replaced_by_another_one(
        self, settings: Settings, folder: Path
    ) -> None:
        await start(settings)
        (folder / "secret").write_text(SECRET)

        with pytest.raises(
            ConfigurationError, match=r"^DOORWARD_DATA has no secret that decrypts the key "
        ):
            await preflight.prepare(settings)

        assert count_of_rows(folder) == 2

    async def test_a_lost_secret_is_an_error_although_an_earlier_release_has_left_files(
        self, settings: Settings, folder: Path, earlier: Path
    ) -> None:
        """The rows may be those of a KEYS_SECRET that is not configured any more."""
        await start(embedded(folder, KEYS_FOLDER=str(earlier)))  # makes the database
        async with open_key_store(embedded(folder, KEYS_SECRET=SECRET)) as store:
            key = await store.make(ACCESS, NOW)
            assert (await store.replace(KeyRing(), KeyRing(frozenset({key})))).changed

        with pytest.raises(ConfigurationError, match="DOORWARD_DATA has no file secret"):
            await preflight.prepare(settings)

        assert names(earlier) == sorted(FILES)

    async def test_revoking_the_keys_under_a_new_secret_recovers_from_a_lost_secret(
        self, settings: Settings, folder: Path
    ) -> None:
        before = await start(settings)
        (folder / "secret").write_text(SECRET)

        await preflight.prepare(settings, keys=False)
        async with open_key_store(settings) as store:
            for key in before.ring.keys:
                assert (await store.discard(key.id)).changed

        after = await start(settings)
        assert len(after.ring.keys) == 2
        assert not after.ring.keys & before.ring.keys


class TestTheKeysOfAnEarlierRelease:
    async def test_keys_of_an_earlier_release_are_taken_over_with_states_and_times(
        self, settings: Settings, earlier: Path
    ) -> None:
        before = await ring_of(earlier)

        held = await start(settings)

        assert held.ring == before
        assert [held.ring.state(key, NOW) for key in held.ring.of(ACCESS)] == [
            KeyState.RETIRED,
            KeyState.CURRENT,
            KeyState.NEXT,
            KeyState.NEXT,
        ]

    async def test_keys_of_an_earlier_release_are_taken_over_unchanged(
        self, settings: Settings, earlier: Path
    ) -> None:
        before = await FolderKeys(earlier, "KEYS_FOLDER", SettableClock(NOW)).read()

        held = await start(settings)

        for key_id, pair in before.pairs.items():
            assert held.pairs[key_id].private_pem() == pair.private_pem()
            assert held.pairs[key_id].algorithm is pair.algorithm

    async def test_the_folder_of_taken_over_keys_is_renamed(
        self, settings: Settings, folder: Path, earlier: Path
    ) -> None:
        await start(settings)

        [kept] = taken_over(folder)
        assert names(kept) == sorted(FILES)
        assert not exists(earlier)

    async def test_a_missing_kind_is_generated_beside_taken_over_keys(
        self, settings: Settings, earlier: Path
    ) -> None:
        (earlier / "refresh.pem").unlink()

        held = await start(settings)

        assert len(held.ring.of(ACCESS)) == 4
        assert len(held.ring.of(REFRESH)) == 1

    async def test_no_keys_are_taken_over_if_one_is_invalid(
        self, settings: Settings, folder: Path, earlier: Path
    ) -> None:
        (earlier / "access.next.pem").write_text("half of a key")

        with pytest.raises(ConfigurationError) as refused:
            await preflight.prepare(settings)

        assert str(refused.value) == (
            "DOORWARD_DATA holds keys/access.next.pem, "
            "which is not a private key in PEM form without a password"
        )
        assert count_of_rows(folder) == 0
        assert names(earlier) == sorted(FILES)

    async def test_processes_that_start_concurrently_take_over_keys_once(
        self, settings: Settings, folder: Path, earlier: Path
    ) -> None:
        before = await ring_of(earlier)
        await preflight.prepare(embedded(folder, KEYS_FOLDER=str(earlier)))  # the schema

        await asyncio.gather(*(prepare_embedded_keys(settings) for _ in range(5)))

        assert (await read(settings)).ring == before
        assert len(taken_over(folder)) == 1

    @pytest.mark.usefixtures("earlier")
    async def test_taken_over_keys_stay_revoked(self, settings: Settings) -> None:
        await start(settings)
        async with open_key_store(settings) as store:
            ring = await store.ring()
            revoked = ring.signing(ACCESS, NOW)
            assert (await store.replace(ring, ring.without(revoked, NOW))).changed

        assert (await start(settings)).ring.find(revoked.id) is None

    async def test_the_doctor_takes_over_no_keys(
        self, settings: Settings, folder: Path, earlier: Path
    ) -> None:
        assert await check_keys(settings) == (
            "info",
            f"in {earlier}: the first start takes them over",
        )
        assert names(folder) == ["keys"]


class TestACrash:
    """A crash of a start that takes over keys; the next start does the rest."""

    @pytest.fixture(params=["make_secret_file", "fill", "replace", "_rename"])
    async def crashed(
        self,
        request: pytest.FixtureRequest,
        settings: Settings,
        earlier: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> KeyRing:
        """Before this step.

        :returns: the keys of the earlier release.
        """
        before = await ring_of(earlier)
        with monkeypatch.context() as patch:
            where = {
                "make_secret_file": wiring,
                "fill": key_takeover,
                "replace": SqlKeys,
                "_rename": key_takeover,
            }
            patch.setattr(where[request.param], request.param, _crash)
            with pytest.raises(Crash):
                await preflight.prepare(settings)
        return before

    async def test_a_crash_while_taking_over_keys_loses_no_key(
        self, settings: Settings, crashed: KeyRing, folder: Path
    ) -> None:
        assert (await start(settings)).ring == crashed
        assert len(taken_over(folder)) == 1
        assert not exists(folder / "keys")


class Crash(BaseException):
    pass


def _crash(*_: object) -> None:
    raise Crash


async def test_a_start_renames_the_folder_even_if_another_one_has_stored_the_keys(
    settings: Settings, folder: Path, earlier: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So a key that is revoked from then on does not come back."""
    with monkeypatch.context() as patch:
        patch.setattr(key_takeover, "_rename", _crash)
        with pytest.raises(Crash):
            await preflight.prepare(settings)

    await preflight.prepare(settings)

    assert not exists(earlier)
    assert len(taken_over(folder)) == 1


async def test_an_unreadable_folder_refuses_the_start_and_makes_no_keys(
    settings: Settings, folder: Path, earlier: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """New keys in place of unreadable ones would log all users out."""
    listing = Path.iterdir

    def iterdir(path: Path) -> Iterator[Path]:
        if path == earlier:  # root would not notice a mode
            raise PermissionError(13, "Permission denied")
        return listing(path)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "iterdir", iterdir)
        with pytest.raises(ConfigurationError, match="folder keys that cannot be read: Perm"):
            await preflight.prepare(settings)

    assert not exists(folder / "secret")
    assert count_of_rows(folder) == 0
    assert {key.id for key in (await start(settings)).ring.keys} >= {
        key.id for key in (await ring_of(taken_over(folder)[0])).keys
    }


@pytest.mark.usefixtures("earlier")
async def test_a_folder_that_cannot_be_renamed_is_an_error(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "rename", refuse)

    with pytest.raises(ConfigurationError, match=r"cannot be renamed \(Read-only.*KEYS_FOLDER"):
        await preflight.prepare(settings)


async def test_keys_of_a_release_that_was_started_again_are_added(
    settings: Settings, folder: Path
) -> None:
    """An operator goes back to the earlier release, which makes keys, and then on again."""
    first = await start(settings)
    (folder / "keys").mkdir()
    pair = SigningKey.generate(EDDSA)
    (folder / "keys" / "access.pem").write_bytes(pair.private_pem())

    held = await start(settings)

    assert held.ring.keys > first.ring.keys
    assert pair.kid in held.pairs


async def test_the_variable_can_be_set_later_and_the_keys_stay(
    settings: Settings, folder: Path
) -> None:
    before = await start(settings)

    assert (await start(embedded(folder, KEYS_SECRET=SECRET))).ring == before.ring


@pytest.mark.parametrize(
    ("mode", "verdict"), [(0o600, "ok"), (0o640, "FAIL"), (0o604, "FAIL"), (0o400, "ok")]
)
async def test_the_doctor_reports_a_world_readable_secret(
    settings: Settings, folder: Path, mode: int, verdict: str
) -> None:
    await start(settings)
    (folder / "secret").chmod(mode)

    found, text = await check_keys(settings)

    assert found == verdict
    assert ("chmod 600" in text) is (verdict == "FAIL")


async def test_the_doctor_finds_a_lost_secret(settings: Settings, folder: Path) -> None:
    await start(settings)
    (folder / "secret").unlink()

    with pytest.raises(ConfigurationError, match="DOORWARD_DATA has no file secret"):
        await check_keys(settings)

    assert names(folder) == ["doorward.db"]


async def test_a_reconfiguration_needs_the_secret(settings: Settings, folder: Path) -> None:
    await start(settings)
    await preflight.check_again(settings)
    (folder / "secret").unlink()

    with pytest.raises(ConfigurationError, match="DOORWARD_DATA has no file secret"):
        await preflight.check_again(settings)
