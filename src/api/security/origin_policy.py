"""Where the service lives on the web, and whether a browser's request comes from there.

Cookies are sent by the browser whoever wrote the page. So a call that is authenticated by a cookie
and changes something must come from a page of ours or of a client that was named (OWASP ASVS 5.0,
row 3.5.1; W3C Fetch Metadata).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address

from domain.errors import AuthError
from domain.outcome import Outcome

_PORT = re.compile(r":\d+$")


class CrossSiteRequest(AuthError):
    """A browser sends the cookies of a person who may not know of the request."""

    outcome = Outcome.CROSS_SITE_REQUEST


@dataclass(frozen=True, slots=True)
class OriginPolicy:
    """
    :ivar origin: under which browsers reach the service, such as ``https://auth.example.com``.
    :ivar client_origins: the other origins whose pages may call it with cookies.
    :ivar trusted_proxies: the networks of proxies whose word on the caller's address counts.
    :ivar hosts: the names that it goes by, without ports; any when there are none.
    """

    origin: str
    client_origins: frozenset[str] = frozenset()
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    hosts: frozenset[str] = frozenset()

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
        return any(parsed in network for network in self.trusted_proxies)

    def goes_by(self, hosts: Sequence[str]) -> bool:
        """
        :param hosts: the Host headers of a request; more or less than one is never right.
        """
        if not self.hosts:
            return True
        return len(hosts) == 1 and _PORT.sub("", hosts[0].lower()) in self.hosts

    def reject_cross_site(self, headers: Mapping[str, str]) -> None:
        """Let only those pass who may use a person's cookies.

        Programs that are not browsers send none of these headers, and carry nobody's cookies but
        their own.

        :param headers: of the request, by lower-case name.
        :raises CrossSiteRequest: the browser says that another site or a navigation sent it.
        """
        origin, origin_policy = headers.get("origin"), headers.get("sec-fetch-site")
        is_trusted = (
            self.trusts(origin) if origin is not None else origin_policy in {None, "same-origin"}
        )
        is_navigation = headers.get("sec-fetch-mode") == "navigate"
        if not is_trusted or is_navigation or origin_policy == "cross-site":
            raise CrossSiteRequest
