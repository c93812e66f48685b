"""The chain of the audit log: each row carries the digest of the one before.

A digest covers all of a row and the digest before it. So no row can be changed, removed or
inserted without changing all rows that follow, and the head of the chain. A client that can write
to the database can do that too: store the head elsewhere from time to time (``doorward doctor
audit`` prints it).

Pruning takes rows from the beginning, and its event, which stays, has the number of the last of
them. A beginning that is missing without such an event was not pruned.

The chain has only a salted digest of an address, so that the address itself can be deleted.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from hashlib import sha256
from typing import Any

import msgspec

from domain.audit.event import Event
from infrastructure.storage.sql.audit.rows import columns_of
from infrastructure.storage.sql.tables import ADDRESS_LENGTH

ROLE = "audit log"
BATCH = 1000  # rows at a time
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the chain: the number and the digest of its last row."""

    number: int
    digest: str


class Broken(Exception):
    """The chain is broken.

    :ivar number: of the first row that differs from what was recorded.
    """

    def __init__(self, number: int, what: str) -> None:
        super().__init__(f"event {number} {what}")
        self.number = number


def head_of(row: Row) -> Head:
    return Head(row["number"], row["digest"])


def row_of(number: int, event: Event, previous: str) -> dict[str, Any]:
    address = event.caller.address[:ADDRESS_LENGTH]  # an invalid address may have any length
    salt = secrets.token_hex(16) if address else ""
    row = {
        "number": number,
        **columns_of(event),
        "address": address or None,
        "address_salt": salt or None,
        "address_digest": _address_digest(address, salt) if address else "",
        "previous": previous,
    }
    return row | {"digest": _digest(row)}


def follow(previous: Head, row: Row) -> Head:
    if row["number"] != previous.number + 1:
        raise Broken(previous.number + 1, "is missing")
    try:
        is_intact = row["previous"] == previous.digest and row["digest"] == _digest(row)
        is_intact &= row["address"] is None or row["address_digest"] == _address_digest(
            row["address"], row["address_salt"]
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        is_intact = False
    if not is_intact:
        raise Broken(row["number"], "was changed")
    return Head(row["number"], row["digest"])


def _digest(row: Row) -> str:
    content = [
        row["previous"],
        row["number"],
        row["id"],
        row["at"].astimezone(UTC).isoformat(timespec="microseconds"),
        row["what"],
        row["outcome"],
        row["user_id"] and row["user_id"].hex,
        row["session_id"],
        row["actor_id"] and row["actor_id"].hex,
        row["detail"],
        row["request_id"],
        row["address_digest"],
    ]
    return sha256(msgspec.json.encode(content)).hexdigest()


def _address_digest(address: str, salt: str) -> str:
    return sha256(msgspec.json.encode([salt, address])).hexdigest()
