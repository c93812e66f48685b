"""Link accounts of other providers, list and unlink them; and step up with one."""

from uuid import UUID

from dishka.integrations.litestar import FromDishka, inject
from litestar import Controller, Response, delete, get, post
from litestar.params import FromPath, JSONBody

from api.flow_response import FlowResponses
from api.json_request import JsonRequest
from api.openapi.operations import (
    ACCESS,
    SETS_COOKIES,
    SETS_FLOW_COOKIE,
    NeverInvalid,
    OptionalBody,
    failures,
)
from api.request_context import context_of
from api.schemas.auth import TokenAnswer
from api.schemas.reason import ReasonParameter
from api.schemas.social_login import (
    FlowAnswer,
    FlowRequest,
    IdentitiesAnswer,
    IdentityAnswer,
    LinkCode,
)
from api.schemas.success import Done
from api.security.cookies import CookieWriter
from api.security.credential_reader import CredentialReader
from api.security.guard import FOR_ENROLMENT, requires
from api.security.origin_policy import CrossSiteRequest
from api.session_response import renewal_response
from api.unknown_members import only_parameters
from application.social_login.begin import BeginLink, BeginStepUp, Begun
from application.social_login.codes import LinkWithCode
from application.social_login.identities import (
    ListIdentities,
    ListIdentitiesOf,
    UnlinkIdentity,
    UnlinkIdentityOf,
)
from domain.errors import (
    EmailUnverified,
    IdentityTaken,
    InvalidInput,
    LastCredential,
    NotFound,
    NotLoggedIn,
    PermissionMissing,
    ProviderRefused,
    ProviderUnavailable,
    SocialFlowInvalid,
    StepUpRequired,
    TokenRejected,
    Unavailable,
)
from domain.permissions import Permission
from domain.rate_limit import TooManyRequests
from domain.social_login.flow import Intent
from domain.social_login.identity import IdentityId
from domain.user import UserId

_BODY = (413, 415)
_READING = (NotLoggedIn, TokenRejected, Unavailable)
_CHANGING = (*_READING, CrossSiteRequest)
_BEGINNING = (
    InvalidInput, NotFound, StepUpRequired, ProviderRefused, ProviderUnavailable, TooManyRequests,
    *_CHANGING,
)  # fmt: skip


class StepUpFlowController(Controller):
    path = "/api/auth/step-up/social"
    tags = ["auth"]
    security = ACCESS
    opt = FOR_ENROLMENT

    @post(
        "/{provider:str}",
        status_code=200,
        summary="Begin to confirm with a provider that it is me",
        response_headers=SETS_FLOW_COOKIE,
        operation_class=OptionalBody,
        responses=failures(*_BEGINNING, status=_BODY),
    )
    @inject
    async def begin_step_up(
        self,
        request: JsonRequest,
        provider: FromPath[str],
        begin: FromDishka[BeginStepUp],
        responses: FromDishka[FlowResponses],
        data: JSONBody[FlowRequest | None] = None,
    ) -> Response[FlowAnswer]:
        """A step-up for users who have neither a password nor a second factor: the provider asks
        them to log in again.

        The session must be one with cookies, and gets new ones in the end. Applications step up
        with a code, see `/api/auth/step-up`."""
        end = responses.end(Intent.STEP_UP, data.return_to if data else None)
        begun = await begin(request.user, provider, end.return_to, context_of(request))
        return _answer(request, begun, responses)


class IdentityController(Controller):
    path = "/api/users/me/identities"
    tags = ["social login"]
    security = ACCESS

    @get(summary="List my linked accounts", responses=failures(*_READING))
    @inject
    async def list_identities(
        self, request: JsonRequest, list_identities: FromDishka[ListIdentities]
    ) -> IdentitiesAnswer:
        """List the accounts of other providers that log me in, the oldest first."""
        return IdentitiesAnswer.of(await list_identities(request.user))

    @post(
        status_code=200,
        summary="Link an account with a code",
        responses=failures(
            *(InvalidInput, SocialFlowInvalid, StepUpRequired, EmailUnverified, IdentityTaken),
            *(TooManyRequests, *_CHANGING),
            status=_BODY,
        ),
    )
    @inject
    async def link_with_code(
        self, request: JsonRequest, data: JSONBody[LinkCode], link: FromDishka[LinkWithCode]
    ) -> IdentityAnswer:
        """Link the account of a code that an application has got, see
        `/api/auth/social/{provider}/start`. It needs a step-up, which does not use up the code."""
        caller = context_of(request)
        return IdentityAnswer.of(await link(request.user, data.code, data.code_verifier, caller))

    @post(
        "/{identity:str}",
        status_code=200,
        summary="Begin to link an account",
        response_headers=SETS_FLOW_COOKIE,
        operation_class=OptionalBody,
        responses=failures(EmailUnverified, *_BEGINNING, status=_BODY),
    )
    @inject
    async def begin_link(
        self,
        request: JsonRequest,
        identity: FromPath[str],
        begin: FromDishka[BeginLink],
        responses: FromDishka[FlowResponses],
        data: JSONBody[FlowRequest | None] = None,
    ) -> Response[FlowAnswer]:
        """Begin to link an account of the provider with this name. It needs a step-up.

        The browser goes to the provider, and comes back by the callback: this session has to be
        good then, too."""
        end = responses.end(Intent.LINK, data.return_to if data else None)
        begun = await begin(request.user, identity, end.return_to, context_of(request))
        return _answer(request, begun, responses)

    @delete(
        "/{identity:str}",
        status_code=200,
        summary="Unlink an account",
        response_headers=SETS_COOKIES,
        operation_class=NeverInvalid,
        responses=failures(NotFound, StepUpRequired, LastCredential, *_CHANGING),
    )
    @inject
    async def unlink_identity(
        self,
        request: JsonRequest,
        identity: FromPath[str],
        unlink: FromDishka[UnlinkIdentity],
        credentials: FromDishka[CredentialReader],
        cookies: FromDishka[CookieWriter],
    ) -> Response[TokenAnswer]:
        """Unlink the account with this id. It needs a step-up.

        All my sessions end, and a new one takes the place of this one. An account without which I
        could not log in any more stays."""
        renewed = await unlink(request.user, IdentityId(identity), context_of(request))
        return await renewal_response(request, renewed, credentials, cookies)


class IdentityAdministrationController(Controller):
    path = "/api/users/{user_id:uuid}/identities"
    tags = ["administration"]
    security = ACCESS

    @get(
        summary="List the linked accounts of a user",
        operation_class=NeverInvalid,
        opt=requires(Permission.READ_USERS),
        responses=failures(NotFound, PermissionMissing, *_READING),
    )
    @inject
    async def list_user_identities(
        self,
        request: JsonRequest,
        user_id: FromPath[UUID],
        list_identities: FromDishka[ListIdentitiesOf],
    ) -> IdentitiesAnswer:
        """List the accounts of other providers that log the user in, the oldest first."""
        return IdentitiesAnswer.of(await list_identities(request.user, UserId(user_id)))

    @delete(
        "/{identity_id:str}",
        status_code=200,
        summary="Unlink an account of a user",
        before_request=only_parameters("reason"),
        opt=requires(Permission.CHANGE_USERS),
        responses=failures(InvalidInput, NotFound, PermissionMissing, StepUpRequired, *_CHANGING),
    )
    @inject
    async def unlink_user_identity(
        self,
        request: JsonRequest,
        user_id: FromPath[UUID],
        identity_id: FromPath[str],
        unlink: FromDishka[UnlinkIdentityOf],
        reason: ReasonParameter = None,
    ) -> Done:
        """Unlink an account, and end all sessions of the user. It needs a step-up. Administrators
        unlink their own under `/api/users/me/identities`."""
        identity = IdentityId(identity_id)
        await unlink(request.user, UserId(user_id), identity, context_of(request), reason)
        return Done("success")


def _answer(request: JsonRequest, begun: Begun, responses: FlowResponses) -> Response[FlowAnswer]:
    cookies = responses.flow_cookies.begun(request, begun)
    return Response(FlowAnswer.of(begun), cookies=cookies)
