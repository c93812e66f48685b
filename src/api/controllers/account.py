"""The account of the user who is logged in."""

from dishka.integrations.litestar import FromDishka, inject
from litestar import Controller, Response, delete, get, patch, post
from litestar.params import JSONBody

from api.json_request import JsonRequest
from api.openapi.operations import ACCESS, REMOVES_COOKIES, SETS_COOKIES, OptionalBody, failures
from api.request_context import context_of
from api.schemas.account.changes import (
    EmailChange,
    PasswordChange,
    PasswordConfirmation,
    ProfileChange,
)
from api.schemas.account.export import ExportAnswer
from api.schemas.audit import ActivityAnswer
from api.schemas.auth import TokenAnswer
from api.schemas.pages import After, PageSize
from api.schemas.success import Done
from api.schemas.users import UserAnswer
from api.security.cookies import CookieWriter
from api.security.credential_reader import CredentialReader
from api.security.origin_policy import CrossSiteRequest
from api.session_response import logged_out, renewal_response
from api.unknown_members import only_parameters
from application.accounts.account import (
    ChangePassword,
    ChangeProfile,
    DeleteAccount,
    ExportAccount,
)
from application.accounts.email_change import RequestEmailChange
from application.audit_log import ListActivity
from domain.errors import (
    InvalidInput,
    LastAdministrator,
    MailOff,
    NotLoggedIn,
    StepUpRequired,
    TokenRejected,
    Unavailable,
    WrongPassword,
)
from domain.rate_limit import TooManyRequests

_SENSITIVE = failures(
    InvalidInput,
    WrongPassword,
    NotLoggedIn,
    TokenRejected,
    StepUpRequired,
    CrossSiteRequest,
    TooManyRequests,
    Unavailable,
    status=(413, 415),
)


class UserController(Controller):
    path = "/api/users"
    tags = ["users"]
    security = ACCESS

    @get(
        "/me",
        summary="Get my account",
        responses=failures(NotLoggedIn, TokenRejected, Unavailable),
    )
    async def get_account(self, request: JsonRequest) -> UserAnswer:
        """The user of the access token, as stored now."""
        return UserAnswer.of(request.user.user)

    @patch(
        "/me",
        summary="Change my profile",
        responses=failures(
            InvalidInput,
            NotLoggedIn,
            TokenRejected,
            CrossSiteRequest,
            TooManyRequests,
            Unavailable,
            status=(413, 415),
        ),
    )
    @inject
    async def change_profile(
        self,
        request: JsonRequest,
        data: JSONBody[ProfileChange],
        change_profile: FromDishka[ChangeProfile],
    ) -> UserAnswer:
        """Change my name, my photo, or the language of mails to me."""
        changed = await change_profile(
            request.user, data.name, data.photo, data.locale, context_of(request)
        )
        return UserAnswer.of(changed)

    @delete(
        "/me",
        status_code=200,
        summary="Delete my account",
        operation_class=OptionalBody,
        response_headers=REMOVES_COOKIES,
        responses=_SENSITIVE | failures(LastAdministrator),
    )
    @inject
    async def delete_account(
        self,
        request: JsonRequest,
        delete_account: FromDishka[DeleteAccount],
        cookies: FromDishka[CookieWriter],
        data: JSONBody[PasswordConfirmation | None] = None,
    ) -> Response[Done]:
        """Delete everything about me, permanently. All my tokens are invalid at once.

        This is a sensitive step: see `/api/auth/step-up`."""
        password = data.password if data else None
        await delete_account(request.user, password, context_of(request))
        return logged_out(cookies)

    @get(
        "/me/export",
        summary="Export my data",
        responses=failures(
            NotLoggedIn, TokenRejected, StepUpRequired, TooManyRequests, Unavailable
        ),
    )
    @inject
    async def export_account(
        self, request: JsonRequest, export_account: FromDishka[ExportAccount]
    ) -> ExportAnswer:
        """Return all data stored about me (GDPR, article 15), except the hash of my password.

        This is a sensitive step: see `/api/auth/step-up`."""
        export = await export_account(request.user, context_of(request))
        return ExportAnswer.of(export, request.user.session.id)

    @get(
        "/me/activity",
        before_request=only_parameters("after", "limit"),
        summary="List the events of my account",
        responses=failures(InvalidInput, NotLoggedIn, TokenRejected, Unavailable),
    )
    @inject
    async def list_activity(
        self,
        request: JsonRequest,
        list_activity: FromDishka[ListActivity],
        after: After = None,
        limit: PageSize = 50,
    ) -> ActivityAnswer:
        """List the events of my account: logins, failed ones included, and changes."""
        return ActivityAnswer.of(await list_activity(request.user, after, limit))

    @post(
        "/me/password",
        status_code=200,
        summary="Change my password",
        response_headers=SETS_COOKIES,
        responses=_SENSITIVE,
    )
    @inject
    async def change_password(
        self,
        request: JsonRequest,
        data: JSONBody[PasswordChange],
        change_password: FromDishka[ChangePassword],
        credentials: FromDishka[CredentialReader],
        cookies: FromDishka[CookieWriter],
    ) -> Response[TokenAnswer]:
        """Change my password and end all my sessions. A new one takes the place of this one.

        Its tokens are in the body for a client that sent an `Authorization` header, and cookies
        otherwise. All tokens of before are invalid at once. This is a sensitive step: see
        `/api/auth/step-up`.
        """
        changed = await change_password(
            request.user, data.current_password, data.new_password, context_of(request)
        )
        return await renewal_response(request, changed, credentials, cookies)

    @post(
        "/me/email",
        status_code=202,
        summary="Change my address",
        responses=_SENSITIVE | failures(MailOff),
    )
    @inject
    async def request_email_change(
        self,
        request: JsonRequest,
        data: JSONBody[EmailChange],
        request_change: FromDishka[RequestEmailChange],
    ) -> Done:
        """Send a link to the new address. Mine stays until the link is used.

        The answer is the same if another user has the new address. Mine gets a mail with a link
        that cancels the change. This is a sensitive step: see `/api/auth/step-up`."""
        await request_change(
            request.user, data.email, data.password, data.link_target, context_of(request)
        )
        return Done("success")
