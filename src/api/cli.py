"""The command ``doorward``. Each command says what is wrong in one line, without a traceback."""

import asyncio
import base64
import errno
import json
import os
import socket
import sys
from collections.abc import Awaitable, Callable
from typing import NoReturn

import click
from dotenv import load_dotenv

from api import server
from api.main import PARENT, make_app, server_options
from application.auth import RegisterUser
from domain.errors import EmailTaken, InvalidInput
from domain.user import Role, User
from infrastructure import preflight, schema
from infrastructure.container import make_container
from infrastructure.doctor import Finding, examine
from infrastructure.keys import SigningKey
from infrastructure.limits import Limits
from infrastructure.logs import LOGS
from infrastructure.places import NotReady, Place, distinct, limits_of, places
from infrastructure.settings import Settings
from infrastructure.variables import ConfigurationError


def main() -> None:
    try:
        doorward()
    except ConfigurationError as error:
        _give_up(error, code=2)
    except NotReady as error:
        _give_up(error, code=1)


def _give_up(error: Exception, code: int) -> NoReturn:
    click.echo(f"doorward: {error}", err=True)
    sys.exit(code)


@click.group()
@click.version_option(package_name="doorward")
def doorward() -> None:
    """A self-hosted authentication service.

    It is configured by environment variables, of which those that are not set may stand in a
    file `.env` in the current folder.
    """


@doorward.command()
@click.option("--host", help="The address to listen on, instead of HOST.")
@click.option("--port", type=click.IntRange(1, 65535), help="Instead of PORT.")
@click.option("--workers", type=click.IntRange(1), help="Server processes, instead of WORKERS.")
@click.option("--reload", is_flag=True, help="One process that follows changes of the code.")
def serve(host: str | None, port: int | None, workers: int | None, reload: bool) -> None:
    """Run the service until SIGINT or SIGTERM."""
    server.end_on_signals()
    _read_env_file()
    chosen = {"HOST": host, "PORT": port, "WORKERS": 1 if reload else workers}
    # Server processes read their settings from the environment too.
    os.environ.update({name: str(value) for name, value in chosen.items() if value is not None})
    settings = Settings.read()
    asyncio.run(preflight.prepare(settings))
    listener = _listen(settings)
    if settings.workers > 1:
        os.environ[PARENT] = str(os.getpid())
    _introduce(settings)
    server.run(listener, server_options(settings), LOGS, reload=reload)


def _listen(settings: Settings) -> socket.socket:
    try:
        return server.listen(settings.host, settings.port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise NotReady(
                f"port {settings.port} is in use already: end what uses it, or choose another "
                "with PORT or --port"
            ) from None
        if error.errno == errno.EACCES:
            raise ConfigurationError("PORT", "is one that only root may listen on") from None
        raise ConfigurationError("HOST", "is not an address of this machine") from None


def _introduce(settings: Settings) -> None:
    users, sessions = places(settings)
    keys = settings.data.absolute() / "keys"
    click.echo(f"Doorward listens on {settings.host}, port {settings.port}: {settings.origin}")
    click.echo(f"  documentation  {settings.origin}/docs")
    click.echo(f"  users          {users.description}")
    click.echo(f"  sessions       {sessions.description}")
    click.echo(f"  keys           {keys if preflight.keeps_keys(settings) else 'environment'}")


@doorward.group()
def migrate() -> None:
    """Move the database's schema."""


@migrate.command()
def up() -> None:
    """To the newest version."""
    _migrate(schema.move_up)


@migrate.command()
def down() -> None:
    """One version back. What only the newer one can hold is lost."""
    _migrate(schema.move_down)


def _migrate(move: Callable[[Place, Limits], Awaitable[schema.Move]]) -> None:
    async def run() -> None:
        await preflight.check_urls(settings)
        preflight.make_data_folder(settings)
        for place in distinct(settings):
            result = await move(place, limits_of(settings)) if place.is_sql else None
            click.echo(f"{place.description}: {_told(result)}")

    settings = _settings()
    asyncio.run(run())


def _told(result: schema.Move | None) -> str:
    if result is None:
        return "there is nothing to migrate"
    if result.before == result.after:
        return f"stays at {result.after or 'nothing'}"
    return f"from {result.before or 'nothing'} to {result.after or 'nothing'}"


@doorward.group()
def keys() -> None:
    """The keys that sign tokens."""


@keys.command()
def generate() -> None:
    """Print new keys as variables, ready to be appended to `.env`."""
    for kind in ("ACCESS", "REFRESH"):
        key = SigningKey.generate()
        click.echo(f"{kind}_TOKEN_PRIVATE_KEY={_base64(key.private_pem())}")
        click.echo(f"{kind}_TOKEN_PUBLIC_KEY={_base64(key.public_pem())}")


def _base64(octets: bytes) -> str:
    return base64.b64encode(octets).decode("ascii")


@doorward.group()
def users() -> None:
    """The people who can log in."""


@users.command()
@click.argument("email")
@click.option("--name", prompt=True, help="What the person is called.")
@click.option("--admin", is_flag=True, help="With the role of an administrator.")
def create(email: str, name: str, admin: bool) -> None:
    """Register somebody. The password is asked for, or read from standard input."""
    password = (
        click.prompt("Password", hide_input=True, confirmation_prompt=True)
        if sys.stdin.isatty()
        else sys.stdin.readline().rstrip("\r\n")
    )
    role = Role.ADMIN if admin else Role.USER
    user = asyncio.run(_register(_settings(), name, email, password, role))
    click.echo(f"{user.email.address} is registered, with the role {user.role}")


async def _register(settings: Settings, name: str, email: str, password: str, role: Role) -> User:
    await preflight.prepare(settings)
    container = make_container(settings)
    try:
        register = await container.get(RegisterUser)
        return await register(name, email, password, role=role)
    except InvalidInput as error:
        problems = (f"the {each.field} {each.message}" for each in error.problems)
        raise NotReady("; ".join(problems)) from None
    except EmailTaken:
        raise NotReady("somebody has that address already") from None
    finally:
        await container.close()


@doorward.command()
def openapi() -> None:
    """Print the OpenAPI document. It depends on no configuration and needs no store."""
    app = make_app(Settings.read({"USERS_URL": "memory:"}))
    click.echo(json.dumps(app.openapi_schema.to_schema(), indent=2))


@doorward.command()
def doctor() -> None:
    """Check configuration, keys, stores, schema and clocks: one line for each."""

    async def run() -> list[Finding]:
        findings = []
        async for finding in examine(os.environ):
            click.echo(f"{finding.verdict:<4}  {finding.subject}: {finding.text}")
            findings.append(finding)
        return findings

    _read_env_file()
    if any(finding.verdict == "FAIL" for finding in asyncio.run(run())):
        sys.exit(1)


def _settings() -> Settings:
    _read_env_file()
    return Settings.read()


def _read_env_file() -> None:
    """What the environment does not say, `.env` in the current folder may."""
    try:
        load_dotenv(".env", override=False)
    except (OSError, UnicodeDecodeError):
        raise ConfigurationError(".env", "cannot be read as UTF-8 text") from None
