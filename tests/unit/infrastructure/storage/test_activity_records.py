"""How Redis stores where and by what a session was last used."""

from datetime import UTC, datetime

import msgspec
import pytest

from domain.session_activity import AGENT_LENGTH, SessionActivity
from infrastructure.storage.redis import activity_records

NOW = datetime(2026, 11, 29, 12, 30, 0, 123456, UTC)
IN_A_SMALL_HASH = 64
"""The setting ``hash-max-listpack-value`` of Redis, in bytes."""
AGENTS = [
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/126.0.0.0 Safari/537.36"
    ),
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/142.0.0.0 Safari/537.36 Edg/142.0.3595.53"
    ),
    (
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
        "Version/17.4.1 Safari/605.1.15"
    ),
    (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4_1 like Mac OS X) AppleWebKit/605.1.15 "
        "(KHTML, like Gecko) CriOS/124.0.6367.88 Mobile/15E148 Safari/604.1"
    ),
    (
        "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/142.0.0.0 Mobile Safari/537.36"
    ),
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "curl/8.5.0",
    "",
]
ADDRESSES = [
    "192.0.2.123",
    "2001:db8::1",
    "fe80::1%eth0",
    "::ffff:192.0.2.1",
    "2001:DB8::1",
    "",
    "?",
]


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("agent", [*AGENTS, "x" * AGENT_LENGTH, "".join(map(chr, range(32, 127)))])
def test_an_activity_is_read_as_it_was_written(agent: str, address: str) -> None:
    activity = SessionActivity(NOW, address, agent)

    assert activity_records.unpack(activity_records.pack(activity)) == activity


@pytest.mark.parametrize("agent", AGENTS)
def test_the_activity_of_a_browser_stays_within_a_small_hash(agent: str) -> None:
    activity = SessionActivity(NOW, "2001:db8:1234:5678:9abc:def0:1234:5678", agent)

    assert len(activity_records.pack(activity)) <= IN_A_SMALL_HASH


def test_an_activity_of_the_release_before_is_read() -> None:
    activity = SessionActivity(NOW, "192.0.2.123", AGENTS[0])

    assert activity_records.unpack(msgspec.msgpack.encode(activity)) == activity


@pytest.mark.parametrize(
    "record", [b"", b"\x02", b"\x01", b"\x01" + bytes(7), b"\x01" * 12, b"\x83"]
)
def test_a_record_that_is_none_is_no_activity(record: bytes) -> None:
    assert activity_records.unpack(record) is None
