"""What Doorward refuses, as facts.

    AuthError
    ├── InvalidInput          what was sent cannot be accepted; says which field and why
    ├── EmailTaken            the address belongs to somebody already
    ├── InvalidCredentials    this address and password open nothing
    ├── NotLoggedIn           no credential was presented
    ├── TokenRejected         a credential was presented and is not good
    │   └── RefreshTokenReused    … because it had been spent before: treated as stolen
    ├── RefreshTokenMissing   a refresh was asked for without a refresh token
    ├── WrongPassword         somebody who is logged in does not know their password
    ├── PermissionMissing     somebody who is logged in may not do that
    ├── NotFound              what is asked for by its id is not there
    ├── LastAdministrator     nobody would be left who could give others a role
    ├── TooManyRequests       somebody has tried too often (in domain/limit.py)
    └── Unavailable           something that Doorward depends on does not answer

``code`` is stable: clients may match on it. The docstring's first sentence is for people.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

T = TypeVar("T")


class AuthError(Exception):
    """Doorward refuses the request."""

    code: ClassVar[str]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with one field. ``message`` never repeats the value."""

    field: str
    message: str


class InvalidInput(AuthError):
    """What was sent cannot be accepted."""

    code = "invalid_input"

    def __init__(self, *problems: Problem) -> None:
        super().__init__(", ".join(problem.field for problem in problems))
        self.problems = problems


def all_of(*parts: Callable[[], Any]) -> tuple[Any, ...]:
    """The results of all the parts.

    :raises InvalidInput: with the problems of all of them, so that nobody has to try three times.
    """
    results: list[Any] = []
    problems: list[Problem] = []
    for part in parts:
        try:
            results.append(part())
        except InvalidInput as error:
            problems += error.problems
    if problems:
        raise InvalidInput(*problems)
    return tuple(results)


def in_field(field: str, part: Callable[[], T]) -> T:
    """The result of the part.

    :raises InvalidInput: its problems, under the name that the field has here.
    """
    try:
        return part()
    except InvalidInput as error:
        raise InvalidInput(*(Problem(field, each.message) for each in error.problems)) from None


class EmailTaken(AuthError):
    """A user with that email address exists."""

    code = "email_taken"


class InvalidCredentials(AuthError):
    """Unknown address, wrong password or disabled account: nobody learns which."""

    code = "invalid_credentials"


class NotLoggedIn(AuthError):
    """No credential was presented."""

    code = "not_logged_in"


class TokenRejected(AuthError):
    """The token is malformed, forged, expired or of the wrong kind, or has lost its session."""

    code = "invalid_token"


class RefreshTokenReused(TokenRejected):
    """A refresh token came back long after it was spent (RFC 9700, section 4.14.2)."""


class RefreshTokenMissing(AuthError):
    """A refresh was asked for without a refresh token."""

    code = "refresh_token_missing"


class WrongPassword(AuthError):
    """Somebody who is logged in gave a wrong password where theirs is asked for once more."""

    code = "wrong_password"


class PermissionMissing(AuthError):
    """Somebody who is logged in does not have the permission for what they ask."""

    code = "permission_missing"


class NotFound(AuthError):
    """There is nobody and nothing with that id, or not for this caller."""

    code = "not_found"


class LastAdministrator(AuthError):
    """Nobody would be left who could give others a role."""

    code = "last_administrator"


class Unavailable(AuthError):
    """Something that Doorward depends on does not answer.

    :param what: its role, for the log and the readiness check: ``users``, ``sessions`` …
    """

    code = "unavailable"

    def __init__(self, what: str) -> None:
        super().__init__(f"{what}: no answer")
        self.what = what
