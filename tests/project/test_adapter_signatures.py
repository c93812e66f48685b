"""Each adapter can be called as its port says: by position or by name, with the same defaults."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from typing import Any

import pytest
from typing_extensions import get_protocol_members, is_protocol

import infrastructure.identity_providers
import infrastructure.mail
import infrastructure.passkeys
import infrastructure.passwords
import infrastructure.signing
import infrastructure.storage
from application import ports
from application.ports import NO_EFFECTS, Effects, SessionStore, Stored
from domain.session import SessionId
from domain.user import UserId

PORTS = [each for each in vars(ports).values() if inspect.isclass(each) and is_protocol(each)]


def load_adapters() -> None:
    packages = (
        infrastructure.storage,
        infrastructure.signing,
        infrastructure.passwords,
        infrastructure.mail,
        infrastructure.passkeys,
        infrastructure.identity_providers,
    )
    for package in packages:
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(found.name)


def adapters_of(port: type[Any]) -> Iterator[type[Any]]:
    for adapter in port.__subclasses__():
        if adapter.__module__.startswith("infrastructure."):
            yield adapter
            yield from adapters_of(adapter)


def parameters(owner: type[Any], method: str) -> list[tuple[str, str, object]]:
    signature = inspect.signature(getattr(owner, method))
    return [
        (each.name, each.kind.description, each.default) for each in signature.parameters.values()
    ]


load_adapters()
METHODS = [
    pytest.param(port, adapter, method, id=f"{adapter.__name__}.{method}")
    for port in PORTS
    for adapter in sorted(set(adapters_of(port)), key=lambda each: each.__qualname__)
    for method in sorted(get_protocol_members(port))
    if hasattr(port, method)  # no attribute
]


@pytest.mark.parametrize(("port", "adapter", "method"), METHODS)
def test_an_adapter_has_the_parameters_of_its_port(
    port: type[Any], adapter: type[Any], method: str
) -> None:
    assert parameters(adapter, method) == parameters(port, method)


def test_every_port_has_an_adapter() -> None:
    assert [port.__name__ for port in PORTS if not list(adapters_of(port))] == []


def test_a_parameter_of_another_name_is_found() -> None:
    class Renamed(SessionStore):
        async def delete(
            self, user_id: UserId, session_id: SessionId, _effects: Effects = NO_EFFECTS
        ) -> Stored[bool]:
            raise NotImplementedError

    assert parameters(Renamed, "delete") != parameters(SessionStore, "delete")
