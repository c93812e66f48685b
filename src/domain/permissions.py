"""Roles and their permissions. Code requires a permission, never a role by its name.

To add a role, add a name and a line in the table; to add a permission, add a name and the roles
that have it.
"""

from collections.abc import Mapping
from enum import StrEnum


class Permission(StrEnum):
    READ_USERS = "users:read"
    CHANGE_USERS = "users:change"
    DELETE_USERS = "users:delete"
    END_SESSIONS = "sessions:end"
    READ_AUDIT = "audit:read"
    READ_KEYS = "keys:read"
    READ_FIGURES = "figures:read"
    CHANGE_KEYS = "keys:change"
    READ_MAIL = "mail:read"
    CHANGE_MAIL = "mail:change"
    READ_SETTINGS = "settings:read"


class Role(StrEnum):
    USER = "user"
    AUDITOR = "auditor"
    ADMIN = "admin"

    @property
    def has_permissions(self) -> bool:
        """Whether users with it see or change what belongs to others."""
        return bool(PERMISSIONS[self])

    def may(self, permission: Permission) -> bool:
        return permission in PERMISSIONS[self]


PERMISSIONS: Mapping[Role, frozenset[Permission]] = {
    Role.USER: frozenset(),
    Role.AUDITOR: frozenset(
        {
            Permission.READ_USERS,
            Permission.READ_AUDIT,
            Permission.READ_KEYS,
            Permission.READ_FIGURES,
            Permission.READ_MAIL,
            Permission.READ_SETTINGS,
        },
    ),
    Role.ADMIN: frozenset(Permission),
}

ADMINISTRATORS = frozenset(role for role in Role if role.may(Permission.CHANGE_USERS))
"""The roles whose users can change roles."""
