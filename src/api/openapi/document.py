"""Finish the document: what Litestar leaves out, or writes in a form that generators misread."""

from collections.abc import Iterator
from http import HTTPStatus
from inspect import cleandoc
from typing import Any, TypeAlias

from msgspec import Struct

from api.schemas import (
    audit,
    auth,
    errors,
    health,
    jwks,
    pages,
    sessions,
    social_login,
    success,
    users,
)
from api.schemas.account import changes, email_verification, export, password_reset
from api.schemas.second_factors import credentials, factors, passkeys, step_up

Json: TypeAlias = Any

_MODULES = (
    audit, auth, changes, credentials, email_verification, errors, export, health, jwks, pages,
    passkeys, password_reset, factors, sessions, social_login, step_up, success, users,
)  # fmt: skip
_SCHEMAS = {
    name: each
    for module in _MODULES
    for name, each in vars(module).items()
    if isinstance(each, type) and issubclass(each, Struct)
}
_NEW_PASSWORDS = {
    "Registration": "password",
    "PasswordChange": "new_password",
    "PasswordReset": "password",
}
_DEFAULT_DESCRIPTIONS = {status.description for status in HTTPStatus}


def finish(document: dict[str, Json], shortest_password: int) -> dict[str, Json]:
    """
    :param document: as Litestar writes it.
    :param shortest_password: the minimum length of a new password, in characters.
    """
    schemas = document["components"]["schemas"]
    for name, schema in schemas.items():
        if name in _SCHEMAS:
            _describe(schema, _SCHEMAS[name])
    for name, member in _NEW_PASSWORDS.items():
        schemas[name]["properties"][member]["minLength"] = shortest_password
    for operation in _operations(document):
        operation.setdefault("security", [])
        for response in operation["responses"].values():
            _describe_response(response, schemas)
    return {name: _simplified(each) for name, each in document.items()}


def _describe(schema: Json, struct: type[Struct]) -> None:
    schema["description"] = cleandoc(struct.__doc__ or "")
    if struct.__struct_config__.forbid_unknown_fields:
        schema["additionalProperties"] = False
    for name in getattr(struct, "UNDOCUMENTED", ()):
        del schema["properties"][name]


def _describe_response(response: Json, schemas: Json) -> None:
    """Replace the standard phrase for a status by the description of the body."""
    for content in response.get("content", {}).values():
        name = content["schema"].get("$ref", "").rpartition("/")[2]
        if response["description"] in _DEFAULT_DESCRIPTIONS and name in schemas:
            response["description"] = schemas[name]["description"]


def _operations(document: Json) -> Iterator[Json]:
    for path in document["paths"].values():
        yield from path.values()


def _simplified(node: Json) -> Json:
    """Write a choice of one schema as that schema, and a choice of a type and null as a list of
    types: generated code has one name fewer, and no empty type.
    """
    if isinstance(node, list):
        return [_simplified(each) for each in node]
    if not isinstance(node, dict):
        return node
    members = {name: _simplified(each) for name, each in node.items()}
    match members.get("oneOf"):
        case [only]:
            members.pop("oneOf")
            return members | only
        case [{"type": str(kind), **more}, {"type": "null"}] if "enum" not in more:
            members.pop("oneOf")
            return {"type": [kind, "null"], **more, **members}
    return members
