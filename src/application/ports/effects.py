"""What a change causes, and whether it was stored with the change."""

from dataclasses import dataclass, replace
from typing import Generic, Self, TypeVar

from domain.audit.event import Event
from domain.mail.message import Message
from domain.mail.one_time_token import OneTimeToken

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Effects:
    """What a change causes.

    A store that shares its database with the audit log and the outbox writes change and effects in
    one transaction. Where it cannot, the use case hands the effects on (``Entry.settle``).

    :ivar events: the audit events.
    :ivar messages: the mails to deliver.
    :ivar spent: the one-time token that the change uses up, marked as used. A store that has the
        tokens changes nothing if it is used already; else it also marks those that end with it
        (:meth:`~domain.mail.one_time_token.OneTimeToken.is_spent_with`).
    """

    events: tuple[Event, ...] = ()
    messages: tuple[Message, ...] = ()
    spent: OneTimeToken | None = None

    def with_messages(self, *messages: Message) -> Self:
        return replace(self, messages=self.messages + messages)

    def spending(self, token: OneTimeToken) -> Self:
        return replace(self, spent=token)

    @property
    def has_mail(self) -> bool:
        """Whether the outbox has something to do."""
        return bool(self.messages) or self.spent is not None


NO_EFFECTS = Effects()


@dataclass(frozen=True, slots=True)
class Stored(Generic[T_co]):
    """What a store did.

    :ivar changed: whether anything was changed, or how many records, or which: false if nothing
        was. Then no effects were stored either.
    :ivar effects_stored: whether the effects were written in the same transaction.
    """

    changed: T_co
    effects_stored: bool = False


UNCHANGED = Stored(False)
CHANGED = Stored(True)
"""Changed, and the effects are not stored yet."""
