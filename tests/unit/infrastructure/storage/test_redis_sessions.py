"""The packed record of a session in Redis: its size, and the form of the release before."""

import struct
from dataclasses import replace
from datetime import datetime

import pytest

from domain.request_context import UNKNOWN
from domain.session import Session, TokenId, Transport
from infrastructure.storage.redis.sessions import _pack, _unpack
from infrastructure.storage.redis.timestamps import to_microseconds
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
    return _unpack(session.user_id, session.id, record)


@pytest.mark.parametrize("transport", Transport)
def test_a_record_fits_into_a_listpack_after_any_number_of_rotations(transport: Transport) -> None:
    session = a_session(transport=transport)
    for number in range(6):
        assert len(_pack(session)) == LISTPACK_BOUND
        assert unpacked(session, _pack(session)) == session
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
    assert _pack(read) == record  # what a compare-and-swap expects
    if spent_id:
        assert read.refresh(spent_id, UNKNOWN, NOW, LIFETIMES) is read


def test_records_of_cookie_sessions_are_those_of_the_release_before() -> None:
    session = a_session()

    assert _pack(session) == packed_by_the_release_before(session)
    assert _pack(refreshed(session, NOW + SECOND))[17:21] == b"\xffrot"


@pytest.mark.parametrize("is_refreshed", [False, True])
def test_the_release_before_can_replace_the_record_of_a_bearer_session(is_refreshed: bool) -> None:
    session = a_session(transport=Transport.BEARER)
    session = refreshed(session, NOW + SECOND) if is_refreshed else session
    record = _pack(session)

    # That release takes what it does not know for the id of a spent token, and gives it back.
    as_read_there = replace(session, spent_id=TokenId(record[17:33].hex()))

    assert packed_by_the_release_before(as_read_there) == record


def test_a_bearer_session_that_the_release_before_has_refreshed_is_a_cookie_session() -> None:
    session = refreshed(a_session(), NOW + SECOND)

    assert unpacked(session, _pack(session)).transport is Transport.COOKIE


@pytest.mark.parametrize("transport", Transport)
def test_a_record_has_the_valid_token_and_the_times_where_the_release_before_has_them(
    transport: Transport,
) -> None:
    session = refreshed(a_session(transport=transport), NOW + SECOND)

    record, expected = _pack(session), packed_by_the_release_before(session)

    assert record[:17] == expected[:17]
    assert record[33:] == expected[33:]
