"""What the operator has decided about logins at other providers."""

from dataclasses import dataclass

from domain.errors import InvalidInput, Problem
from domain.social_login.rules import LinkingPolicy


@dataclass(frozen=True, slots=True)
class SocialPolicy:
    """
    :ivar linking: whether an unknown account logs in the user who has its address.
    :ivar app_addresses: where a browser may take a code: to exactly one of these.
    """

    linking: LinkingPolicy = LinkingPolicy.OFF
    app_addresses: frozenset[str] = frozenset()

    def require_app_address(self, address: str) -> None:
        """:raises InvalidInput: it is none of the list. Another one would get the code."""
        if address not in self.app_addresses:
            message = "must be exactly one of the addresses that are configured"
            raise InvalidInput(Problem("return_to", message))
