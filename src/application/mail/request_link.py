"""Ask for a mail with a link, as a client that is not logged in."""

from dataclasses import dataclass

from application.mail.messages import MailPolicy, MakeMessage
from application.ports import NO_EFFECTS, Outbox
from application.rate_limiting import RateLimiting
from domain.email import Email
from domain.errors import all_of
from domain.mail.message import MailKind
from domain.request_context import UNKNOWN, RequestContext


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RequestLink:
    """Queue a mail with a link to the user of an address, if there is one."""

    mail_policy: MailPolicy
    make_message: MakeMessage
    outbox: Outbox
    rate_limiting: RateLimiting

    async def __call__(
        self,
        kind: MailKind,
        email: str,
        link_target: str | None = None,
        caller: RequestContext = UNKNOWN,
    ) -> None:
        """Take the same steps for every address: its user is looked up at delivery. Over a rate
        limit nothing is queued, and the client does not learn that either.

        :param kind: what the link is for.
        :param link_target: the page that the link leads to; ``None`` for the configured one.
        :raises MailOff: this installation sends no mail.
        :raises InvalidInput: the address is malformed, or the page is none of the configured ones.
        """
        self.mail_policy.require_mail()
        address, page = all_of(
            lambda: Email.parse(email), lambda: self.mail_policy.choose_link(link_target)
        )
        if await self.rate_limiting.admits_mail(kind, address.key, caller.address):
            message = self.make_message(kind, address, link_target=page)
            await self.outbox.add(NO_EFFECTS.with_messages(message))
