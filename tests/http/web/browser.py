"""A browser without scripts: follows redirects by GET, keeps cookies and submits forms."""

import html
import re
from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import urlencode

import httpx

from tests.http.client import ORIGIN, SOCIAL_CALLBACK, Client
from tests.http.flows import CODE, begin_flow

_TYPED = {"text", "email", "password", "search", "number"}


class _Reader(HTMLParser):
    """Collects what the tests ask of a page.

    :ivar forms: the fields and their values, by the address of each form.
    :ivar typed: the fields that people type into, by the address of each form that is posted.
    """

    def __init__(self) -> None:
        super().__init__()
        self.text: list[str] = []
        self.fields: dict[str, str] = {}
        self.forms: dict[str, dict[str, str]] = {}
        self.links: list[str] = []
        self.typed: dict[str, list[str]] = {}
        self._form: dict[str, str] = {}
        self._action = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form = self.forms.setdefault(known.get("action", ""), {})
            self._action = known["action"] if known.get("method") == "post" else ""
        elif tag in {"input", "textarea"} and "name" in known:
            self._form[known["name"]] = known.get("value", "")
            if self._action and known.get("type", "text") in _TYPED:
                self.typed.setdefault(self._action, []).append(known["name"])
        elif tag == "a":
            self.links.append(known.get("href", ""))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@dataclass
class Page:
    """A page as a person sees it."""

    response: httpx.Response

    @property
    def path(self) -> str:
        return self.response.url.raw_path.decode()

    @property
    def status(self) -> int:
        return self.response.status_code

    @property
    def source(self) -> str:
        return self.response.text

    @property
    def read(self) -> _Reader:
        reader = _Reader()
        reader.feed(self.source)
        return reader

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.read.text)).strip()

    @property
    def title(self) -> str:
        head, _, _ = self.source.partition("</head>")
        [title] = re.findall(r"<title>(.*?)</title>", head, re.DOTALL)
        return html.unescape(title)


@dataclass
class Browser:
    """Opens pages and submits their forms.

    :ivar language: of the ``Accept-Language`` header.
    :ivar origin: of the pages whose forms it submits.
    """

    client: Client
    language: str = "en"
    origin: str = ORIGIN

    async def open(self, path: str) -> Page:
        headers = {
            "Accept": "text/html",
            "Accept-Language": self.language,
            "Sec-Fetch-Site": "none",
        }
        return Page(await self.client.get(path, headers=headers, follow_redirects=True))

    async def submit(self, page: Page, action: str, **typed: str) -> Page:
        """Submit a form of a page, with what was typed and its hidden fields."""
        return await self.post(action, {**page.read.forms[action], **typed})

    async def post(self, action: str, fields: dict[str, str], **headers: str) -> Page:
        sent = {
            "Accept": "text/html",
            "Accept-Language": self.language,
            "Origin": self.origin,
            "Sec-Fetch-Site": "same-origin",
            "Sec-Fetch-Mode": "navigate",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        return Page(
            await self.client.post(action, data=fields, headers=sent, follow_redirects=True)
        )

    async def come_back(self, page: Page, **parameters: str) -> Page:
        """Return from the provider to which a page leads."""
        [state] = re.findall(r'href="https://[^"]*state=([^"&]+)', page.source)
        return await self.end_flow(state, **parameters)

    async def log_in_at_provider(self, return_to: str = "/account") -> Page:
        """Log in by the account of which the provider says that it is there."""
        state = await begin_flow(self.client, return_to=return_to)
        return await self.end_flow(state)

    async def end_flow(self, state: str, **parameters: str) -> Page:
        query = {"code": CODE} | parameters | {"state": state}
        return await self.open(f"{SOCIAL_CALLBACK}?{urlencode(query)}")

    async def log_in(self, email: str, password: str, return_to: str = "") -> Page:
        query = f"?return_to={return_to}" if return_to else ""
        page = await self.open(f"/login{query}")
        return await self.submit(page, "/login", email=email, password=password)
