"""What pages do in the browser of a test, and what no page of the service may do."""

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.async_api import BrowserContext, ConsoleMessage, Request, WebError

_NO_SUCCESS = re.compile("Failed to load resource: the server responded with a status of ([0-9]+)")


@dataclass
class Watch:
    """Watches all pages of a context.

    :ivar origin: of the service. Pages must not call another one.
    :ivar of_application: the origin of an application whose pages the test opens.
    :ivar requests: of the pages, in their order.
    :ivar problems: errors of scripts, violations of a content security policy, missing files,
        and other messages that a developer would see in the console.
    """

    origin: str
    of_application: str | None = None
    requests: list[Request] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def watch(self, context: BrowserContext) -> None:
        context.on("request", self._record)
        context.on("console", self._read)
        context.on("weberror", self._report)

    def _record(self, request: Request) -> None:
        self.requests.append(request)
        url = urlsplit(request.url)
        if f"{url.scheme}://{url.netloc}" not in {self.origin, self.of_application}:
            self.problems.append(f"calls {request.url}")

    def _read(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not self._is_refusal(message):
            self.problems.append(f"{message.type}: {message.text} ({message.location['url']})")

    def _is_refusal(self, message: ConsoleMessage) -> bool:
        """Return whether a call of the API or a form was refused: that is no fault of a page."""
        status, url = _NO_SUCCESS.match(message.text), message.location["url"]
        if status is None or "/api/" in url or url.endswith("/passkey/options"):
            return status is not None
        pages = {each.url for each in self.requests if each.is_navigation_request()}
        return url in pages and status[1] in {"400", "401", "403", "409", "429"}

    def _report(self, error: WebError) -> None:
        self.problems.append(f"script: {error.error}")
