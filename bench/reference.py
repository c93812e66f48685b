"""The references for comparisons, on the same web server. Run by :mod:`bench.services`.

``bare`` is the least that Litestar can do for the same answer. ``tutorial`` is the service itself,
which reads keys and stores as the tutorial did that it replaces.
"""

import gc
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

import jwt
from dishka import Provider, Scope, provide
from litestar import Litestar, MediaType, get
from uvicorn import Config

from application.ports import SessionStore, TokenSigner
from bench.services import APPLICATION, BODY
from domain.errors import TokenRejected
from domain.session import SessionId, TokenId
from domain.token import TokenClaims, TokenKind
from domain.user import UserId
from doorward.server.config import server_options
from doorward.server.connections import raise_file_limit
from doorward.server.graceful_server import GracefulServer
from doorward.server.lifespan import Program
from doorward.server.run import configuration, listen
from doorward.server.signals import exit_on_signals
from doorward.server.supervisor import Workers
from doorward.wiring.container import make_container
from doorward.wiring.signing_keys.key_stores import keys_in_environment, make_signer
from infrastructure.config.settings import Settings
from infrastructure.signing.key_ring_watcher import KeyRingWatcher
from infrastructure.storage.options import StoreOptions
from infrastructure.storage.redis.multiplexer import RedisMultiplexer
from infrastructure.storage.redis.server import RedisServer
from infrastructure.storage.redis.sessions import RedisSessions
from infrastructure.telemetry.logging import logs


def bare() -> Litestar:
    """No middleware, no guard, no dependencies; the bytes of the answer are ready."""
    body = os.environ[BODY].encode()

    @get("/api/users/me", media_type=MediaType.JSON)
    async def me() -> bytes:
        return body

    @get("/health/live")
    async def live() -> None: ...

    return Litestar([me, live], logging_config=None, openapi_config=None, on_startup=[settle])


def settle() -> None:
    """Settle the memory as each worker of the service does."""
    gc.collect()
    gc.freeze()


def tutorial() -> Program:
    """Make the tutorial's service; ``CACHED_USERS=0`` makes each request read its user."""
    return Program(opened_tutorial)


@asynccontextmanager
async def opened_tutorial() -> AsyncIterator[Litestar]:
    container = make_container(Settings.read(), Tutorial())
    yield await container.get(Litestar)
    await container.close()


class Tutorial(Provider):
    scope = Scope.APP

    @provide
    def signer(self, settings: Settings) -> TokenSigner:
        keys = keys_in_environment(settings.keys)
        pems = {kind: key.public_pem() for kind, key in keys.items()}
        return ParsingSigner(make_signer(settings, KeyRingWatcher.fixed(keys)), pems)

    @provide
    def sessions(self, settings: Settings) -> SessionStore:
        return RedisSessions(ReconnectingServer(settings.storage.sessions_at))


class ParsingSigner(TokenSigner):
    """Parses the text of the public key for each token."""

    def __init__(self, signer: TokenSigner, pems: Mapping[TokenKind, bytes]) -> None:
        self._signer = signer
        self._pems = pems

    def sign(self, claims: TokenClaims) -> str:
        return self._signer.sign(claims)

    async def sign_together(self, *claims: TokenClaims) -> Sequence[str]:
        return [self.sign(each) for each in claims]

    def verify(self, token: str, kind: TokenKind) -> TokenClaims:
        options: jwt.types.Options = {"verify_aud": False}
        try:
            claims = jwt.decode(token, self._pems[kind], algorithms=["RS256"], options=options)
        except jwt.InvalidTokenError:
            raise TokenRejected from None
        return TokenClaims(
            kind=kind,
            user_id=UserId(UUID(claims["sub"])),
            session_id=SessionId(claims["sid"]),
            token_id=TokenId(claims["jti"]),
            issued_at=claims["iat"],
            expires_at=claims["exp"],
        )

    def public_keys(self) -> Sequence[Mapping[str, str]]:
        return self._signer.public_keys()


class ReconnectingServer(RedisServer):
    """A new connection for each call."""

    def __init__(self, url: str) -> None:
        super().__init__(url, StoreOptions())
        self._url = url

    @asynccontextmanager
    async def connection(self, role: str) -> AsyncIterator[RedisMultiplexer]:
        async with (
            RedisServer.open(self._url, StoreOptions()) as server,
            server.connection(role) as line,
        ):
            yield line


def make_server() -> GracefulServer:
    """Make the server of one worker, from its environment variables."""
    settings = Settings.read()
    options = server_options(settings.http, settings.logs, raise_file_limit())
    return GracefulServer(configuration(options, logs(settings.logs), os.environ[APPLICATION]))


def main() -> None:
    """Serve as ``doorward serve`` does: with several workers under the same parent."""
    exit_on_signals()
    settings = Settings.read()
    listener = listen(settings.http.host, settings.http.port)
    config = Config(
        "bench.reference:make_server",
        workers=settings.http.workers,
        log_config=logs(settings.logs),
        timeout_worker_healthcheck=60,
    )
    if settings.http.workers > 1:
        Workers(config, [listener], lambda: True, lambda _: None).run()
    else:
        make_server().run(sockets=[listener])


if __name__ == "__main__":
    main()
