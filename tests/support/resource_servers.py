"""Resource servers that verify access tokens themselves, with independent libraries.

They keep the public keys for as long as ``Cache-Control`` allows and do not look again in between,
whatever key a token names. So they see whether a key is published before it signs.
"""

import asyncio
import base64
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Protocol

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from tests.support.npm import NODE, npm_folder

KEYS = "/.well-known/jwks.json"
ALGORITHMS = ["RS256", "PS256", "EdDSA"]


class ResourceServer(Protocol):
    async def verify(self, token: str) -> str:
        """``good``, or why not."""


@dataclass
class WithJoserfc(ResourceServer):
    """A resource server in Python."""

    url: str
    issuer: str
    client: httpx.AsyncClient
    keys: KeySet = field(default_factory=lambda: KeySet([]))
    good_until: float = 0

    async def verify(self, token: str) -> str:
        if monotonic() > self.good_until:
            answer = await self.client.get(f"{self.url}{KEYS}")
            [seconds] = re.findall(r"max-age=(\d+)", answer.headers["cache-control"])
            self.good_until = monotonic() + int(seconds)
            self.keys = KeySet.import_key_set(answer.json())
        try:
            found = jwt.decode(token, self.keys, algorithms=ALGORITHMS)
            jwt.JWTClaimsRegistry(
                leeway=30,
                iss={"essential": True, "value": self.issuer},
                aud={"essential": True, "value": self.issuer},
                exp={"essential": True},
            ).validate(found.claims)
        except (JoseError, ValueError) as error:
            return repr(error)
        return "good" if found.header["typ"] == "at+jwt" else "not an access token"


@dataclass
class WithJose(ResourceServer):
    """A resource server in JavaScript, in a process of its own."""

    process: asyncio.subprocess.Process
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def verify(self, token: str) -> str:
        assert self.process.stdin
        assert self.process.stdout
        async with self.turn:
            self.process.stdin.write(f"{token}\n".encode())
            return (await self.process.stdout.readline()).decode().strip()


@asynccontextmanager
async def resource_servers(
    url: str, issuer: str, seconds: int
) -> AsyncIterator[list[ResourceServer]]:
    """
    :param seconds: for which the keys may be kept.
    """
    process = await asyncio.create_subprocess_exec(
        NODE,
        npm_folder() / "verify.mjs",
        *(f"{url}{KEYS}", issuer, issuer, str(seconds)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        async with httpx.AsyncClient() as client:
            yield [WithJoserfc(url, issuer, client), WithJose(process)]
    finally:
        assert process.stdin
        process.stdin.close()
        await process.wait()


def header(token: str) -> dict[str, Any]:
    """Return the header of a token without verifying it."""
    first = token.split(".", maxsplit=1)[0]
    members: dict[str, Any] = json.loads(base64.urlsafe_b64decode(first + "=" * (-len(first) % 4)))
    return members
