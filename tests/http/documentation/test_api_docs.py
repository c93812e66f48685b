"""The page of the OpenAPI document loads nothing from other hosts."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar

import api
from api.controllers import api_docs
from api.controllers.api_docs import Documentation
from api.download import Download
from infrastructure.config.settings import Settings
from tests.http.client import CLIENT_ORIGIN, Client

FILES = Path(api.__file__).with_name("static") / "swagger_ui"
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".json": "application/json",
}


class Links(HTMLParser):
    """The links of a page, and its inline scripts and styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.inline: list[str] = []
        self._tag = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._tag = tag
        for name, value in attrs:
            if name in {"href", "src", "data", "action", "srcset"}:
                self.targets.append(value or "")
            if name == "style" or name.startswith("on"):
                self.inline.append(value or "")

    def handle_data(self, data: str) -> None:
        if self._tag in {"script", "style"} and data.strip():
            self.inline.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == self._tag:
            self._tag = ""


async def test_everything_that_the_page_needs_is_there(client: Client) -> None:
    page = await client.get("/docs")
    links = Links(page.text)

    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert links.inline == []
    assert len(links.targets) == 5
    for target in links.targets:
        url = page.url.join(target)
        answer = await client.get(url)
        assert url.host == page.url.host
        assert answer.status_code == 200
        assert answer.headers["content-type"] == TYPES[re.findall(r"\.\w+$", url.path)[0]]
        assert answer.content


async def test_the_first_request_for_documentation_prepares_it_once_for_all(
    client: Client, app: Litestar, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    class Counted(Download):
        def __init__(self, body: bytes, media_type: str, headers: Mapping[str, str]) -> None:
            super().__init__(body, media_type, headers)
            made.append(media_type)

    monkeypatch.setattr(api_docs, "Download", Counted)
    monkeypatch.setattr(app.state, "documentation", Documentation(app, ""))
    api_docs._files.cache_clear()

    assert (await client.get("/health/live")).status_code == 200
    assert made == []
    await asyncio.gather(*(client.get(path) for path in ("/openapi.json", "/docs", "/docs") * 2))
    assert made.count("application/json") == 1
    assert len(made) == len(TYPES) + 3


async def test_the_page_finds_the_document(client: Client) -> None:
    start = await client.get("/docs/start.js")

    [url] = re.findall(r'url: new URL\("([^"]*)", document.currentScript.src\)', start.text)

    assert (await client.get(start.url.join(url))).json()["openapi"]


@pytest.mark.parametrize("path", ["/docs", "/docs/start.js"])
async def test_no_other_host_is_named(client: Client, path: str) -> None:
    text = (await client.get(path)).text

    assert re.findall(r"(?:https?:)?//[\w.-]+\.\w+", text) == []


async def test_the_style_sheet_loads_nothing(client: Client) -> None:
    text = (await client.get("/docs/swagger-ui.css")).text

    assert "@import" not in text
    assert {target.strip("\"'")[:5] for target in re.findall(r"url\(([^)]*)\)", text)} <= {"data:"}


@pytest.mark.parametrize("path", ["/docs", "/docs/start.js", "/docs/swagger-ui-bundle.js"])
async def test_the_policy_forbids_loading_from_other_origins(client: Client, path: str) -> None:
    answer = await client.get(path)

    directives = [part.split() for part in answer.headers["content-security-policy"].split("; ")]
    assert {name: set(sources) for name, *sources in directives} == {
        "default-src": {"'none'"},
        "script-src": {"'self'"},
        "style-src": {"'self'", "'unsafe-inline'"},
        "img-src": {"'self'", "data:"},
        "connect-src": {"'self'"},
        "base-uri": {"'none'"},
        "form-action": {"'none'"},
        "frame-ancestors": {"'none'"},
    }


@pytest.mark.parametrize(
    "path",
    [
        "/docs/nothing.js",
        "/docs/README.md",
        "/docs/LICENSE",
        "/docs/NOTICE",
        "/docs/swagger-ui-bundle.js.LICENSE.txt",
        "/docs/swagger-ui-bundle.js.map",
        "/docs/docs.py",
        "/docs/START.JS",
        "/docs/start.js%00",
        "/docs/start.js%20",
        "/docs/%00",
        "/docs/%2e",
        "/docs/%2e%2e",
        "/docs/%2e%2e/app.py",
        "/docs/..%2fapp.py",
        "/docs/%2e%2e%2fapp.py",
        "/docs/..%5capp.py",
        "/docs/%252e%252e%252fapp.py",
        "/docs/....//app.py",
        "/docs/..;/app.py",
        "/docs/%2fetc%2fpasswd",
        "/docs//etc/passwd",
        "/docs/swagger_ui/start.js",
        "/docs/%c0%ae%c0%ae%c0%afapp.py",
        "/docs/C:%5cwindows%5cwin.ini",
        "/%2e%2e/%2e%2e/etc/passwd",
    ],
)
async def test_nothing_else_is_served(client: Client, path: str) -> None:
    answer = await client.get(path)

    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"


async def test_the_files_are_served_as_they_are(client: Client) -> None:
    for name in ("start.js", "swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png"):
        answer = await client.get(f"/docs/{name}")
        assert answer.content == (FILES / name).read_bytes()


async def test_the_page_is_public_and_reads_no_cookie(client: Client) -> None:
    anonymous = await client.get("/docs", headers={"Origin": CLIENT_ORIGIN})
    await client.sign_up()

    assert (await client.get("/docs")).content == anonymous.content


SERVED = ["/docs", "/docs/start.js", "/docs/swagger-ui-bundle.js", "/openapi.json"]


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("gzip", "gzip"),
        ("br;q=1.0, GZIP;q=0.8, *;q=0.1", "gzip"),
        ("deflate,gzip", "gzip"),
        ("identity", None),
        ("gzip;q=0", None),
        ("gzip;q=0.000, br", None),
        ("br, x-gzip-not", None),
        ("", None),
    ],
)
@pytest.mark.parametrize("path", ["/docs/swagger-ui-bundle.js", "/openapi.json"])
async def test_documentation_is_compressed_for_clients_that_accept_it(
    client: Client, path: str, accepted: str, encoding: str | None
) -> None:
    plain = await client.get(path, headers={"Accept-Encoding": "identity"})
    answer = await client.get(path, headers={"Accept-Encoding": accepted})

    assert answer.headers.get("content-encoding") == encoding
    assert answer.headers.get_list("vary") == ["Origin, Accept-Encoding"]
    assert answer.content == plain.content
    if encoding:
        assert int(answer.headers["content-length"]) < len(plain.content) / 3


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
@pytest.mark.parametrize("path", SERVED)
async def test_a_client_that_has_the_documentation_gets_no_body(
    client: Client, path: str, encoding: str
) -> None:
    headers = {"Accept-Encoding": encoding}
    tag = (await client.get(path, headers=headers)).headers["etag"]

    same = await client.get(path, headers=headers | {"If-None-Match": f'"other", W/{tag}'})
    other = await client.get(path, headers=headers | {"If-None-Match": '"other"'})

    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
    assert "content-length" not in same.headers
    assert other.status_code == 200


async def test_the_two_encodings_of_a_document_have_different_tags(client: Client) -> None:
    tags = {
        (await client.get("/openapi.json", headers={"Accept-Encoding": each})).headers["etag"]
        for each in ("gzip", "identity")
    }

    assert len(tags) == 2


async def pieces_of(app: Litestar, path: str) -> list[bytes]:
    """Return the pieces of a body as the server receives them."""
    handed: list[bytes] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            handed.append(message["body"])

    scope: Any = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1"}
    scope |= {"method": "GET", "path": path, "raw_path": path.encode(), "query_string": b""}
    scope |= {"headers": [], "client": ("127.0.0.1", 1), "server": ("localhost", 8000)}
    scope |= {"scheme": "http", "root_path": "", "state": {}}
    await app(scope, receive, send)
    return handed


@pytest.mark.parametrize("path", ["/docs/swagger-ui-bundle.js", "/openapi.json"])
async def test_downloads_share_their_pieces_and_wait_after_each(app: Litestar, path: str) -> None:
    """The unread part of a download is in memory once, not once for each client."""
    one, other = await pieces_of(app, path), await pieces_of(app, path)

    assert max(map(len, one)) == 32 * 1024
    assert all(first is second for first, second in zip(one, other, strict=True))


class TestSwitchedOff:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return replace(settings, http=replace(settings.http, api_docs=False))

    @pytest.mark.parametrize("path", [*SERVED, "/docs/", "/docs/swagger-ui.css"])
    async def test_disabled_documentation_is_not_served(self, client: Client, path: str) -> None:
        answer = await client.get(path)

        assert answer.status_code == 404
        assert answer.json()["code"] == "not_found"

    async def test_other_routes_are_served_without_documentation(self, client: Client) -> None:
        assert (await client.register()).status_code == 200
        assert (await client.get("/.well-known/jwks.json")).status_code == 200
