"""The programs in docs/verifiers.md accept good access tokens and nothing else."""

import json
import re
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
import pytest
from joserfc.errors import JoseError

from domain.token import TokenKind
from infrastructure.signing.audiences import Audiences
from infrastructure.signing.jwt_signer import JwtSigner
from infrastructure.signing.key_ring_watcher import KeyRingWatcher
from infrastructure.signing.signing_key import SigningKey
from tests.support.builders import LIFETIMES, a_session, claims_of
from tests.support.npm import NODE, npm_folder

Keys = Mapping[TokenKind, SigningKey]

PAGE = Path("docs/verifiers.md").read_text()
ISSUER = "https://auth.example.com"
REFUSED = (
    "refresh token", "restricted token", "former issuer", "other audience", "expired",
    "unknown key", "no signature",
)  # fmt: skip


def programs(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def a_signer(keys: Keys, issuer: str = ISSUER, audience: str = ISSUER) -> JwtSigner:
    audiences = Audiences.under(issuer, audience)
    return JwtSigner(KeyRingWatcher.fixed(dict(keys)), audiences, LIFETIMES.absolute)


@pytest.fixture
def keys_url(keys: Keys) -> Iterator[str]:
    with served({"keys": [dict(key) for key in a_signer(keys).public_keys()]}) as url:
        yield url


@contextmanager
def served(document: object) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(document).encode())

        def log_message(self, *_: object) -> None:
            """Keep the output of the tests clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/.well-known/jwks.json"
        server.shutdown()
        thread.join()


@pytest.fixture
def tokens(keys: Keys, strange_key: SigningKey) -> dict[str, str]:
    """A good access token, and others that are bad in one respect."""
    now, signer = datetime.now(UTC), a_signer(keys)
    claims = claims_of(a_session(rotated_at=now))
    good = signer.sign(claims)
    earlier = claims_of(a_session(rotated_at=now - timedelta(hours=1)))
    return {
        "good": good,
        "refresh token": signer.sign(claims_of(a_session(rotated_at=now), TokenKind.REFRESH)),
        "restricted token": signer.sign(replace(claims, is_restricted=True)),
        "former issuer": a_signer(keys, issuer="doorward").sign(claims),
        "other audience": a_signer(keys, audience="https://api.example.com").sign(claims),
        "expired": signer.sign(earlier),
        "unknown key": a_signer(dict(keys) | {TokenKind.ACCESS: strange_key}).sign(claims),
        "no signature": unsigned(good),
    }


def unsigned(token: str) -> str:
    claims = jwt.decode(token, options={"verify_signature": False})
    return jwt.encode(claims, "", algorithm="none", headers={"typ": "at+jwt"})


@pytest.mark.parametrize("program", programs("python"), ids=["PyJWT", "joserfc"])
def test_the_python_programs_accept_good_tokens_only(
    program: str, tokens: dict[str, str], keys_url: str
) -> None:
    names: dict[str, Any] = {}
    exec(program.replace(f"{ISSUER}/.well-known/jwks.json", keys_url), names)  # noqa: S102 - ours
    verify = names["verify"]

    claims = verify(tokens["good"])

    assert claims["roles"] == ["user"]
    for name in REFUSED:
        with pytest.raises((jwt.PyJWTError, JoseError, ValueError)):
            assert verify(tokens[name]) is None, name


def test_the_javascript_program_accepts_good_tokens_only(
    tokens: dict[str, str], keys_url: str, tmp_path: Path
) -> None:
    [program] = programs("js")
    modules = tmp_path / "node_modules"
    modules.symlink_to(npm_folder() / "node_modules")
    program = program.replace(f"{ISSUER}/.well-known/jwks.json", keys_url)
    (tmp_path / "verify.mjs").write_text(program)
    (tmp_path / "main.mjs").write_text(
        "import { verify } from './verify.mjs'\n"
        f"for (const [name, token] of Object.entries({json.dumps(tokens)})) {{\n"
        "  try { console.log(name, (await verify(token)).roles[0]) }\n"
        "  catch (error) { console.log(name, error.code) }\n"
        "}\n"
    )

    command = [NODE, tmp_path / "main.mjs"]
    ran = subprocess.run(command, check=True, capture_output=True, text=True)

    assert ran.stdout.splitlines() == [
        "good user",
        "refresh token ERR_JWKS_NO_MATCHING_KEY",
        "restricted token ERR_JWT_CLAIM_VALIDATION_FAILED",
        "former issuer ERR_JWT_CLAIM_VALIDATION_FAILED",
        "other audience ERR_JWT_CLAIM_VALIDATION_FAILED",
        "expired ERR_JWT_EXPIRED",
        "unknown key ERR_JWKS_NO_MATCHING_KEY",
        "no signature ERR_JOSE_ALG_NOT_ALLOWED",
    ]


def test_the_page_names_every_claim(tokens: dict[str, str]) -> None:
    claims = jwt.decode(tokens["good"], options={"verify_signature": False})

    assert [name for name in claims if f"`{name}`" not in PAGE] == []
