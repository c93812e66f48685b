"""Responses that are the same for every client: encoded and compressed once, sent in pieces."""

import gzip
import re
from collections.abc import Mapping
from hashlib import sha256

from litestar.datastructures import Headers
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Send

PIECE = 32 * 1024
"""Bytes that are handed to the server at once. It waits while a client does not read."""

# RFC 9110, section 12.5.3. A client that refuses gzip with q=0 is rare, and gets it plain.
_GZIP = re.compile(r"(?:^|[\s,])gzip\s*(?:;\s*q=(?:1|0\.0*[1-9])[0-9.]*\s*)?(?:,|$)")


def entity_tag(body: bytes) -> str:
    """Return a strong entity tag (RFC 9110, section 8.8.3)."""
    return f'"{sha256(body).hexdigest()[:32]}"'


def is_current(headers: Headers, tag: str) -> bool:
    """Return whether the client has this version already (RFC 9110, section 13.1.2)."""
    known = headers.get("if-none-match", "").split(",")
    return any(each.strip().removeprefix("W/") in {tag, "*"} for each in known)


class _InPieces(ASGIResponse):
    """A response whose body is sent in pieces, which all responses share.

    The server keeps what a client does not read. As one piece that would be the whole body, for
    each client again.
    """

    def __init__(self, body: bytes, media_type: str, headers: Mapping[str, str]) -> None:
        super().__init__(content_length=len(body), media_type=media_type, headers=dict(headers))
        self._pieces = [body[start : start + PIECE] for start in range(0, len(body), PIECE)]

    async def send_body(self, send: Send, receive: Receive) -> None:  # noqa: ARG002
        last = len(self._pieces) - 1
        for number, piece in enumerate(self._pieces):
            more = number < last
            await send({"type": "http.response.body", "body": piece, "more_body": more})


class Download:
    """A body in its two encodings, with entity tags.

    :param media_type: with its parameters, if it has any.
    :param headers: of all its responses.
    """

    def __init__(self, body: bytes, media_type: str, headers: Mapping[str, str]) -> None:
        compressed = gzip.compress(body, mtime=0)
        self._plain = _versions(body, media_type, headers)
        self._compressed = self._plain
        if len(compressed) < len(body):
            encoded = {**headers, "Content-Encoding": "gzip"}
            self._compressed = _versions(compressed, media_type, encoded)

    def response(self, headers: Headers) -> ASGIResponse:
        """Return the response to a request with these headers.

        It is 304 without a body if the client has this version already.
        """
        accepts_gzip = _GZIP.search(headers.get("accept-encoding", "").lower())
        tag, full, not_modified = self._compressed if accepts_gzip else self._plain
        return not_modified if is_current(headers, tag) else full


def _versions(
    body: bytes, media_type: str, headers: Mapping[str, str]
) -> tuple[str, ASGIResponse, ASGIResponse]:
    tag = entity_tag(body)
    tagged = {**headers, "ETag": tag, "Vary": "Accept-Encoding"}
    return tag, _InPieces(body, media_type, tagged), ASGIResponse(status_code=304, headers=tagged)
