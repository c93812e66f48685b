"""Adapters name their parameters as their ports do, so that every call may use keywords."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from typing import Any

import pytest

import infrastructure
from application import ports

PORTS: list[type[Any]] = [
    port for port in vars(ports).values() if inspect.isclass(port) and inspect.isabstract(port)
]


def adapters(port: type[Any]) -> Iterator[type[Any]]:
    for adapter in port.__subclasses__():
        if adapter.__module__.startswith("infrastructure."):
            yield adapter
        yield from adapters(adapter)


@pytest.fixture(scope="module", autouse=True)
def _all_adapters_are_imported() -> None:
    for module in pkgutil.walk_packages(infrastructure.__path__, "infrastructure."):
        importlib.import_module(module.name)


@pytest.mark.parametrize("port", PORTS, ids=lambda port: port.__name__)
def test_each_port_has_an_adapter_with_the_same_parameter_names(port: type[Any]) -> None:
    found = list(adapters(port))
    assert found
    for adapter in found:
        for method in port.__abstractmethods__:
            assert parameters(adapter, method) == parameters(port, method), adapter


def parameters(owner: type[Any], method: str) -> list[str]:
    return list(inspect.signature(getattr(owner, method)).parameters)
