"""The files of the pages, under names that change with their content."""

from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path

from dishka.integrations.litestar import FromDishka, inject
from litestar import get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from litestar.response.base import ASGIResponse

from api.download import Download
from api.json_request import JsonRequest
from api.web.brand import STYLESHEET, Brand
from api.web.route_options import PAGE

_FOLDER = Path(__file__).parent / "static"
_TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".png": "image/png",
    ".svg": "image/svg+xml",
}
_HEADERS = {
    "Cache-Control": "public, max-age=31536000, immutable",
    "Cross-Origin-Resource-Policy": "same-origin",
}
# No script of a picture runs, even where a browser opens the picture by itself.
_PICTURE = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox"}


class Assets:
    """The files of one installation: those of all, and its brand."""

    def __init__(self, brand: Brand) -> None:
        own = brand.files()
        self._names = {**_names(), **{name: hashed_name(name, own[name]) for name in own}}
        self._downloads = {
            **_downloads(),
            **{self._names[name]: _download(name, own[name]) for name in own},
        }

    def name(self, name: str) -> str:
        """Return the name of a file with a digest of its content: ``pages.1f2e3d4c5b6a.css``."""
        return self._names[name]

    def download(self, name: str) -> Download | None:
        """
        :param name: with the digest.
        """
        return self._downloads.get(name)


def is_asset(name: str) -> bool:
    """Return whether templates may use this file."""
    return name in _names() or name == STYLESHEET


def hashed_name(name: str, content: bytes) -> str:
    path, digest = Path(name), sha256(content).hexdigest()[:12]
    return f"{path.stem}.{digest}{path.suffix}"


@cache
def _names() -> Mapping[str, str]:
    return {name: hashed_name(name, content) for name, content in _files()}


@cache
def _downloads() -> Mapping[str, Download]:
    return {hashed_name(*each): _download(*each) for each in _files()}


@cache
def _files() -> tuple[tuple[str, bytes], ...]:
    """Return the names and the contents of the files of all installations."""
    return tuple(
        (path.name, path.read_bytes()) for path in _FOLDER.iterdir() if path.suffix in _TYPES
    )


def _download(name: str, content: bytes) -> Download:
    media_type = _TYPES[Path(name).suffix]
    headers = _HEADERS | _PICTURE if media_type.startswith("image/") else _HEADERS
    return Download(content, media_type, headers)


@get("/assets/{name:str}", include_in_schema=False, opt=PAGE)
@inject
async def asset(
    request: JsonRequest, assets: FromDishka[Assets], name: FromPath[str]
) -> ASGIResponse:
    found = assets.download(name)
    if found is None:
        raise NotFoundException
    return found.response(request.headers)
