"""Environment variables: how a setting declares its own, and how it is read.

A part of the settings is a frozen dataclass whose fields are made by :func:`declare`.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Generic, TypeVar, cast

_T = TypeVar("_T")
_Part = TypeVar("_Part")

_QUOTED = re.compile(r"""(["']).*\1""", re.DOTALL)
_CREDENTIALS = re.compile(r"(://)(?:(?!://)\S)*@")
_SERVICE_LINK = re.compile(r"(tcp|udp|sctp)://[^/]+:[0-9]+")


class ConfigurationError(Exception):
    """A wrong setting: one line that names the variable and never contains its value."""

    def __init__(self, variable: str, message: str) -> None:
        super().__init__(f"{variable} {message}")


@dataclass(frozen=True, slots=True)
class Variable(Generic[_T]):
    """One environment variable.

    :ivar parse: reads its text; raises :class:`ValueError`.
    :ivar default: as an operator would write it; ``None`` where there is none.
    :ivar meaning: one or two sentences for docs/configuration.md.
    :ivar is_secret: whether its value must not be shown.
    """

    name: str
    parse: Callable[[str], _T]
    default: str | None
    meaning: str
    is_secret: bool

    def read(self, environment: Mapping[str, str]) -> _T | None:
        """Return the typed value. An empty variable counts as not set, and so does a service link.

        :raises ConfigurationError: its text cannot be read.
        """
        given = environment.get(self.name, "").strip()
        if is_service_link(self.name, given):
            given = ""
        if _QUOTED.fullmatch(given):
            raise ConfigurationError(
                self.name,
                "is in quotation marks, which `docker --env-file` does not remove: "
                "set it without them",
            )
        text = given or self.default
        if text is None:
            return None
        try:
            return self.parse(text)
        except ValueError as error:
            raise ConfigurationError(self.name, str(error)) from None

    def in_text(self, value: _T | None, given: str | None) -> str | None:
        """Return a value as an operator would write it; ``None`` if there is none.

        :param given: the text that the variable had, which may be out of date.
        :raises ValueError: the variable is a secret.
        """
        if self.is_secret:
            raise ValueError(f"{self.name} is a secret")
        if value == self.read({}):
            return self.default
        text = "off" if value is None else str(value)
        if given is not None and self._means(given, value):
            text = given
        return _CREDENTIALS.sub(r"\1…@", text)

    def _means(self, text: str, value: _T | None) -> bool:
        try:
            return self.parse(text) == value
        except ValueError:
            return False


def is_service_link(name: str, text: str) -> bool:
    """Return whether Kubernetes set a variable: beside a Service called ``postgres`` each pod gets
    ``POSTGRES_PORT=tcp://10.96.0.17:5432``.
    """
    return name.endswith("_PORT") and _SERVICE_LINK.fullmatch(text.strip()) is not None


def declare(
    name: str,
    parse: Callable[[str], _T],
    default: str | None,
    meaning: str,
    *,
    is_secret: bool = False,
) -> _T:
    """Declare a field of a part of the settings. See :class:`Variable` for the arguments."""
    variable = Variable(name, parse, default, meaning, is_secret)
    return cast(
        _T,
        field(default=variable.read({}), metadata={"variable": variable}, repr=not is_secret),
    )


def variables_of(part: type, prefix: str = "") -> list[Variable[Any]]:
    """Return the variables of a part of the settings.

    :param prefix: what their names begin with, if the part can be there several times.
    """
    variables = [each.metadata["variable"] for each in fields(part)]
    return [replace(each, name=prefix + each.name) for each in variables]


def read_part(part: type[_Part], environment: Mapping[str, str], prefix: str = "") -> _Part:
    """Read a part of the settings.

    :param prefix: see :func:`variables_of`.
    :raises ConfigurationError: the text of a variable cannot be read.
    """
    names = [each.name for each in fields(cast(Any, part))]
    variables = variables_of(part, prefix)
    return part(
        **{name: each.read(environment) for name, each in zip(names, variables, strict=True)}
    )
