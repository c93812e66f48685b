"""The states of a key: standby, next, current, retired, deleted."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from domain.key_ring import Key, KeyId, KeyRing, KeyState, KeyTimes
from domain.token import TokenKind
from tests.support.builders import NOW, SECOND, new_id

ACCESS, REFRESH = TokenKind
TIMES = KeyTimes(
    cached=timedelta(minutes=5),
    kept={ACCESS: timedelta(minutes=16), REFRESH: timedelta(minutes=61)},
    rotation=timedelta(days=30),
)
LONG_AGO = NOW.replace(microsecond=0) - timedelta(days=400)
LATELY = NOW.replace(microsecond=0) - timedelta(days=1)


def a_key(
    signs_from: datetime | None = None,
    published_at: datetime = LONG_AGO,
    kind: TokenKind = ACCESS,
) -> Key:
    return Key(KeyId(new_id()), kind, published_at, signs_from)


def ring(*keys: Key) -> KeyRing:
    return KeyRing(frozenset(keys))


OLD, CURRENT, SPARE = a_key(LONG_AGO), a_key(LATELY), a_key()
RING = ring(OLD, CURRENT, SPARE)


def test_each_key_has_a_state() -> None:
    assert RING.state(OLD, NOW) is KeyState.RETIRED
    assert RING.state(CURRENT, NOW) is KeyState.CURRENT
    assert RING.state(SPARE, NOW) is KeyState.NEXT


def test_a_token_is_signed_by_the_key_of_its_time() -> None:
    assert RING.signing(ACCESS, LATELY - SECOND) == OLD
    assert RING.signing(ACCESS, LATELY) == CURRENT
    assert RING.signing(ACCESS, NOW + timedelta(days=4000)) == CURRENT


def test_the_first_key_signs_tokens_issued_before_any_key_has_begun() -> None:
    assert RING.signing(ACCESS, LONG_AGO - SECOND) == OLD
    assert ring(SPARE).signing(ACCESS, NOW) == SPARE
    assert ring(SPARE).state(SPARE, NOW) is KeyState.CURRENT


def test_a_ring_keeps_the_kinds_of_tokens_apart() -> None:
    other = a_key(LATELY + SECOND, kind=REFRESH)

    assert RING.plus(other).signing(ACCESS, NOW) == CURRENT
    assert RING.plus(other).signing(REFRESH, NOW) == other


def test_a_standby_that_was_published_long_enough_signs_from_the_next_second() -> None:
    rotated = RING.rotated(ACCESS, NOW, TIMES)

    start = rotated.signing(ACCESS, NOW + SECOND).signs_from
    assert rotated.signing(ACCESS, NOW + SECOND).id == SPARE.id
    assert rotated.signing(ACCESS, NOW) == CURRENT
    assert start
    assert start.microsecond == 0
    assert NOW <= start < NOW + SECOND


def test_a_new_standby_is_published_before_it_signs() -> None:
    standby = a_key(published_at=NOW)
    rotated = ring(CURRENT, standby).rotated(ACCESS, NOW, TIMES)
    due = NOW + TIMES.published

    assert TIMES.published > TIMES.cached
    assert rotated.signing(ACCESS, due - SECOND) == CURRENT
    assert rotated.signing(ACCESS, due + SECOND).id == standby.id
    assert rotated.is_rotating(ACCESS, NOW)
    assert not rotated.is_rotating(ACCESS, due + SECOND)


def test_a_rotation_needs_a_standby() -> None:
    with pytest.raises(ValueError, match="no next key"):
        ring(CURRENT).rotated(ACCESS, NOW, TIMES)


def test_a_rotation_is_due_when_the_key_has_signed_for_the_rotation_time() -> None:
    assert TIMES.rotation
    due = LATELY + TIMES.rotation

    assert not RING.is_rotation_due(ACCESS, due - SECOND, TIMES)
    assert RING.is_rotation_due(ACCESS, due, TIMES)
    assert not RING.is_rotation_due(ACCESS, due, replace(TIMES, rotation=None))
    assert not RING.rotated(ACCESS, due, TIMES).is_rotation_due(ACCESS, due, TIMES)


def test_a_retired_key_is_kept_until_its_last_token_has_expired() -> None:
    last = LATELY + TIMES.kept[ACCESS]

    assert RING.without_expired(last - SECOND, TIMES) == RING
    assert RING.without_expired(last, TIMES) == ring(CURRENT, SPARE)


def test_current_and_next_keys_never_expire() -> None:
    assert ring(CURRENT, SPARE).without_expired(NOW + timedelta(days=4000), TIMES) == ring(
        CURRENT, SPARE
    )


def test_a_revoked_retired_key_is_deleted() -> None:
    assert RING.without(OLD, NOW) == ring(CURRENT, SPARE)


def test_a_revoked_standby_is_deleted() -> None:
    assert RING.without(SPARE, NOW) == ring(OLD, CURRENT)


def test_a_standby_takes_over_the_whole_time_of_a_revoked_current_key() -> None:
    left = RING.without(CURRENT, NOW)

    successor = replace(SPARE, signs_from=CURRENT.signs_from)
    assert left == ring(OLD, successor)
    assert left.signing(ACCESS, NOW) == left.signing(ACCESS, LATELY) == successor
    assert left.retired_at(OLD) == CURRENT.signs_from


def test_a_scheduled_key_takes_over_the_whole_time_of_a_revoked_current_key() -> None:
    coming = a_key(NOW + timedelta(minutes=5))

    left = ring(CURRENT, coming, SPARE).without(CURRENT, NOW)

    assert left.signing(ACCESS, NOW).id == coming.id
    assert left.next(ACCESS, NOW) == SPARE


def test_the_only_key_cannot_be_revoked_without_a_successor() -> None:
    with pytest.raises(ValueError, match="no next key"):
        ring(OLD, CURRENT).without(CURRENT, NOW)


def test_a_scheduled_key_is_no_standby() -> None:
    coming = a_key(NOW + SECOND)

    assert ring(CURRENT, coming).standby(ACCESS, NOW) is None
    assert ring(CURRENT, coming, SPARE).standby(ACCESS, NOW) == SPARE
    assert ring(CURRENT, coming, SPARE).next(ACCESS, NOW) == coming


def test_a_rotation_at_a_whole_second_starts_in_it() -> None:
    standby = a_key(published_at=NOW.replace(microsecond=0))

    rotated = ring(CURRENT, standby).rotated(ACCESS, NOW, TIMES)

    coming = rotated.next(ACCESS, NOW)
    assert coming
    assert coming.signs_from == standby.published_at + TIMES.published


def test_keys_are_listed_current_first_then_next_then_retired() -> None:
    assert RING.by_state(ACCESS, NOW) == [CURRENT, SPARE, OLD]


def test_a_key_is_found_by_its_id_only() -> None:
    assert RING.find(SPARE.id) == SPARE
    assert RING.find(a_key().id) is None
