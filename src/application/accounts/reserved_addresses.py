"""Former addresses, which stay reserved while their users can restore them."""

from dataclasses import dataclass

from application.ports import Clock, OneTimeTokenStore, UserRepository
from domain.email import Email
from domain.errors import EmailTaken
from domain.mail.one_time_token import Purpose
from domain.user import UserId


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RefuseReservedAddress:
    """Refuse the former address of a user who can still undo the change.

    Otherwise an attacker who has changed a user's address could give the former one to another
    account, and the undo would fail.
    """

    tokens: OneTimeTokenStore
    users: UserRepository
    clock: Clock

    async def __call__(self, email: Email, user_id: UserId | None = None) -> None:
        """
        :param user_id: the user who is to have the address; ``None`` for a new one.
        :raises EmailTaken: another user had it, and the link that restores it is still good.
        """
        for token in await self.tokens.unused(email, Purpose.EMAIL_UNDO):
            if token.user_id != user_id:
                former = await self.users.get(token.user_id)
                if former and token.is_usable(former, self.clock()):
                    raise EmailTaken
