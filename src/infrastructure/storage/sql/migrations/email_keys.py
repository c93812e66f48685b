"""The stored keys of email addresses, when the rule for canonical keys changes."""

from collections.abc import Callable

import structlog
from sqlalchemy import ColumnElement, Connection, LargeBinary, cast, exists, func, select, update

from domain.email import Email
from domain.errors import InvalidInput
from infrastructure.storage.sql.tables import users

log = structlog.stdlib.get_logger("doorward")

_other = users.alias("other")


def canonical_key(address: str) -> str | None:
    """Return the key of a stored address today; ``None`` if it would be refused today."""
    try:
        return Email.parse(address).key
    except InvalidInput:
        return None


def rekey(connection: Connection, key_of: Callable[[str], str | None] = canonical_key) -> None:
    """Give each address that is not ASCII the key that the rule makes of it. Repeatable.

    A user whose new key is another user's keeps the old one, with which the account is still
    found, and is logged as ``email_key_taken``. A user whose address the rule refuses keeps it,
    too, cannot log in, and is logged as ``email_refused``.

    :param key_of: the rule; ``None`` refuses the address.
    """
    columns = (users.c.id, users.c.email, users.c.email_key)
    is_foreign = _octets(connection) != func.length(users.c.email)
    for user_id, address, old in connection.execute(select(*columns).where(is_foreign)).all():
        new = key_of(address)
        if new is None:
            log.warning("email_refused", user_id=str(user_id))
        if new is None or new == old:
            continue
        is_taken = exists().where(_other.c.email_key == new)
        rekeyed = update(users).where(users.c.id == user_id, ~is_taken).values(email_key=new)
        if connection.execute(rekeyed).rowcount == 0:
            holder = connection.scalar(select(_other.c.id).where(_other.c.email_key == new))
            log.warning("email_key_taken", user_id=str(user_id), taken_by=str(holder))


def _octets(connection: Connection) -> ColumnElement[int]:
    if connection.dialect.name == "postgresql":
        return func.octet_length(users.c.email)
    return func.length(cast(users.c.email, LargeBinary))
