"""Flows and codes in PostgreSQL or SQLite, beside the users."""

from datetime import datetime

from application.ports import FlowStore
from domain.email import Email
from domain.session import SessionId
from domain.social_login.flow import AppClient, Code, Flow, Intent, Starter
from domain.social_login.identity import ProviderAccount, ProviderName
from domain.user import UserId
from infrastructure.storage.sql.connection.direct import FoundRow
from infrastructure.storage.sql.database import Database
from infrastructure.storage.sql.rows import Row, Rows
from infrastructure.storage.sql.tables import social_codes, social_flows


class SqlFlows(FlowStore):
    def __init__(self, database: Database) -> None:
        self._flows = Rows(database, social_flows)
        self._codes = Rows(database, social_codes)

    async def add_flow(self, flow: Flow) -> None:
        await self._flows.insert(_flow_row(flow))

    async def take_flow(self, digest: str) -> Flow | None:
        row = await self._flows.take(digest)
        return _flow(row) if row else None

    async def add_code(self, code: Code) -> None:
        await self._codes.insert(_code_row(code))

    async def take_code(self, digest: str) -> Code | None:
        row = await self._codes.take(digest)
        return _code(row) if row else None

    async def purge(self, before: datetime, limit: int) -> int:
        flows = await self._flows.delete_before(social_flows.c.expires_at, before, limit)
        return flows + await self._codes.delete_before(social_codes.c.expires_at, before, limit)


def _flow_row(flow: Flow) -> Row:
    starter, app = flow.starter, flow.app
    return {
        "id": flow.digest,
        "provider": flow.provider,
        "intent": flow.intent.value,
        "binding": flow.binding,
        "return_to": flow.return_to,
        "expires_at": flow.expires_at,
        "user_id": starter.user_id if starter else None,
        "generation": starter.generation if starter else None,
        "session_id": starter.session_id if starter else None,
        "code_challenge": app.code_challenge if app else None,
        "app_state": app.state if app else None,
        "fresh": flow.is_fresh,
    }


def _flow(row: FoundRow) -> Flow:
    starter = app = None
    if row["user_id"] is not None:
        session_id = SessionId(row["session_id"])
        starter = Starter(UserId(row["user_id"]), row["generation"], session_id)
    if row["code_challenge"] is not None:
        app = AppClient(row["code_challenge"], row["app_state"])
    return Flow(
        digest=row["id"],
        provider=ProviderName(row["provider"]),
        intent=Intent(row["intent"]),
        binding=row["binding"],
        return_to=row["return_to"],
        expires_at=row["expires_at"],
        starter=starter,
        app=app,
        is_fresh=row["fresh"],
    )


def _code_row(code: Code) -> Row:
    account = code.account
    return {
        "id": code.digest,
        "provider": account.provider,
        "issuer": account.issuer,
        "subject": account.subject,
        "email": account.email.address if account.email else None,
        "email_key": account.email.key if account.email else None,
        "email_verified": account.is_email_verified,
        "name": account.name,
        "second_factor": account.has_second_factor,
        "fresh": account.is_fresh,
        "code_challenge": code.code_challenge,
        "expires_at": code.expires_at,
    }


def _code(row: FoundRow) -> Code:
    account = ProviderAccount(
        provider=ProviderName(row["provider"]),
        issuer=row["issuer"],
        subject=row["subject"],
        email=None if row["email"] is None else Email(row["email"], row["email_key"]),
        is_email_verified=row["email_verified"],
        name=row["name"],
        has_second_factor=row["second_factor"],
        is_fresh=row["fresh"],
    )
    return Code(row["id"], account, row["code_challenge"], row["expires_at"])
