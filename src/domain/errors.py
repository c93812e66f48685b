"""The errors of Doorward, as facts.

    DomainError                   ends an attempt
    ├── AuthError                 refuses a request
    │   ├── InvalidInput          a field cannot be accepted; says which and why
    │   ├── EmailTaken            another user has the address
    │   ├── InvalidCredentials    no account has this address and password
    │   ├── NotLoggedIn           no credential was presented
    │   ├── TokenRejected         a credential was presented and is not good
    │   │   └── RefreshTokenReused    … because it had been spent before: treated as stolen
    │   ├── RefreshTokenMissing   a refresh without a refresh token
    │   ├── WrongPassword         a logged-in user confirmed with a wrong password
    │   ├── PermissionMissing     the actor may not do that
    │   ├── OneTimeTokenInvalid   the link of a mail is not good, or not any more
    │   ├── EmailUnverified       a right password, before the address is proven
    │   ├── MailOff               this installation sends no mail
    │   ├── SecondFactorRequired  the password is right, and another factor is needed
    │   ├── SecondFactorInvalid   a wrong code or challenge, or the second factor is locked
    │   ├── EnrolmentRequired     the session can do nothing until its user has a second factor
    │   ├── SecondFactorsOff      this installation cannot keep second factors
    │   ├── StepUpRequired        a sensitive step needs a recent proof of who acts
    │   ├── LevelTooLow           another service needs a login with several factors
    │   ├── PasskeyInvalid        a passkey is not accepted
    │   ├── LastCredential        the user could not log in any more
    │   ├── SocialFlowInvalid     no browser may end this login at a provider, or not any more
    │   ├── ProviderCancelled     the person did not log in at the provider
    │   ├── ProviderRefused       the provider's answer is an error, or is not to be trusted
    │   ├── ProviderUnavailable   the provider does not answer
    │   ├── ProviderEmailUnverified   the provider has not verified the address of a new account
    │   ├── LinkRequired          an existing user has to link the provider's account first
    │   ├── IdentityTaken         another user has linked the provider's account
    │   ├── NotFound              there is nothing with that id
    │   ├── LastAdministrator     no administrator would be left
    │   ├── TooManyRequests       a rate limit is used up (in domain/rate_limit.py)
    │   └── Unavailable           a dependency does not answer
    ├── KeysReadOnly              the keys cannot be changed here (in domain/key_ring.py)
    └── KeyUnknown                there is no such key (in domain/key_ring.py)

``outcome`` is the stable name of an error: audit rows, metrics, logs and the ``code`` of HTTP
answers hold it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeVar, overload

from domain.authentication import Method
from domain.outcome import Outcome

T = TypeVar("T")
T1 = TypeVar("T1")
T2 = TypeVar("T2")
T3 = TypeVar("T3")
T4 = TypeVar("T4")


class DomainError(Exception):
    """The attempt fails, for a reason that the rules know."""

    outcome: ClassVar[Outcome]


class AuthError(DomainError):
    """Doorward refuses the request."""


def outcome_of(error: Exception) -> Outcome:
    """Return the stable name of an error; of one that no rule knows, ``INTERNAL_ERROR``."""
    return error.outcome if isinstance(error, DomainError) else Outcome.INTERNAL_ERROR


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with one field. ``message`` never repeats the value."""

    field: str
    message: str


class InvalidInput(AuthError):
    """What was sent cannot be accepted."""

    outcome = Outcome.INVALID_INPUT

    def __init__(self, *problems: Problem) -> None:
        super().__init__(", ".join(problem.field for problem in problems))
        self.problems = problems


@overload
def all_of(first: Callable[[], T1], second: Callable[[], T2], /) -> tuple[T1, T2]: ...
@overload
def all_of(
    first: Callable[[], T1], second: Callable[[], T2], third: Callable[[], T3], /
) -> tuple[T1, T2, T3]: ...
@overload
def all_of(
    first: Callable[[], T1],
    second: Callable[[], T2],
    third: Callable[[], T3],
    fourth: Callable[[], T4],
    /,
) -> tuple[T1, T2, T3, T4]: ...
def all_of(*parts: Callable[[], object]) -> tuple[object, ...]:
    """Return the results of all parts. A part may itself be an ``all_of``.

    :raises InvalidInput: with the problems of all parts, so that a client sees them at once.
    """
    results: list[object] = []
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
    """Return the result of the part.

    :raises InvalidInput: its problems, under the name that the field has here.
    """
    try:
        return part()
    except InvalidInput as error:
        raise InvalidInput(*(Problem(field, each.message) for each in error.problems)) from None


class EmailTaken(AuthError):
    """A user with that email address exists."""

    outcome = Outcome.EMAIL_TAKEN


class RegistrationClosed(AuthError):
    """Only an administrator or the operator creates users here."""

    outcome = Outcome.REGISTRATION_CLOSED


class InvalidCredentials(AuthError):
    """The address is unknown, the password wrong or the account disabled; clients cannot tell."""

    outcome = Outcome.INVALID_CREDENTIALS


class NotLoggedIn(AuthError):
    """No credential was presented."""

    outcome = Outcome.NOT_LOGGED_IN


class TokenRejected(AuthError):
    """The token is malformed, forged, expired or of the wrong kind, or has lost its session."""

    outcome = Outcome.INVALID_TOKEN


class RefreshTokenReused(TokenRejected):
    """A refresh token came back long after it was spent (RFC 9700, section 4.14.2)."""

    outcome = Outcome.REFRESH_TOKEN_REUSED


class RefreshTokenMissing(AuthError):
    """A refresh was asked for without a refresh token."""

    outcome = Outcome.REFRESH_TOKEN_MISSING


class WrongPassword(AuthError):
    """A logged-in user confirmed an action with a wrong password."""

    outcome = Outcome.WRONG_PASSWORD


class PermissionMissing(AuthError):
    """The actor lacks the permission for the action."""

    outcome = Outcome.PERMISSION_MISSING


class OneTimeTokenInvalid(AuthError):
    """The token of a mail is unknown, used, expired or of another purpose; clients cannot tell."""

    outcome = Outcome.ONE_TIME_TOKEN_INVALID


class EmailUnverified(AuthError):
    """The password is right, and the address has to be proven before a login."""

    outcome = Outcome.EMAIL_UNVERIFIED


class MailOff(AuthError):
    """The operator has configured no mail, so that nothing can be sent to any address."""

    outcome = Outcome.MAIL_OFF


class SecondFactorRequired(AuthError):
    """The password is right, and another factor is needed.

    :param methods: any one of them is enough.
    :param challenge: the secret of the pending login; empty where the request itself is to be
        repeated with a code.
    :param expires_in: of the challenge, in seconds.
    """

    outcome = Outcome.SECOND_FACTOR_REQUIRED

    def __init__(
        self, methods: Sequence[Method], challenge: str = "", expires_in: int = 0
    ) -> None:
        super().__init__("a second factor is needed")
        self.methods = methods
        self.challenge = challenge
        self.expires_in = expires_in


class SecondFactorInvalid(AuthError):
    """The code is wrong or used, the challenge is not good, or the second factor is locked;
    clients cannot tell.
    """

    outcome = Outcome.SECOND_FACTOR_INVALID


class EnrolmentRequired(AuthError):
    """The operator wants a second factor of this user, who has to enrol one first."""

    outcome = Outcome.SECOND_FACTOR_ENROLMENT_REQUIRED


class SecondFactorsOff(AuthError):
    """Second factors are turned off, or there is no secret or no store that could protect them."""

    outcome = Outcome.SECOND_FACTORS_OFF


class StepUpRequired(AuthError):
    """A sensitive step needs a recent proof of who acts (RFC 9470).

    :param methods: any one of them is enough.
    """

    outcome = Outcome.STEP_UP_REQUIRED

    def __init__(self, methods: Sequence[Method]) -> None:
        super().__init__("a step-up is needed")
        self.methods = methods


class LevelTooLow(AuthError):
    """Another service needs a session whose user has shown several factors (RFC 9470).

    :param methods: any one of them raises the level, by a step-up; without any, the user has to
        enrol one.
    """

    outcome = Outcome.LEVEL_TOO_LOW

    def __init__(self, methods: Sequence[Method]) -> None:
        super().__init__("another factor is needed")
        self.methods = methods


class PasskeyInvalid(AuthError):
    """A passkey, or what its authenticator has signed, is not good. Clients learn no reason."""

    outcome = Outcome.PASSKEY_INVALID


class LastCredential(AuthError):
    """Without it, its user could not log in any more."""

    outcome = Outcome.LAST_CREDENTIAL


class SocialFlowInvalid(AuthError):
    """The flow or code is unknown, used, expired, or was begun by another browser, application or
    session; clients cannot tell.
    """

    outcome = Outcome.SOCIAL_FLOW_INVALID


class ProviderCancelled(AuthError):
    """The person did not log in at the provider, or did not agree there."""

    outcome = Outcome.PROVIDER_CANCELLED


class ProviderRefused(AuthError):
    """The provider's answer is an error, or a check of it fails. Clients learn no reason.

    :param reason: for the log. It contains nothing that is secret.
    """

    outcome = Outcome.PROVIDER_REFUSED

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ProviderUnavailable(AuthError):
    """The provider does not answer, or too slowly.

    :param reason: for the log.
    """

    outcome = Outcome.PROVIDER_UNAVAILABLE

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ProviderEmailUnverified(AuthError):
    """No user has the account, and the provider has not verified its address."""

    outcome = Outcome.PROVIDER_EMAIL_UNVERIFIED


class LinkRequired(AuthError):
    """A user has the address of the account, and has to log in and link the account first."""

    outcome = Outcome.LINK_REQUIRED


class IdentityTaken(AuthError):
    """Another user has linked the account."""

    outcome = Outcome.IDENTITY_TAKEN


class NotFound(AuthError):
    """Nothing has this id, or nothing that the caller may see."""

    outcome = Outcome.NOT_FOUND


class LastAdministrator(AuthError):
    """No enabled administrator would be left."""

    outcome = Outcome.LAST_ADMINISTRATOR


class Unavailable(AuthError):
    """A dependency does not answer.

    :param what: its role, for the log and the readiness check: ``users``, ``sessions`` …
    """

    outcome = Outcome.UNAVAILABLE

    def __init__(self, what: str) -> None:
        super().__init__(f"{what}: no answer")
        self.what = what
