"""Read request bodies: JSON in UTF-8, declared as such; and forms where browsers send them."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from litestar import Request
from litestar.datastructures import State
from litestar.exceptions import HTTPException, InternalServerException
from msgspec import DecodeError
from msgspec.json import decode

from api.unknown_members import reject_unknown
from domain.actor import Principal
from domain.errors import InvalidInput, Problem

_MOST_FIELDS = 50


class JsonRequest(Request[Principal, None, State]):
    """A request that checks the content type before it parses JSON.

    Litestar parses JSON of any content type, so a form of another site could send it without a
    preflight (CORS).
    """

    async def body(self) -> bytes:
        """
        :raises InvalidInput: the client disconnected before the end of the body.
        """
        try:
            return await super().body()
        except InternalServerException:
            raise InvalidInput(Problem("body", "ended early")) from None

    async def json(self) -> Any:
        """
        :raises HTTPException: 415, the body is not declared as JSON in UTF-8.
        :raises InvalidInput: the body is not JSON, or has members that its schema refuses.
        """
        media_type, parameters = self.content_type
        charset = parameters.get("charset", "utf-8").strip('"').lower()
        if media_type.lower() != "application/json" or charset not in {"utf-8", "utf8"}:
            raise HTTPException(status_code=415)
        try:
            members = decode(await self.body())
        except (DecodeError, UnicodeDecodeError, RecursionError):
            raise InvalidInput(Problem("body", "is not JSON")) from None
        if data := self.route_handler.parsed_data_field:
            reject_unknown(members, data.annotation)
        return members


def accepts_html(request: Request[Any, Any, Any]) -> bool:
    """Return whether the request is one of a browser that opens a page."""
    return "text/html" in request.headers.get("accept", "").lower()


def is_prefetch(headers: Mapping[str, str]) -> bool:
    """Return whether the browser only prepares for a visit (Fetch, ``Sec-Purpose``)."""
    return "prefetch" in headers.get("sec-purpose", headers.get("purpose", "")).lower()


def is_embedded(headers: Mapping[str, str]) -> bool:
    """Return whether a page loads it as an image, a frame or by a script (Fetch Metadata)."""
    return headers.get("sec-fetch-dest", "document") != "document"


async def form_fields(request: JsonRequest) -> list[tuple[str, str]]:
    """Return the fields of a form that was sent as ``application/x-www-form-urlencoded``.

    :raises HTTPException: 415, it was sent as something else.
    :raises InvalidInput: it is not in UTF-8, or has too many fields.
    """
    media_type, _ = request.content_type
    if media_type.lower() != "application/x-www-form-urlencoded":
        raise HTTPException(status_code=415)
    body = await request.body()
    try:
        return parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MOST_FIELDS,
        )
    except ValueError:
        raise InvalidInput(Problem("body", "is not a form")) from None
