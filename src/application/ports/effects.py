"""What a change causes, and whether it was stored with the change."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from domain.audit.event import Event

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Effects:
    """What a change causes.

    A store that shares its database with the audit log writes change and effects in one
    transaction. Where it cannot, the use case hands the effects on (``Entry.settle``).

    :ivar events: the audit events.
    """

    events: tuple[Event, ...] = ()


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
