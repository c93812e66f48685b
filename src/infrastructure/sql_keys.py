"""Keys in the database of the users: one ring for all workers on all machines.

Private keys are encrypted (Fernet: AES-128-CBC with HMAC-SHA256) with a secret from the
environment, so neither the database nor a dump of it is enough to sign anything. What is encrypted
says which tokens the key is for: whoever can write to the table cannot give it another purpose.
"""

import base64
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Self

import msgspec
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.key import Key, KeyId, KeyRing
from domain.token import TokenKind
from infrastructure.algorithms import ALGORITHMS, RS256, Algorithm, UnfitKey
from infrastructure.database import Database
from infrastructure.key_store import HeldKeys, HeldKeyStore
from infrastructure.keys import SigningKey
from infrastructure.limits import Limits
from infrastructure.tables import signing_keys
from infrastructure.variables import ConfigurationError

VARIABLE = "KEYS_SECRET"


class _Sealed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is encrypted of a key."""

    kind: TokenKind
    algorithm: str
    pem: str


class SqlKeys(HeldKeyStore):
    """
    :param secrets: 32 bytes each. The first encrypts; all of them decrypt, so that one can take
        the place of another.
    """

    is_shared = True

    def __init__(
        self, database: Database, secrets: Sequence[bytes], algorithm: Algorithm = RS256
    ) -> None:
        super().__init__(VARIABLE, algorithm)
        self._database = database
        self._seal = MultiFernet([Fernet(base64.urlsafe_b64encode(each)) for each in secrets])
        self._seen: dict[KeyId, str] = {}
        self._pairs: dict[KeyId, SigningKey] = {}

    @classmethod
    @asynccontextmanager
    async def open(
        cls, url: str, limits: Limits, secrets: Sequence[bytes], algorithm: Algorithm
    ) -> AsyncIterator[Self]:
        """On a connection of its own: nobody who waits for one is to keep the keys from being
        looked at.
        """
        async with Database.open(url, replace(limits, pool_size=1)) as database:
            yield cls(database, secrets, algorithm)

    async def read(self) -> HeldKeys:
        async with self._database.connection("keys") as connection:
            rows = (await connection.execute(select(signing_keys))).mappings().all()
        self._open(rows)
        return HeldKeys(_ring(rows), dict(self._pairs))

    async def replace(self, old: KeyRing, new: KeyRing) -> bool:
        async with self._database.transaction("keys") as connection:
            if connection.dialect.name == "postgresql":  # SQLite has but one writer
                await connection.execute(text("LOCK TABLE signing_keys IN EXCLUSIVE MODE"))
            rows = (await connection.execute(select(signing_keys))).mappings().all()
            if _ring(rows) != old:
                return False
            await self._write(connection, old, new)
        return True

    async def _write(self, connection: AsyncConnection, old: KeyRing, new: KeyRing) -> None:
        for key in old.keys:
            if new.find(key.id) is None:
                await connection.execute(delete(signing_keys).where(signing_keys.c.id == key.id))
        for key in new.keys - old.keys:
            if old.find(key.id):
                this = update(signing_keys).where(signing_keys.c.id == key.id)
                await connection.execute(this.values(signs_from=key.signs_from))
            else:
                await connection.execute(insert(signing_keys).values(self._row(key)))

    def _row(self, key: Key) -> dict[str, Any]:
        pair = self._made.pop(key.id)
        sealed = _Sealed(key.kind, pair.algorithm.name, pair.private_pem().decode())
        return {
            "id": key.id,
            "kind": key.kind.value,
            "published_at": key.published_at,
            "signs_from": key.signs_from,
            "encrypted": self._seal.encrypt(msgspec.json.encode(sealed)).decode(),
        }

    def _open(self, rows: Sequence[RowMapping]) -> None:
        """Decrypt those that are new; the others are known."""
        encrypted = {KeyId(row["id"]): row["encrypted"] for row in rows}
        if encrypted != self._seen:
            self._pairs = {
                KeyId(row["id"]): self._pairs[row["id"]]
                if self._seen.get(row["id"]) == row["encrypted"]
                else self._unsealed(row)
                for row in rows
            }
            self._seen = encrypted

    def _unsealed(self, row: RowMapping) -> SigningKey:
        try:
            octets = self._seal.decrypt(row["encrypted"].encode())
            sealed = msgspec.json.decode(octets, type=_Sealed)
            pair = SigningKey.from_pem(sealed.pem.encode(), algorithm=ALGORITHMS[sealed.algorithm])
        except InvalidToken:
            raise ConfigurationError(
                VARIABLE, f"does not open the key {row['id']} in the database"
            ) from None
        except (msgspec.MsgspecError, KeyError):
            raise ConfigurationError(
                VARIABLE, f"opens the key {row['id']} in the database, which another version made"
            ) from None
        except UnfitKey as error:
            raise ConfigurationError(
                VARIABLE, f"opens the key {row['id']} in the database, which {error}"
            ) from None
        if (pair.kid, sealed.kind.value) != (row["id"], row["kind"]):
            raise ConfigurationError(
                VARIABLE, f"opens the key {row['id']} in the database, which is another one"
            )
        return pair


def _ring(rows: Sequence[RowMapping]) -> KeyRing:
    return KeyRing(
        frozenset(
            Key(KeyId(row["id"]), TokenKind(row["kind"]), row["published_at"], row["signs_from"])
            for row in rows
        )
    )
