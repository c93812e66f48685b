"""Keys are rotated and revoked under load, and no request or verifier fails that should not."""

import asyncio
import base64
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from domain.token import TokenKind
from infrastructure.signing.algorithms import EDDSA
from infrastructure.signing.signing_key import SigningKey
from tests.http.client import Client, Tokens
from tests.support.builders import in_environment
from tests.support.commands import forked
from tests.support.processes import Service, a_service
from tests.support.resource_servers import KEYS, ResourceServer, header, resource_servers
from tests.support.waiting import PATIENCE
from tests.system.clients import in_the_background

ISSUER = "https://id.example.org"
SECRET = base64.b64encode(bytes(range(32))).decode()
RELOADED = "configuration_reloaded"
KEPT = 2  # seconds for which others keep the public keys: longer than a busy worker lags behind
GOOD = {"good", "/me 200", "refresh 200"}
PAUSE = 0.15  # seconds between two rounds of a client: many rounds for each key, and little load
MANY = 4  # keys

T = TypeVar("T")
QUICKLY = {"KEYS_SECRET": SECRET, "JWKS_MAX_AGE": f"{KEPT}s", "ISSUER": ISSUER}


@dataclass
class Verifier:
    """A client that refreshes continuously, and presents each access token to all verifiers.

    :ivar verdicts: all verdicts so far.
    :ivar kids: the keys of their access tokens, and of their refresh tokens.
    """

    client: Client
    tokens: Tokens
    others: Sequence[ResourceServer]
    verdicts: set[str] = field(default_factory=set)
    kids: tuple[set[str], set[str]] = field(default_factory=lambda: (set(), set()))

    @property
    def is_done(self) -> bool:
        """Whether it has seen many keys, or a failure."""
        has_met_many = all(len(kids) >= MANY for kids in self.kids)
        return has_met_many or not self.verdicts <= GOOD

    async def run(self) -> None:
        while True:
            access = self.tokens["access_token"]
            verdicts = await asyncio.gather(*(each.verify(access) for each in self.others))
            answer = await self.client.me(access)
            self.verdicts |= {*verdicts, f"/me {answer.status_code}"}
            for kids, token in zip(self.kids, (access, self.tokens["refresh_token"]), strict=True):
                kids.add(header(token)["kid"])
            refreshed = await self.client.refresh(self.tokens["refresh_token"])
            self.verdicts.add(f"refresh {refreshed.status_code}")
            if refreshed.status_code != 200:
                return
            self.tokens = refreshed.json()
            await asyncio.sleep(PAUSE)


@asynccontextmanager
async def open_clients(
    service: Service, others: Sequence[ResourceServer], count: int
) -> AsyncIterator[list[Verifier]]:
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(Client(base_url=service.url, timeout=PATIENCE))
            for _ in range(count)
        ]
        yield [
            Verifier(client, await client.obtain_tokens(f"{number}@example.org"), others)
            for number, client in enumerate(clients)
        ]


async def test_keys_rotate_under_load_and_no_verifier_sees_a_failure(
    tmp_path: Path, on_servers: Mapping[str, str]
) -> None:
    settings = {**on_servers, **QUICKLY, "KEY_ROTATION": "3s", "WORKERS": "2"}
    settings |= {"REFRESH_LIMIT_ADDRESS": "off"}  # for they refresh without end
    settings |= {"TOKEN_ALGORITHM": "RS256"}  # joserfc refuses EdDSA
    # No outage is tested here: a busy machine must not look like one.
    settings |= {"STORE_TIMEOUT": "10s", "REVOCATION_BOUND": "8s"}
    with a_service(tmp_path, **settings) as service:
        async with (
            resource_servers(service.url, ISSUER, KEPT) as others,
            open_clients(service, others, 4) as clients,
            in_the_background(verifier.run() for verifier in clients),
            asyncio.timeout(2 * PATIENCE),
        ):
            while not all(verifier.is_done for verifier in clients):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        service.end()  # SIGKILL would orphan the workers

    assert set().union(*(verifier.verdicts for verifier in clients)) == GOOD
    assert all(len(kids) >= MANY for verifier in clients for kids in verifier.kids)


async def test_changes_in_the_key_folder_take_effect_while_the_service_runs(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "keys"
    folder.mkdir()
    first = put(folder, "access.pem")
    put(folder, "refresh.pem")
    settings = {"KEYS_FOLDER": str(folder), "JWKS_MAX_AGE": "1s", "USERS_URL": "memory:"}
    with a_service(tmp_path, **settings) as service:
        async with Client(base_url=service.url, timeout=PATIENCE) as client:
            tokens = await client.obtain_tokens()
            assert await published(client) == [first]

            (folder / "access.next.pem").write_text("half of a key")
            await until(lambda: "KEYS_FOLDER holds access.next.pem, which is not" in service.log)
            assert (await client.me(tokens["access_token"])).status_code == 200
            assert await published(client) == [first]

            (folder / "access.next.pem").unlink()
            second = put(folder, "access.20200101T000000Z.pem")
            await until_answered(lambda: published(client), [second, first])
            assert header((await client.obtain_tokens())["access_token"])["kid"] == second
            assert (await client.me(tokens["access_token"])).status_code == 200

            (folder / "access.pem").unlink()
            await until_answered(lambda: status_of_me(client, tokens), 401)
            assert await published(client) == [second]


async def test_sighup_reloads_keys_from_the_environment(
    tmp_path: Path, keys: dict[TokenKind, SigningKey], strange_key: SigningKey
) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text(lines_of(in_environment(keys)))
    with a_service(tmp_path, USERS_URL="memory:") as service:
        async with Client(base_url=service.url, timeout=PATIENCE) as client:
            tokens = await client.obtain_tokens()
            assert service.process

            env_file.write_text("ACCESS_TOKEN_PRIVATE_KEY=rubbish")
            service.process.send_signal(signal.SIGHUP)
            await until(lambda: "configuration_reload_refused" in service.log)
            assert (await client.me(tokens["access_token"])).status_code == 200

            env_file.write_text(lines_of(in_environment({**keys, TokenKind.ACCESS: strange_key})))
            service.process.send_signal(signal.SIGHUP)
            await until(lambda: RELOADED in service.log)
            assert (await client.me(tokens["access_token"])).status_code == 401
            refreshed = (await client.refresh(tokens["refresh_token"])).json()
            assert header(refreshed["access_token"])["kid"] == strange_key.kid
            assert await published(client) == [strange_key.kid]


async def test_sighup_reloads_the_data_secret(tmp_path: Path) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text(f"KEYS_SECRET={SECRET}\nTOKEN_ALGORITHM=EdDSA\n")
    with a_service(tmp_path) as service:
        async with Client(base_url=service.url, timeout=PATIENCE) as client:
            tokens = await client.obtain_tokens()
            before = await published(client)
            assert service.process

            new = base64.b64encode(bytes(32)).decode()
            env_file.write_text(f"KEYS_SECRET={new},{SECRET}\nTOKEN_ALGORITHM=EdDSA\n")
            service.process.send_signal(signal.SIGHUP)
            await until(lambda: RELOADED in service.log)
            rotated = await asyncio.to_thread(forked, tmp_path, "keys", "rotate")
            assert rotated.returncode == 0, rotated.stderr
            await until_answered(lambda: has_other_keys(client, before), answer=True)

            assert (await client.me(tokens["access_token"])).status_code == 200
            assert "signing_keys_rejected" not in service.log


def put(folder: Path, name: str) -> str:
    """Write a new key atomically."""
    pair = SigningKey.generate(EDDSA)
    (folder / "draft").write_bytes(pair.private_pem())
    (folder / "draft").rename(folder / name)
    return pair.kid


def lines_of(variables: Mapping[str, str]) -> str:
    return "".join(f"{name}={value}\n" for name, value in variables.items())


async def published(client: Client) -> list[str]:
    return [key["kid"] for key in (await client.get(KEYS)).json()["keys"]]


async def has_other_keys(client: Client, before: list[str]) -> bool:
    return len(await published(client)) != len(before)


async def status_of_me(client: Client, tokens: Tokens) -> int:
    return (await client.me(tokens["access_token"])).status_code


async def until_answered(ask: Callable[[], Awaitable[T]], answer: T) -> None:
    """Ask until the answer is this one."""
    async with asyncio.timeout(PATIENCE):
        while await ask() != answer:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.02)
