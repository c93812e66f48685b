"""A provider that speaks OpenID Connect Core 1.0."""

import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus

from application.ports import AuthorizationRequest, Clock, IdentityProvider, ProviderAnswer
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
from infrastructure.identity_providers.discovery import Discovery, Metadata
from infrastructure.identity_providers.http import TIMEOUT, AllowedHosts, ProviderHttp
from infrastructure.identity_providers.id_token import IdTokenCheck
from infrastructure.identity_providers.keys import ProviderKeys
from infrastructure.identity_providers.refusals import refusals_logged


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcClient:
    """What the operator has configured about one provider.

    :ivar hosts: which endpoints may have, beside that of the issuer.
    :ivar domains: whose addresses may log in; all if it is empty.
    :ivar has_hosted_domain: whether the claim ``hd`` says the domain, as Google has it.
    :ivar can_reauthenticate: whether the provider can be asked to authenticate a person again,
        and says when it has done that.
    """

    name: ProviderName
    label: str
    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    redirect_uri: str
    scopes: tuple[str, ...] = ("openid", "email", "profile")
    hosts: frozenset[str] = frozenset()
    domains: frozenset[str] = frozenset()
    has_hosted_domain: bool = False
    emails_verified: bool = False
    trust_amr: bool = False
    can_reauthenticate: bool = True


class OidcProvider(IdentityProvider):
    """
    :param timeout: of each request, in seconds.
    :param now: for what is cached: a clock that never goes back, in seconds.
    """

    def __init__(
        self,
        client: OidcClient,
        clock: Clock,
        *,
        timeout: float = TIMEOUT,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name, self.label = client.name, client.label
        self.redirect_uri = client.redirect_uri
        self._client = client
        self._clock = clock
        self._http = ProviderHttp(AllowedHosts(client.issuer, client.hosts), timeout)
        self._discovery = Discovery(client.issuer, self._http, now)
        self._keys = ProviderKeys(self._http, now)

    async def authorization_url(self, request: AuthorizationRequest) -> str:
        with refusals_logged(self.name):
            metadata = await self._discovery.get()
        parameters = {
            "client_id": self._client.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": " ".join(self._client.scopes),
            "nonce": request.nonce,
        }
        return authorization_url(
            metadata.authorization_endpoint, request, parameters | self._prompt(request)
        )

    async def account(
        self, answer: ProviderAnswer, request: AuthorizationRequest
    ) -> ProviderAccount:
        with refusals_logged(self.name):
            metadata = await self._discovery.get()
            code = code_of(answer, {self._client.issuer}, is_issuer_needed=metadata.states_issuer)
            tokens = await self._tokens(metadata, code, request.code_verifier)
            claims = await self._claims(metadata, tokens, request)
            return self._account(claims, request)

    async def check(self) -> None:
        """Fetch discovery and keys, and let the provider refuse a code that it never issued.

        :raises ProviderUnavailable: it does not answer.
        :raises ProviderRefused: it is not usable, or does not know this client.
        """
        metadata = await self._discovery.get()
        keys = await self._keys.all(metadata.jwks_uri)
        if not any(each.algorithms & metadata.algorithms for each in keys):
            raise ProviderRefused("keys_unusable")
        try:
            await self._tokens(metadata, "doorward-doctor", "doorward-doctor-" * 3)
        except ProviderRefused as error:
            if error.reason not in {"token_invalid_grant", "token_invalid_request"}:
                raise

    async def close(self) -> None:
        await self._http.close()

    def _prompt(self, request: AuthorizationRequest) -> dict[str, str]:
        if not request.is_fresh:
            return {}
        if not self._client.can_reauthenticate:
            return {"prompt": "select_account"}
        return {"prompt": "login", "max_age": "0"}

    async def _tokens(self, metadata: Metadata, code: str, verifier: str) -> dict[str, Any]:
        """Exchange a code (RFC 6749, section 4.1.3)."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": verifier,
        }
        headers = {}
        if metadata.has_basic:
            headers["Authorization"] = f"Basic {self._credentials()}"
        else:
            form["client_id"] = self._client.client_id
            form["client_secret"] = self._client.client_secret
        tokens = await self._http.post("token", metadata.token_endpoint, form, headers)
        if not isinstance(tokens, dict):
            raise ProviderRefused("token_malformed")
        return tokens

    def _credentials(self) -> str:
        """Both are form-encoded first (RFC 6749, section 2.3.1)."""
        parts = (self._client.client_id, self._client.client_secret)
        return b64encode(":".join(map(quote_plus, parts)).encode()).decode()

    async def _claims(
        self, metadata: Metadata, tokens: Mapping[str, Any], request: AuthorizationRequest
    ) -> dict[str, Any]:
        """Return the claims of the ID token, and those of the userinfo if it has no address."""
        check = IdTokenCheck(
            self._client.issuer,
            self._client.client_id,
            request.nonce,
            metadata.algorithms,
            auth_time=request.is_fresh and self._client.can_reauthenticate,
        )

        async def find_key(kid: str | None, algorithm: str) -> Any:
            return await self._keys.find(metadata.jwks_uri, kid, algorithm)

        claims = await check(tokens.get("id_token"), find_key, self._clock())
        if claims.get("email") is not None or metadata.userinfo_endpoint is None:
            return claims
        headers = bearer(tokens.get("access_token"))
        userinfo = await self._http.get("userinfo", metadata.userinfo_endpoint, headers)
        if not isinstance(userinfo, dict) or userinfo.get("sub") != claims["sub"]:
            raise ProviderRefused("userinfo_subject_differs")
        # The verification goes with the address: that of the token has none.
        own = {name: userinfo.get(name) for name in ("email", "email_verified")}
        return userinfo | claims | own

    def _account(
        self, claims: Mapping[str, Any], request: AuthorizationRequest
    ) -> ProviderAccount:
        email = email_of(claims.get("email"))
        is_verified = email is not None and self._is_verified(claims)
        self._check_domain(claims, email if is_verified else None)
        references = claims.get("amr")
        has_several = isinstance(references, list) and "mfa" in references
        return ProviderAccount(
            self.name,
            self._client.issuer,
            claims["sub"],
            email,
            is_verified,
            name_of(claims.get("name"), claims.get("preferred_username")),
            has_second_factor=has_several and self._client.trust_amr,
            is_fresh=request.is_fresh,
        )

    def _is_verified(self, claims: Mapping[str, Any]) -> bool:
        """Some providers write the claim as a text."""
        stated = claims.get("email_verified")
        return self._client.emails_verified or stated is True or stated == "true"

    def _check_domain(self, claims: Mapping[str, Any], email: Email | None) -> None:
        """
        :param email: a verified one.
        :raises ProviderRefused: the person belongs to none of the domains.
        """
        if not self._client.domains:
            return
        if self._client.has_hosted_domain:
            domain = claims.get("hd")
        else:
            domain = email.key.rpartition("@")[2] if email else None
        if not isinstance(domain, str) or domain.lower() not in self._client.domains:
            raise ProviderRefused("domain_not_allowed")
