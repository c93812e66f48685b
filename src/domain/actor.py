"""Actors: the origin of a request, and its permissions."""

from dataclasses import dataclass
from typing import ClassVar

from domain.errors import PermissionMissing
from domain.permissions import Permission
from domain.session import Session
from domain.user import User


@dataclass(frozen=True, slots=True)
class Principal:
    """A logged-in user, and the session of the request.

    :ivar token_issued_at: when the presented access token was issued, in seconds since 1970.
    """

    user: User
    session: Session
    token_issued_at: int | None = None

    def require(self, permission: Permission) -> None:
        """:raises PermissionMissing: the user's role lacks the permission."""
        if not self.user.role.may(permission):
            raise PermissionMissing


@dataclass(frozen=True, slots=True)
class Operator:
    """The person at the command line, who may do everything and meets no rate limit."""

    request_id: ClassVar[str] = "(command line)"
    """Recorded in place of the id of a request. No request has it: it contains characters that are
    not accepted from a proxy.
    """

    def require(self, _permission: Permission) -> None:
        """Allow everything."""


@dataclass(frozen=True, slots=True)
class Scheduler:
    """The service itself, whose periodic work is due. It has no permission on accounts."""

    request_id: ClassVar[str] = "(schedule)"
    """As of :class:`Operator`."""

    def require(self, _permission: Permission) -> None:
        """:raises PermissionMissing: always."""
        raise PermissionMissing


Actor = Principal | Operator | Scheduler


def actor_without_request(request_id: str) -> Operator | Scheduler | None:
    """Return the actor that this id stands for in a record; ``None`` of the id of a request."""
    known = (Operator(), Scheduler())
    return next((actor for actor in known if actor.request_id == request_id), None)
