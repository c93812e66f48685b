"""The one way to the tokens of a new session, whatever a user has shown before."""

from collections.abc import Sequence
from dataclasses import dataclass

from application.audit import Entry
from application.known_networks import KnownNetworks
from application.mail.messages import MakeMessage
from application.ports import Devices, TokenSigner
from application.second_factors.challenges import IssueChallenge, client_binding
from application.second_factors.find import FindFactors
from application.second_factors.policy import SecondFactorPolicy
from application.sessions.revoke import RevokeExcessSessions
from application.sessions.start import StartSession
from domain.audit.details import AuthenticatedBy
from domain.authentication import ONLY_PASSWORD, Level, Method, level_of
from domain.errors import SecondFactorRequired
from domain.mail.message import MailKind, Message
from domain.request_context import RequestContext
from domain.second_factors.challenge import LIFETIME, Ceremony
from domain.session import Lifetimes, Session, Transport
from domain.token import TokenClaims, TokenKind
from domain.user import User


@dataclass(frozen=True, slots=True)
class TokenPair:
    """The two signed tokens of a session, and their lifetimes in seconds."""

    access: str
    refresh: str
    access_lifetime: int
    refresh_lifetime: int


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class IssueTokens:
    """Sign the two tokens of a session: the same ones again until it is refreshed."""

    signer: TokenSigner
    lifetimes: Lifetimes
    second_factor_policy: SecondFactorPolicy

    async def __call__(self, session: Session, user: User) -> TokenPair:
        """
        :param user: described to other services that verify the access token. They do not accept
            it while the policy restricts the session.
        """
        access = TokenClaims.of(
            session,
            TokenKind.ACCESS,
            self.lifetimes,
            user,
            is_restricted=self.second_factor_policy.restricts(session, user),
        )
        refresh = TokenClaims.of(session, TokenKind.REFRESH, self.lifetimes)
        of_access, of_refresh = await self.signer.sign_together(access, refresh)
        return TokenPair(of_access, of_refresh, access.lifetime, refresh.lifetime)


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """
    :ivar device_token: the token that makes this device a known one.
    :ivar transport: how the client gets the tokens.
    :ivar shows_access: whether the body of the answer has the access token beside the cookies.
    """

    tokens: TokenPair
    device_token: str
    transport: Transport = Transport.COOKIE
    shows_access: bool = False


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CompleteLogin:
    """Start the session of a user who has authenticated, or ask for another factor.

    Every login goes through it, so that no way in forgets the second factor.
    """

    find_factors: FindFactors
    issue_challenge: IssueChallenge
    start_session: StartSession
    revoke_excess_sessions: RevokeExcessSessions
    issue_tokens: IssueTokens
    devices: Devices
    known_networks: KnownNetworks
    make_message: MakeMessage

    async def __call__(
        self,
        user: User,
        methods: frozenset[Method],
        caller: RequestContext,
        transport: Transport,
        entry: Entry,
        *,
        shows_access: bool = False,
    ) -> LoggedIn:
        """
        :param user: as read before the methods were verified: a user who has changed since, whose
            sessions have ended, is refused.
        :param methods: that the client has shown.
        :param entry: the record of the login, which this settles.
        :param shows_access: whether the client wants the access token in the body of the answer,
            beside the cookies. The challenge keeps it, as it keeps the transport.
        :raises SecondFactorRequired: the user has a factor that was not shown.
        :raises InvalidCredentials: the user was disabled, changed or deleted at this moment.
        """
        if level_of(methods) < Level.TWO:
            await self._require_no_factor(
                user, methods, caller, transport, shows_access=shows_access
            )
        await self.known_networks.remember(user, caller.address)
        session = await self.start_session(user, caller, transport, methods)
        tokens = await self.issue_tokens(session, user)
        entry.is_about(session)
        if methods != ONLY_PASSWORD:
            entry.details = AuthenticatedBy(methods)
        is_known = self.devices.recognise(caller.device_token, user) is not None
        notice = () if is_known else self._notice(user, caller)
        await entry.settle(entry.success().with_messages(*notice))
        await self.revoke_excess_sessions(user, caller)
        return LoggedIn(tokens, self._device_token(user, caller), transport, shows_access)

    async def _require_no_factor(
        self,
        user: User,
        methods: frozenset[Method],
        caller: RequestContext,
        transport: Transport,
        *,
        shows_access: bool,
    ) -> None:
        factors: Sequence[Method] = (await self.find_factors(user)).methods
        if not factors:
            return
        secret = await self.issue_challenge(
            Ceremony.SECOND_FACTOR,
            user,
            client_binding(caller),
            methods,
            transport,
            shows_access=shows_access,
        )
        raise SecondFactorRequired(factors, secret, int(LIFETIME.total_seconds()))

    def _notice(self, user: User, caller: RequestContext) -> tuple[Message, ...]:
        facts = {"address": caller.address}
        return self.make_message.notice(MailKind.NEW_DEVICE, user, facts)

    def _device_token(self, user: User, caller: RequestContext) -> str:
        """Return the token of a known device unchanged, or a new one.

        Tokens of releases before 0.3 have no authentic id: they are replaced.
        """
        token = caller.device_token
        if token and self.devices.authentic_id(token) and self.devices.recognise(token, user):
            return token
        return self.devices.issue(user)
