"""The filter of the pages of the audit log: the query of their addresses."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from urllib.parse import urlencode
from uuid import UUID

from api.schemas.audit import in_utc, named
from api.web.forms import Form
from application.accounts.users import FindUser
from application.pagination import EventQuery
from domain.actor import Actor
from domain.audit.event import EventType
from domain.errors import InvalidInput, NotFound, Problem
from domain.outcome import Outcome
from domain.user import UserId

_FIELDS = ("actor", "user", "what", "outcome", "since", "until")
_LONGEST = 500
_TIME = "%Y-%m-%dT%H:%M:%S"
"""What a field of the type ``datetime-local`` takes (HTML, local date and time strings)."""
_Name = TypeVar("_Name", EventType, Outcome)


@dataclass(slots=True)
class AuditFilter:
    """
    :ivar form: what was asked for, and what is wrong with it.
    :ivar query: what it means; without the fields that are wrong.
    """

    form: Form
    query: EventQuery

    def parameters(self, **others: str) -> str:
        """Return the filter as the query of an address, with a question mark; or nothing."""
        given = {name: self.form[name] for name in _FIELDS if self.form[name]} | others
        return f"?{urlencode(given)}" if given else ""


@dataclass(frozen=True, slots=True)
class ReadAuditFilter:
    """Read the filter that a browser asks for. A user is named by an address or an id."""

    find_user: FindUser

    async def __call__(self, actor: Actor, parameters: Mapping[str, str]) -> AuditFilter:
        """
        :raises PermissionMissing: a user is named by an address, and the actor may not read users.
        """
        form = Form({name: parameters.get(name, "").strip()[:_LONGEST] for name in _FIELDS})
        query = EventQuery(
            user_id=await self._user(actor, form, "user"),
            type=_name(form, "what", EventType),
            outcome=_name(form, "outcome", Outcome),
            since=_time(form, "since"),
            until=_time(form, "until"),
            actor_id=await self._user(actor, form, "actor"),
        )
        return AuditFilter(form, query)

    async def _user(self, actor: Actor, form: Form, name: str) -> UserId | None:
        text = form[name]
        try:
            return UserId(UUID(text)) if text else None  # the user may be deleted
        except ValueError:
            pass
        try:
            return (await self.find_user(actor, text)).id
        except NotFound:
            form.problems.append(Problem(name, "is neither the address nor the id of an account"))
            return None


def _name(form: Form, name: str, names: type[_Name]) -> _Name | None:
    try:
        return named(name, form[name], names) if form[name] else None
    except InvalidInput as refused:
        form.problems.extend(refused.problems)
        return None


def _time(form: Form, name: str) -> datetime | None:
    if not form[name]:
        return None
    try:
        time = in_utc(datetime.fromisoformat(form[name]))
    except ValueError:
        form.problems.append(Problem(name, "must be a date and a time"))
        return None
    if time is not None:
        form.values[name] = time.strftime(_TIME)
    return time
