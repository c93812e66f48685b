"""The pages that links in mails lead to, unless the operator has pages of their own."""

from dataclasses import dataclass
from pathlib import Path

from litestar import Litestar, get
from litestar.response.base import ASGIResponse

from api.json_request import JsonRequest
from api.security.guard import PUBLIC

_FOLDER = Path(__file__).parents[1] / "static" / "links"
_POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)
_HEADERS = {"Content-Security-Policy": _POLICY, "X-Robots-Tag": "noindex"}


@dataclass(frozen=True, slots=True)
class LinkPages:
    """One page and its script: the script shows what the path and the language ask for."""

    html: ASGIResponse
    script: ASGIResponse

    @classmethod
    def under(cls, path_prefix: str) -> "LinkPages":
        """
        :param path_prefix: where browsers see the routes, such as ``/auth``.
        """
        html = (_FOLDER / "index.html").read_text().replace('="/', f'="{path_prefix}/')
        script = (_FOLDER / "links.js").read_bytes()
        return cls(
            ASGIResponse(body=html.encode(), media_type="text/html", headers=_HEADERS),
            ASGIResponse(body=script, media_type="text/javascript", headers=_HEADERS),
        )


@get(["/reset", "/verify", "/undo"], include_in_schema=False, opt=PUBLIC)
async def page(request: JsonRequest) -> ASGIResponse:
    pages: LinkPages = request.app.state.link_pages
    return pages.html


@get("/reset/links.js", include_in_schema=False, opt=PUBLIC)
async def script(request: JsonRequest) -> ASGIResponse:
    pages: LinkPages = request.app.state.link_pages
    return pages.script


LINK_PAGES = [page, script]


def add_link_pages(app: Litestar, path_prefix: str) -> None:
    """Give the application what :data:`LINK_PAGES` serves.

    :param path_prefix: where browsers see the routes, such as ``/auth``.
    """
    app.state.link_pages = LinkPages.under(path_prefix)
