"""The commands about the keys that sign tokens."""

import asyncio
import base64
import secrets
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import click
from dishka import AsyncContainer

from api.environment import read_settings, use_cases
from application.keys import RevokeKey, RotateKeys
from application.ports import KeyStore
from domain.key import Key, KeyId, KeyRing, KeysFixed, KeyState, KeyUnknown
from domain.token import TokenKind
from infrastructure.algorithms import ALGORITHMS, RS256
from infrastructure.key_store import EVER
from infrastructure.keys import SigningKey
from infrastructure.places import NotReady


@click.group()
def keys() -> None:
    """The keys that sign tokens."""


@keys.command()
@click.option(
    "--algorithm",
    type=click.Choice(list(ALGORITHMS)),
    default=RS256.name,
    help="What they are for; RS256 unless given. For PS256 set TOKEN_ALGORITHM, too.",
)
def generate(algorithm: str) -> None:
    """Print new keys as variables, ready to be appended to `.env`."""
    for kind in ("ACCESS", "REFRESH"):
        key = SigningKey.generate(ALGORITHMS[algorithm])
        click.echo(f"{kind}_TOKEN_PRIVATE_KEY={_base64(key.private_pem())}")
        click.echo(f"{kind}_TOKEN_PUBLIC_KEY={_base64(key.public_pem())}")


@keys.command()
def secret() -> None:
    """Print a new KEYS_SECRET, ready to be appended to `.env`."""
    click.echo(f"KEYS_SECRET={_base64(secrets.token_bytes(32))}")


@keys.command("list")
def list_keys() -> None:
    """Print the keys: what each is for, its state, its id, and since when or until when."""

    async def run(container: AsyncContainer) -> KeyRing:
        keys: KeyStore = await container.get(KeyStore)
        return await keys.ring()

    _show(_run(run))


@keys.command()
@click.option(
    "--kind",
    type=click.Choice([kind.value for kind in TokenKind]),
    help="Only the key of these tokens; of both unless given.",
)
def rotate(kind: str | None) -> None:
    """Let the next keys sign, as soon as everybody has had the time to learn of them."""
    kinds = [TokenKind(kind)] if kind else list(TokenKind)

    async def run(container: AsyncContainer) -> KeyRing:
        rotate_keys: RotateKeys = await container.get(RotateKeys)
        return await rotate_keys(kinds)

    _show(_run(run))


@keys.command(context_settings={"ignore_unknown_options": True})  # an id may begin with a dash
@click.argument("kid")
def revoke(kid: str) -> None:
    """The emergency: somebody else has the key KID. All tokens that it signed are dead at once.

    When the command ends no worker accepts them any more. Whoever verifies tokens without asking
    the service goes on until they look at the public keys again.
    """

    async def run(container: AsyncContainer) -> KeyRing:
        revoke_key: RevokeKey = await container.get(RevokeKey)
        ring = await revoke_key(KeyId(kid))
        await asyncio.sleep(settings.revocation_bound.total_seconds())
        return ring

    settings = read_settings()
    _show(_run(run))


def _run(work: Callable[[AsyncContainer], Awaitable[KeyRing]]) -> KeyRing:
    async def run() -> KeyRing:
        async with use_cases(keys=False) as container:
            return await work(container)

    try:
        return asyncio.run(run())
    except KeysFixed as error:
        raise NotReady(str(error)) from None
    except KeyUnknown:
        raise NotReady("there is no key of that id: `doorward keys list` shows all") from None


def _show(ring: KeyRing) -> None:
    if not ring.keys:
        click.echo("there are no keys yet: the first start makes them")
    now = datetime.now(UTC)
    for kind in TokenKind:
        for key in ring.by_state(kind, now):
            state = ring.state(key, now)
            click.echo(f"{kind:<7}  {state:<7}  {key.id}  {_when(ring, key, state)}")


def _when(ring: KeyRing, key: Key, state: KeyState) -> str:
    if state is KeyState.RETIRED:
        return f"signed until {_time(ring.retired_at(key))}"
    if key.signs_from is None:
        return f"published since {_time(key.published_at)}"
    if key.signs_from == EVER:
        return "signs"
    return f"signs {'from' if state is KeyState.NEXT else 'since'} {_time(key.signs_from)}"


def _time(time: datetime | None) -> str:
    return f"{time:%Y-%m-%d %H:%M:%SZ}" if time else ""


def _base64(octets: bytes) -> str:
    return base64.b64encode(octets).decode("ascii")
