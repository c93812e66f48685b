"""The sections of the pages for administrators."""

from dataclasses import dataclass

from domain.permissions import Permission


@dataclass(frozen=True, slots=True)
class Section:
    """
    :ivar name: of its text in the navigation.
    :ivar path: of its first page.
    :ivar permission: that a visitor needs to open it.
    """

    name: str
    path: str
    permission: Permission


SECTIONS = (
    Section("overview", "/admin", Permission.READ_FIGURES),
    Section("users", "/admin/users", Permission.READ_USERS),
    Section("audit", "/admin/audit", Permission.READ_AUDIT),
    Section("keys", "/admin/keys", Permission.READ_KEYS),
    Section("mail", "/admin/mail", Permission.READ_MAIL),
    Section("settings", "/admin/settings", Permission.READ_SETTINGS),
)
"""In the order of the navigation."""
