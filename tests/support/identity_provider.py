"""A provider for tests: OpenID Connect and GitHub's wire, over HTTP in the loop of the test.

It is right as long as the test does not tell it to lie.
"""

import asyncio
import base64
import hmac
import json
import secrets
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from application.ports import ProviderAnswer

HOST = "127.0.0.1"
CLIENT_ID, CLIENT_SECRET = "the client", "s3cret:+/%"
SUBJECT, ADDRESS = "248289761001", "ada@example.com"
GITHUB_ID = 583231


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]
    form: dict[str, str]


@dataclass(frozen=True, slots=True)
class Reply:
    """
    :ivar body: in place of JSON. An endless one is repeated until the client goes away; of a cut
        one the last byte is missing, and the connection ends, or is left open.
    """

    content: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    is_endless: bool = False
    is_cut: bool = False
    is_left_open: bool = False

    def octets(self) -> bytes:
        return json.dumps(self.content).encode() if self.body is None else self.body


@cache
def rsa_key(bits: int = 2048, number: int = 0) -> rsa.RSAPrivateKey:
    """Return a key that all tests share; another one for each number."""
    assert number >= 0
    return rsa.generate_private_key(65537, bits)


@cache
def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@cache
def ed25519_key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


def jwk(key: Any, **members: str) -> dict[str, str]:
    """Return the public part of a key (RFC 7517)."""
    match key:
        case rsa.RSAPrivateKey():
            public = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
        case ec.EllipticCurvePrivateKey():
            public = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
        case _:
            public = OKPAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return {**public, "use": "sig", **members}


def signed(claims: dict[str, Any], key: Any, algorithm: str = "RS256", **header: Any) -> str:
    """Sign a token; a header of ``None`` is left out."""
    headers = _merged({"kid": "one"}, header)
    return jwt.encode(claims, key, algorithm, headers=headers)


def signed_with_public_key(claims: dict[str, Any], key: rsa.RSAPrivateKey) -> str:
    """Sign with HMAC and the published key as its secret."""
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    header = {"alg": "HS256", "typ": "JWT", "kid": "one"}
    message = b".".join(_base64url(json.dumps(each).encode()) for each in (header, claims))
    signature = hmac.new(pem, message, sha256).digest()
    return (message + b"." + _base64url(signature)).decode()


@dataclass
class ProviderServer:
    """What the provider says, and what it has been asked.

    :ivar discovery: members that replace those of its document; ``None`` leaves one out.
    :ivar claims: the same of ID tokens, and ``userinfo`` of that document.
    :ivar sign: makes the token of the claims.
    :ivar lies: what answers a path in place of the truth.
    """

    port: int = 0
    now: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))
    discovery: dict[str, Any] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)
    userinfo: dict[str, Any] = field(default_factory=dict)
    keys: list[dict[str, str]] = field(
        default_factory=lambda: [jwk(rsa_key(), kid="one", alg="RS256")]
    )
    sign: Callable[[dict[str, Any]], str] = field(default=lambda claims: signed(claims, rsa_key()))
    lies: dict[str, Reply] = field(default_factory=dict)
    emails: Any = field(
        default_factory=lambda: [
            {"email": "other@example.com", "primary": False, "verified": True},
            {"email": ADDRESS, "primary": True, "verified": True, "visibility": "private"},
        ]
    )
    requests: list[Request] = field(default_factory=list)
    may_go_on: asyncio.Event = field(default_factory=asyncio.Event)
    slow: set[str] = field(default_factory=set)
    _flows: dict[str, dict[str, str]] = field(default_factory=dict)
    _tokens: set[str] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def authority(self) -> str:
        return f"{HOST}:{self.port}"

    def asked(self, path: str) -> int:
        """Return how often a path was requested."""
        return sum(each.path.partition("?")[0] == path for each in self.requests)

    def authorize(self, url: str) -> ProviderAnswer:
        """Agree in place of the person, and return what the browser brings back."""
        query = dict(parse_qsl(urlsplit(url).query))
        code = secrets.token_urlsafe(16)
        self._flows[code] = query
        return ProviderAnswer(code=code)

    async def answer(self, request: Request) -> Reply:
        path = request.path.partition("?")[0]
        if path in self.slow:
            await self.may_go_on.wait()
        if path in self.lies:
            return self.lies[path]
        find = self._handlers().get(path)
        is_open = path not in ("/userinfo", "/api/v3/user", "/api/v3/user/emails")
        if find and (is_open or self._has_token(request)):
            return find(request)
        return Reply({"message": "Not Found"}, 404)

    def _handlers(self) -> dict[str, Callable[[Request], Reply]]:
        person = {"sub": SUBJECT, "email": ADDRESS}
        return {
            "/.well-known/openid-configuration": lambda _: Reply(self._document()),
            "/keys": lambda _: Reply({"keys": self.keys}),
            "/authorize": self._redirect,
            "/token": self._token,
            "/userinfo": lambda _: Reply(_merged(person, self.userinfo)),
            "/login/oauth/authorize": self._redirect,
            "/login/oauth/access_token": self._github_token,
            "/api/v3/user": lambda _: Reply(
                {"id": GITHUB_ID, "login": "ada", "name": "Ada Lovelace"}
            ),
            "/api/v3/user/emails": lambda _: Reply(self.emails),
        }

    def _document(self) -> dict[str, Any]:
        document = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "userinfo_endpoint": f"{self.url}/userinfo",
            "jwks_uri": f"{self.url}/keys",
            "id_token_signing_alg_values_supported": ["RS256"],
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
        }
        return _merged(document, self.discovery)

    def _redirect(self, request: Request) -> Reply:
        query = dict(parse_qsl(urlsplit(request.path).query))
        answer = self.authorize(request.path)
        back = urlencode({"code": answer.code, "state": query["state"]})
        return Reply(status=302, headers={"Location": f"{query['redirect_uri']}?{back}"})

    def _token(self, request: Request) -> Reply:
        if _credentials(request) != (CLIENT_ID, CLIENT_SECRET):
            return Reply({"error": "invalid_client"}, 401)
        flow = self._taken(request)
        if flow is None:
            return Reply({"error": "invalid_grant"}, 400)
        now = int(self.now.timestamp())
        claims = {
            "iss": self.url,
            "aud": CLIENT_ID,
            "sub": SUBJECT,
            "iat": now,
            "exp": now + 300,
            "nonce": flow["nonce"],
            "auth_time": now,
            "email": ADDRESS,
            "email_verified": True,
            "name": "Ada Lovelace",
        }
        token = self.sign(_merged(claims, self.claims))
        return Reply(
            {"access_token": self._new_token(), "token_type": "Bearer", "id_token": token}
        )

    def _github_token(self, request: Request) -> Reply:
        """GitHub answers errors with status 200."""
        form = request.form
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            return Reply({"error": "incorrect_client_credentials"})
        if self._taken(request) is None:
            return Reply({"error": "bad_verification_code", "error_description": "…"})
        token = self._new_token()
        return Reply({"access_token": token, "scope": "user:email", "token_type": "bearer"})

    def _taken(self, request: Request) -> dict[str, str] | None:
        """Return the flow of a code, once, for the right verifier and redirect URI."""
        flow = self._flows.pop(request.form.get("code", ""), None)
        if flow is None or flow["redirect_uri"] != request.form.get("redirect_uri"):
            return None
        digest = sha256(request.form.get("code_verifier", "").encode()).digest()
        is_proven = flow["code_challenge"] == _base64url(digest).decode()
        return flow if is_proven else None

    def _new_token(self) -> str:
        token = f"access-{secrets.token_urlsafe(16)}"
        self._tokens.add(token)
        return token

    def _has_token(self, request: Request) -> bool:
        return request.headers.get("authorization", "").removeprefix("Bearer ") in self._tokens

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            request = await _read(reader)
            self.requests.append(request)
            reply = await self.answer(request)
            await _write(writer, reply)
            if reply.is_left_open:
                await self.may_go_on.wait()
        writer.close()


@asynccontextmanager
async def a_provider(tls: ssl.SSLContext | None = None) -> AsyncIterator[ProviderServer]:
    """Run a provider on a free port.

    :param tls: for https; its own document names http all the same.
    """
    provider = ProviderServer()
    server = await asyncio.start_server(provider.serve, HOST, 0, ssl=tls)
    provider.port = server.sockets[0].getsockname()[1]
    try:
        yield provider
    finally:
        provider.may_go_on.set()
        server.close()
        await server.wait_closed()


async def _read(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.strip().split("\r\n")
    headers = {
        name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
    }
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    method, path, _ = first.split(" ")
    return Request(method, path, headers, dict(parse_qsl(body.decode())))


async def _write(writer: asyncio.StreamWriter, reply: Reply) -> None:
    body = reply.octets()
    headers = {"Content-Type": "application/json", "Connection": "close"} | reply.headers
    if not reply.is_endless:
        headers["Content-Length"] = str(len(body) + reply.is_cut)
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    writer.write(f"HTTP/1.1 {reply.status} X\r\n{head}\r\n".encode() + body)
    await writer.drain()
    while reply.is_endless:
        writer.write(body)
        await writer.drain()


def _credentials(request: Request) -> tuple[str | None, str | None]:
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    if scheme == "Basic":
        name, _, secret = base64.b64decode(text).decode().partition(":")
        return unquote_plus(name), unquote_plus(secret)
    return request.form.get("client_id"), request.form.get("client_secret")


def _merged(truth: dict[str, Any], lies: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in (truth | lies).items() if value is not None}


def _base64url(octets: bytes) -> bytes:
    return base64.urlsafe_b64encode(octets).rstrip(b"=")
