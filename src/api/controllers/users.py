"""The users, for administrators: their accounts and their sessions."""

from typing import Annotated
from uuid import UUID

from dishka.integrations.litestar import FromDishka, inject
from litestar import Controller, delete, get, patch, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, JSONBody, QueryParameter

from api.json_request import JsonRequest
from api.openapi.operations import ACCESS, NeverInvalid, failures
from api.request_context import context_of
from api.schemas.pages import After, PageSize, searched
from api.schemas.reason import ReasonParameter
from api.schemas.sessions import SessionsAnswer
from api.schemas.success import Done
from api.schemas.users import AccountAnswer, AccountsAnswer, NewUser, UserChange
from api.security.guard import requires
from api.security.origin_policy import CrossSiteRequest
from api.unknown_members import only_parameters
from application.accounts.deletion import DeleteUser
from application.accounts.invitation import InviteUser
from application.accounts.password_reset import SendPasswordReset
from application.accounts.reset_second_factors import ResetSecondFactors
from application.accounts.session_revocation import RevokeSessionOf, RevokeSessionsOf
from application.accounts.users import ChangeUser, ListUsers, ShowUser
from application.pagination import UserQuery
from application.sessions.find import ListSessionsOf
from domain.email import beginning_of_email
from domain.errors import (
    EmailTaken,
    InvalidInput,
    LastAdministrator,
    MailOff,
    NotFound,
    NotLoggedIn,
    PermissionMissing,
    StepUpRequired,
    TokenRejected,
    Unavailable,
)
from domain.permissions import Permission, Role
from domain.session import SessionId
from domain.user import UserId

_READING = (NotLoggedIn, TokenRejected, PermissionMissing, Unavailable)
_CHANGING = (*_READING, StepUpRequired, CrossSiteRequest, NotFound)


async def user_query(
    email: Annotated[str | None, QueryParameter(description="Prefix of the address.")] = None,
    name: Annotated[str | None, QueryParameter(description="Prefix of the name.")] = None,
    role: Annotated[Role | None, QueryParameter(description="Only users with this role.")] = None,
    disabled: Annotated[
        bool | None, QueryParameter(description="Only users who are disabled, or who are not.")
    ] = None,
) -> UserQuery:
    address, name = searched("email", email), searched("name", name)
    beginning = None if address is None else beginning_of_email(address)
    return UserQuery(beginning, name, role, disabled)


class UserAdministrationController(Controller):
    path = "/api/users"
    tags = ["administration"]
    security = ACCESS

    @get(
        summary="List users",
        opt=requires(Permission.READ_USERS),
        dependencies={"wanted": Provide(user_query)},
        before_request=only_parameters("email", "name", "role", "disabled", "after", "limit"),
        responses=failures(InvalidInput, *_READING),
    )
    @inject
    async def list_users(
        self,
        request: JsonRequest,
        list_users: FromDishka[ListUsers],
        wanted: NamedDependency[UserQuery],
        after: After = None,
        limit: PageSize = 50,
    ) -> AccountsAnswer:
        """List users by page: the newest first, or with a search in the order of addresses or
        names. The first page has the total."""
        return AccountsAnswer.of(*await list_users(request.user, wanted, after, limit))

    @post(
        summary="Invite a user",
        opt=requires(Permission.CHANGE_USERS),
        responses=failures(
            InvalidInput,
            EmailTaken,
            MailOff,
            StepUpRequired,
            CrossSiteRequest,
            *_READING,
            status=(413, 415),
        ),
    )
    @inject
    async def invite_user(
        self,
        request: JsonRequest,
        data: JSONBody[NewUser],
        invite_user: FromDishka[InviteUser],
    ) -> AccountAnswer:
        """Make an account without a password, and send its user a link that sets one and proves
        the address. It works while registration is closed, too. `POST
        /api/users/{user_id}/password-reset` sends another link."""
        user = await invite_user(request.user, data.invitee(), context_of(request), data.reason)
        return AccountAnswer.of(user)

    @get(
        "/{user_id:uuid}",
        summary="Get a user",
        operation_class=NeverInvalid,
        opt=requires(Permission.READ_USERS),
        responses=failures(NotFound, *_READING),
    )
    @inject
    async def show_user(
        self, request: JsonRequest, user_id: FromPath[UUID], show_user: FromDishka[ShowUser]
    ) -> AccountAnswer:
        """Return one user."""
        return AccountAnswer.of(await show_user(request.user, UserId(user_id)))

    @patch(
        "/{user_id:uuid}",
        summary="Change a user",
        opt=requires(Permission.CHANGE_USERS),
        responses=failures(InvalidInput, LastAdministrator, *_CHANGING, status=(413, 415)),
    )
    @inject
    async def change_user(
        self,
        request: JsonRequest,
        user_id: FromPath[UUID],
        data: JSONBody[UserChange],
        change_user: FromDishka[ChangeUser],
    ) -> AccountAnswer:
        """Change the role, disable or enable: at once, on every worker. The last administrator
        stays one."""
        user = await change_user(
            request.user,
            UserId(user_id),
            data.role,
            data.disabled,
            context_of(request),
            data.reason,
        )
        return AccountAnswer.of(user)

    @delete(
        "/{user_id:uuid}",
        status_code=200,
        summary="Delete a user",
        before_request=only_parameters("reason"),
        opt=requires(Permission.DELETE_USERS),
        responses=failures(InvalidInput, LastAdministrator, *_CHANGING),
    )
    @inject
    async def delete_user(
        self,
        request: JsonRequest,
        user_id: FromPath[UUID],
        delete_user: FromDishka[DeleteUser],
        reason: ReasonParameter = None,
    ) -> Done:
        """Delete the user permanently. The audit log keeps only the id."""
        await delete_user(request.user, UserId(user_id), context_of(request), reason)
        return Done("success")

    @post(
        "/{user_id:uuid}/password-reset",
        status_code=202,
        summary="Send a user a link to reset the password",
        before_request=only_parameters("reason"),
        opt=requires(Permission.CHANGE_USERS),
        responses=failures(InvalidInput, MailOff, *_CHANGING),
    )
    @inject
    async def send_password_reset(
        self,
        request: JsonRequest,
        user_id: FromPath[UUID],
        send_reset: FromDishka[SendPasswordReset],
        reason: ReasonParameter = None,
    ) -> Done:
        """Send the link to the user's address. The password and the sessions stay until the link
        is used."""
        await send_reset(request.user, UserId(user_id), context_of(request), reason)
        return Done("success")

    @delete(
        "/{user_id:uuid}/second-factors",
        status_code=200,
        summary="Reset the second factors of a user",
        before_request=only_parameters("reason"),
        opt=requires(Permission.CHANGE_USERS),
        responses=failures(InvalidInput, *_CHANGING),
    )
    @inject
    async def reset_second_factors(
        self,
        request: JsonRequest,
        user_id: FromPath[UUID],
        reset_second_factors: FromDishka[ResetSecondFactors],
        reason: ReasonParameter = None,
    ) -> Done:
        """Remove the authenticator app, the recovery codes and the passkeys of a user who has lost
        them, and end all sessions. The password alone logs in then. Administrators cannot reset
        their own."""
        await reset_second_factors(request.user, UserId(user_id), context_of(request), reason)
        return Done("success")

    @get(
        "/{user_id:uuid}/sessions",
        summary="List the sessions of a user",
        operation_class=NeverInvalid,
        opt=requires(Permission.READ_USERS),
        responses=failures(NotFound, *_READING),
    )
    @inject
    async def list_user_sessions(
        self,
        request: JsonRequest,
        user_id: FromPath[UUID],
        list_sessions: FromDishka[ListSessionsOf],
    ) -> SessionsAnswer:
        """List the sessions of the user."""
        found = await list_sessions(request.user, UserId(user_id))
        return SessionsAnswer.of(found, request.user.session.id)

    @delete(
        "/{user_id:uuid}/sessions",
        status_code=200,
        summary="End the sessions of a user",
        before_request=only_parameters("reason"),
        opt=requires(Permission.END_SESSIONS),
        responses=failures(InvalidInput, *_CHANGING),
    )
    @inject
    async def end_user_sessions(
        self,
        request: JsonRequest,
        user_id: FromPath[UUID],
        end_sessions: FromDishka[RevokeSessionsOf],
        reason: ReasonParameter = None,
    ) -> Done:
        """End all sessions of the user, at once."""
        await end_sessions(request.user, UserId(user_id), context_of(request), reason)
        return Done("success")

    @delete(
        "/{user_id:uuid}/sessions/{session_id:str}",
        status_code=200,
        summary="End a session of a user",
        opt=requires(Permission.END_SESSIONS),
        before_request=only_parameters("reason"),
        responses=failures(InvalidInput, *_CHANGING),
    )
    @inject
    async def end_user_session(
        self,
        request: JsonRequest,
        user_id: FromPath[UUID],
        session_id: FromPath[str],
        end_session: FromDishka[RevokeSessionOf],
        reason: ReasonParameter = None,
    ) -> Done:
        """End one session of the user, at once."""
        session = SessionId(session_id)
        await end_session(request.user, UserId(user_id), session, context_of(request), reason)
        return Done("success")
