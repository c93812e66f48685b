"""Keys in the database of the users: one ring for all workers on all machines.

Private keys are encrypted (Fernet: AES-128-CBC with HMAC-SHA256) with a secret from the
environment, so neither the database nor a dump of it is enough to sign anything. What is encrypted
says which tokens the key is for: whoever can write to the table cannot give it another purpose.
They can change its times, and put back a row that was taken away.
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

from domain.key_ring import Key, KeyId, KeyRing
from domain.token import TokenKind
from infrastructure.config.environment_variables import ConfigurationError
from infrastructure.signing.algorithms import ALGORITHMS, RS256, Algorithm, UnfitKey
from infrastructure.signing.key_store import LoadedKeys, SigningKeyStore
from infrastructure.signing.signing_key import SigningKey
from infrastructure.storage.options import StoreOptions
from infrastructure.storage.sql.database import Database
from infrastructure.storage.sql.tables import signing_keys

VARIABLE = "KEYS_SECRET"


class _Sealed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is encrypted of a key."""

    kind: TokenKind
    algorithm: str
    pem: str


class SqlKeys(SigningKeyStore):
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
        self.use(secrets)
        self._known: dict[str, SigningKey] = {}  # by what is encrypted of it

    def use(self, secrets: Sequence[bytes]) -> None:
        """These from now on."""
        self._seal = MultiFernet([Fernet(base64.urlsafe_b64encode(each)) for each in secrets])

    @classmethod
    @asynccontextmanager
    async def open(
        cls, url: str, options: StoreOptions, secrets: Sequence[bytes], algorithm: Algorithm
    ) -> AsyncIterator[Self]:
        """On connections of its own, one to look and one to write: nobody who waits is to keep the
        keys from being looked at.
        """
        async with Database.open(url, replace(options, pool_size=2)) as database:
            yield cls(database, secrets, algorithm)

    async def read(self) -> LoadedKeys:
        """What cannot be opened and does not sign yet is left out. Of what has signed that cannot
        be: its tokens are about, and nobody could tell them from forged ones.
        """
        async with self._database.connection("keys") as connection:
            held, has_begun = self._opened(await _rows(connection))
        if has_begun:
            raise ConfigurationError(VARIABLE, held.warnings[0].removeprefix(f"{VARIABLE} "))
        return held

    async def replace(self, old: KeyRing, new: KeyRing) -> bool:
        async with self._database.transaction("keys") as connection:
            if connection.dialect.name == "postgresql":  # SQLite has but one writer
                await connection.execute(text("LOCK TABLE signing_keys IN EXCLUSIVE MODE"))
            held, _ = self._opened(await _rows(connection))
            if held.ring != old:
                return False
            await self._write(connection, old, new)
        self._made.clear()
        return True

    async def discard(self, key_id: KeyId) -> bool:
        async with self._database.transaction("keys") as connection:
            held, _ = self._opened(await _rows(connection))
            if held.ring.find(key_id):
                return False
            this = delete(signing_keys).where(signing_keys.c.id == key_id)
            return (await connection.execute(this)).rowcount == 1

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
        pair = self._made[key.id]
        sealed = _Sealed(key.kind, pair.algorithm.name, pair.private_pem().decode())
        return {
            "id": key.id,
            "kind": key.kind.value,
            "published_at": key.published_at,
            "signs_from": key.signs_from,
            "encrypted": self._seal.encrypt(msgspec.json.encode(sealed)).decode(),
        }

    def _opened(self, rows: Sequence[RowMapping]) -> tuple[LoadedKeys, bool]:
        """
        :returns: also whether any that cannot be opened may have signed already.
        """
        keys, pairs, warnings, has_begun = [], {}, [], False
        for row in rows:
            key_id = KeyId(row["id"])
            try:
                pairs[key_id] = self._pair(row)
                kind = TokenKind(row["kind"])
                keys.append(Key(key_id, kind, row["published_at"], row["signs_from"]))
            except (UnfitKey, ValueError) as error:
                warnings.append(f"{VARIABLE} {error}")
                has_begun |= row["signs_from"] is not None
        self._known = {row["encrypted"]: pairs[row["id"]] for row in rows if row["id"] in pairs}
        return LoadedKeys(KeyRing(frozenset(keys)), pairs, tuple(warnings)), has_begun

    def _pair(self, row: RowMapping) -> SigningKey:
        """
        :raises UnfitKey: it cannot be opened, or is another one.
        """
        known = self._known.get(row["encrypted"])
        if known and known.kid == row["id"]:
            return known
        name = f"the key {row['id']} in the database"
        try:
            octets = self._seal.decrypt(row["encrypted"].encode())
            sealed = msgspec.json.decode(octets, type=_Sealed)
            pair = SigningKey.from_pem(sealed.pem.encode(), algorithm=ALGORITHMS[sealed.algorithm])
        except InvalidToken:
            raise UnfitKey(f"does not open {name}") from None
        except (msgspec.MsgspecError, KeyError):
            raise UnfitKey(f"opens {name}, which another version made") from None
        except UnfitKey as error:
            raise UnfitKey(f"opens {name}, which {error}") from None
        if (pair.kid, sealed.kind.value) != (row["id"], row["kind"]):
            raise UnfitKey(f"opens {name}, which is another one")
        return pair


async def _rows(connection: AsyncConnection) -> Sequence[RowMapping]:
    return (await connection.execute(select(signing_keys))).mappings().all()
