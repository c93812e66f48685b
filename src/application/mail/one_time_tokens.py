"""Issue the one-time tokens in mails, and find them again when they are used."""

from dataclasses import dataclass
from datetime import datetime

from application.ports import (
    NO_EFFECTS,
    Clock,
    Effects,
    MailRefused,
    OneTimeSecrets,
    OneTimeTokenStore,
    Stored,
    UserRepository,
)
from domain.email import Email
from domain.errors import OneTimeTokenInvalid
from domain.mail.one_time_token import OneTimeToken, Purpose, digest_of
from domain.user import User

_LONGEST = 100
"""Characters of a secret that is looked up; a real one has 43."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class IssueToken:
    """Issue a token, or the same again if its id was issued before."""

    tokens: OneTimeTokenStore
    secrets: OneTimeSecrets
    clock: Clock

    async def __call__(
        self,
        token_id: str,
        purpose: Purpose,
        user: User,
        email: Email,
        issued_at: datetime,
        expires_at: datetime,
        effects: Effects = NO_EFFECTS,
    ) -> Stored[str | None]:
        """
        :param token_id: 32 hexadecimal digits. The secret is a function of it and the purpose.
        :param email: the address that the use of the token proves, or restores.
        :returns: the secret of the token; ``None`` if it was used already, or is not usable any
            more. The effects are stored, or not, as the store says.
        :raises MailRefused: it was issued under a secret that is not configured any more.
        """
        secrets = self.secrets.derive(token_id, purpose)
        token = OneTimeToken(
            token_id,
            digest_of(secrets[0]),
            purpose,
            user.id,
            user.generation,
            email,
            issued_at,
            expires_at,
        )
        stored = await self.tokens.issue(token, effects)
        secret = None
        if stored.changed.is_usable(user, self.clock()):
            # It may have been issued under an earlier secret.
            secret = next(
                (each for each in secrets if digest_of(each) == stored.changed.digest), None
            )
            if secret is None:
                raise MailRefused("secret_lost")
        return Stored(secret, stored.effects_stored)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FindToken:
    tokens: OneTimeTokenStore
    users: UserRepository
    clock: Clock

    async def __call__(self, secret: str, purpose: Purpose) -> tuple[OneTimeToken, User]:
        """Find a usable token and its user. That does not use it.

        :returns: the token, to be spent with the change, and the user as stored now.
        :raises OneTimeTokenInvalid: the token is unknown, used, expired or of another purpose;
            clients cannot tell.
        """
        token = await self._stored(secret)
        if token is None or token.purpose is not purpose:
            raise OneTimeTokenInvalid
        user = await self.users.get(token.user_id)
        now = self.clock()
        if user is None or not token.is_usable(user, now):
            raise OneTimeTokenInvalid
        return token.used(now), user

    async def purpose_of(self, secret: str) -> Purpose | None:
        """Return the purpose of a token, usable or not; ``None`` of an unknown one."""
        token = await self._stored(secret)
        return token.purpose if token else None

    async def _stored(self, secret: str) -> OneTimeToken | None:
        return await self.tokens.by_digest(digest_of(secret)) if len(secret) <= _LONGEST else None
