"""Other providers of identities, such as Google, GitHub or a company's own one."""

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from domain.errors import NotFound
from domain.social_login.identity import Identity, ProviderAccount, ProviderName


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """What one flow sends to its provider, and checks in the answer.

    :ivar state: goes to the provider and comes back.
    :ivar code_verifier: of PKCE (RFC 7636): the provider gets its digest first.
    :ivar nonce: the provider repeats it in the ID token (OpenID Connect Core, section 3.1.2.1).
    :ivar is_fresh: whether the person has to authenticate again, though logged in there.
    """

    state: str = field(repr=False)
    code_verifier: str = field(repr=False)
    nonce: str = field(repr=False)
    is_fresh: bool = False


@dataclass(frozen=True, slots=True)
class ProviderAnswer:
    """The parameters that a browser brings back.

    :ivar error: a code of RFC 6749, section 4.1.2.1; ``None`` of a success.
    :ivar issuer: who has answered (RFC 9207).
    """

    code: str | None = field(default=None, repr=False)
    error: str | None = None
    issuer: str | None = None


class IdentityProvider(Protocol):
    """One provider. It keeps no state of flows, and none of the tokens that it gets."""

    name: ProviderName
    label: str
    """For people, on a button."""

    @abstractmethod
    async def authorization_url(self, request: AuthorizationRequest) -> str:
        """Return where the browser goes.

        :raises ProviderUnavailable: the provider does not answer.
        """

    @abstractmethod
    async def account(
        self, answer: ProviderAnswer, request: AuthorizationRequest
    ) -> ProviderAccount:
        """Exchange the code, check everything that the provider says, and drop its tokens.

        :param request: which the browser was sent away with.
        :raises ProviderCancelled: the person did not agree.
        :raises ProviderRefused: the answer is an error, or a check fails. The reason is logged.
        :raises ProviderUnavailable: the provider does not answer, or too slowly.
        """


@dataclass(frozen=True, slots=True)
class IdentityProviders:
    """The configured ones, in the order in which people see them."""

    all: Sequence[IdentityProvider] = ()

    def named(self, name: str) -> IdentityProvider:
        """:raises NotFound: no provider has this name."""
        for provider in self.all:
            if provider.name == name:
                return provider
        raise NotFound

    def count_usable(self, identities: Iterable[Identity]) -> int:
        """Return how many of these log their user in: the provider of each is configured."""
        names = {provider.name for provider in self.all}
        return sum(each.provider in names for each in identities)

    def label_of(self, name: str) -> str:
        """Return the label of a provider, or the name of one that is not configured any more."""
        return next((each.label for each in self.all if each.name == name), name)
