"""A browser for the run, and a service behind it; a test has a context and users of its own.

Tests and fixtures share the loop of the run, in which the browser is.
"""

import os
import re
import signal
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, expect

from tests.browser.watch import Watch
from tests.http.client import LOGIN, REGISTER
from tests.support.builders import PASSWORD
from tests.support.chromium import chromium
from tests.support.processes import QUICK, Service, free_port
from tests.support.secret_watch import secrets_in
from tests.support.waiting import PATIENCE, until

PREFIX = "/auth"
"""Where browsers see the service: what a page calls without it is not found."""

SETTINGS = QUICK | {
    "MAIL_URL": "folder:mail",
    "EMAIL_VERIFICATION": "optional",
    "REGISTER_LIMIT_ADDRESS": "off",  # all tests have one address
    "MAIL_LIMIT_ADDRESS": "off",
    "LOGIN_LIMIT_ADDRESS": "off",
}

PROMPT = {"doorward.jobs.deliver_mail.INTERVAL": 0.05}
"""In seconds: tests wait for mails."""

expect.set_options(timeout=PATIENCE * 1000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run these tests in the loop of the browser."""
    here = f"{Path(__file__).parent}{os.sep}"
    for item in items:
        if str(item.path).startswith(here):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


def return_target(port: int) -> str:
    return f"http://127.0.0.1:{port}{PREFIX}/register"


def app_origin(port: int) -> str:
    return f"http://localhost:{port}"


@dataclass(frozen=True)
class Site:
    """A service that browsers reach under ``localhost``, which they trust as if it had TLS.

    :ivar app_port: for an application beside the service, which a test starts.
    """

    service: Service
    app_port: int
    _numbers: Iterator[int] = field(default_factory=count)

    @property
    def origin(self) -> str:
        return f"http://localhost:{self.service.port}"

    @property
    def url(self) -> str:
        return self.origin + PREFIX

    @property
    def app_origin(self) -> str:
        """The origin of an application whose pages may call the service."""
        return app_origin(self.app_port)

    @property
    def return_target(self) -> str:
        """A page of another origin to which a login may lead."""
        return return_target(self.service.port)

    async def register(self) -> str:
        """Register a user.

        :returns: the address, with which no other test has to do.
        """
        email = f"user{next(self._numbers)}@example.org"
        await self.post(REGISTER, {"name": "Ada", "email": email, "password": PASSWORD})
        return email

    async def can_log_in(self, email: str, password: str) -> bool:
        answer = await self._send(LOGIN, {"email": email, "password": password})
        return answer.status_code == 200

    async def post(self, path: str, body: Mapping[str, Any], **headers: str) -> Any:
        answer = await self._send(path, body, **headers)
        assert answer.is_success, answer.text
        return answer.json()

    async def _send(self, path: str, body: Mapping[str, Any], **headers: str) -> httpx.Response:
        async with httpx.AsyncClient(base_url=self.service.url, timeout=PATIENCE) as client:
            return await client.post(path, json=body, headers=headers)

    def link(self, email: str, kind: str) -> str:
        """Wait for a mail.

        :returns: the link in it.
        """
        folder = self.service.folder / "mail"

        def find() -> list[str]:
            mails = [each.read_bytes() for each in folder.glob(f"*-{kind}-*.eml")]
            letters = [message_from_bytes(each, policy=policy.default) for each in mails]
            texts = [str(each.get_body(("plain",))) for each in letters if each["To"] == email]
            return [link for text in texts for link in re.findall(r"http\S+#token=\S+", text)]

        until(find, f"the mail {kind} for {email}")
        [link] = find()
        return link


@contextmanager
def a_site(folder: Path, **settings: str) -> Iterator[Site]:
    """Start a service.

    :param settings: beside :data:`SETTINGS`.
    """
    port, app_port = free_port(), free_port()
    app = app_origin(app_port)
    public = {
        "PUBLIC_URL": f"http://localhost:{port}{PREFIX}",
        "CLIENT_ORIGIN": app,
        "RETURN_TARGETS": ",".join((return_target(port), f"{app}/", f"{app}/home")),
    }
    service = Service(folder, SETTINGS | public | settings, port, constants=PROMPT)
    service.start()
    try:
        yield Site(service, app_port)
    finally:
        service.end(signal.SIGKILL)
    assert secrets_in(service.log) == []


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with a_site(tmp_path_factory.mktemp("site")) as site:
        yield site


@pytest_asyncio.fixture(scope="session", loop_scope="session", name="browser")
async def _browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


OpenContext = Callable[..., AbstractAsyncContextManager[BrowserContext]]


@pytest.fixture
def watch(site: Site) -> Watch:
    """What the pages of the test did. Its problems fail the test, unless the test clears them."""
    return Watch(site.origin)


@pytest.fixture
def open_context(browser: Browser, site: Site, watch: Watch) -> OpenContext:
    """Open a browser without cookies, with options such as ``locale``."""

    @asynccontextmanager
    async def open_it(**options: Any) -> AsyncIterator[BrowserContext]:
        context = await browser.new_context(base_url=f"{site.url}/", **options)
        context.set_default_timeout(PATIENCE * 1000)
        watch.watch(context)
        try:
            yield context
        finally:
            await context.close()
        assert watch.problems == []

    return open_it


@pytest_asyncio.fixture(loop_scope="session")
async def page(open_context: OpenContext) -> AsyncIterator[Page]:
    """An empty page of a browser without cookies. ``goto("reset")`` is below the service's URL."""
    async with open_context() as context:
        yield await context.new_page()
