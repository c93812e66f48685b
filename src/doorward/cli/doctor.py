"""``doorward doctor``: the health of an installation, from the command line."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator

import click

from doorward.diagnostics.doctor import examine, examine_audit_log
from doorward.diagnostics.finding import Finding
from doorward.env_file import read_env_file
from infrastructure.config.settings import Settings
from infrastructure.telemetry.logging import configure_logging


@click.group(invoke_without_command=True)
@click.pass_context
def doctor(context: click.Context) -> None:
    """Check configuration, keys, stores, schema, clocks and mail, one line each."""
    if context.invoked_subcommand is None:
        configure_logging()
        read_env_file()
        _print(examine(os.environ))


@doctor.command("audit")
@click.option("--since", metavar="NUMBER:DIGEST", help="A head that an earlier run printed.")
def doctor_audit(since: str | None) -> None:
    """Verify the whole audit log: no event was changed or removed.

    Store the head that it prints elsewhere, and pass it with --since later: an attacker with
    write access to the database could rewrite the whole log, but not with that head in it.
    """
    configure_logging()
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
