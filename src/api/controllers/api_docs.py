"""The OpenAPI document and the interactive page for it, without anything from another host."""

import asyncio
from functools import cache
from pathlib import Path
from threading import Lock

import msgspec
from litestar import Litestar, get
from litestar.datastructures import Headers
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from litestar.response.base import ASGIResponse

from api.download import Download
from api.json_request import JsonRequest
from api.security.guard import PUBLIC

_FOLDER = Path(__file__).parents[1] / "static" / "swagger_ui"
_TYPES = {
    "index.html": "text/html",
    "start.js": "text/javascript",
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon-32x32.png": "image/png",
}
# Swagger UI writes style attributes; its scripts come from here, and none is inline.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_HEADERS = {"Content-Security-Policy": _POLICY, "Cache-Control": "public, max-age=3600"}
_REVALIDATE = {"Cache-Control": "no-cache"}


_DOCUMENT = "openapi.json"


class Documentation:
    """The OpenAPI document and the files of the page, encoded and compressed on first use.

    That takes half a second of computing time, which most processes never need.

    :param path_prefix: where browsers see the routes, such as ``/auth``.
    """

    def __init__(self, app: Litestar, path_prefix: str) -> None:
        self._app = app
        self._path_prefix = path_prefix
        self._lock = Lock()
        self._downloads: dict[str, Download] = {}

    async def response(self, name: str, headers: Headers) -> ASGIResponse:
        """Return the response to a request with these headers.

        :raises KeyError: there is no such file.
        """
        downloads = self._downloads or await asyncio.to_thread(self._prepare)
        return downloads[name].response(headers)

    def _prepare(self) -> dict[str, Download]:
        with self._lock:
            if not self._downloads:
                document = msgspec.json.encode(self._app.openapi_schema.to_schema())
                self._downloads = _files() | {
                    "index.html": _page(self._path_prefix),
                    _DOCUMENT: Download(document, "application/json", _REVALIDATE),
                }
            return self._downloads


@get(f"/{_DOCUMENT}", include_in_schema=False, opt=PUBLIC)
async def document(request: JsonRequest) -> ASGIResponse:
    return await _response(request, _DOCUMENT)


@get("/docs", include_in_schema=False, opt=PUBLIC)
async def page(request: JsonRequest) -> ASGIResponse:
    return await _response(request, "index.html")


@get("/docs/{name:str}", include_in_schema=False, opt=PUBLIC)
async def asset(request: JsonRequest, name: FromPath[str]) -> ASGIResponse:
    if name not in _TYPES:
        raise NotFoundException
    return await _response(request, name)


DOCUMENTATION = [document, page, asset]


def add_documentation(app: Litestar, path_prefix: str) -> None:
    """Give the application what :data:`DOCUMENTATION` serves.

    :param path_prefix: where browsers see the routes, such as ``/auth``.
    """
    app.state.documentation = Documentation(app, path_prefix)


async def _response(request: JsonRequest, name: str) -> ASGIResponse:
    documentation: Documentation = request.app.state.documentation
    return await documentation.response(name, request.headers)


@cache
def _files() -> dict[str, Download]:
    return {
        name: Download((_FOLDER / name).read_bytes(), media_type, _HEADERS)
        for name, media_type in _TYPES.items()
    }


def _page(path_prefix: str) -> Download:
    text = (_FOLDER / "index.html").read_text().replace('="/', f'="{path_prefix}/')
    return Download(text.encode(), _TYPES["index.html"], _HEADERS)
