"""What all stores of signing keys have in common: beside the ring they hold the key pairs."""

import asyncio
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NoReturn

from typing_extensions import override

from application.ports import NO_EFFECTS, UNCHANGED, Effects, KeyStore, Stored
from domain.key_ring import UNKNOWN_START, Key, KeyId, KeyListing, KeyRing, KeysReadOnly
from domain.token import TokenKind
from infrastructure.config.environment_variables import ConfigurationError
from infrastructure.signing.algorithms import RS256, Algorithm
from infrastructure.signing.signing_key import SigningKey


@dataclass(frozen=True, slots=True)
class LoadedKeys:
    """
    :ivar pairs: the key pair of each key of the ring.
    :ivar warnings: one line for each entry of the store that is no valid key, without secrets.
    """

    ring: KeyRing = field(default_factory=KeyRing)
    pairs: Mapping[KeyId, SigningKey] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def require_no_warning(self) -> None:
        """
        :raises ConfigurationError: of the first warning.
        """
        if self.warnings:
            variable, _, text = self.warnings[0].partition(" ")
            raise ConfigurationError(variable, text)

    def check(self, variable: str) -> None:
        """
        :param variable: the environment variable that says where the keys are.
        :raises ConfigurationError: there is no key for some kind of token.
        """
        for kind in TokenKind:
            if not self.ring.of(kind):
                raise ConfigurationError(variable, f"holds no key for {kind} tokens")


class SigningKeyStore(KeyStore):
    """
    :ivar variable: the environment variable that says where the keys are.
    :ivar is_shared: other processes may change the keys, and nothing announces their changes.
    """

    is_shared = False

    def __init__(self, variable: str) -> None:
        self.variable = variable

    @abstractmethod
    async def read(self) -> LoadedKeys:
        """Read the keys as they are now.

        :raises ConfigurationError: they make no ring. The message shows no key.
        :raises Unavailable: the store does not answer.
        """

    async def ring(self) -> KeyRing:
        return (await self.read()).ring

    @override
    async def list(self) -> KeyListing:
        loaded = await self.read()
        algorithms = {key_id: pair.algorithm.name for key_id, pair in loaded.pairs.items()}
        return KeyListing(loaded.ring, algorithms, loaded.warnings)

    @override
    async def discard(self, key_id: KeyId, effects: Effects = NO_EFFECTS) -> Stored[bool]:
        return UNCHANGED

    @override
    async def reencrypt(self) -> int:
        return 0

    def use(self, secrets: Sequence[bytes]) -> None:  # noqa: ARG002 - overriders use them
        """Encrypt and decrypt with these secrets from now on, where keys are encrypted.

        :param secrets: the first one encrypts, all of them decrypt.
        """
        return


class WritableKeyStore(SigningKeyStore):
    """A store that keeps what this service makes.

    :param algorithm: of the keys that are made.
    """

    def __init__(self, variable: str, algorithm: Algorithm = RS256) -> None:
        super().__init__(variable)
        self._algorithm = algorithm
        self._made: dict[KeyId, SigningKey] = {}

    @override
    async def make(self, kind: TokenKind, now: datetime) -> Key:
        pair = await asyncio.to_thread(SigningKey.generate, self._algorithm)
        self.accept(pair)
        return Key(pair.kid, kind, published_at=now)

    def accept(self, pair: SigningKey) -> None:
        """Hold a key pair until a replacement puts its key on the ring."""
        self._made[pair.kid] = pair


class ReadOnlyKeys(SigningKeyStore):
    """A store that the operator changes, and the service only reads.

    :param reason: why its keys cannot be changed here, and how instead.
    """

    def __init__(self, variable: str, reason: str) -> None:
        super().__init__(variable)
        self._reason = reason

    @override
    async def list(self) -> KeyListing:
        return replace(await super().list(), is_read_only=True)

    @override
    async def make(self, kind: TokenKind, now: datetime) -> NoReturn:
        raise KeysReadOnly(self._reason)

    @override
    async def replace(self, old: KeyRing, new: KeyRing, effects: Effects = NO_EFFECTS) -> NoReturn:
        raise KeysReadOnly(self._reason)


class StaticKeys(ReadOnlyKeys):
    """One fixed key for each kind of token."""

    def __init__(self, pairs: Mapping[TokenKind, SigningKey], reason: str = "") -> None:
        super().__init__("ACCESS_TOKEN_PRIVATE_KEY", reason)
        ring = KeyRing(
            frozenset(
                Key(pair.kid, kind, UNKNOWN_START, UNKNOWN_START) for kind, pair in pairs.items()
            )
        )
        self.loaded = LoadedKeys(ring, {pair.kid: pair for pair in pairs.values()})

    @override
    async def read(self) -> LoadedKeys:
        return self.loaded
