"""The OpenAPI document and the interactive page for it, without anything from another host."""

from functools import cache
from pathlib import Path

import msgspec
from litestar import Litestar, get
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


@get("/openapi.json", include_in_schema=False, opt=PUBLIC)
async def document(request: JsonRequest) -> ASGIResponse:
    prepared: Download = request.app.state.openapi_document
    return prepared.response(request.headers)


@get("/docs", include_in_schema=False, opt=PUBLIC)
async def page(request: JsonRequest) -> ASGIResponse:
    return _file(request, "index.html")


@get("/docs/{name:str}", include_in_schema=False, opt=PUBLIC)
async def asset(request: JsonRequest, name: FromPath[str]) -> ASGIResponse:
    if name not in _TYPES:
        raise NotFoundException
    return _file(request, name)


DOCUMENTATION = [document, page, asset]


def prepare_documentation(app: Litestar, path_prefix: str) -> None:
    """Encode and compress what :data:`DOCUMENTATION` serves, before the first request.

    :param path_prefix: where browsers see the routes, such as ``/auth``.
    """
    encoded = msgspec.json.encode(app.openapi_schema.to_schema())
    headers = {"Cache-Control": "no-cache"}
    app.state.openapi_document = Download(encoded, "application/json", headers)
    app.state.documentation = _files() | {"index.html": _page(path_prefix)}


def _file(request: JsonRequest, name: str) -> ASGIResponse:
    files: dict[str, Download] = request.app.state.documentation
    return files[name].response(request.headers)


@cache
def _files() -> dict[str, Download]:
    return {
        name: Download((_FOLDER / name).read_bytes(), media_type, _HEADERS)
        for name, media_type in _TYPES.items()
    }


def _page(path_prefix: str) -> Download:
    text = (_FOLDER / "index.html").read_text().replace('="/', f'="{path_prefix}/')
    return Download(text.encode(), _TYPES["index.html"], _HEADERS)
