"""Log in with passkeys; add, rename and remove them."""

from dataclasses import replace
from uuid import UUID

from dishka.integrations.litestar import FromDishka, inject
from litestar import Controller, Response, delete, get, patch, post
from litestar.params import FromPath, JSONBody

from api.json_request import JsonRequest
from api.openapi.operations import ACCESS, SETS_COOKIES, NeverInvalid, failures
from api.request_context import context_of
from api.schemas.auth import TokenAnswer
from api.schemas.reason import ReasonParameter
from api.schemas.second_factors.credentials import CreationOptionsAnswer, RequestOptionsAnswer
from api.schemas.second_factors.passkeys import (
    AddedPasskeyAnswer,
    NewPasskey,
    PasskeyAnswer,
    PasskeyLogin,
    PasskeyName,
    PasskeysAnswer,
)
from api.schemas.success import Done
from api.security.cookies import CookieWriter
from api.security.credential_reader import CredentialReader
from api.security.guard import FOR_ENROLMENT, PUBLIC, requires
from api.security.origin_policy import CrossSiteRequest
from api.session_response import login_response, renewal_response
from api.unknown_members import only_parameters
from application.enrolment.passkey_list import (
    ListPasskeys,
    ListPasskeysOf,
    RemovePasskey,
    RemovePasskeyOf,
    RenamePasskey,
)
from application.enrolment.passkeys import AddPasskey, OfferPasskey
from application.login.passkey import LoginWithPasskey, OfferPasskeyUse
from domain.errors import (
    EmailUnverified,
    InvalidCredentials,
    InvalidInput,
    LastCredential,
    NotFound,
    NotLoggedIn,
    PasskeyInvalid,
    PermissionMissing,
    SecondFactorsOff,
    StepUpRequired,
    TokenRejected,
    Unavailable,
)
from domain.permissions import Permission
from domain.rate_limit import TooManyRequests
from domain.second_factors.passkey import PasskeyId
from domain.session import Transport
from domain.user import UserId

_BODY = (413, 415)
_READING = (NotLoggedIn, TokenRejected, Unavailable)
_CHANGING = (*_READING, CrossSiteRequest)
_ADDING = (
    InvalidInput, EmailUnverified, SecondFactorsOff, StepUpRequired, TooManyRequests, *_CHANGING,
)  # fmt: skip


class PasskeyLoginController(Controller):
    path = "/api/auth/passkeys"
    tags = ["passkeys"]
    opt = PUBLIC

    @post(
        "/options",
        status_code=200,
        summary="Begin to use a passkey",
        responses=failures(TooManyRequests, Unavailable),
    )
    @inject
    async def begin_passkey_use(
        self, request: JsonRequest, offer: FromDishka[OfferPasskeyUse]
    ) -> RequestOptionsAnswer:
        """Return options for `navigator.credentials.get()`: for a login, a second factor, a
        step-up or a reset. They name no user; the challenge is good for five minutes, once."""
        return RequestOptionsAnswer.of(await offer(context_of(request)))

    @post(
        "/login",
        status_code=200,
        summary="Log in with a passkey",
        response_headers=SETS_COOKIES,
        responses=failures(
            InvalidInput,
            PasskeyInvalid,
            InvalidCredentials,
            EmailUnverified,
            TooManyRequests,
            Unavailable,
            status=_BODY,
        ),
    )
    @inject
    async def log_in_with_passkey(
        self,
        request: JsonRequest,
        data: JSONBody[PasskeyLogin],
        log_in: FromDishka[LoginWithPasskey],
        credentials: FromDishka[CredentialReader],
        cookies: FromDishka[CookieWriter],
    ) -> Response[TokenAnswer]:
        """Start a session of level 2 by a passkey alone. The tokens are answered as those of a
        login with the password.

        All failures of a passkey have one answer."""
        device_token = data.device_token or credentials.device_token(request)
        caller = replace(context_of(request), device_token=device_token)
        transport = data.transport or None
        logged_in = await log_in(
            data.credential.assertion(),
            caller,
            Transport(transport or Transport.COOKIE),
            shows_access=transport is None,
        )
        return login_response(logged_in, cookies)


class PasskeyController(Controller):
    path = "/api/users/me/passkeys"
    tags = ["passkeys"]
    security = ACCESS

    @post(
        "/options",
        opt=FOR_ENROLMENT,
        status_code=200,
        summary="Begin to add a passkey",
        responses=failures(*_ADDING),
    )
    @inject
    async def begin_passkey(
        self, request: JsonRequest, offer: FromDishka[OfferPasskey]
    ) -> CreationOptionsAnswer:
        """Return options for `navigator.credentials.create()`. It needs a step-up; the challenge
        is good for five minutes, once, in this session."""
        return CreationOptionsAnswer.of(await offer(request.user, context_of(request)))

    @post(
        opt=FOR_ENROLMENT,
        status_code=200,
        summary="Add a passkey",
        response_headers=SETS_COOKIES,
        responses=failures(PasskeyInvalid, *_ADDING, status=_BODY),
    )
    @inject
    async def add_passkey(
        self,
        request: JsonRequest,
        data: JSONBody[NewPasskey],
        add: FromDishka[AddPasskey],
        credentials: FromDishka[CredentialReader],
        cookies: FromDishka[CookieWriter],
    ) -> Response[AddedPasskeyAnswer]:
        """Store the passkey that an authenticator has made. It needs a step-up.

        A new session takes the place of this one. The first factor ends all other sessions, and
        comes with recovery codes."""
        added = await add(
            request.user, data.credential.registration(), data.name, context_of(request)
        )
        renewed = await renewal_response(request, added.logged_in, credentials, cookies)
        answer = AddedPasskeyAnswer.with_passkey(
            renewed.content, added.passkey, added.recovery_codes
        )
        return Response(answer, cookies=renewed.cookies)

    @get(summary="List my passkeys", responses=failures(*_READING))
    @inject
    async def list_passkeys(
        self, request: JsonRequest, list_passkeys: FromDishka[ListPasskeys]
    ) -> PasskeysAnswer:
        """List my passkeys, the oldest first."""
        return PasskeysAnswer.of(await list_passkeys(request.user))

    @patch(
        "/{passkey_id:str}",
        summary="Rename a passkey",
        responses=failures(InvalidInput, NotFound, TooManyRequests, *_CHANGING, status=_BODY),
    )
    @inject
    async def rename_passkey(
        self,
        request: JsonRequest,
        passkey_id: FromPath[str],
        data: JSONBody[PasskeyName],
        rename: FromDishka[RenamePasskey],
    ) -> PasskeyAnswer:
        """Give one of my passkeys another name."""
        renamed = await rename(request.user, PasskeyId(passkey_id), data.name, context_of(request))
        return PasskeyAnswer.of(renamed)

    @delete(
        "/{passkey_id:str}",
        status_code=200,
        summary="Remove a passkey",
        response_headers=SETS_COOKIES,
        operation_class=NeverInvalid,
        responses=failures(NotFound, StepUpRequired, LastCredential, *_CHANGING),
    )
    @inject
    async def remove_passkey(
        self,
        request: JsonRequest,
        passkey_id: FromPath[str],
        remove: FromDishka[RemovePasskey],
        credentials: FromDishka[CredentialReader],
        cookies: FromDishka[CookieWriter],
    ) -> Response[TokenAnswer]:
        """Remove one of my passkeys. It needs a step-up.

        All my sessions end, and a new one takes the place of this one. A passkey without which I
        could not log in any more stays."""
        renewed = await remove(request.user, PasskeyId(passkey_id), context_of(request))
        return await renewal_response(request, renewed, credentials, cookies)


class PasskeyAdministrationController(Controller):
    path = "/api/users/{user_id:uuid}/passkeys"
    tags = ["administration"]
    security = ACCESS

    @get(
        summary="List the passkeys of a user",
        operation_class=NeverInvalid,
        opt=requires(Permission.READ_USERS),
        responses=failures(NotFound, PermissionMissing, *_READING),
    )
    @inject
    async def list_user_passkeys(
        self,
        request: JsonRequest,
        user_id: FromPath[UUID],
        list_passkeys: FromDishka[ListPasskeysOf],
    ) -> PasskeysAnswer:
        """List the passkeys of the user, the oldest first."""
        return PasskeysAnswer.of(await list_passkeys(request.user, UserId(user_id)))

    @delete(
        "/{passkey_id:str}",
        status_code=200,
        summary="Remove a passkey of a user",
        before_request=only_parameters("reason"),
        opt=requires(Permission.CHANGE_USERS),
        responses=failures(InvalidInput, NotFound, PermissionMissing, StepUpRequired, *_CHANGING),
    )
    @inject
    async def remove_user_passkey(
        self,
        request: JsonRequest,
        user_id: FromPath[UUID],
        passkey_id: FromPath[str],
        remove: FromDishka[RemovePasskeyOf],
        reason: ReasonParameter = None,
    ) -> Done:
        """Remove a passkey that the user has lost, and end all sessions of the user. It needs a
        step-up. Administrators remove their own under `/api/users/me/passkeys`."""
        passkey = PasskeyId(passkey_id)
        await remove(request.user, UserId(user_id), passkey, context_of(request), reason)
        return Done("success")
