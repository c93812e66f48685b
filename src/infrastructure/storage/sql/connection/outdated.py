"""Transactions that are repeated because the schema has changed meanwhile."""

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from domain.errors import Unavailable

_P = ParamSpec("_P")
_T = TypeVar("_T")


class StatementOutdated(Unavailable):
    """The schema has changed since a statement was prepared: the transaction was rolled back."""


def repeat_outdated(
    transaction: Callable[_P, Coroutine[Any, Any, _T]],
) -> Callable[_P, Coroutine[Any, Any, _T]]:
    """Repeat a transaction once whose statement was outdated. All are prepared again by then.

    :param transaction: changes nothing but the database.
    """

    @wraps(transaction)
    async def repeat(*args: _P.args, **options: _P.kwargs) -> _T:
        try:
            return await transaction(*args, **options)
        except StatementOutdated:
            return await transaction(*args, **options)

    return repeat
