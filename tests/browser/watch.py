"""What pages do in the browser of a test, and what no page of the service may do."""

from dataclasses import dataclass, field

from playwright.async_api import BrowserContext, ConsoleMessage, Request, WebError

_NO_SUCCESS = "Failed to load resource: the server responded with a status of "


@dataclass
class Watch:
    """Watches all pages of a context.

    :ivar origin: of the service. Pages must not call another one.
    :ivar requests: of the pages, in their order.
    :ivar problems: errors of scripts, violations of a content security policy, missing files,
        and other messages that a developer would see in the console.
    """

    origin: str
    requests: list[Request] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def watch(self, context: BrowserContext) -> None:
        context.on("request", self._record)
        context.on("console", self._read)
        context.on("weberror", self._report)

    def _record(self, request: Request) -> None:
        self.requests.append(request)
        if not request.url.startswith(f"{self.origin}/"):
            self.problems.append(f"calls {request.url}")

    def _read(self, message: ConsoleMessage) -> None:
        is_answer = message.text.startswith(_NO_SUCCESS) and "/api/" in message.location["url"]
        if message.type in {"error", "warning"} and not is_answer:
            self.problems.append(f"{message.type}: {message.text} ({message.location['url']})")

    def _report(self, error: WebError) -> None:
        self.problems.append(f"script: {error.error}")
