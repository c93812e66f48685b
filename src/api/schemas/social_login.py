"""Bodies of logins with accounts of other providers."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Self

from msgspec import UNSET, Meta, Struct, UnsetType

from api.schemas.auth import Transport
from api.schemas.members import documented
from api.schemas.success import Success
from api.unknown_members import StrictBody
from application.ports import ProviderAnswer
from application.social_login.begin import Begun
from application.social_login.identities import ShownProvider
from domain.errors import SocialFlowInvalid
from domain.social_login.identity import Identity

_CODE = documented("From the address of the application's page. It is good for 60 seconds, once.")
CODE_VERIFIER = documented(
    "The text whose SHA-256 digest the login was begun with (RFC 7636).",
    min_length=43,
    max_length=128,
)


_LONGEST = {"code": 4096, "state": 100, "iss": 255, "error": 100}
"""The parameters of a callback that are read, with their lengths in characters."""


@dataclass(frozen=True, slots=True)
class CallbackParameters:
    """What a provider has a browser bring back. Other parameters are ignored (RFC 6749, 4.1.2).

    :ivar given: by name.
    """

    given: Mapping[str, str] = field(repr=False)

    @classmethod
    def of(cls, parameters: Iterable[tuple[str, str]]) -> Self:
        """:raises SocialFlowInvalid: one is too long, or there twice."""
        given: dict[str, str] = {}
        for name, value in parameters:
            if name in _LONGEST:
                if name in given or len(value) > _LONGEST[name]:
                    raise SocialFlowInvalid
                given[name] = value
        return cls(given)

    @property
    def state(self) -> str:
        return self.given.get("state", "")

    @property
    def answer(self) -> ProviderAnswer:
        given = self.given.get
        return ProviderAnswer(given("code"), given("error"), given("iss"))


class ProviderView(Struct):
    """A provider."""

    name: Annotated[str, documented("For the routes of this API.", "google")]
    label: Annotated[str, documented("For a button.", "Google")]
    start: Annotated[
        str,
        documented(
            "Where a browser begins to log in with it; add `return_to`.",
            "https://auth.example.com/api/auth/social/google/start",
        ),
    ]


class ProvidersData(Struct):
    """The providers."""

    providers: list[ProviderView]


class ProvidersAnswer(Struct):
    """All providers, in the order of their buttons."""

    status: Success
    data: ProvidersData

    @classmethod
    def of(cls, providers: Iterable[ShownProvider], starts_below: str) -> Self:
        """
        :param starts_below: the URL below which logins begin.
        """
        views = [
            ProviderView(each.name, each.label, f"{starts_below}/{each.name}/start")
            for each in providers
        ]
        return cls("success", ProvidersData(views))


class FlowRequest(StrictBody):
    """Where the browser goes at the end."""

    return_to: Annotated[
        str | None,
        documented(
            "A path of this service, or exactly one of `RETURN_TARGETS`. By default it is a page "
            "of the account; without pages it is required.",
            "/account/security",
        ),
    ] = None


class FlowAnswer(Struct):
    """A flow has begun, for the browser with its cookie."""

    status: Success
    authorization_url: Annotated[
        str, Meta(description="Of the provider: navigate there within ten minutes.")
    ]

    @classmethod
    def of(cls, begun: Begun) -> Self:
        return cls("success", begun.url)


class LinkCode(StrictBody):
    """A code for a link."""

    code: Annotated[str, _CODE]
    code_verifier: Annotated[str, CODE_VERIFIER]


class LoginCode(StrictBody):
    """A code for two tokens."""

    code: Annotated[str, _CODE]
    code_verifier: Annotated[str, CODE_VERIFIER]
    transport: Annotated[
        Transport | UnsetType,
        Meta(description="As in the login with a password."),
    ] = UNSET
    device_token: Annotated[
        str | None,
        Meta(description="From an earlier login with `bearer` transport."),
    ] = None


class IdentityView(Struct, rename="camel"):
    """An account of another provider that logs a user in."""

    id: Annotated[str, Meta(description="For the routes of this API.")]
    provider: Annotated[str, documented("The name of the provider.", "google")]
    email: Annotated[
        str | None, Meta(description="Which the account had at its last login, if it had one.")
    ]
    linked_at: datetime
    last_used_at: datetime | None

    @classmethod
    def of(cls, identity: Identity) -> Self:
        used = identity.last_used_at
        return cls(
            id=identity.id,
            provider=identity.provider,
            email=identity.email,
            linked_at=identity.created_at.astimezone(UTC),
            last_used_at=used and used.astimezone(UTC),
        )


class IdentityData(Struct):
    """The identity."""

    identity: IdentityView


class IdentityAnswer(Struct):
    """One identity."""

    status: Success
    data: IdentityData

    @classmethod
    def of(cls, identity: Identity) -> Self:
        return cls("success", IdentityData(IdentityView.of(identity)))


class IdentitiesData(Struct):
    """The identities."""

    identities: list[IdentityView]


class IdentitiesAnswer(Struct):
    """All accounts of other providers that a user has linked, the oldest first."""

    status: Success
    data: IdentitiesData

    @classmethod
    def of(cls, identities: Iterable[Identity]) -> Self:
        return cls("success", IdentitiesData([IdentityView.of(each) for each in identities]))
