"""``doorward secrets …``: the secrets outside the database, which protect what it holds."""

import asyncio
import sys

import click

from application.second_factors.reencrypt import FactorCounts, ReencryptSecrets
from domain.actor import Operator
from doorward.cli.base.use_cases import use_cases
from doorward.cli.keys import print_secret
from doorward.plurals import counted


@click.group()
def secrets() -> None:
    """The secrets that protect what the database holds."""


@secrets.command()
def generate() -> None:
    """Print a new DATA_SECRET, ready to be appended to `.env`."""
    print_secret("DATA_SECRET")


@secrets.command()
def reencrypt() -> None:
    """Encrypt signing keys and secrets of authenticator apps with the first secret.

    Run it after a new secret was put before the former one, on all nodes. It may be interrupted
    and repeated, while the service runs. Recovery codes cannot be encrypted again.
    """

    async def run() -> tuple[int, FactorCounts]:
        async with use_cases(keys=False) as container:
            reencrypt_secrets: ReencryptSecrets = await container.get(ReencryptSecrets)
            return await reencrypt_secrets(Operator(), _report)

    keys, found = asyncio.run(run())
    click.echo(f"signing keys: {keys} re-encrypted")
    users = counted(found.users, "user")
    click.echo(f"authenticator apps: {found.outdated} re-encrypted, of {users}")
    if found.with_codes:
        click.echo(
            f"recovery codes: {counted(found.with_codes, 'user')} with some. Those of an earlier "
            "secret are good only while it is configured: keep it until they are used or renewed"
        )
    if found.lost:
        lost = counted(found.lost, "user")
        click.echo(f"no secret opens the authenticator apps of {lost}", err=True)
        sys.exit(1)


def _report(counts: FactorCounts) -> None:
    click.echo(f"{counted(counts.users, 'user')} so far", err=True)
