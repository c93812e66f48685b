"""The contract of KeyStore, and the use cases on each store.

``tests/unit/application/test_signing_keys.py`` tests the use cases themselves.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from application.pagination import EventQuery
from application.ports.effects import Stored
from application.signing_keys import ListSigningKeys
from domain.actor import Operator, Scheduler
from domain.key_ring import KeyId, KeyRing, KeysReadOnly, KeyState, KeyUnknown
from domain.token import TokenKind
from doorward.conformance.support.examples import an_event
from infrastructure.config.environment_variables import ConfigurationError
from infrastructure.signing.algorithms import EDDSA
from infrastructure.signing.key_store import SigningKeyStore, StaticKeys
from infrastructure.signing.signing_key import SigningKey
from infrastructure.storage.options import StoreOptions
from infrastructure.storage.sql.audit.audit_log import SqlAuditLog
from infrastructure.storage.sql.database import Database
from infrastructure.storage.sql.signing_keys import SqlKeys
from tests.conftest import url_for
from tests.contracts.conftest import effects
from tests.support.builders import NOW
from tests.support.doubles import SettableClock
from tests.support.key_commands import KeyCommands, started

ACCESS, REFRESH = TokenKind
SECRET = bytes(range(32))
LONG = timedelta(days=31)

Open = Callable[[], SigningKeyStore]


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(NOW)


@pytest.fixture(params=["sqlite", "postgresql"])
async def another(request: pytest.FixtureRequest) -> AsyncIterator[Open]:
    """Open the same store again, as another process would. EdDSA keys are generated quickly."""
    async with AsyncExitStack() as stack:
        url = url_for(request.param, request)
        database = await stack.enter_async_context(Database.open(url, StoreOptions()))
        yield lambda: SqlKeys(database, [SECRET], EDDSA)


@pytest.fixture
def store(another: Open) -> SigningKeyStore:
    return another()


@pytest.fixture
def operator(store: SigningKeyStore, clock: SettableClock) -> KeyCommands:
    return KeyCommands(store, clock)


async def test_a_new_store_has_no_keys(store: SigningKeyStore) -> None:
    assert await store.ring() == KeyRing()


async def test_a_stored_ring_is_read_back_unchanged(store: SigningKeyStore, another: Open) -> None:
    one, other = await store.make(ACCESS, NOW), await store.make(REFRESH, NOW)
    start = NOW.replace(microsecond=0)

    assert (
        await store.replace(KeyRing(), KeyRing(frozenset({started(one, start), other})))
    ).changed

    assert await another().ring() == KeyRing(frozenset({started(one, start), other}))


async def test_a_listing_names_the_algorithm_of_each_key(
    store: SigningKeyStore, another: Open
) -> None:
    ring = KeyRing(frozenset({await store.make(ACCESS, NOW), await store.make(REFRESH, NOW)}))
    await store.replace(KeyRing(), ring)

    listing = await ListSigningKeys(another())(Operator())

    assert listing.ring == ring
    assert listing.algorithms == {key.id: "EdDSA" for key in ring.keys}
    assert list(listing.warnings) == []


async def test_reading_the_store_gives_the_key_pairs_of_the_ring(
    store: SigningKeyStore, another: Open
) -> None:
    key = await store.make(ACCESS, NOW)
    await store.replace(KeyRing(), KeyRing(frozenset({key})))

    held = await another().read()

    assert set(held.pairs) == {key.id}
    assert held.pairs[key.id].kid == key.id
    assert held.pairs[key.id].algorithm is EDDSA


async def test_a_made_key_is_not_on_the_ring_before_it_is_stored(store: SigningKeyStore) -> None:
    await store.make(ACCESS, NOW)

    assert await store.ring() == KeyRing()


async def test_one_of_many_concurrent_replacements_wins(
    store: SigningKeyStore, another: Open
) -> None:
    stores = [another() for _ in range(8)]
    before = await store.ring()
    rings = [before.plus(await each.make(ACCESS, NOW)) for each in stores]

    stored = await asyncio.gather(
        *(each.replace(before, ring) for each, ring in zip(stores, rings, strict=True))
    )
    won = [each.changed for each in stored]

    assert sorted(won) == [False] * 7 + [True]
    assert await another().ring() == rings[won.index(True)]


async def test_a_deleted_key_is_deleted_for_every_process(
    store: SigningKeyStore, another: Open
) -> None:
    other = another()
    await store.replace(KeyRing(), KeyRing(frozenset({await store.make(ACCESS, NOW)})))
    ring = await other.ring()

    assert (await other.replace(ring, KeyRing())).changed

    assert (await store.read()).pairs == {}
    assert await store.ring() == KeyRing()


async def test_concurrent_workers_rotate_once(
    operator: KeyCommands, another: Open, clock: SettableClock
) -> None:
    workers = [replace(operator, store=another()) for _ in range(6)]
    await asyncio.gather(*(worker.maintain() for worker in workers))
    assert len((await operator.store.ring()).keys) == 4

    clock.advance(LONG)
    await asyncio.gather(*(worker.maintain() for worker in workers))

    assert len((await operator.store.ring()).keys) == 6
    assert [(event.type, event.actor) for event in operator.heard.events] == [
        ("rotate keys", Scheduler())
    ] * 2


async def test_a_revoked_key_is_deleted_and_its_successor_signs(
    operator: KeyCommands, store: SigningKeyStore
) -> None:
    await operator.maintain()
    revoked, successor = (await store.ring()).of(ACCESS)

    await operator.revoke(Operator(), revoked.id)

    held = await store.read()
    assert revoked.id not in held.pairs
    assert held.ring.signing(ACCESS, NOW).id == successor.id
    assert await operator.states() == [KeyState.CURRENT, KeyState.NEXT]


async def test_static_keys_cannot_be_changed() -> None:
    pairs = {kind: SigningKey.generate(EDDSA) for kind in TokenKind}
    store = StaticKeys(pairs, "change them there")
    ring = await store.ring()

    with pytest.raises(KeysReadOnly, match=r"change them there"):
        await store.replace(ring, KeyRing())

    assert await store.ring() == ring
    assert (await store.list()).is_read_only


@pytest.fixture
async def database(
    request: pytest.FixtureRequest,
) -> AsyncIterator[Database]:
    async with Database.open(url_for("sqlite", request), StoreOptions()) as database:
        yield database


async def filled(database: Database, *secrets: bytes) -> SqlKeys:
    """Return a store with a current key of each kind."""
    store = SqlKeys(database, secrets, EDDSA)
    keys = {started(await store.make(kind, NOW), NOW) for kind in TokenKind}
    assert (await store.replace(KeyRing(), KeyRing(frozenset(keys)))).changed
    return store


async def rows(database: Database) -> list[dict[str, str]]:
    async with database.connection("a test") as connection:
        found = await connection.exec_driver_sql("SELECT id, kind, encrypted FROM signing_keys")
        return [dict(row) for row in found.mappings()]


async def test_no_private_key_is_in_the_database(database: Database) -> None:
    store = await filled(database, SECRET)
    pairs = (await store.read()).pairs.values()

    text = str(await rows(database))

    assert "PRIVATE KEY" not in text
    for pair in pairs:
        assert pair.private_pem().decode().splitlines()[1] not in text


async def test_another_secret_decrypts_no_key(database: Database) -> None:
    await filled(database, SECRET)

    with pytest.raises(
        ConfigurationError, match=r"^KEYS_SECRET has no secret that decrypts the key "
    ):
        await SqlKeys(database, [bytes(32)]).read()


async def test_one_secret_can_replace_another(database: Database) -> None:
    old, new = SECRET, bytes(32)
    ring = await (await filled(database, old)).ring()

    both = SqlKeys(database, [new, old], EDDSA)
    assert await both.ring() == ring
    fresh = KeyRing(frozenset({await both.make(kind, NOW) for kind in TokenKind}))
    assert (await both.replace(ring, fresh)).changed

    assert await SqlKeys(database, [new]).ring() == fresh


async def test_keys_are_encrypted_again_with_the_first_secret(database: Database) -> None:
    old, new = SECRET, bytes(32)
    ring = await (await filled(database, old)).ring()
    working = SqlKeys(database, [new, old], EDDSA)
    before = await working.ring()

    assert await SqlKeys(database, [new, old], EDDSA).reencrypt() == len(ring.keys)
    assert await SqlKeys(database, [new, old], EDDSA).reencrypt() == 0

    assert await SqlKeys(database, [new], EDDSA).ring() == ring
    standby = await working.make(ACCESS, NOW)
    assert (await working.replace(before, before.plus(standby))).changed
    assert await SqlKeys(database, [bytes([1] * 32)], EDDSA).reencrypt() == 0


async def test_a_standby_that_cannot_be_decrypted_is_a_warning(database: Database) -> None:
    """Another node may have a new secret, or a version with one more algorithm."""
    ring = await (await filled(database, SECRET)).ring()
    other = SqlKeys(database, [bytes(32), SECRET], EDDSA)
    standby = await other.make(ACCESS, NOW)
    assert (await other.replace(ring, ring.plus(standby))).changed

    store = SqlKeys(database, [SECRET])
    held = await store.read()

    assert held.ring == ring
    assert held.warnings == (
        f"KEYS_SECRET has no secret that decrypts the key {standby.id} in the database",
    )


async def test_only_a_key_that_cannot_be_decrypted_can_be_discarded(
    database: Database,
) -> None:
    ring = await (await filled(database, SECRET)).ring()
    store = SqlKeys(database, [bytes(32)])
    one, other = ring.keys

    assert not (await SqlKeys(database, [SECRET]).discard(one.id)).changed
    assert (await store.discard(one.id)).changed
    assert not (await store.discard(one.id)).changed

    assert (await SqlKeys(database, [SECRET]).ring()).keys == {other}


@dataclass
class RecordedKeys:
    """Keys in a database that has the audit log as well."""

    database: Database
    log: SqlAuditLog

    def commands(self, *secrets: bytes) -> KeyCommands:
        store = SqlKeys(self.database, secrets, EDDSA)
        return KeyCommands(store, SettableClock(NOW), log=self.log)


@pytest.fixture(params=["sqlite", "postgresql"])
async def recorded_keys(request: pytest.FixtureRequest) -> AsyncIterator[RecordedKeys]:
    options = StoreOptions(has_audit_log=True)
    url = url_for(request.param, request)
    async with Database.open(url, options) as database, SqlAuditLog.open(database) as log:
        yield RecordedKeys(database, log)


async def test_a_change_of_the_ring_is_recorded_in_the_step_that_makes_it(
    recorded_keys: RecordedKeys,
) -> None:
    store = SqlKeys(recorded_keys.database, [SECRET], EDDSA)
    event = an_event()

    ring = KeyRing(frozenset({await store.make(ACCESS, NOW)}))
    stored = await store.replace(KeyRing(), ring, effects(event))
    late = await store.replace(KeyRing(), ring, effects(an_event()))

    assert (stored, late) == (Stored(True, effects_stored=True), Stored(False))
    page = await recorded_keys.log.page(EventQuery(), None, 10)
    assert [each.event.id for each in page.items] == [event.id]


async def test_the_revocation_of_an_unreadable_key_is_recorded_with_its_id(
    recorded_keys: RecordedKeys,
) -> None:
    await filled(recorded_keys.database, SECRET)
    other = SqlKeys(recorded_keys.database, [bytes(32), SECRET], EDDSA)
    ring = await other.ring()
    spare = await other.make(ACCESS, NOW)
    assert (await other.replace(ring, ring.plus(spare))).changed

    commands = recorded_keys.commands(SECRET)
    await commands.revoke(Operator(), spare.id)

    assert await commands.recorded() == [("revoke key", "success", spare.id)]
    assert len(commands.heard.events) == 1
    assert await other.ring() == ring


async def test_a_revocation_is_recorded_as_done_though_another_key_is_unreadable(
    recorded_keys: RecordedKeys,
) -> None:
    """The ring cannot be read then, because that key has signed."""
    ring = await (await filled(recorded_keys.database, SECRET)).ring()
    revoked, other = ring.keys

    commands = recorded_keys.commands(bytes(32))
    await commands.revoke(Operator(), revoked.id)

    assert await commands.recorded() == [("revoke key", "success", revoked.id)]
    assert [event.outcome for event in commands.heard.events] == ["success"]
    assert (await SqlKeys(recorded_keys.database, [SECRET]).ring()).keys == {other}


async def test_a_revocation_that_fails_is_not_recorded(recorded_keys: RecordedKeys) -> None:
    await filled(recorded_keys.database, SECRET)

    commands = recorded_keys.commands(SECRET)
    with pytest.raises(KeyUnknown):
        await commands.revoke(Operator(), KeyId("typed by the operator"))
    with pytest.raises(ConfigurationError):
        await recorded_keys.commands(bytes(32)).revoke(Operator(), KeyId("another"))

    assert await commands.recorded() == []


async def test_an_id_that_is_no_key_is_in_no_event(recorded_keys: RecordedKeys) -> None:
    await filled(recorded_keys.database, SECRET)
    commands = recorded_keys.commands(SECRET)

    with pytest.raises(KeyUnknown):
        await commands.revoke(Operator(), KeyId("typed by the operator"))

    [event] = commands.heard.events
    assert (event.outcome, event.detail) == ("key_unknown", "")


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE signing_keys SET kind = CASE kind WHEN 'access' THEN 'refresh' ELSE 'access' END",
        "UPDATE signing_keys SET id = substr(id, 2) || 'A'",
    ],
    ids=["purpose", "name"],
)
async def test_a_row_with_another_purpose_or_id_is_rejected(
    database: Database, change: str
) -> None:
    await filled(database, SECRET)
    async with database.connection("a test") as connection:
        await connection.exec_driver_sql(change)

    with pytest.raises(ConfigurationError, match=r"is another one$"):
        await SqlKeys(database, [SECRET]).read()
