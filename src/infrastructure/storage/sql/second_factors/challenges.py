"""Challenges in PostgreSQL or SQLite, beside the users."""

from datetime import datetime

from sqlalchemy import bindparam, update

from application.ports import ChallengeStore
from domain.second_factors.challenge import Ceremony, Challenge
from domain.session import Transport
from domain.user import UserId
from infrastructure.storage import method_names
from infrastructure.storage.sql.connection.direct import FoundRow
from infrastructure.storage.sql.database import Database
from infrastructure.storage.sql.rows import Rows
from infrastructure.storage.sql.tables import challenges

_SHOWS_ACCESS = "+access"
"""After the name of the transport."""
# Made once: SQLAlchemy takes longer to put a statement together than to execute it.
_COUNT_TRY = (
    update(challenges)
    .where(challenges.c.id == bindparam("digest"))
    .values(tries=challenges.c.tries + 1)
    .returning(challenges)
)


class SqlChallenges(ChallengeStore):
    def __init__(self, database: Database) -> None:
        self._rows = Rows(database, challenges)

    async def add(self, challenge: Challenge) -> None:
        row = {
            "id": challenge.digest,
            "ceremony": challenge.ceremony.value,
            "expires_at": challenge.expires_at,
            "user_id": challenge.user_id,
            "generation": challenge.generation,
            "binding": challenge.binding,
            "methods": method_names.write(challenge.methods),
            "transport": challenge.transport.value + _SHOWS_ACCESS * challenge.shows_access,
            "tries": challenge.tries,
        }
        await self._rows.insert(row)

    async def count_try(self, digest: str) -> Challenge | None:
        row = await self._rows.fetch_one(_COUNT_TRY, digest=digest)
        return _challenge(row) if row else None

    async def take(self, digest: str) -> Challenge | None:
        row = await self._rows.take(digest)
        return _challenge(row) if row else None

    async def forget(self, user_id: UserId) -> None:
        await self._rows.delete(user_id=user_id)

    async def purge(self, before: datetime, limit: int) -> int:
        return await self._rows.delete_before(challenges.c.expires_at, before, limit)


def _challenge(row: FoundRow) -> Challenge:
    return Challenge(
        digest=row["id"],
        ceremony=Ceremony(row["ceremony"]),
        expires_at=row["expires_at"],
        user_id=UserId(row["user_id"]) if row["user_id"] else None,
        generation=row["generation"],
        binding=row["binding"],
        methods=method_names.read(row["methods"]),
        transport=Transport(row["transport"].removesuffix(_SHOWS_ACCESS)),
        shows_access=row["transport"].endswith(_SHOWS_ACCESS),
        tries=row["tries"],
    )
