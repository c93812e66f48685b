"""``doorward audit …``: the audit log, from the command line."""

import asyncio

import click

from application.audit import PruneAuditLog
from domain.actor import Operator
from doorward.cli.use_cases import use_cases
from infrastructure.config.parsers import lifetime


@click.group()
def audit() -> None:
    """The audit log."""


@audit.command()
@click.option("--older-than", "age", required=True, help="For instance 400d.")
def prune(age: str) -> None:
    """Forget events from the oldest on. The others stay in their places, and the chain holds."""
    try:
        oldest = lifetime(age)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--older-than") from None

    async def run() -> int:
        async with use_cases() as container:
            prune_audit_log: PruneAuditLog = await container.get(PruneAuditLog)
            return await prune_audit_log(Operator(), oldest)

    click.echo(f"{asyncio.run(run())} events are forgotten")
