"""The page at ``/`` where there are no pages for people: it says what answers at this address."""

from dataclasses import dataclass

import msgspec
from litestar import Litestar, get
from litestar.response.base import ASGIResponse

from api.json_request import JsonRequest, accepts_html
from api.security.guard import PUBLIC

_PAGE = """\
<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Doorward</title>
  </head>
  <body>
    <main>
      <h1>Doorward</h1>
      <p>This is an authentication service. Applications call its API.</p>
      <ul>
{links}      </ul>
    </main>
  </body>
</html>
"""
_LINKS = {"API documentation": "/docs", "OpenAPI document": "/openapi.json"}
_PUBLIC_LINKS = {"Public keys": "/.well-known/jwks.json", "Health": "/api/healthchecker"}


@dataclass(frozen=True, slots=True)
class RootPage:
    """The page in its two forms: for browsers and for programs.

    :ivar text: what the latter contains.
    """

    html: ASGIResponse
    json: ASGIResponse
    text: bytes

    @classmethod
    def of(cls, path_prefix: str, *, has_docs: bool) -> "RootPage":
        """
        :param path_prefix: where browsers see the routes, such as ``/auth``.
        :param has_docs: whether clients get the documentation, so that there are links to it.
        """
        named = _LINKS | _PUBLIC_LINKS if has_docs else _PUBLIC_LINKS
        links = [path_prefix + path for path in named.values()]
        items = (
            f'        <li><p><a href="{path_prefix}{path}">{name}</a></p></li>\n'
            for name, path in named.items()
        )
        message = f"Doorward, an authentication service. Its API is below {path_prefix}/api/."
        text = msgspec.json.encode({"status": "success", "message": message, "links": links})
        return cls(
            _response(_PAGE.format(links="".join(items)).encode(), "text/html"),
            _response(text, "application/json"),
            text,
        )


@get("/", include_in_schema=False, opt=PUBLIC)
async def root(request: JsonRequest) -> ASGIResponse:
    page: RootPage = request.app.state.root_page
    return page.html if accepts_html(request) else page.json


def prepare_root(app: Litestar, path_prefix: str, *, has_docs: bool) -> None:
    """Make what :func:`root` serves, and the page in its place for programs.

    :param path_prefix: where browsers see the routes, such as ``/auth``.
    :param has_docs: whether clients get the documentation.
    """
    app.state.root_page = RootPage.of(path_prefix, has_docs=has_docs)


def _response(body: bytes, media_type: str) -> ASGIResponse:
    return ASGIResponse(body=body, media_type=media_type, headers={"Vary": "Accept"})
