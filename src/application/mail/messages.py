"""Make the messages that use cases send."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from application.ports import Clock, RandomId
from domain.email import Email
from domain.errors import InvalidInput, MailOff, Problem
from domain.mail.message import MailKind, Message, MessageId
from domain.user import User

_NOTICE_LIFETIME = timedelta(days=2)
"""How long a notice is worth sending."""

_DAY = timedelta(days=1)
LIFETIMES: Mapping[MailKind, timedelta] = {
    MailKind.PASSWORD_RESET: timedelta(minutes=30),
    MailKind.INVITATION: 7 * _DAY,
    MailKind.EMAIL_VERIFICATION: _DAY,
    MailKind.EMAIL_CHANGE: _DAY,
    MailKind.EMAIL_CHANGE_REQUESTED: 7 * _DAY,
    MailKind.EMAIL_CHANGED: 7 * _DAY,
}
"""How long the links of each kind are good, unless configured."""

NOTICES = frozenset(
    {
        MailKind.PASSWORD_CHANGED,
        MailKind.EMAIL_CHANGE_REQUESTED,
        MailKind.EMAIL_CHANGED,
        MailKind.ACCOUNT_CHANGED,
        MailKind.ACCOUNT_DELETED,
        MailKind.SECOND_FACTORS_CHANGED,
        MailKind.SECOND_FACTOR_FAILED,
        MailKind.RECOVERY_CODE_USED,
        MailKind.IDENTITIES_CHANGED,
    }
)
"""The notices that are on unless configured."""


UNDONE: Mapping[str, str] = {"undone": "yes"}
"""The fact of an :attr:`MailKind.EMAIL_CHANGED` that reports an undo: it gets no link, which would
undo the undo.
"""


@dataclass(frozen=True, slots=True)
class MailPolicy:
    """What the operator has configured.

    :ivar is_on: whether this installation sends mail at all.
    :ivar lifetimes: of the links, by kind.
    :ivar notices: those that are sent.
    :ivar link_targets: the pages that a request may choose for its link.
    """

    is_on: bool = True
    lifetimes: Mapping[MailKind, timedelta] = field(default_factory=lambda: LIFETIMES)
    notices: frozenset[MailKind] = NOTICES
    link_targets: frozenset[str] = frozenset()

    def require_mail(self) -> None:
        """:raises MailOff: this installation sends none."""
        if not self.is_on:
            raise MailOff

    def choose_link(self, target: str | None) -> str | None:
        """Return the page that a request has chosen; ``None`` for the configured one.

        :raises InvalidInput: it is none of the operator's list. A link to any other page would
            hand the token to it.
        """
        if target is not None and target not in self.link_targets:
            raise InvalidInput(Problem("link_target", "is none of the pages that are configured"))
        return target


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class MakeMessage:
    """Make messages, to be stored as effects of the change that causes them."""

    policy: MailPolicy
    clock: Clock
    random_id: RandomId

    def __call__(
        self,
        kind: MailKind,
        to: Email,
        *,
        user: User | None = None,
        link_target: str | None = None,
        facts: Mapping[str, str] | None = None,
    ) -> Message:
        """
        :param user: whom it is about, if that is known when it is made. A new address becomes
            useless with the user's generation.
        """
        now = self.clock()
        is_bound = user is not None and kind is MailKind.EMAIL_CHANGE
        return Message(
            id=MessageId(self.random_id()),
            kind=kind,
            to=to,
            created_at=now,
            expires_at=now + self.policy.lifetimes.get(kind, _NOTICE_LIFETIME),
            user_id=user.id if user else None,
            generation=user.generation if user and is_bound else None,
            locale=user.locale if user else None,
            link_target=link_target,
            facts=facts or {},
        )

    def notice(
        self, kind: MailKind, user: User, facts: Mapping[str, str] | None = None
    ) -> tuple[Message, ...]:
        """Tell users what has happened to their account, if the operator wants that.

        :param user: as before the change: the notice goes to this address.
        :returns: one message or none, for :meth:`~application.ports.Effects.with_messages`.
        """
        if not self.policy.is_on or kind not in self.policy.notices:
            return ()
        return (self(kind, user.email, user=user, facts=facts),)
