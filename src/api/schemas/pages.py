"""Pages of long lists."""

from typing import Annotated, Any, Self

from litestar.params import QueryParameter
from msgspec import UNSET, Meta, Struct, UnsetType

from application.pagination import Page, Total
from domain.errors import InvalidInput, Problem
from domain.text import is_clean

After = Annotated[
    str | None,
    QueryParameter(description="`next` of the previous page; omitted for the first page."),
]
PageSize = Annotated[int, QueryParameter(ge=1, le=200, description="Items a page.")]

_LONGEST = 255


def searched(field: str, text: str | None) -> str | None:
    """
    :raises InvalidInput: the text has control characters or is too long to match anything.
    """
    if text is not None and (len(text) > _LONGEST or not is_clean(text)):
        raise InvalidInput(Problem(field, "cannot be searched for"))
    return text


class PageView(Struct, rename="camel"):
    """The position in a long list."""

    next: Annotated[
        str | None, Meta(description="For `after`, to get the next page; null on the last page.")
    ]
    total: Annotated[
        int | UnsetType, Meta(description="The number of items on all pages; with the first page.")
    ] = UNSET
    total_is_exact: Annotated[
        bool | UnsetType,
        Meta(description="Whether the total was counted; otherwise it is an estimate."),
    ] = UNSET

    @classmethod
    def of(cls, page: Page[Any], total: Total | None = None) -> Self:
        if total is None:
            return cls(page.next)
        return cls(page.next, total.count, total.is_exact)
