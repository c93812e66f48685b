"""Messages as rows of ``outbox``."""

from typing import Any

import msgspec

from domain.email import Email
from domain.mail.message import Delivery, DeliveryState, MailKind, Message, MessageId
from domain.user import UserId
from infrastructure.storage.sql.connection.direct import FoundRow


def row_of(delivery: Delivery) -> dict[str, Any]:
    message = delivery.message
    return {
        "id": message.id,
        "kind": message.kind.value,
        "recipient": message.to.address,
        "recipient_key": message.to.key,
        "created_at": message.created_at,
        "expires_at": message.expires_at,
        "user_id": message.user_id,
        "generation": message.generation,
        "locale": message.locale,
        "link_target": message.link_target,
        "facts": msgspec.json.encode(message.facts).decode() if message.facts else None,
        **state_of(delivery),
    }


def state_of(delivery: Delivery) -> dict[str, Any]:
    """Return the columns that change."""
    return {
        "state": delivery.state.value,
        "attempts": delivery.attempts,
        "due_at": delivery.due_at,
        "error": delivery.error,
        "ended_at": delivery.ended_at,
    }


def delivery_of(row: FoundRow) -> Delivery:
    message = Message(
        id=MessageId(row["id"]),
        kind=MailKind(row["kind"]),
        to=Email(row["recipient"], row["recipient_key"]),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        user_id=UserId(row["user_id"]) if row["user_id"] else None,
        generation=row["generation"],
        locale=row["locale"],
        link_target=row["link_target"],
        facts=_facts(row["facts"]),
    )
    return Delivery(
        message,
        row["due_at"],
        DeliveryState(row["state"]),
        row["attempts"],
        row["error"],
        row["ended_at"],
    )


def _facts(text: str | None) -> dict[str, str]:
    """Return the facts of a message; none if they are damaged, or in the form of a later release.
    The mail then says less, and no row stops the delivery of the others.
    """
    try:
        return msgspec.json.decode(text or "{}", type=dict[str, str])
    except msgspec.DecodeError:
        return {}
