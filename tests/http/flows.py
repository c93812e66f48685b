"""Logins at another provider, as far as a client of this service sees them."""

from urllib.parse import parse_qsl, urlsplit

import httpx

from domain.social_login.flow import code_challenge_of
from tests.http.client import SOCIAL_CALLBACK, SOCIAL_START, Client
from tests.support.social_login import ANSWER

APP, VERIFIER = "com.example.app:/callback", "v" * 43
"""The address of an application, which has to be configured, and the secret of its login."""
CHALLENGE = {
    "code_challenge": code_challenge_of(VERIFIER),
    "code_challenge_method": "S256",
}
CODE = ANSWER.code or ""
"""Of the provider."""


async def begin_flow(client: Client, **query: str) -> str:
    """Return the ``state`` of a new login."""
    return state_of(await client.get(SOCIAL_START, params=query))


async def end_flow(client: Client, state: str, **parameters: str) -> httpx.Response:
    """Come back from the provider."""
    query = {"code": CODE} | parameters | {"state": state}
    return await client.get(SOCIAL_CALLBACK, params=query)


async def code_for_app(client: Client, **query: str) -> dict[str, str]:
    """Return the code that the application gets, and its verifier."""
    state = await begin_flow(client, return_to=APP, **CHALLENGE, **query)
    ended = await end_flow(client, state)
    return {"code": query_of(ended.headers["location"])["code"], "code_verifier": VERIFIER}


def state_of(begun: httpx.Response) -> str:
    """Return the ``state`` of a redirect to the provider, or of a link to it."""
    assert begun.status_code in {200, 303}, begun.text
    url = begun.headers.get("location") or begun.json()["authorization_url"]
    assert url.startswith("https://")
    return query_of(url)["state"]


def query_of(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query, strict_parsing=True))
