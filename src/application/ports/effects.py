"""What a change causes, and whether it was stored with the change."""

from dataclasses import dataclass, replace
from typing import Generic, Self, TypeVar

from domain.audit.event import Event
from domain.mail.message import Message
from domain.mail.one_time_token import OneTimeToken
from domain.social_login.identity import Identity
from domain.user import UserId

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
    :ivar unlinks_all_of: the user all of whose identities the change removes. Only ``add``
        and ``replace`` of users link and unlink, and stores of users without identities ignore all
        three. ``delete`` unlinks all that the user has.
    :ivar unlinked: the identity that the change removes. The store changes nothing if it is not
        linked any more.
    :ivar linked: the identity that the change adds, after it has removed others. The store
        changes nothing if any user has its account, or this one
        :data:`~domain.social_login.identity.MAX_IDENTITIES`.
    """

    events: tuple[Event, ...] = ()
    messages: tuple[Message, ...] = ()
    spent: OneTimeToken | None = None
    unlinks_all_of: UserId | None = None
    unlinked: Identity | None = None
    linked: Identity | None = None

    def with_messages(self, *messages: Message) -> Self:
        return replace(self, messages=self.messages + messages)

    def spending(self, token: OneTimeToken) -> Self:
        return replace(self, spent=token)

    def linking(self, identity: Identity) -> Self:
        return replace(self, linked=identity)

    def unlinking(self, identity: Identity) -> Self:
        return replace(self, unlinked=identity)

    def unlinking_all_of(self, user_id: UserId) -> Self:
        return replace(self, unlinks_all_of=user_id)

    @property
    def changes_identities(self) -> bool:
        """Whether identities are linked or unlinked."""
        changes = (self.unlinks_all_of, self.unlinked, self.linked)
        return any(each is not None for each in changes)

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
