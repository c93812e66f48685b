"""Signing keys in a SQL database: one ring for all workers that share the database.

Private keys are encrypted (Fernet: AES-128-CBC with HMAC-SHA256) with a secret that is kept
outside the database, so neither the database nor a dump of it is enough to sign anything. The
encrypted part names the tokens that the key is for: write access to the table is not enough to
give a key another purpose. It is enough to change times, and to put a deleted row back.
"""

import asyncio
import base64
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import msgspec
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from sqlalchemy import delete, exists, insert, select, text, update
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection
from typing_extensions import override

from application.ports import NO_EFFECTS, UNCHANGED, Effects, Stored
from domain.key_ring import Key, KeyId, KeyRing
from domain.token import TokenKind
from infrastructure.signing.algorithms import ALGORITHMS, RS256, Algorithm, UnfitKey
from infrastructure.signing.key_store import LoadedKeys, WritableKeyStore
from infrastructure.signing.signing_key import SigningKey
from infrastructure.storage.options import StoreOptions
from infrastructure.storage.sql.audit.append import append_effects
from infrastructure.storage.sql.connection.outdated import repeat_outdated
from infrastructure.storage.sql.database import Database
from infrastructure.storage.sql.tables import signing_keys


class _Encrypted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The encrypted part of a row."""

    kind: TokenKind
    algorithm: str
    pem: str


@dataclass(frozen=True, slots=True)
class _Decrypted:
    kind: TokenKind
    pair: SigningKey


class SqlKeys(WritableKeyStore):
    """
    :param secrets: 32 bytes each. The first encrypts, all of them decrypt: so one secret can
        replace another.
    :param variable: the environment variable that the secrets come from.
    """

    is_shared = True

    def __init__(
        self,
        database: Database,
        secrets: Sequence[bytes],
        algorithm: Algorithm = RS256,
        variable: str = "KEYS_SECRET",
    ) -> None:
        super().__init__(variable, algorithm)
        self._database = database
        self.use(secrets)

    @override
    def use(self, secrets: Sequence[bytes]) -> None:
        fernets = [Fernet(base64.urlsafe_b64encode(each)) for each in secrets]
        self._fernet, self._first = MultiFernet(fernets), fernets[0]
        self._known: dict[str, _Decrypted | str] = {}  # by the encrypted part

    @override
    async def read(self) -> LoadedKeys:
        """Read the keys, without those that cannot be decrypted and do not sign yet.

        A key that has signed and cannot be decrypted is an error: its tokens are in use, and
        could not be told from forged ones.

        :raises ConfigurationError: see above, or as :meth:`SigningKeyStore.read`.
        """
        held, has_begun = self._loaded(await self._read_rows())
        if has_begun:
            held.require_no_warning()
        return held

    @override
    @repeat_outdated
    async def replace(
        self, old: KeyRing, new: KeyRing, effects: Effects = NO_EFFECTS
    ) -> Stored[bool]:
        effects_stored = False
        while True:
            async with self._database.transaction("keys") as connection:
                if connection.dialect.name == "postgresql":  # SQLite has but one writer
                    await connection.execute(text("LOCK TABLE signing_keys IN EXCLUSIVE MODE"))
                rows = await _rows(connection)
                if all(row["encrypted"] in self._known for row in rows):
                    held, _ = self._loaded(rows)
                    if held.ring != old:
                        return UNCHANGED
                    await self._write(connection, old, new)
                    effects_stored = await append_effects(self._database, connection, effects)
                    break
            await self._learn(rows)  # while no other process waits for the lock
        self._made.clear()
        return Stored(True, effects_stored)

    @override
    @repeat_outdated
    async def discard(self, key_id: KeyId, effects: Effects = NO_EFFECTS) -> Stored[bool]:
        rows = await self._read_rows()
        held, _ = self._loaded(rows)
        [encrypted] = [row["encrypted"] for row in rows if row["id"] == key_id] or [None]
        if held.ring.find(key_id) or encrypted is None:
            return UNCHANGED
        this_one = (signing_keys.c.id == key_id) & (signing_keys.c.encrypted == encrypted)
        async with self._database.transaction("keys") as connection:
            if not (await connection.execute(delete(signing_keys).where(this_one))).rowcount:
                return UNCHANGED
            return Stored(True, await append_effects(self._database, connection, effects))

    @override
    async def reencrypt(self) -> int:
        """Leave the keys that no secret decrypts, as :meth:`read` reports them."""
        return sum([await self._reencrypt(row["encrypted"]) for row in await self._read_rows()])

    @repeat_outdated
    async def _reencrypt(self, encrypted: str) -> bool:
        """
        :returns: whether it was encrypted with an earlier secret, and still there.
        """
        if _opens(self._first, encrypted) or not _opens(self._fernet, encrypted):
            return False
        again = self._fernet.rotate(encrypted.encode()).decode()
        this_one = update(signing_keys).where(signing_keys.c.encrypted == encrypted)
        async with self._database.transaction("keys") as connection:
            return bool((await connection.execute(this_one.values(encrypted=again))).rowcount)

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
        clear = _Encrypted(key.kind, pair.algorithm.name, pair.private_pem().decode())
        return {
            "id": key.id,
            "kind": key.kind.value,
            "published_at": key.published_at,
            "signs_from": key.signs_from,
            "encrypted": self._fernet.encrypt(msgspec.json.encode(clear)).decode(),
        }

    async def _read_rows(self) -> Sequence[RowMapping]:
        async with self._database.connection("keys") as connection:
            rows = await _rows(connection)
        await self._learn(rows)
        return rows

    async def _learn(self, rows: Sequence[RowMapping]) -> None:
        """Decrypt the rows that are new."""
        texts = [row["encrypted"] for row in rows]
        while new := [each for each in texts if each not in self._known]:
            fernet = self._fernet
            found = await asyncio.to_thread(list, map(partial(_decrypt, fernet), new))
            if fernet is self._fernet:  # or else there are other secrets meanwhile
                self._known |= zip(new, found, strict=True)
        self._known = {each: self._known[each] for each in texts}

    def _loaded(self, rows: Sequence[RowMapping]) -> tuple[LoadedKeys, bool]:
        """
        :param rows: all of which are known.
        :returns: also whether any key that cannot be decrypted may have signed already.
        """
        keys, pairs, warnings, has_begun = [], {}, [], False
        for row in rows:
            key_id = KeyId(row["id"])
            try:
                pairs[key_id] = self._pair(row)
                kind = TokenKind(row["kind"])
                keys.append(Key(key_id, kind, row["published_at"], row["signs_from"]))
            except UnfitKey as error:
                name = f"the key {key_id} in the database"
                warnings.append(f"{self.variable} {str(error).format(name)}")
                has_begun |= row["signs_from"] is not None
        return LoadedKeys(KeyRing(frozenset(keys)), pairs, tuple(warnings)), has_begun

    def _pair(self, row: RowMapping) -> SigningKey:
        """
        :raises UnfitKey: it cannot be decrypted, or is another key than the row says.
        """
        known = self._known[row["encrypted"]]
        if isinstance(known, str):
            raise UnfitKey(known)
        if (known.pair.kid, known.kind.value) != (row["id"], row["kind"]):
            raise UnfitKey("decrypts {}, which is another one")
        return known.pair


def _opens(fernet: Fernet | MultiFernet, encrypted: str) -> bool:
    try:
        fernet.decrypt(encrypted.encode())
    except InvalidToken:
        return False
    return True


def _decrypt(fernet: MultiFernet, encrypted: str) -> _Decrypted | str:
    """
    :returns: a string, with a gap for the name of the key, that says why it is none.
    """
    try:
        octets = fernet.decrypt(encrypted.encode())
    except InvalidToken:
        return "has no secret that decrypts {}"
    try:
        clear = msgspec.json.decode(octets, type=_Encrypted)
        # Only who has the secret can encrypt, and this service encrypts checked keys only.
        pair = SigningKey.from_pem(
            clear.pem.encode(), algorithm=ALGORITHMS[clear.algorithm], is_checked=True
        )
    except (msgspec.MsgspecError, KeyError):
        return "decrypts {}, which another version made"
    except UnfitKey as error:
        return f"decrypts {{}}, which {error}"
    return _Decrypted(clear.kind, pair)


@asynccontextmanager
async def connect_keys(
    url: str, patience: timedelta, *, has_audit_log: bool
) -> AsyncIterator[Database]:
    """Open connections for the keys alone, one to read and one to write: requests that wait for
    a connection must not delay a revocation.

    :param patience: how long one call may wait for an answer.
    :param has_audit_log: whether the audit log is in that database.
    """
    options = StoreOptions(pool_size=2, timeout=patience, has_audit_log=has_audit_log)
    async with Database.open(url, options) as database:
        yield database


async def has_keys(database: Database) -> bool:
    """Whether there are any, decipherable or not."""
    async with database.connection("keys") as connection:
        return bool(await connection.scalar(select(exists(select(signing_keys.c.id)))))


async def _rows(connection: AsyncConnection) -> Sequence[RowMapping]:
    return (await connection.execute(select(signing_keys))).mappings().all()
