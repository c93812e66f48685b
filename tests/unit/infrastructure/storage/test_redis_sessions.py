"""The packed record of a session in Redis: its size, and the form of the release before."""

import struct
from dataclasses import replace
from datetime import datetime

import pytest

from domain.authentication import ONLY_PASSWORD, Level, Method
from domain.request_context import UNKNOWN
from domain.session import Session, SessionId, TokenId, Transport
from domain.user import UserId
from infrastructure.storage import rotation_record
from infrastructure.storage.redis.session_records import pack, unpack
from infrastructure.storage.redis.timestamps import from_microseconds, to_microseconds
from tests.support.builders import LIFETIMES, NOW, SECOND, a_session, new_id, refreshed

LISTPACK_BOUND = 64


def packed_by_the_release_before(session: Session) -> bytes:
    def octets(time: datetime) -> bytes:
        return to_microseconds(time).to_bytes(7, "big")

    return struct.pack(
        ">B16s16s7s7s7s7s3s",
        2,
        bytes.fromhex(session.token_id),
        bytes.fromhex(session.spent_id or "00" * 16),
        octets(session.started_at),
        octets(session.rotated_at),
        octets(session.expires_at),
        octets(session.ends_at),
        session.generation.to_bytes(3, "big"),
    )


def unpacked(session: Session, record: bytes) -> Session:
    return unpack(session.user_id, session.id, record)


@pytest.mark.parametrize("transport", Transport)
def test_a_record_fits_into_a_listpack_after_any_number_of_rotations(transport: Transport) -> None:
    session = a_session(transport=transport)
    for number in range(6):
        assert len(pack(session)) == LISTPACK_BOUND
        assert unpacked(session, pack(session)) == session
        session = refreshed(session, NOW + number * SECOND)


@pytest.mark.parametrize("spent_id", [None, TokenId(new_id())], ids=["new", "rotated"])
def test_a_record_of_the_release_before_is_read_and_can_be_replaced(
    spent_id: TokenId | None,
) -> None:
    session = a_session(spent_id=spent_id)
    record = packed_by_the_release_before(session)

    read = unpacked(session, record)

    assert read == session
    assert read.spent_id == spent_id
    assert pack(read) == record  # what a compare-and-swap expects
    if spent_id:
        assert read.refresh(spent_id, UNKNOWN, NOW, LIFETIMES) is read


def test_records_of_cookie_sessions_are_those_of_the_release_before() -> None:
    session = a_session()

    assert pack(session) == packed_by_the_release_before(session)
    assert pack(refreshed(session, NOW + SECOND))[17:21] == b"\xffrot"


@pytest.mark.parametrize("is_refreshed", [False, True])
def test_the_release_before_can_replace_the_record_of_a_bearer_session(is_refreshed: bool) -> None:
    session = a_session(transport=Transport.BEARER)
    session = refreshed(session, NOW + SECOND) if is_refreshed else session
    record = pack(session)

    # That release takes what it does not know for the id of a spent token, and gives it back.
    as_read_there = replace(session, spent_id=TokenId(record[17:33].hex()))

    assert packed_by_the_release_before(as_read_there) == record


def test_a_bearer_session_that_the_release_before_has_refreshed_is_a_cookie_session() -> None:
    session = refreshed(a_session(), NOW + SECOND)

    assert unpacked(session, pack(session)).transport is Transport.COOKIE


@pytest.mark.parametrize("transport", Transport)
def test_a_record_has_the_valid_token_and_the_times_where_the_release_before_has_them(
    transport: Transport,
) -> None:
    session = refreshed(a_session(transport=transport), NOW + SECOND)

    record, expected = pack(session), packed_by_the_release_before(session)

    assert record[:17] == expected[:17]
    assert record[33:] == expected[33:]


@pytest.mark.parametrize("transport", Transport)
@pytest.mark.parametrize("is_stepped_up", [False, True])
@pytest.mark.parametrize("is_refreshed", [False, True])
@pytest.mark.parametrize(
    "methods",
    [{Method.PASSWORD}, {Method.PASSWORD, Method.TOTP}, {Method.PASSKEY}, set(Method)],
    ids=lambda methods: "+".join(sorted(methods)),
)
def test_a_refresh_by_release_0_2_never_raises_the_level(
    methods: set[Method], is_refreshed: bool, is_stepped_up: bool, transport: Transport
) -> None:
    session = a_session(
        methods=frozenset(methods), is_stepped_up=is_stepped_up, transport=transport
    )
    session = refreshed(session, NOW + SECOND) if is_refreshed else session
    record = pack(session)
    assert unpacked(session, record) == session

    there = read_by_release_0_2(session.id, session.user_id, record)
    assert packed_by_the_release_before(there) == record or record[17:21] == b"\xffrot"
    rotated = there.refresh(session.token_id, UNKNOWN, NOW + 2 * SECOND, LIFETIMES)
    packed = packed_by_the_release_before(rotated)
    rotations = b"\xffrot" + (rotation_record.pack(rotated) or b"")
    back = unpacked(session, packed[:17] + rotations + packed[33:])

    assert (back.level, back.methods) == (Level.ONE, ONLY_PASSWORD)
    assert not back.is_stepped_up
    assert back.token_id == rotated.token_id


def read_by_release_0_2(session_id: SessionId, user_id: UserId, record: bytes) -> Session:
    """Apply the rule of that release: an unknown mark is the id of the spent token."""
    _, token_id, rotations, *times, generation = struct.unpack(">B16s16s7s7s7s7s3s", record)
    started_at, rotated_at, expires_at, ends_at = (
        from_microseconds(int.from_bytes(each, "big")) for each in times
    )
    session = Session(
        session_id,
        user_id,
        TokenId(token_id.hex()),
        None,
        started_at,
        rotated_at,
        expires_at,
        ends_at,
        int.from_bytes(generation, "big"),
    )
    if rotations.startswith(b"\xffrot"):
        return rotation_record.unpack(rotations.removeprefix(b"\xffrot"), session)
    return replace(session, spent_id=TokenId(rotations.hex())) if any(rotations) else session
