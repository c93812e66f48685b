"""Sessions of level 2, as an enrolment leaves them."""

from dishka import AsyncContainer

from application.login.complete import IssueTokens, TokenPair
from application.ports import SessionStore, UserRepository
from application.sessions.start import RenewSession
from domain.authentication import Method
from tests.http.client import EMAIL, stored_user


async def raised_to_level_two(container: AsyncContainer, email: str = EMAIL) -> TokenPair:
    """Return the tokens of the user's only session, after a code of an authenticator app."""
    user = await stored_user(await container.get(UserRepository), email)
    [session] = await (await container.get(SessionStore)).of_user(user.id)
    renew_session = await container.get(RenewSession)
    renewed = await renew_session(session, user, frozenset({Method.TOTP}), is_step_up=True)
    return await (await container.get(IssueTokens))(renewed, user)
