"""The variables of OpenID providers, any number of them.

Each provider has its variables under a name that the operator chooses: ``OIDC_KEYCLOAK_ISSUER``,
``OIDC_KEYCLOAK_CLIENT_ID`` and so on.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from domain.social_login.identity import ProviderName, is_provider_name
from infrastructure.config.environment_variables import (
    ConfigurationError,
    Variable,
    read_part,
    variables_of,
)
from infrastructure.config.social_login.providers import GITHUB, GOOGLE, OidcSettings

_PREFIX = "OIDC_"
_NAME = re.compile(r"[A-Z0-9_]+")
_SERVICE_VARIABLE = re.compile(r".*_(SERVICE_(HOST|PORT(_.+)?)|PORT(_[0-9]+_(TCP|UDP|SCTP).*)?)")
"""What Kubernetes sets in each pod beside a Service whose name begins with ``oidc-``."""
_MEMBERS = {each.name: each for each in variables_of(OidcSettings)}
_REQUIRED = ("ISSUER", "CLIENT_ID", "CLIENT_SECRET")


def read_oidc(environment: Mapping[str, str]) -> Mapping[ProviderName, OidcSettings]:
    """Read the OpenID providers, sorted by name.

    :raises ConfigurationError: a value cannot be read, a provider lacks a required member, or a
        variable names no member.
    """
    found: dict[str, set[str]] = {}
    for variable in _given(environment):
        name, member = _parts(variable)
        found.setdefault(name, set()).add(member)
    for name, members in found.items():
        if missing := [each for each in _REQUIRED if each not in members]:
            given = f"{_PREFIX}{name}_{min(members)}"
            raise ConfigurationError(
                given, f"is set, and {_PREFIX}{name}_{missing[0]} is not: a provider needs both"
            )
    return {
        provider_name(name): read_part(OidcSettings, environment, f"{_PREFIX}{name}_")
        for name in sorted(found, key=provider_name)
    }


def oidc_variables(environment: Mapping[str, str]) -> Iterator[Variable[Any]]:
    """Yield the variables of OpenID providers that are set, and can be."""
    names = set()
    for variable in _given(environment):
        try:
            names.add(_parts(variable)[0])
        except ConfigurationError:
            continue
    for name in sorted(names):
        yield from variables_of(OidcSettings, f"{_PREFIX}{name}_")


def provider_name(name: str) -> ProviderName:
    """Return what routes and rows call a provider: ``MY_IDP`` in variables is ``my-idp``."""
    return ProviderName(name.lower().replace("_", "-"))


def variable_prefix(provider: ProviderName) -> str:
    """Return what the variables of an OpenID provider begin with."""
    return f"{_PREFIX}{provider.upper().replace('-', '_')}_"


def _given(environment: Mapping[str, str]) -> Collection[str]:
    return [
        name
        for name, text in environment.items()
        if name.startswith(_PREFIX) and text.strip() and not _SERVICE_VARIABLE.fullmatch(name)
    ]


def _parts(variable: str) -> tuple[str, str]:
    """Return the name of the provider and the member that a variable is for.

    :raises ConfigurationError: it has neither or one of them only.
    """
    rest = variable.removeprefix(_PREFIX)
    for member in _MEMBERS:
        name = rest.removesuffix(f"_{member}")
        if name != rest:
            return _checked_name(variable, name), member
    raise ConfigurationError(
        variable,
        f"is no setting: write {_PREFIX}<NAME>_ with one of {', '.join(_MEMBERS)}",
    )


def _checked_name(variable: str, name: str) -> str:
    provider = provider_name(name)
    if provider in {GOOGLE, GITHUB}:
        raise ConfigurationError(
            variable, f"has a name of its own: set {name}_CLIENT_ID and {name}_CLIENT_SECRET"
        )
    if not (_NAME.fullmatch(name) and is_provider_name(provider)):
        raise ConfigurationError(
            variable,
            "must have a name of at most 30 capital letters, digits and _, a letter first",
        )
    return name
