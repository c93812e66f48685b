"""The commands about the keys that sign tokens."""

import asyncio
import base64
import secrets
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import click
from dishka import AsyncContainer

from application.signing_keys import ListSigningKeys, RevokeKey, RotateKeys
from domain.actor import Operator
from domain.key_ring import (
    UNKNOWN_START,
    Key,
    KeyId,
    KeyListing,
    KeyRing,
    KeysReadOnly,
    KeyState,
    KeyUnknown,
)
from domain.token import TokenKind
from doorward.cli.base.options import reason_option
from doorward.cli.base.use_cases import use_cases
from infrastructure.config.environment_variables import ConfigurationError
from infrastructure.config.storage import StorageSettings
from infrastructure.signing.algorithms import ALGORITHMS, RS256
from infrastructure.signing.signing_key import SigningKey
from infrastructure.storage.not_ready import NotReady


@click.group()
def keys() -> None:
    """The keys that sign tokens."""


@keys.command()
@click.option(
    "--algorithm",
    type=click.Choice(list(ALGORITHMS)),
    default=RS256.name,
    help="Their algorithm; RS256 unless given. For PS256 set TOKEN_ALGORITHM, too.",
)
def generate(algorithm: str) -> None:
    """Print new keys as variables, ready to be appended to `.env`."""
    _end_line_before()
    for kind in ("ACCESS", "REFRESH"):
        key = SigningKey.generate(ALGORITHMS[algorithm])
        click.echo(f"{kind}_TOKEN_PRIVATE_KEY={_base64(key.private_pem())}")
        click.echo(f"{kind}_TOKEN_PUBLIC_KEY={_base64(key.public_pem())}")


@keys.command()
def secret() -> None:
    """Print a new KEYS_SECRET, ready to be appended to `.env`."""
    print_secret("KEYS_SECRET")


def print_secret(variable: str) -> None:
    """Print a new secret of 32 bytes as a variable."""
    _end_line_before()
    click.echo(f"{variable}={_base64(secrets.token_bytes(32))}")


def _end_line_before() -> None:
    """Print an empty line to a file: the one that it is appended to may end without a newline."""
    if not sys.stdout.isatty():
        click.echo()


@keys.command("list")
def list_keys() -> None:
    """Print the keys: purpose, state, id, algorithm, and when each signs."""
    asyncio.run(_after(_nothing))


@keys.command()
@click.option(
    "--kind",
    type=click.Choice([kind.value for kind in TokenKind]),
    help="Rotate only the key of these tokens; both unless given.",
)
@reason_option
def rotate(kind: str | None, reason: str | None) -> None:
    """Let the next keys sign, as soon as verifiers have had the time to fetch them."""
    kinds = [TokenKind(kind)] if kind else list(TokenKind)

    async def run(container: AsyncContainer) -> None:
        rotate_keys: RotateKeys = await container.get(RotateKeys)
        before = (await _list(container)).ring
        if await rotate_keys(Operator(), kinds, reason=reason) == before:
            click.echo("nothing to do: a rotation is under way already", err=True)

    asyncio.run(_after(run))


@keys.command(context_settings={"ignore_unknown_options": True})  # an id may begin with a dash
@click.argument("kid")
@reason_option
def revoke(kid: str, reason: str | None) -> None:
    """Delete the key KID that an attacker has, and invalidate all tokens that it has signed.

    When the command returns, no worker accepts them. Services that verify tokens by themselves
    accept them until they fetch the public keys again.
    """

    async def run(container: AsyncContainer) -> None:
        revoke_key: RevokeKey = await container.get(RevokeKey)
        settings: StorageSettings = await container.get(StorageSettings)
        await revoke_key(Operator(), KeyId(kid), reason=reason)
        await asyncio.sleep(settings.revocation_bound.total_seconds())

    asyncio.run(_after(run, f"the key {kid} is revoked"))


async def _nothing(_: AsyncContainer) -> None: ...


async def _after(work: Callable[[AsyncContainer], Awaitable[None]], done: str = "") -> None:
    """Do the work, and print the keys afterwards.

    :param done: what is said before the error if the keys that are left cannot be read.
    """
    try:
        async with use_cases(keys=False) as container:
            await work(container)
            try:
                listing = await _list(container)
            except ConfigurationError:
                click.echo(done, nl=bool(done), err=True)
                raise
            _show(listing)
    except KeysReadOnly as error:
        raise NotReady(str(error)) from None
    except KeyUnknown:
        raise NotReady("there is no key of that id: `doorward keys list` shows all") from None


async def _list(container: AsyncContainer) -> KeyListing:
    list_signing_keys: ListSigningKeys = await container.get(ListSigningKeys)
    return await list_signing_keys(Operator())


def _show(listing: KeyListing) -> None:
    for warning in listing.warnings:
        click.echo(f"doorward: {warning}", err=True)
    if not listing.ring.keys:
        click.echo("there are no keys yet")
    now = datetime.now(UTC)
    for kind in TokenKind:
        for key in listing.ring.by_state(kind, now):
            state, algorithm = listing.ring.state(key, now), listing.algorithms[key.id]
            when = _when(listing.ring, key, state)
            click.echo(f"{kind:<7}  {state:<7}  {key.id}  {algorithm}  {when}")


def _when(ring: KeyRing, key: Key, state: KeyState) -> str:
    if state is KeyState.RETIRED:
        return f"signed until {_time(ring.retired_at(key))}"
    if key.signs_from is None:
        return f"published since {_time(key.published_at)}"
    if key.signs_from == UNKNOWN_START:
        return "has always signed"
    return f"signs {'from' if state is KeyState.NEXT else 'since'} {_time(key.signs_from)}"


def _time(time: datetime | None) -> str:
    return f"{time:%Y-%m-%d %H:%M:%SZ}" if time else ""


def _base64(octets: bytes) -> str:
    return base64.b64encode(octets).decode("ascii")
