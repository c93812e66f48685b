"""The files of the pages, under names that change with their content."""

from functools import cache
from hashlib import sha256
from pathlib import Path

from litestar import get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from litestar.response.base import ASGIResponse

from api.download import Download
from api.json_request import JsonRequest
from api.web.route_options import PAGE

_FOLDER = Path(__file__).parent / "static"
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_HEADERS = {"Cache-Control": "public, max-age=31536000, immutable"}


@cache
def _downloads() -> dict[str, Download]:
    return {
        hashed_name(path.name): Download(path.read_bytes(), _TYPES[path.suffix], _HEADERS)
        for path in _FOLDER.iterdir()
        if path.suffix in _TYPES
    }


@cache
def hashed_name(name: str) -> str:
    """Return the name of a file with a digest of its content: ``pages.1f2e3d4c5b6a.css``."""
    path = _FOLDER / name
    digest = sha256(path.read_bytes()).hexdigest()[:12]
    return f"{path.stem}.{digest}{path.suffix}"


@get("/assets/{name:str}", include_in_schema=False, opt=PAGE)
async def asset(request: JsonRequest, name: FromPath[str]) -> ASGIResponse:
    try:
        return _downloads()[name].response(request.headers)
    except KeyError:
        raise NotFoundException from None
