"""The passkeys of users, and the checks of what their authenticators send."""

from abc import abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from application.ports.effects import NO_EFFECTS, Effects, Stored
from domain.second_factors.passkey import Credential, Passkey, PasskeyId, Use
from domain.user import UserId


class PasskeyStore(Protocol):
    """Passkeys by id and by user, and the handle by which authenticators know a user."""

    @abstractmethod
    async def add(self, passkey: Passkey, effects: Effects = NO_EFFECTS) -> Stored[bool]:
        """Store a new passkey.

        :returns: unchanged if any user has one with this credential id; if this user has
            :data:`~domain.second_factors.passkey.MAX_PASSKEYS`, also with parallel calls; or if
            this user has no handle, as after a deletion.
        :raises SecondFactorsOff: there is no place for passkeys.
        """

    @abstractmethod
    async def of_user(self, user_id: UserId) -> Sequence[Passkey]:
        """Return the passkeys of a user in the order in which they were made."""

    @abstractmethod
    async def by_id(self, passkey_id: PasskeyId) -> Passkey | None: ...

    @abstractmethod
    async def replace(
        self, old: Passkey, new: Passkey, effects: Effects = NO_EFFECTS
    ) -> Stored[bool]:
        """Store ``new`` if exactly ``old`` is stored: compare-and-swap. Both have the same
        credential id, user, key and domain.

        Of any number of parallel replacements a single one wins.
        """

    @abstractmethod
    async def delete(
        self, passkey: Passkey, effects: Effects = NO_EFFECTS, *, not_last: bool = False
    ) -> Stored[bool]:
        """Delete a passkey, whatever its name and count are by now. Deleting twice is no error.

        :param not_last: change nothing if its user has no other one; of parallel calls that would
            delete all of them, one changes nothing.
        """

    @abstractmethod
    async def forget(self, user_id: UserId) -> None:
        """Delete all passkeys and the handle of a user. Deleting twice is no error."""

    @abstractmethod
    async def handle_of(self, user_id: UserId, new: bytes) -> bytes:
        """Return the handle of a user.

        :param new: becomes the handle if the user has none: of parallel calls, one decides.
        :raises SecondFactorsOff: there is no place for passkeys.
        """

    @abstractmethod
    async def find(self, passkey_id: PasskeyId, handle: bytes) -> Passkey | None:
        """Return a passkey by its id, if its user has this handle."""

    @abstractmethod
    async def of_other_domains(self, known: Collection[str]) -> Mapping[str, int]:
        """Count the passkeys of each domain that is none of these.

        Each start asks: the usual answer, none, takes no time that grows with the passkeys.
        """


@dataclass(frozen=True, slots=True)
class Registration:
    """What a browser returns of ``navigator.credentials.create()``.

    :ivar client_data: as JSON.
    :ivar attestation: the attestation object, as CBOR.
    """

    credential_id: bytes
    client_data: bytes
    attestation: bytes = field(repr=False)
    transports: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Assertion:
    """What a browser returns of ``navigator.credentials.get()``.

    :ivar client_data: as JSON.
    :ivar user_handle: whom the authenticator has made the passkey for.
    """

    credential_id: bytes
    client_data: bytes
    authenticator_data: bytes
    signature: bytes = field(repr=False)
    user_handle: bytes | None = None


class PasskeyVerifier(Protocol):
    """Checks what authenticators send, for one domain and the origins that may use it.

    It knows neither users nor stored challenges: see :mod:`application.passkeys`.
    """

    rp_id: str
    """The domain that passkeys are made for."""

    @abstractmethod
    def challenge_in(self, client_data_json: bytes) -> str:
        """Return the challenge that a browser claims to answer.

        :raises PasskeyInvalid: there is none.
        """

    @abstractmethod
    def register(self, registration: Registration, challenge: str) -> Credential:
        """
        :param challenge: which has to be the one that was answered.
        :raises PasskeyInvalid: a check of section 7.1 of Web Authentication, Level 3, fails.
        """

    @abstractmethod
    def verify(self, assertion: Assertion, challenge: str, credential: Credential) -> Use:
        """
        :param credential: with the id of the assertion.
        :raises PasskeyInvalid: a check of section 7.2 of Web Authentication, Level 3, fails.
        """
