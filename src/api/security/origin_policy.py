"""Decide which origins may use a browser's cookies.

A browser sends cookies with requests from any page. So a request that is authenticated by a cookie
and changes something must come from the service's own origin or from a named client (OWASP ASVS
5.0, row 3.5.1; W3C Fetch Metadata).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

from domain.errors import AuthError
from domain.outcome import Outcome

_PORT = re.compile(r":\d+$")


class CrossSiteRequest(AuthError):
    """A page of another site has sent a request with the cookies of a user."""

    outcome = Outcome.CROSS_SITE_REQUEST


@dataclass(frozen=True, slots=True)
class OriginPolicy:
    """The origins, proxies and host names that the service trusts.

    :ivar origin: the public origin of the service, such as ``https://auth.example.com``.
    :ivar client_origins: other origins whose pages may call it with cookies.
    :ivar trusted_proxies: networks of proxies that may report the address of a client.
    :ivar hsts_subdomains: whether subdomains of the origin are to be reached by https only, too.
    :ivar hosts: the allowed host names, without ports; empty allows any.
    :ivar other_names: origins under which a browser reaches this service, too.
    """

    origin: str
    client_origins: frozenset[str] = frozenset()
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    hosts: frozenset[str] = frozenset()
    hsts_subdomains: bool = False
    other_names: frozenset[str] = frozenset()

    @property
    def is_https(self) -> bool:
        return self.origin.startswith("https://")

    def trusts(self, origin: str) -> bool:
        return origin == self.origin or origin in self.client_origins

    def trusts_proxy(self, address: str) -> bool:
        if not self.trusted_proxies:
            return False
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        if isinstance(parsed, IPv6Address):
            parsed = parsed.ipv4_mapped or parsed
        return any(parsed in network for network in self.trusted_proxies)

    def allows_host(self, hosts: Sequence[str]) -> bool:
        """Return whether the host name is allowed.

        :param hosts: the Host headers of a request; only exactly one is valid.
        """
        if not self.hosts:
            return True
        return len(hosts) == 1 and _PORT.sub("", hosts[0].lower()) in self.hosts

    def reject_cross_site(self, headers: Mapping[str, str]) -> None:
        """Reject a request that may not use the cookies of a user.

        Programs other than browsers send none of these headers, and only cookies of their own.

        :param headers: of the request, by lower-case name.
        :raises CrossSiteRequest: the browser states that another site or a navigation sent it.
        """
        origin, fetch_site = headers.get("origin"), headers.get("sec-fetch-site")
        is_trusted = (
            self.trusts(origin) if origin is not None else fetch_site in {None, "same-origin"}
        )
        is_navigation = headers.get("sec-fetch-mode") == "navigate"
        if not is_trusted or is_navigation or fetch_site == "cross-site":
            raise CrossSiteRequest

    def reject_foreign_form(self, headers: Mapping[str, str]) -> None:
        """Accept only a form of a page of this service.

        Its submission is a navigation, with or without cookies. A browser that does not say where
        it comes from is refused: logging in under another person's name starts that way, too.

        :param headers: of the request, by lower-case name.
        :raises CrossSiteRequest: the form is not known to be one of this service.
        """
        origin, fetch_site = headers.get("origin"), headers.get("sec-fetch-site")
        if fetch_site is not None and fetch_site != "same-origin":
            raise CrossSiteRequest
        if origin is None and fetch_site is None:
            raise CrossSiteRequest
        if origin is not None and not self.is_own(origin):
            raise CrossSiteRequest

    def is_own(self, origin: str) -> bool:
        """Return whether pages of this origin are this service's."""
        return origin == self.origin or origin in self.other_names
