"""What the query of a login with another provider asks for."""

from dataclasses import dataclass
from typing import Annotated

from litestar.params import QueryParameter

from domain.errors import InvalidInput, Problem
from domain.social_login.flow import AppClient


@dataclass(frozen=True, slots=True)
class WantedLogin:
    """What the query of a login asks for.

    :ivar app: the application that gets a code; ``None`` if the browser gets cookies.
    """

    return_to: str | None
    app: AppClient | None
    is_fresh: bool


async def wanted_login(
    return_to: Annotated[
        str | None,
        QueryParameter(
            description="Where the browser goes after the login: a path of this service, or "
            "exactly one of `RETURN_TARGETS`. By default it is the account's page; without "
            "pages it is required."
        ),
    ] = None,
    code_challenge: Annotated[
        str | None,
        QueryParameter(
            description="The application at `return_to` gets a code in place of cookies: the "
            "SHA-256 digest of its verifier, in base64url without padding (RFC 7636)."
        ),
    ] = None,
    code_challenge_method: Annotated[
        str | None, QueryParameter(description="`S256`, with `code_challenge`.")
    ] = None,
    app_state: Annotated[
        str | None,
        QueryParameter(
            name="state",
            description="What the application gets back with the code: at most 512 printable "
            "ASCII characters.",
        ),
    ] = None,
    fresh: Annotated[
        bool,
        QueryParameter(
            description="The person has to log in there again. An application needs it for the "
            "code of a step-up."
        ),
    ] = False,
) -> WantedLogin:
    """
    :raises InvalidInput: the parameters do not belong together, or are malformed.
    """
    app = _app_client(code_challenge, code_challenge_method, app_state)
    return WantedLogin(return_to, app, fresh)


def _app_client(
    code_challenge: str | None, method: str | None, state: str | None
) -> AppClient | None:
    if code_challenge is None:
        given = {"code_challenge_method": method, "state": state}
        unused = [name for name, value in given.items() if value is not None]
        if unused:
            raise InvalidInput(*(Problem(name, "needs a code_challenge") for name in unused))
        return None
    if method != "S256":
        raise InvalidInput(Problem("code_challenge_method", "must be S256"))
    return AppClient.parse(code_challenge, state or "")
