"""Rotation, revocation and maintenance of the signing keys, as the operator and a job do them."""

from datetime import timedelta

import pytest

from application.pagination import EventQuery
from application.ports.effects import NO_EFFECTS, Effects, Stored
from application.signing_keys import ListPublicKeys, ListSigningKeys
from domain.actor import Operator
from domain.key_ring import KeyId, KeyRing, KeyState, KeyUnknown
from domain.token import TokenKind
from infrastructure.signing.jwt_signer import JwtSigner
from tests.support.builders import NOW, SECOND
from tests.support.doubles import SettableClock
from tests.support.key_commands import TIMES, KeyCommands, MemoryKeys, started

ACCESS, REFRESH = TokenKind
LONG = timedelta(days=31)


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(NOW)


@pytest.fixture
def store() -> MemoryKeys:
    return MemoryKeys()


@pytest.fixture
def commands(store: MemoryKeys, clock: SettableClock) -> KeyCommands:
    return KeyCommands(store, clock)


async def test_maintenance_makes_a_current_key_and_a_standby_of_each_kind(
    commands: KeyCommands,
) -> None:
    await commands.maintain()

    for kind in TokenKind:
        assert await commands.states(kind) == [KeyState.CURRENT, KeyState.NEXT]
    assert not commands.maintain.is_due(await commands.store.ring())


async def test_maintenance_rotates_when_a_rotation_is_due(
    commands: KeyCommands, clock: SettableClock
) -> None:
    await commands.maintain()
    before = await commands.signing()
    clock.advance(LONG)
    assert commands.maintain.is_due(await commands.store.ring())

    await commands.maintain()
    clock.advance(SECOND)

    assert (await commands.signing()).id != before.id
    assert await commands.states() == [KeyState.CURRENT, KeyState.NEXT, KeyState.RETIRED]
    clock.advance(TIMES.kept[ACCESS])
    await commands.maintain()
    assert await commands.states() == [KeyState.CURRENT, KeyState.NEXT]
    assert await commands.states(REFRESH) == [KeyState.CURRENT, KeyState.NEXT, KeyState.RETIRED]


async def test_a_rotation_waits_until_the_next_key_was_published_long_enough(
    commands: KeyCommands, clock: SettableClock
) -> None:
    await commands.maintain()
    before = await commands.signing()
    await commands.rotate(Operator())

    clock.advance(TIMES.published - SECOND)
    assert await commands.signing() == before
    clock.advance(2 * SECOND)
    assert (await commands.signing()).id != before.id


async def test_the_reason_for_a_change_of_the_keys_is_recorded(commands: KeyCommands) -> None:
    await commands.maintain()

    await commands.rotate(Operator(), [ACCESS], reason="as each year")
    await commands.revoke(Operator(), (await commands.signing()).id, reason="it was stolen")

    events = [each.event for each in (await commands.log.page(EventQuery(), None, 2)).items]
    assert [each.reason for each in events] == ["it was stolen", "as each year"]


async def test_a_second_rotation_does_nothing_while_one_is_under_way(
    commands: KeyCommands,
) -> None:
    await commands.maintain()
    once = await commands.rotate(Operator())

    assert await commands.rotate(Operator()) == once


async def test_the_keys_of_one_kind_of_token_can_be_rotated_alone(
    commands: KeyCommands, clock: SettableClock
) -> None:
    await commands.maintain()
    access, refresh = await commands.signing(), await commands.signing(REFRESH)
    clock.advance(TIMES.published)

    await commands.rotate(Operator(), [REFRESH])
    clock.advance(SECOND)

    assert await commands.signing() == access
    assert (await commands.signing(REFRESH)).id != refresh.id


async def test_all_keys_can_be_revoked_one_after_the_other(commands: KeyCommands) -> None:
    await commands.maintain()
    before = await commands.store.ring()

    for key in before.keys:
        await commands.revoke(Operator(), key.id)

    after = await commands.store.ring()
    assert not {key.id for key in before.keys} & {key.id for key in after.keys}
    for kind in TokenKind:
        assert await commands.states(kind) == [KeyState.CURRENT, KeyState.NEXT]


async def test_an_unknown_key_cannot_be_revoked(commands: KeyCommands) -> None:
    await commands.maintain()

    for unknown in ("x" * 43, "\x00"):
        with pytest.raises(KeyUnknown):
            await commands.revoke(Operator(), KeyId(unknown))


async def test_rotations_and_revocations_of_keys_are_audited(commands: KeyCommands) -> None:
    await commands.maintain()
    key = await commands.signing()
    await commands.rotate(Operator(), [ACCESS])
    await commands.revoke(Operator(), key.id)

    done = [(each.type, each.outcome, each.detail) for each in commands.heard.events]
    assert done == [
        ("rotate keys", "success", ""),
        ("rotate keys", "success", "access"),
        ("revoke key", "success", f"access {key.id}"),
    ]
    assert commands.heard.events[-1].actor == Operator()
    assert all(event.is_kept for event in commands.heard.events)


async def test_an_empty_ring_is_not_rotated(commands: KeyCommands) -> None:
    assert await commands.rotate(Operator()) == KeyRing()
    assert await commands.recorded() == []


async def test_a_repeated_rotation_does_not_postpone_the_first(
    commands: KeyCommands, clock: SettableClock
) -> None:
    await commands.maintain()
    once = await commands.rotate(Operator())
    clock.advance(SECOND)

    assert await commands.rotate(Operator()) == once


async def test_each_rotation_is_recorded_once_and_a_deletion_is_not(
    commands: KeyCommands, clock: SettableClock
) -> None:
    first, by_operator = (
        ("rotate keys", "success", ""),
        ("rotate keys", "success", "access refresh"),
    )
    await commands.maintain()
    await commands.rotate(Operator())
    assert await commands.recorded() == [first, by_operator]

    await commands.rotate(Operator())
    clock.advance(LONG)
    await commands.maintain()
    clock.advance(max(TIMES.kept.values()))
    await commands.maintain()  # only deletes keys

    assert (await commands.recorded())[2:] == [first]


async def test_a_current_key_without_a_successor_can_be_revoked(
    commands: KeyCommands, store: MemoryKeys
) -> None:
    only = started(await store.make(ACCESS, NOW), NOW)
    await store.replace(KeyRing(), KeyRing(frozenset({only})))

    await commands.revoke(Operator(), only.id)

    assert await commands.states() == [KeyState.CURRENT, KeyState.NEXT]
    assert (await commands.signing()).id != only.id


async def test_an_unreadable_key_is_discarded_and_its_kind_is_not_recorded(
    commands: KeyCommands,
) -> None:
    class WithAnUnreadableKey(MemoryKeys):
        async def discard(self, key_id: KeyId, effects: Effects = NO_EFFECTS) -> Stored[bool]:  # noqa: ARG002
            return Stored(key_id == "unreadable")

    commands.store = WithAnUnreadableKey()

    await commands.revoke(Operator(), KeyId("unreadable"))

    assert await commands.recorded() == [("revoke key", "success", "unreadable")]


async def test_a_revocation_with_a_successor_makes_one_key(
    commands: KeyCommands, store: MemoryKeys
) -> None:
    await commands.maintain()
    before = len(store.made)

    await commands.revoke(Operator(), (await commands.signing()).id)

    assert len(store.made) == before + 1


async def test_a_change_of_the_ring_meanwhile_repeats_the_rotation(
    commands: KeyCommands, store: MemoryKeys
) -> None:
    await commands.maintain()
    other = await store.make(REFRESH, NOW)

    class Overtaken(MemoryKeys):
        async def ring(self) -> KeyRing:
            ring = self.stored
            self.stored = ring.plus(other)
            return ring

    commands.store = Overtaken(store.stored)

    rotated = await commands.rotate(Operator(), [ACCESS])

    assert other in rotated.keys
    assert rotated.is_rotating(ACCESS, NOW)
    assert len(await commands.recorded()) == 2


async def test_all_keys_of_the_store_are_listed(commands: KeyCommands, store: MemoryKeys) -> None:
    await commands.maintain()

    listing = await ListSigningKeys(store)(Operator())

    assert listing == await store.list()


async def test_the_public_keys_may_be_cached_as_long_as_rotations_allow(signer: JwtSigner) -> None:
    public = await ListPublicKeys(signer, TIMES)()

    assert public.keys == signer.public_keys()
    assert public.max_age == TIMES.cached
