"""What all stores of keys have in common: beside the ring they hold the keys themselves."""

import asyncio
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from typing_extensions import override

from application.ports import KeyStore
from domain.key_ring import Key, KeyId, KeyListing, KeyRing, KeysReadOnly
from domain.token import TokenKind
from infrastructure.config.environment_variables import ConfigurationError
from infrastructure.signing.algorithms import RS256, Algorithm
from infrastructure.signing.signing_key import SigningKey

UNKNOWN_START = datetime.fromtimestamp(0, UTC)
"""Since when a key signs of which nothing else is known."""


@dataclass(frozen=True, slots=True)
class LoadedKeys:
    """
    :ivar pairs: the key pair of each key of the ring.
    :ivar troubles: what is there beside them and makes no key: a line for each, showing nothing.
    """

    ring: KeyRing = field(default_factory=KeyRing)
    pairs: Mapping[KeyId, SigningKey] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def check(self, variable: str) -> None:
        """
        :param variable: that says where the keys are.
        :raises ConfigurationError: there is no key for some kind of token.
        """
        for kind in TokenKind:
            if not self.ring.of(kind):
                raise ConfigurationError(variable, f"holds no key for {kind} tokens")


class SigningKeyStore(KeyStore):
    """
    :ivar variable: that says where the keys are.
    :ivar is_shared: workers on several machines may change the keys, and may not hear of it.
    """

    is_shared = False

    def __init__(self, variable: str, algorithm: Algorithm = RS256) -> None:
        self.variable = variable
        self._algorithm = algorithm
        self._made: dict[KeyId, SigningKey] = {}

    @abstractmethod
    async def read(self) -> LoadedKeys:
        """The keys as they are now.

        :raises ConfigurationError: they make no ring. The message shows no key.
        :raises Unavailable: there is no answer.
        """

    async def ring(self) -> KeyRing:
        return (await self.read()).ring

    @override
    async def list(self) -> KeyListing:
        loaded = await self.read()
        algorithms = {key_id: pair.algorithm.name for key_id, pair in loaded.pairs.items()}
        return KeyListing(loaded.ring, algorithms, loaded.warnings)

    @override
    async def discard(self, key_id: KeyId) -> bool:
        return False

    async def make(self, kind: TokenKind, now: datetime) -> Key:
        pair = await asyncio.to_thread(SigningKey.generate, self._algorithm)
        self._made[pair.kid] = pair
        return Key(pair.kid, kind, published_at=now)


class StaticKeys(SigningKeyStore):
    """Keys that stay as they are: one of each kind.

    :param reason: why they cannot be changed here, and how instead.
    """

    def __init__(self, pairs: Mapping[TokenKind, SigningKey], reason: str = "") -> None:
        super().__init__("ACCESS_TOKEN_PRIVATE_KEY")
        self._reason = reason
        ring = KeyRing(
            frozenset(
                Key(pair.kid, kind, UNKNOWN_START, UNKNOWN_START) for kind, pair in pairs.items()
            )
        )
        self.held = LoadedKeys(ring, {pair.kid: pair for pair in pairs.values()})

    async def read(self) -> LoadedKeys:
        return self.held

    @override
    async def replace(self, old: KeyRing, new: KeyRing) -> bool:
        raise KeysReadOnly(self._reason)
