"""Keys are rotated and revoked while people use the service, and nobody notices who should not."""

import asyncio
import base64
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.api.people import Client, Tokens
from tests.faults.people import PATIENCE, in_the_background
from tests.processes import Service, a_service
from tests.resource_servers import ResourceServer, header, resource_servers

ISSUER = "https://id.example.org"
SECRET = base64.b64encode(bytes(range(32))).decode()
QUICKLY = {"KEYS_SECRET": SECRET, "JWKS_MAX_AGE": "1s", "ISSUER": ISSUER}


@dataclass
class Person:
    """Refreshes all the time, and shows each access token to everybody at once.

    :ivar verdicts: all that there were.
    :ivar kids: the keys of their access tokens, and of their refresh tokens.
    """

    client: Client
    tokens: Tokens
    others: Sequence[ResourceServer]
    verdicts: set[str] = field(default_factory=set)
    kids: tuple[set[str], set[str]] = field(default_factory=lambda: (set(), set()))

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


@asynccontextmanager
async def people(
    service: Service, others: Sequence[ResourceServer], count: int
) -> AsyncIterator[list[Person]]:
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(Client(base_url=service.url, timeout=PATIENCE))
            for _ in range(count)
        ]
        yield [
            Person(client, await client.come_in(f"{number}@example.org"), others)
            for number, client in enumerate(clients)
        ]


async def test_keys_rotate_under_load_and_no_verifier_sees_a_failure(
    tmp_path: Path, on_servers: Mapping[str, str]
) -> None:
    settings = {**on_servers, **QUICKLY, "KEY_ROTATION": "3s", "WORKERS": "2"}
    with a_service(tmp_path, **settings) as service:
        verifiers = tmp_path / "verifiers"
        async with (
            resource_servers(verifiers, service.url, ISSUER, 1) as others,
            people(service, others, 4) as crowd,
            in_the_background(person.run() for person in crowd),
            asyncio.timeout(2 * PATIENCE),
        ):
            while min(len(kids) for person in crowd for kids in person.kids) < 4:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        service.end()  # SIGKILL would leave the two workers without a parent

    assert set().union(*(person.verdicts for person in crowd)) == {
        "good",
        "/me 200",
        "refresh 200",
    }
