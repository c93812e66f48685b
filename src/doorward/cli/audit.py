"""``doorward audit …``: the audit log, from the command line."""

import asyncio

import click

from application.audit import PruneAuditLog
from domain.actor import Operator
from doorward.cli.base.use_cases import use_cases
from doorward.plurals import counted
from infrastructure.config.parsers import lifetime


@click.group()
def audit() -> None:
    """The audit log."""


@audit.command()
@click.option(
    "--older-than", "age", required=True, help="Minimum age of the deleted events, such as 400d."
)
def prune(age: str) -> None:
    """Delete the oldest events. The others keep their numbers, and the chain stays valid."""
    try:
        minimum_age = lifetime(age)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--older-than") from None

    async def run() -> int:
        async with use_cases() as container:
            prune_audit_log: PruneAuditLog = await container.get(PruneAuditLog)
            return await prune_audit_log(Operator(), minimum_age)

    click.echo(f"{counted(asyncio.run(run()), 'event')} deleted")
