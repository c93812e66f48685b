"""Who may do what. Nothing asks for a role by its name: it asks for a permission.

A new role is a name here and a line in the table; a new permission is a name and the roles that
have it.
"""

from collections.abc import Mapping
from enum import StrEnum


class Permission(StrEnum):
    READ_USERS = "users:read"
    CHANGE_USERS = "users:change"
    DELETE_USERS = "users:delete"
    END_SESSIONS = "sessions:end"
    READ_AUDIT = "audit:read"


class Role(StrEnum):
    USER = "user"
    ADMIN = "admin"

    def may(self, permission: Permission) -> bool:
        return permission in PERMISSIONS[self]


PERMISSIONS: Mapping[Role, frozenset[Permission]] = {
    Role.USER: frozenset(),
    Role.ADMIN: frozenset(Permission),
}

ADMINISTRATORS = frozenset(role for role in Role if role.may(Permission.CHANGE_USERS))
"""The roles without which nobody could give anybody a role."""
