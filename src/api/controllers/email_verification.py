"""Prove an address by the link of a mail."""

from dataclasses import replace

from dishka.integrations.litestar import FromDishka, inject
from litestar import Controller, post
from litestar.params import JSONBody

from api.json_request import JsonRequest
from api.openapi.operations import failures
from api.request_context import context_of
from api.schemas.account.email_verification import EmailProof, VerificationRequest, VerifiedAnswer
from api.schemas.success import Done
from api.security.credential_reader import CredentialReader
from api.security.guard import PUBLIC
from api.security.origin_policy import CrossSiteRequest
from application.accounts.email_links import UseEmailLink
from application.accounts.email_verification import (
    RegistrantProof,
)
from application.mail.request_link import RequestLink
from domain.errors import (
    InvalidInput,
    MailOff,
    OneTimeTokenInvalid,
    TokenRejected,
    Unavailable,
    WrongPassword,
)
from domain.mail.message import MailKind
from domain.rate_limit import TooManyRequests

_BODY = (413, 415)


class EmailVerificationController(Controller):
    path = "/api/auth/email"
    tags = ["auth"]
    opt = PUBLIC

    @post(
        "/verification",
        status_code=202,
        summary="Request a mail that verifies an address",
        responses=failures(InvalidInput, MailOff, Unavailable, status=_BODY),
    )
    @inject
    async def request_verification(
        self,
        request: JsonRequest,
        data: JSONBody[VerificationRequest],
        request_link: FromDishka[RequestLink],
    ) -> Done:
        """Send a link that proves the address to its user.

        The response is the same for every address: one that no user has, one that is verified
        already, and one that has had too many mails get none.
        """
        await request_link(
            MailKind.EMAIL_VERIFICATION, data.email, data.link_target, context_of(request)
        )
        return Done("success")

    @post(
        "/verify",
        status_code=200,
        summary="Verify an address",
        responses=failures(
            InvalidInput,
            OneTimeTokenInvalid,
            WrongPassword,
            TokenRejected,
            CrossSiteRequest,
            TooManyRequests,
            Unavailable,
            status=_BODY,
        ),
    )
    @inject
    async def verify_email(
        self,
        request: JsonRequest,
        data: JSONBody[EmailProof],
        use_link: FromDishka[UseEmailLink],
        credentials: FromDishka[CredentialReader],
    ) -> VerifiedAnswer:
        """Use the token of a link. It works once, and only by `POST`: scanners of mail open links.

        The link alone proves that its reader receives mail at the address, not that the reader has
        registered. So the password of the registration stays only if the client has registered or
        logged in to this account (the cookie `device`, or an access token), or sends the
        `password`. A wrong password is an error, and the token stays usable.

        Otherwise the address is verified all the same, the password is dropped, all sessions end,
        and a mail with a link for a new password is sent: an attacker who has registered with the
        address of another person keeps no way into the account that this person confirms.
        A page asks for the password first, and offers to go on without it.

        With a second factor there is no going on without: it would stay the attacker's. The answer
        is that to a wrong password, and the token stays usable.

        The token of a link that confirms a new address is good here, too, and changes the address
        under the same conditions: an attacker can ask for a link to any address.
        """
        presented, device_token = (
            await credentials.read(request),
            credentials.device_token(request),
        )
        if presented.has_access_cookie or device_token is not None:
            await credentials.reject_cross_site(request)
        caller = replace(context_of(request), device_token=device_token)
        proof = RegistrantProof(data.password, presented.access)
        keeps_password = await use_link(data.token, proof, caller)
        return VerifiedAnswer.of(keeps_password=keeps_password)
