"""``doorward doctor``: what is wrong, from the command line."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator

import click

from doorward.diagnostics.doctor import Finding, examine, examine_audit_log
from doorward.env_file import read_env_file
from infrastructure.config.settings import Settings
from infrastructure.telemetry.logging import configure_logging


@click.group(invoke_without_command=True)
@click.pass_context
def doctor(context: click.Context) -> None:
    """Check configuration, keys, stores, schema and clocks: one line for each."""
    configure_logging()
    if context.invoked_subcommand is None:
        read_env_file()
        _print(examine(os.environ))


@doctor.command("audit")
@click.option("--since", metavar="NUMBER:DIGEST", help="A head that was noted before.")
def doctor_audit(since: str | None) -> None:
    """Read the whole audit log: whether any event was changed or taken out.

    Note the head that it prints in another place, and give it with --since later: who can write
    to the database could write all of the log anew, but not with that head in it.
    """
    read_env_file()
    _print(examine_audit_log(Settings.read(), since))


def _print(findings: AsyncIterator[Finding]) -> None:
    """Print each finding, and exit with 1 if any is a failure."""

    async def has_failure() -> bool:
        has_failed = False
        async for finding in findings:
            click.echo(f"{finding.verdict:<4}  {finding.subject}: {finding.text}")
            has_failed |= finding.verdict == "FAIL"
        return has_failed

    if asyncio.run(has_failure()):
        sys.exit(1)
