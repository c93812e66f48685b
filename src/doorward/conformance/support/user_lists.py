"""Users, queries and the expected lists, for the tests of user lists."""

import string
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from itertools import product
from typing import Any, TypeVar

from application.pagination import UserQuery
from application.ports import UserRepository
from domain.email import Email
from domain.permissions import Role
from domain.user import User
from doorward.conformance.support.examples import MICROSECOND, NOW, SECOND, a_user

_T = TypeVar("_T")

EVERYONE = UserQuery()
LISTS = {"by time": EVERYONE, "by address": UserQuery(email=""), "by name": UserQuery(name="")}
FILTERS = list(product([None, *Role], [None, True, False]))


def ranked_user(rank: float, **changes: Any) -> User:
    """Return a user with this rank in every list; the lowest rank comes first."""
    user = a_user(
        name=f"Ada {rank:06.1f}",
        email=Email.parse(f"ada{rank:06.1f}@example.org"),
        created_at=NOW - rank * SECOND,
    )
    return replace(user, **changes)


def ranked_users(number: int) -> list[User]:
    return [ranked_user(rank) for rank in range(number)]


def varied_users() -> list[User]:
    """Return users of all filters in all combinations, with equal names and equal times."""
    names = ("Ada Lovelace", "ADA LOVELACE", "ada", "Adam", "Bob")
    times = (NOW, NOW - MICROSECOND)
    facts = list(product(names, Role, (True, False), times))
    return [
        a_user(
            name=name,
            email=Email.parse(f"{('ada', 'adam', 'bob')[number % 3]}{number}@example.org"),
            role=role,
            disabled=disabled,
            created_at=time,
        )
        for number, (name, role, disabled, time) in enumerate(shuffled(facts, 1))
    ]


def shuffled(items: Sequence[_T], seed: int) -> list[_T]:
    """Return the items in another order, the same in each run."""
    order = sorted(range(len(items)), key=lambda i: sha256(f"{seed} {i}".encode()).digest())
    return [items[i] for i in order]


def lowered(text: str) -> str:
    return text.translate(str.maketrans(string.ascii_uppercase, string.ascii_lowercase))


def is_match(user: User, query: UserQuery) -> bool:
    return (
        user.email.key.startswith(query.email or "")
        and lowered(user.name).startswith(lowered(query.name or ""))
        and query.role in {None, user.role}
        and query.disabled in {None, user.disabled}
    )


def listed(some: Sequence[User], query: UserQuery) -> list[User]:
    """Return the matching users, in the order of the list."""
    found = [user for user in some if is_match(user, query)]
    if query.email is not None:
        return sorted(found, key=lambda user: (user.email.key, user.id))
    if query.name is not None:
        return sorted(found, key=lambda user: (lowered(user.name), user.id))
    return sorted(found, key=lambda user: (user.created_at, user.id), reverse=True)


async def found(users: UserRepository, query: UserQuery) -> list[User]:
    page = await users.page(query, None, 1000)
    assert page.next is None
    return list(page.items)


SEARCHES = {
    **LISTS,
    "some address": UserQuery(email="ada"),
    "some name": UserQuery(name="aDA"),
    "both": UserQuery(email="ada", name="ada"),
    "no user": UserQuery(name="Zoe"),
}

QUERIES = [
    replace(search, role=role, disabled=disabled)
    for search in SEARCHES.values()
    for role, disabled in FILTERS
]

NAMES = (
    "%",
    "%%",
    "100% Ada",
    "_",
    "_da",
    "a_b",
    "a%b",
    "\\",
    "\\% Ada",
    "back\\slash",
    "O'Brien",
    "''; DROP TABLE users",
    '"Ada"',
    "Ada [a-z]*?",
    "👩‍💻 Ada",
    "👩",
    "zoë",
    "zoë 李小龍",
    "李小龍",
    "محمد",
    "ΣΊΣΥΦΟΣ ΣΟΦΌΣ",
    "İdil",
    "Ada\U0010ffff",
)
