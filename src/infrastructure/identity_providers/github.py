"""GitHub, whose OAuth 2.0 has no ID tokens: its API says who has logged in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from application.ports import AuthorizationRequest, IdentityProvider, ProviderAnswer
from domain.email import Email
from domain.errors import ProviderRefused
from domain.social_login.identity import ProviderAccount, ProviderName
from infrastructure.identity_providers.answers import (
    authorization_url,
    bearer,
    code_of,
    email_of,
    name_of,
)
from infrastructure.identity_providers.http import TIMEOUT, AllowedHosts, ProviderHttp
from infrastructure.identity_providers.refusals import refusals_logged

_PUBLIC = "https://github.com"
_API_HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
_ERRORS = {
    "bad_verification_code",
    "incorrect_client_credentials",
    "redirect_uri_mismatch",
    "unverified_user_email",
    "application_suspended",
}
"""Of the token endpoint, in an answer with status 200."""
_MOST_USERS = 2**63


@dataclass(frozen=True, slots=True, kw_only=True)
class GitHubClient:
    """
    :ivar url: the origin of the web site; it is the issuer of the identities, too.
    """

    name: ProviderName
    label: str
    url: str = _PUBLIC
    client_id: str
    client_secret: str = field(repr=False)
    redirect_uri: str

    @property
    def api(self) -> str:
        """Where the API of this GitHub is."""
        host = urlsplit(self.url).netloc
        is_hosted = self.url == _PUBLIC or host.endswith(".ghe.com")
        return f"https://api.{host}" if is_hosted else f"{self.url}/api/v3"


class GitHub(IdentityProvider):
    """
    :param timeout: of each request, in seconds.
    """

    def __init__(self, client: GitHubClient, *, timeout: float = TIMEOUT) -> None:
        self.name, self.label = client.name, client.label
        self.redirect_uri = client.redirect_uri
        self._client = client
        hosts = AllowedHosts(client.url, frozenset({urlsplit(client.api).netloc}))
        self._http = ProviderHttp(hosts, timeout)

    async def authorization_url(self, request: AuthorizationRequest) -> str:
        parameters = {
            "client_id": self._client.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": "read:user user:email",
        }
        if request.is_fresh:  # more cannot be asked for
            parameters["prompt"] = "select_account"
        return authorization_url(f"{self._client.url}/login/oauth/authorize", request, parameters)

    async def account(
        self, answer: ProviderAnswer, request: AuthorizationRequest
    ) -> ProviderAccount:
        with refusals_logged(self.name):
            issuers = {self._client.url, f"{self._client.url}/login/oauth"}
            code = code_of(answer, issuers, is_issuer_needed=False)
            token = await self._access_token(code, request.code_verifier)
            user = await self._ask("user", "/user", token)
            emails = await self._ask("emails", "/user/emails?per_page=100", token)
            email = _primary(emails)
            return ProviderAccount(
                self.name,
                self._client.url,
                _subject(user),
                email,
                email is not None,
                name_of(user.get("name"), user.get("login")),
                is_fresh=request.is_fresh,
            )

    async def check(self) -> None:
        """Let GitHub refuse a code that it never issued.

        :raises ProviderUnavailable: it does not answer.
        :raises ProviderRefused: it does not know this client, or has another answer.
        """
        try:
            await self._access_token("doorward-doctor", "doorward-doctor-" * 3)
        except ProviderRefused as error:
            if error.reason != "token_bad_verification_code":
                raise

    async def close(self) -> None:
        await self._http.close()

    async def _access_token(self, code: str, verifier: str) -> Mapping[str, str]:
        """Exchange a code for the header with an access token."""
        form = {
            "client_id": self._client.client_id,
            "client_secret": self._client.client_secret,
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": verifier,
        }
        url = f"{self._client.url}/login/oauth/access_token"
        answer = await self._http.post("token", url, form, {})
        if not isinstance(answer, dict):
            raise ProviderRefused("token_malformed")
        if error := answer.get("error"):
            is_known = isinstance(error, str) and error in _ERRORS
            raise ProviderRefused(f"token_{error if is_known else 'error'}")
        return bearer(answer.get("access_token"))

    async def _ask(self, what: str, path: str, token: Mapping[str, str]) -> Any:
        return await self._http.get(what, f"{self._client.api}{path}", _API_HEADERS | dict(token))


def _subject(user: Any) -> str:
    number = user.get("id") if isinstance(user, dict) else None
    if not isinstance(number, int) or isinstance(number, bool) or not 0 < number < _MOST_USERS:
        raise ProviderRefused("user_without_id")
    return str(number)


def _primary(emails: Any) -> Email | None:
    """Return the primary address if GitHub has verified it.

    :raises ProviderRefused: the answer is no list of addresses.
    """
    if not isinstance(emails, list):
        raise ProviderRefused("emails_malformed")
    for each in emails:
        if isinstance(each, dict) and each.get("primary") is True and each.get("verified") is True:
            return email_of(each.get("email"))
    return None
