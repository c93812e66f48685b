"""Login, refresh and logout."""

from dataclasses import dataclass

from application.audit import Audit, Entry
from application.authenticate import user_of
from application.known_networks import KnownNetworks
from application.login.complete import CompleteLogin, IssueTokens, LoggedIn, TokenPair
from application.ports import (
    CachedUsers,
    Clock,
    Devices,
    HashClient,
    PasswordHasher,
    SessionStore,
    TokenSigner,
    UserRepository,
)
from application.rate_limiting import LoginAttempt, RateLimiting
from application.registration_policy import RegistrationPolicy
from application.session_activity import RecordSessionActivity
from domain.actor import Principal
from domain.audit.event import EventType
from domain.authentication import ONLY_PASSWORD
from domain.email import Email
from domain.errors import (
    EmailUnverified,
    InvalidCredentials,
    InvalidInput,
    NotLoggedIn,
    RefreshTokenMissing,
    RefreshTokenReused,
    TokenRejected,
)
from domain.passwords.password import Password
from domain.request_context import UNKNOWN, RequestContext
from domain.session import Lifetimes, Session, Transport
from domain.token import TokenClaims, TokenKind
from domain.user import User


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Login:
    users: UserRepository
    complete_login: CompleteLogin
    hasher: PasswordHasher
    devices: Devices
    known_networks: KnownNetworks
    rate_limiting: RateLimiting
    policy: RegistrationPolicy
    audit: Audit

    async def __call__(
        self,
        email: str,
        password: str,
        caller: RequestContext = UNKNOWN,
        transport: Transport = Transport.COOKIE,
        *,
        shows_access: bool = False,
    ) -> LoggedIn:
        """
        :param transport: how the client gets the tokens, and so how long the session lives.
        :param shows_access: see :class:`~application.login.complete.CompleteLogin`.
        :raises InvalidInput: the password is longer than a password can be.
        :raises TooManyRequests: there were too many attempts.
        :raises InvalidCredentials: after the same time for each reason.
        :raises EmailUnverified: the password is right, and the address has to be proven first.
        :raises SecondFactorRequired: the password is right, and the user has a second factor.
        """
        async with self.audit.recording(EventType.LOGIN, caller) as entry:
            refusal = await self.rate_limiting.count_login_from(
                caller.address, self.devices.authentic_id(caller.device_token)
            )
            typed = Password.parse(password)
            address = _address(email)
            user = await self.users.by_email(address) if address else None
            entry.user_id = user.id if user else None
            account = address.key if address else email.casefold()
            device = self._known_device(user, caller)
            client = HashClient(caller.address, is_known=device is not None)
            attempt = await self.rate_limiting.count_login(
                account, caller.address, device, refusal
            )
            known = await self._verify(attempt, typed, user, client)
            if attempt.is_ordinary:
                await self.rate_limiting.reset_login(account, caller.address)
            renewed = await self._renew_hash(known, typed, client)
            return await self.complete_login(
                renewed, ONLY_PASSWORD, caller, transport, entry, shows_access=shows_access
            )

    def _known_device(self, user: User | None, caller: RequestContext) -> str | None:
        """Return the id of the client's device, if it is one of the user.

        A registration makes its device one of the user before the address is proven. If it must
        not disclose whether the address was taken, neither may the attempts of that device.
        """
        if user is None or not (user.verified or self.policy.discloses):
            return None
        return self.devices.recognise(caller.device_token, user)

    async def _verify(
        self, attempt: LoginAttempt, typed: Password, user: User | None, client: HashClient
    ) -> User:
        """Verify the password. Unknown addresses take as long and count as much as known ones.

        A refused attempt takes as long as another: only its owner learns that the network is one
        of the account, by the right password.
        """
        is_expected = attempt.refusal is None or await self.known_networks.includes(
            user, client.address
        )
        is_right = await self.hasher.verify(typed, user.password_hash if user else None, client)
        if user is None or user.disabled or not (is_right and is_expected):
            raise attempt.refusal or InvalidCredentials
        if self.policy.requires_verification and not user.verified:
            if self.policy.discloses:
                raise EmailUnverified
            # Else a client that registers an address, and then logs in, learns if it was taken.
            raise attempt.refusal or InvalidCredentials
        return user

    async def _renew_hash(self, user: User, password: Password, client: HashClient) -> User:
        if not self.hasher.is_outdated(user.password_hash):
            return user
        renewed = user.with_password_hash(await self.hasher.hash(password, client))
        return renewed if (await self.users.replace(user, renewed)).changed else user


def _address(email: str) -> Email | None:
    try:
        return Email.parse(email)
    except (
        InvalidInput
    ):  # treated as unknown: the answer must take as long as for a wrong password
        return None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RefreshSession:
    """Accept a refresh token: rotate it, or repeat the rotation that its client has lost."""

    users: UserRepository
    cached_users: CachedUsers
    sessions: SessionStore
    record_activity: RecordSessionActivity
    signer: TokenSigner
    rate_limiting: RateLimiting
    audit: Audit
    lifetimes: Lifetimes
    clock: Clock

    async def __call__(
        self, refresh_token: str | None, caller: RequestContext, *, is_page: bool = False
    ) -> tuple[Session, User]:
        """
        :param is_page: see :meth:`~domain.session.Session.refresh`.
        :raises RefreshTokenMissing: no token was presented.
        :raises TooManyRequests: there were too many refreshes.
        :raises TokenRejected: the token or its session is not valid.
        :raises RefreshTokenReused: the token was spent earlier, or by another client, or
            repetitions from elsewhere have become a habit; the session has been ended.
        """
        async with self.audit.recording(EventType.REFRESH, caller) as entry:
            if refresh_token is None:
                raise RefreshTokenMissing
            claims = self.signer.verify(refresh_token, TokenKind.REFRESH)
            entry.user_id, entry.session_id = claims.user_id, claims.session_id
            await self.rate_limiting.count_refresh(caller.address)
            if not claims.is_current(self.clock()):
                raise TokenRejected
            session, user = await self._refresh(claims, caller, entry, is_page=is_page)
            if self.record_activity.is_due(session):
                self.record_activity.record(session, caller)
            return session, user

    async def _refresh(
        self, claims: TokenClaims, caller: RequestContext, entry: Entry, *, is_page: bool
    ) -> tuple[Session, User]:
        session, user = await self._good_session(claims)
        await self.rate_limiting.count_refresh_of(session.user_id)
        while True:  # until no other process replaces the session in between
            try:
                refreshed = session.refresh(
                    claims.token_id, caller, self.clock(), self.lifetimes, is_page=is_page
                )
            except RefreshTokenReused as reused:
                effects = entry.failure(reused)
                stored = await self.sessions.delete(session.user_id, session.id, effects)
                await entry.settle(effects, stored)
                raise
            if refreshed is session or await self._store(session, refreshed, entry):
                return refreshed, user
            session, user = await self._good_session(claims)

    async def _store(self, old: Session, new: Session, entry: Entry) -> bool:
        """Store the session, and record a repetition from elsewhere with it.

        :returns: whether it was stored: no other process has replaced it.
        """
        if new.token_id != old.token_id:
            return (await self.sessions.replace(old, new)).changed
        effects = entry.success(event_type=EventType.REPEAT_REFRESH)
        stored = await self.sessions.replace(old, new, effects)
        return await entry.settle(effects, stored)

    async def _good_session(self, claims: TokenClaims) -> tuple[Session, User]:
        session = await self.sessions.get(claims.user_id, claims.session_id)
        if session is None:
            raise TokenRejected
        user = await user_of(session, self.users, self.cached_users)
        if user is None:
            raise TokenRejected
        return session, user


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RefreshAccess:
    """Refresh a session for a client of the API."""

    refresh_session: RefreshSession
    issue_tokens: IssueTokens

    async def __call__(
        self, refresh_token: str | None, caller: RequestContext = UNKNOWN
    ) -> TokenPair:
        """See :class:`RefreshSession` for what is raised."""
        return await self.issue_tokens(*await self.refresh_session(refresh_token, caller))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ResumeSession:
    """Refresh the session of a browser that asks for a page.

    The answer to a page before may have been lost: see docs/adr/0062.
    """

    refresh_session: RefreshSession
    issue_tokens: IssueTokens

    async def __call__(
        self, refresh_token: str, caller: RequestContext = UNKNOWN
    ) -> tuple[Principal, TokenPair]:
        """See :class:`RefreshSession` for what is raised.

        :returns: the tokens as well. The access token has expired already, if the answer that was
            lost had it first: the refresh token beside it is the valid one.
        """
        session, user = await self.refresh_session(refresh_token, caller, is_page=True)
        issued_at = int(session.rotated_at.timestamp())
        return Principal(user, session, issued_at), await self.issue_tokens(session, user)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Logout:
    sessions: SessionStore
    signer: TokenSigner
    audit: Audit
    clock: Clock

    async def __call__(
        self, access_token: str | None, refresh_token: str | None, caller: RequestContext = UNKNOWN
    ) -> None:
        """End the session of each valid token.

        A session that has ended already is no error: a logout can be repeated.

        :raises NotLoggedIn: no token was presented.
        :raises TokenRejected: no presented token is valid.
        """
        async with self.audit.recording(EventType.LOGOUT, caller) as entry:
            if access_token is None and refresh_token is None:
                raise NotLoggedIn
            access = self._claims(access_token, TokenKind.ACCESS)
            refresh = self._claims(refresh_token, TokenKind.REFRESH)
            first = access or refresh
            if first is None:
                raise TokenRejected
            await self._end(first, entry)
        if refresh and refresh.session_id != first.session_id:
            async with self.audit.recording(EventType.LOGOUT, caller) as entry:
                await self._end(refresh, entry)

    async def _end(self, claims: TokenClaims, entry: Entry) -> None:
        entry.user_id, entry.session_id = claims.user_id, claims.session_id
        effects = entry.success()
        stored = await self.sessions.delete(claims.user_id, claims.session_id, effects)
        await entry.settle(effects, stored)  # a repeated logout must not fill the audit log

    def _claims(self, token: str | None, kind: TokenKind) -> TokenClaims | None:
        try:
            claims = self.signer.verify(token, kind) if token is not None else None
        except TokenRejected:
            return None
        return claims if claims and claims.is_current(self.clock()) else None
