"""What a provider says about itself (OpenID Connect Discovery 1.0)."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from domain.errors import ProviderRefused
from infrastructure.identity_providers.cached import Cached
from infrastructure.identity_providers.http import ProviderHttp
from infrastructure.identity_providers.keys import ALGORITHMS

_PATH = "/.well-known/openid-configuration"
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")


@dataclass(frozen=True, slots=True)
class Metadata:
    """The part of the document that a login needs.

    :ivar algorithms: the accepted ones of those that sign its ID tokens.
    :ivar has_basic: whether the client authenticates in a header, else in the form (RFC 6749,
        section 2.3.1).
    :ivar states_issuer: whether each answer in the browser says who it comes from (RFC 9207).
    """

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None
    algorithms: frozenset[str]
    has_basic: bool
    states_issuer: bool


class Discovery:
    """The metadata of one provider, kept for an hour."""

    def __init__(
        self, issuer: str, http: ProviderHttp, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._issuer = issuer
        self._http = http
        self._cached = Cached(self._fetch, now)

    async def get(self) -> Metadata:
        """
        :raises ProviderUnavailable: the provider does not answer.
        :raises ProviderRefused: the document is not acceptable.
        """
        return await self._cached.get()

    async def _fetch(self) -> Metadata:
        document = await self._http.get("discovery", self._issuer.removesuffix("/") + _PATH)
        if not isinstance(document, dict):
            raise ProviderRefused("discovery_malformed")
        if document.get("issuer") != self._issuer:
            raise ProviderRefused("discovery_issuer_differs")
        endpoints = {name: self._endpoint(name, document.get(name)) for name in _ENDPOINTS}
        userinfo = document.get("userinfo_endpoint")
        return Metadata(
            **endpoints,
            userinfo_endpoint=(
                None if userinfo is None else self._endpoint("userinfo_endpoint", userinfo)
            ),
            algorithms=_algorithms(document),
            has_basic=_has_basic(document),
            states_issuer=document.get("authorization_response_iss_parameter_supported") is True,
        )

    def _endpoint(self, name: str, url: object) -> str:
        if not isinstance(url, str):
            raise ProviderRefused(f"{name}_missing")
        if not self._http.hosts.allow(url):
            raise ProviderRefused(f"{name}_host_not_allowed")
        return url


def _algorithms(document: Mapping[str, Any]) -> frozenset[str]:
    """Return the accepted algorithms. A document has to name its own (section 3)."""
    accepted = ALGORITHMS & _texts(document, "id_token_signing_alg_values_supported", {"RS256"})
    if not accepted:
        raise ProviderRefused("discovery_algorithms_unknown")
    return accepted


def _has_basic(document: Mapping[str, Any]) -> bool:
    name = "token_endpoint_auth_methods_supported"
    methods = _texts(document, name, {"client_secret_basic"})
    if not methods & {"client_secret_basic", "client_secret_post"}:
        raise ProviderRefused("discovery_client_authentication_unknown")
    return "client_secret_basic" in methods


def _texts(document: Mapping[str, Any], name: str, default: set[str]) -> frozenset[str]:
    given = document.get(name)
    if given is None:
        return frozenset(default)
    if not isinstance(given, list):
        raise ProviderRefused("discovery_malformed")
    return frozenset(each for each in given if isinstance(each, str))
