"""Use the links that lead to the page for addresses."""

from dataclasses import dataclass

from application.accounts.email_change import ConfirmEmailChange
from application.accounts.email_verification import NO_PROOF, RegistrantProof, VerifyEmail
from application.mail.one_time_tokens import FindToken
from domain.mail.one_time_token import Purpose
from domain.request_context import UNKNOWN, RequestContext


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class UseEmailLink:
    """Use the token of a link that proves an address, the present one or a new one.

    Both links lead to one page, which cannot tell them apart.
    """

    find_token: FindToken
    verify_email: VerifyEmail
    confirm_email_change: ConfirmEmailChange

    async def __call__(
        self,
        secret: str,
        proof: RegistrantProof = NO_PROOF,
        caller: RequestContext = UNKNOWN,
    ) -> bool:
        """See :class:`VerifyEmail` and :class:`ConfirmEmailChange` for what is raised.

        :returns: whether the password was left as it is.
        """
        if await self.find_token.purpose_of(secret) is Purpose.EMAIL_CHANGE:
            return await self.confirm_email_change(secret, proof, caller)
        return await self.verify_email(secret, proof, caller)
