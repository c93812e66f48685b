"""Verify passkeys: the one place that accepts an assertion."""

from dataclasses import dataclass, field
from hashlib import sha256

from application.audit import Entry
from application.ports import (
    NO_EFFECTS,
    Assertion,
    ChallengeStore,
    Clock,
    Effects,
    PasskeyStore,
    PasskeyVerifier,
    UserRepository,
)
from domain.audit.details import CountWentBack
from domain.audit.event import EventType
from domain.authentication import Method
from domain.errors import PasskeyInvalid
from domain.second_factors.challenge import Ceremony, digest_of
from domain.second_factors.passkey import Passkey, Use, passkey_id_of
from domain.session import Session
from domain.user import User, UserId


def session_binding(session: Session) -> str:
    """Return a digest of the session that has to answer."""
    return sha256(f"session:{session.id}".encode()).hexdigest()


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class TakePasskeyChallenge:
    """Use up the challenge that an authenticator has signed, before its answer is looked at.

    One that a session has to answer dies with it, and so with the generation of its user.
    """

    challenges: ChallengeStore
    passkey_verifier: PasskeyVerifier
    clock: Clock

    async def __call__(self, client_data: bytes, ceremony: Ceremony, binding: str = "") -> str:
        """
        :returns: the secret of the challenge: of any number of parallel calls one gets it.
        :raises PasskeyInvalid: it is unknown, used, expired, or of another ceremony or session.
        """
        secret = self.passkey_verifier.challenge_in(client_data)
        challenge = await self.challenges.take(digest_of(secret))
        if challenge is None or not challenge.is_answerable(ceremony, binding, self.clock()):
            raise PasskeyInvalid
        return secret


@dataclass(frozen=True, slots=True)
class PasskeyProof:
    """What an authenticator has signed, where a second factor is asked for."""

    assertion: Assertion = field(repr=False)

    @property
    def method(self) -> Method:
        return Method.PASSKEY


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class VerifyPasskey:
    """Accept an assertion, once: it uses up its challenge.

    A count that goes back is recorded and refuses nothing: a restored or synchronised
    authenticator may send one, and a refusal would lock its owner out.
    """

    take_passkey_challenge: TakePasskeyChallenge
    passkey_verifier: PasskeyVerifier
    passkeys: PasskeyStore
    users: UserRepository
    clock: Clock

    async def __call__(
        self, assertion: Assertion, entry: Entry, owner: UserId | None = None
    ) -> User:
        """
        :param entry: the record of what the passkey is for.
        :param owner: who has to be its owner; ``None`` for any user.
        :returns: the owner, who may be disabled.
        :raises PasskeyInvalid: the passkey, the challenge or the assertion is not good, or it is
            another user's.
        """
        secret = await self.take_passkey_challenge(
            assertion.client_data, Ceremony.PASSKEY_ASSERTION
        )
        passkey = await self._passkey_of(assertion)
        if owner not in {None, passkey.user_id}:
            raise PasskeyInvalid
        entry.user_id = passkey.user_id
        user = await self.users.get(passkey.user_id)
        if user is None:
            raise PasskeyInvalid
        use = self.passkey_verifier.verify(assertion, secret, passkey.credential)
        await self._store(passkey, use, entry)
        return user

    async def _passkey_of(self, assertion: Assertion) -> Passkey:
        """Return the passkey, if the authenticator has made it for the user who has it.

        Both are looked up: the id of a credential alone is no secret.

        :raises PasskeyInvalid: there is none, or it belongs to another user.
        """
        if not assertion.user_handle:
            raise PasskeyInvalid
        passkey_id = passkey_id_of(assertion.credential_id)
        passkey = await self.passkeys.find(passkey_id, assertion.user_handle)
        if passkey is None:
            raise PasskeyInvalid
        return passkey

    async def _store(self, passkey: Passkey, use: Use, entry: Entry) -> None:
        """:raises PasskeyInvalid: the passkey was deleted at this moment."""
        stored: Passkey | None = passkey
        while stored is not None:  # until no other process changes the passkey in between
            effects = _effects(stored, use, entry)
            done = await self.passkeys.replace(stored, stored.used(use, self.clock()), effects)
            if done.changed:  # what the passkey is for is still to be settled
                await entry.audit.settle(effects, done)
                return
            stored = await self.passkeys.by_id(passkey.id)
        raise PasskeyInvalid


def _effects(passkey: Passkey, use: Use, entry: Entry) -> Effects:
    if not passkey.count_went_back(use):
        return NO_EFFECTS
    details = CountWentBack(passkey.credential.sign_count, use.sign_count)
    return entry.success(details=details, event_type=EventType.PASSKEY_COUNT_WENT_BACK)
