"""Drives a server with `wrk`, each request with another token."""

import json
import secrets
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

SCRIPT = Path(__file__).with_name("wrk.lua")
MISSING = "wrk is missing: install it, for instance with `apt-get install wrk`"


@dataclass(frozen=True, slots=True)
class TokenFile:
    """Access tokens, one a line."""

    path: Path
    count: int

    @classmethod
    def of(cls, tokens: Sequence[str], folder: Path) -> Self:
        path = folder / f"{secrets.token_hex(8)}.tokens"
        path.write_text("\n".join(tokens) + "\n")
        return cls(path, len(tokens))


@dataclass(frozen=True, slots=True)
class Load:
    """
    :ivar p50: the latency that half of the requests do not exceed, in milliseconds.
    :ivar p99: the same for 99 of 100.
    """

    requests: int
    seconds: float
    p50: float
    p99: float

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds


def drive(url: str, tokens: TokenFile, seconds: int, connections: int = 16) -> Load:
    """Send a connection's next request as soon as it has an answer.

    :raises RuntimeError: an answer was no success, or a connection failed.
    """
    wrk = shutil.which("wrk")
    assert wrk, MISSING
    command = [wrk, "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout=10s", "-s", str(SCRIPT)]
    skipped = secrets.randbelow(tokens.count)  # a short run comes to few tokens, but to others
    command += [url, "--", str(tokens.path), str(skipped)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    counted = json.loads(done.stdout.splitlines()[-1])
    if counted["bad_answers"] or counted["bad_sockets"] or not counted["requests"]:
        raise RuntimeError(f"{url}: {counted}")
    return Load(
        requests=counted["requests"],
        seconds=counted["microseconds"] / 1e6,
        p50=counted["p50"] / 1e3,
        p99=counted["p99"] / 1e3,
    )
