"""Long lists, a page at a time, over the wire."""

from typing import Annotated, Any, Self

from litestar.params import QueryParameter
from msgspec import UNSET, Meta, Struct, UnsetType

from application.ports.pagination import Page, Total
from domain.errors import InvalidInput, Problem
from domain.text import is_clean

After = Annotated[
    str | None, QueryParameter(description="`next` of the page before; without it the first page.")
]
PageSize = Annotated[int, QueryParameter(ge=1, le=200, description="How many on a page.")]

_LONGEST = 255


def searched(field: str, text: str | None) -> str | None:
    """
    :raises InvalidInput: nothing that could be found has such characters, or is so long.
    """
    if text is not None and (len(text) > _LONGEST or not is_clean(text)):
        raise InvalidInput(Problem(field, "cannot be searched for"))
    return text


class PageView(Struct, rename="camel"):
    """Where in a long list this is."""

    next: Annotated[
        str | None, Meta(description="For `after`, to get the next page; null on the last one.")
    ]
    total: Annotated[
        int | UnsetType, Meta(description="How many there are on all pages; with the first page.")
    ] = UNSET
    total_is_exact: Annotated[
        bool | UnsetType, Meta(description="Whether they were counted, or else estimated.")
    ] = UNSET

    @classmethod
    def of(cls, page: Page[Any], total: Total | None = None) -> Self:
        if total is None:
            return cls(page.next)
        return cls(page.next, total.count, total.is_exact)
