"""The OpenAPI document and the interactive page for it, without anything from another host."""

from pathlib import Path
from typing import Any

from litestar import Request, Response, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

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


@get("/openapi.json", include_in_schema=False, opt=PUBLIC)
async def document(request: Request[Any, Any, Any]) -> dict[str, Any]:
    return request.app.openapi_schema.to_schema()


@get("/docs", include_in_schema=False, opt=PUBLIC)
async def page() -> Response[bytes]:
    return _file("index.html")


@get("/docs/{name:str}", include_in_schema=False, opt=PUBLIC)
async def asset(name: FromPath[str]) -> Response[bytes]:
    return _file(name)


def _file(name: str) -> Response[bytes]:
    if name not in _TYPES:
        raise NotFoundException
    return Response(
        (_FOLDER / name).read_bytes(),
        media_type=_TYPES[name],
        headers={"Content-Security-Policy": _POLICY, "Cache-Control": "public, max-age=3600"},
    )


DOCUMENTATION = [document, page, asset]
