"""An OpenID provider in a process of its own: ``oidc-provider`` of the npm registry."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.npm import NODE, npm_folder

CLIENT_ID = "doorward"
CLIENT_SECRET = "known to both of them"
_SOURCES = Path(__file__).with_suffix("")


def issuer_at(port: int) -> str:
    return f"http://127.0.0.1:{port}"


@contextmanager
def an_oidc_provider(issuer: str, redirect_uri: str) -> Iterator[None]:
    """Start the provider, where each address is an account.

    :param redirect_uri: of its only client.
    """
    program = [str(NODE), "provider.mjs", issuer, CLIENT_SECRET, redirect_uri]
    with subprocess.Popen(
        program, cwd=npm_folder(_SOURCES), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        try:
            yield
        finally:
            process.kill()
