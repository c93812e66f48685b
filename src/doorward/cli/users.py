"""``doorward users …``: the user accounts, from the command line."""

import sys

import click
from dishka import AsyncContainer

from application.accounts.deletion import DeleteUser
from application.accounts.invitation import Invitee, InviteUser
from application.accounts.password_reset import MakeResetLink, ResetLink
from application.accounts.registration import CreateUser
from application.accounts.reset_second_factors import ResetSecondFactors
from application.accounts.session_revocation import RevokeSessionsOf
from application.accounts.users import ChangeUser, FindUser, ListUsers, SetPassword
from application.pagination import UserQuery
from application.sessions.find import ListSessionsOf
from application.social_login.identities import ListIdentitiesOf
from domain.actor import Operator
from domain.email import beginning_of_email
from domain.permissions import Role
from domain.user import User
from doorward.cli.base.confirmation import confirm, yes_option
from doorward.cli.base.options import reason_option
from doorward.cli.base.use_cases import run_use_cases
from doorward.cli.user_transfer import export, import_
from infrastructure.config.settings import Settings
from infrastructure.user_transfer.files import record_of

_PAGE_SIZE = 200

_ROLES = click.Choice([role.value for role in Role])


@click.group()
def users() -> None:
    """The user accounts."""


users.add_command(export)
users.add_command(import_)


@users.command()
@click.argument("email")
@click.option(
    "--name", help="Display name; by default asked for, or the part of EMAIL before the @."
)
@click.option("--admin", is_flag=True, help="The same as --role admin.")
@click.option("--role", type=_ROLES, help="The role of the user; by default user.")
@reason_option
def create(
    email: str, name: str | None, admin: bool, role: str | None, reason: str | None
) -> None:
    """Create a user. The password is asked for, or read from standard input."""
    if name is None:
        beginning = email.partition("@")[0]
        is_asked = sys.stdin.isatty()
        name = str(click.prompt("Name", default=beginning)) if is_asked else beginning
    password = _ask_for_password()
    given = Role.ADMIN if admin else Role(role or Role.USER)

    async def register(container: AsyncContainer) -> User:
        create_user: CreateUser = await container.get(CreateUser)
        return await create_user(Operator(), name, email, password, given, reason=reason)

    user = run_use_cases(register)
    click.echo(f"{user.email.address} created, with the role {user.role}")


@users.command()
@click.argument("email")
@click.option("--name", help="Display name; by default the part of EMAIL before the @.")
@click.option("--role", type=_ROLES, help="The role of the user; by default user.")
@click.option("--locale", help="The language of mails, such as de.")
@reason_option
def invite(
    email: str, name: str | None, role: str | None, locale: str | None, reason: str | None
) -> None:
    """Create a user without a password, who gets a mail with a link to set one."""
    invitee = Invitee(name or email.partition("@")[0], email, Role(role or Role.USER), locale)

    async def create_and_mail(container: AsyncContainer) -> User:
        invite_user: InviteUser = await container.get(InviteUser)
        return await invite_user(Operator(), invitee, reason=reason)

    user = run_use_cases(create_and_mail)
    click.echo(f"{user.email.address} is invited, with the role {user.role}")


@users.command("list")
@click.option("--email", help="Only addresses that begin with this.")
@click.option("--admins", is_flag=True, help="The same as --role admin.")
@click.option("--role", type=_ROLES, help="Only users with this role.")
def list_(email: str | None, admins: bool, role: str | None) -> None:
    """Print the users, one a line: id, address, role, and whether disabled."""
    beginning = beginning_of_email(email) if email else None
    wanted = Role.ADMIN if admins else role and Role(role)
    query = UserQuery(email=beginning, role=wanted or None)

    async def print_all(container: AsyncContainer) -> None:
        list_users: ListUsers = await container.get(ListUsers)
        after: str | None = None
        while True:
            page, _ = await list_users(Operator(), query, after, _PAGE_SIZE)
            for user in page.items:
                state = "disabled" if user.disabled else ""
                click.echo(f"{user.id}  {user.email.address}  {user.role}  {state}".rstrip())
            if page.next is None:
                return
            after = page.next

    run_use_cases(print_all)


@users.command()
@click.argument("user")
@reason_option
def promote(user: str, reason: str | None) -> None:
    """Make USER, an email address or an id, an administrator."""
    _echo_role(_change(user, role=Role.ADMIN, reason=reason))


@users.command()
@click.argument("user")
@reason_option
def demote(user: str, reason: str | None) -> None:
    """Make USER, an email address or an id, an ordinary user."""
    _echo_role(_change(user, role=Role.USER, reason=reason))


@users.command()
@click.argument("user")
@click.argument("role", type=_ROLES)
@reason_option
def set_role(user: str, role: str, reason: str | None) -> None:
    """Give USER, an email address or an id, the role ROLE."""
    _echo_role(_change(user, role=Role(role), reason=reason))


def _echo_role(user: User) -> None:
    click.echo(f"{user.email.address} has the role {user.role}")


@users.command()
@click.argument("user")
@reason_option
def set_password(user: str, reason: str | None) -> None:
    """Set the password of USER, an email address or an id, and end all sessions.

    The password is asked for, or read from standard input.
    """
    password = _ask_for_password()

    async def change(container: AsyncContainer) -> User:
        found = await _find(container, user)
        set_new: SetPassword = await container.get(SetPassword)
        return await set_new(Operator(), found.id, password, reason=reason)

    changed = run_use_cases(change)
    click.echo(f"{changed.email.address} has a new password, and all sessions have ended")


@users.command()
@click.argument("user")
def reset_link(user: str) -> None:
    """Print a link by which USER, an email address or an id, sets a new password, once.

    It is for installations without mail. Everyone who has the link can use it, and its use marks
    the address as verified: give it to the owner of the mailbox only.
    """

    async def make(container: AsyncContainer) -> tuple[ResetLink, str]:
        found = await _find(container, user)
        settings: Settings = await container.get(Settings)
        make_link: MakeResetLink = await container.get(MakeResetLink)
        return await make_link(Operator(), found.id), settings.mail.pages(settings.http).reset

    link, page = run_use_cases(make)
    click.echo(f"{page}#token={link.secret}")
    click.echo(f"usable once, until {link.expires_at:%Y-%m-%d %H:%M} UTC", err=True)


@users.command()
@click.argument("user")
@reason_option
@yes_option
def delete(user: str, reason: str | None, yes: bool) -> None:
    """Delete USER, an email address or an id, permanently. The audit log keeps only the id."""
    if not yes:
        confirm(f"deletes {user} permanently", f"Delete {user} permanently?")

    async def forget(container: AsyncContainer) -> User:
        found = await _find(container, user)
        await (await container.get(DeleteUser))(Operator(), found.id, reason=reason)
        return found

    click.echo(f"{run_use_cases(forget).email.address} is deleted")


def _ask_for_password() -> str:
    """Ask at a terminal; else read a line of standard input."""
    if sys.stdin.isatty():
        return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\r\n")


@users.command()
@click.argument("user")
def show(user: str) -> None:
    """Show USER, an email address or an id, without the password."""

    async def look(container: AsyncContainer) -> dict[str, object]:
        found = await _find(container, user)
        linked = await (await container.get(ListIdentitiesOf))(Operator(), found.id)
        sessions = await (await container.get(ListSessionsOf))(Operator(), found.id)
        return {
            **record_of(found, with_hash=False),
            "second_factor": found.has_second_factor,
            "linked": ", ".join(sorted({each.provider for each in linked})) or None,
            "sessions": len(sessions),
        }

    for name, value in run_use_cases(look).items():
        click.echo(f"{name + ':':<15} {value}")


@users.command()
@click.argument("user")
@reason_option
def disable(user: str, reason: str | None) -> None:
    """Disable USER, an email address or an id, and end all sessions."""
    _echo_state(_change(user, disabled=True, reason=reason))


@users.command()
@click.argument("user")
@reason_option
def enable(user: str, reason: str | None) -> None:
    """Allow USER, an email address or an id, to log in again."""
    _echo_state(_change(user, disabled=False, reason=reason))


def _echo_state(user: User) -> None:
    click.echo(f"{user.email.address} is {'disabled' if user.disabled else 'enabled'}")


def _change(
    user: str,
    *,
    reason: str | None,
    role: Role | None = None,
    disabled: bool | None = None,
) -> User:
    async def change(container: AsyncContainer) -> User:
        found = await _find(container, user)
        change_user: ChangeUser = await container.get(ChangeUser)
        return await change_user(Operator(), found.id, role, disabled, reason=reason)

    return run_use_cases(change)


@users.command()
@click.argument("user")
@reason_option
def end_sessions(user: str, reason: str | None) -> None:
    """End all sessions of USER, an email address or an id."""

    async def end(container: AsyncContainer) -> User:
        found = await _find(container, user)
        await (await container.get(RevokeSessionsOf))(Operator(), found.id, reason=reason)
        return found

    click.echo(f"all sessions of {run_use_cases(end).email.address} have ended")


@users.command()
@click.argument("user")
@reason_option
def reset_second_factors(user: str, reason: str | None) -> None:
    """Remove all second factors of USER, an email address or an id, and end all sessions.

    The password alone logs in then: make sure first that the user asks for it.
    """

    async def reset(container: AsyncContainer) -> User:
        found = await _find(container, user)
        await (await container.get(ResetSecondFactors))(Operator(), found.id, reason=reason)
        return found

    address = run_use_cases(reset).email.address
    click.echo(f"{address} has no second factor, and all sessions have ended")


async def _find(container: AsyncContainer, text: str) -> User:
    """:raises NotFound: no user has that address or that id."""
    find_user: FindUser = await container.get(FindUser)
    return await find_user(Operator(), text)
