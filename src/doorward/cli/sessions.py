"""``doorward sessions …``: the sessions of all users, from the command line."""

import asyncio

import click

from application.accounts.session_revocation import RevokeSessionsOfAll
from domain.actor import Operator
from domain.permissions import Role
from doorward.cli.base.confirmation import confirm, yes_option
from doorward.cli.base.use_cases import use_cases
from doorward.plurals import counted


@click.group()
def sessions() -> None:
    """The sessions of all users."""


@sessions.command()
@click.option(
    "--role",
    type=click.Choice([role.value for role in Role]),
    help="Only of users with this role.",
)
@yes_option
def end_all(role: str | None, yes: bool) -> None:
    """End all sessions of all users: everyone has to log in again."""
    users = f"all users with the role {role}" if role else "all users"
    if not yes:
        confirm(f"logs {users} out", f"Log {users} out?")

    async def run() -> int:
        async with use_cases(keys=False) as container:
            revoke: RevokeSessionsOfAll = await container.get(RevokeSessionsOfAll)
            return await revoke(Operator(), Role(role) if role else None)

    click.echo(f"all sessions of {counted(asyncio.run(run()), 'user')} have ended")
