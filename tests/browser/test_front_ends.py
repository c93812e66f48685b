"""The examples of docs/front-ends.md that need a browser."""

import asyncio
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import BrowserContext, Page, expect

from tests.browser.conftest import OpenContext, Site
from tests.browser.steps import log_in
from tests.browser.watch import Watch
from tests.support.waiting import until

DOCUMENT = Path("docs/front-ends.md").read_text()
CALL = (
    "() => import('./session.js').then((it) => it.call('/api/users/me')).then((it) => it.status)"
)
HELLO = "Hello Ada"


def program(name: str) -> str:
    """Return the program that begins with a comment that is its name."""
    begin = rf"```\w+\n(?:<!-- {name} -->\n|[/#]+ {name}\n)"
    [found] = re.findall(rf"{begin}(.*?)```", DOCUMENT, re.DOTALL)
    return str(found)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def pages(site: Site, tmp_path: Path) -> Iterator[None]:
    """The pages of the application, on their own origin."""
    for name in ("index.html", "app.js", "session.js"):
        text = program(name).replace("https://auth.example.com", site.url)
        (tmp_path / name).write_text(text)
    handler = partial(Quiet, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", site.app_port), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield
        server.shutdown()
        thread.join()


def accepts(port: int) -> bool:
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def server(site: Site, tmp_path: Path) -> Iterator[None]:
    """The server of the application, in a process of its own."""
    (tmp_path / "app.py").write_text(program("app.py"))
    environment = {
        "HOME_PAGE": f"{site.app_origin}/home",
        "LOGIN_PAGE": f"{site.url}/login",
        "DOORWARD": site.service.url,
    }
    arguments = ["-m", "uvicorn", "app:app", "--port", str(site.app_port)]
    process = subprocess.Popen([sys.executable, *arguments], cwd=tmp_path, env=environment)
    try:
        until(lambda: accepts(site.app_port), "the server of the application")
        yield
    finally:
        process.kill()
        process.wait()


@pytest.fixture(autouse=True)
def application(watch: Watch, site: Site) -> None:
    watch.of_application = site.app_origin


async def open_app(context: BrowserContext, site: Site) -> Page:
    page = await context.new_page()
    await page.goto(f"{site.app_origin}/")
    return page


async def expire(context: BrowserContext) -> None:
    """Let the browser drop the access token, as it does when the token has expired."""
    await context.clear_cookies(name="access_token")


def refreshes(watch: Watch) -> int:
    sent = [each for each in watch.requests if each.method == "POST"]
    return sum(each.url.endswith("/api/auth/refresh") for each in sent)


@pytest.mark.usefixtures("pages")
async def test_pages_on_another_origin_log_in_and_out(
    open_context: OpenContext, site: Site
) -> None:
    email = await site.register()
    async with open_context() as context:
        page = await open_app(context, site)
        await log_in(page, email, "a wrong password")
        await expect(page.get_by_role("status")).to_have_text("Invalid email or password")
        await log_in(page, email)
        await expect(page.get_by_role("status")).to_have_text(HELLO)

        await page.reload()
        await expect(page.get_by_role("status")).to_have_text(HELLO)
        await page.get_by_role("button", name="Log out").click()
        await expect(page.get_by_label("Email")).to_be_visible()
        assert "access_token" not in {each["name"] for each in await context.cookies()}


@pytest.mark.usefixtures("pages")
async def test_of_many_tabs_one_refreshes(
    open_context: OpenContext, site: Site, watch: Watch
) -> None:
    email = await site.register()
    async with open_context() as context:
        tabs = [await open_app(context, site) for _ in range(3)]
        await log_in(tabs[0], email)
        await expect(tabs[0].get_by_role("status")).to_have_text(HELLO)
        before = refreshes(watch)
        await expire(context)

        answers = await asyncio.gather(*(tab.evaluate(CALL) for tab in tabs * 2))

        assert answers == [200] * 6
        assert refreshes(watch) == before + 1


@pytest.mark.usefixtures("server")
async def test_a_server_sends_people_to_the_login_and_back(
    open_context: OpenContext, site: Site
) -> None:
    email = await site.register()
    home = f"{site.app_origin}/home"
    async with open_context(java_script_enabled=False) as context:
        page = await context.new_page()
        await page.goto(home)
        assert page.url.startswith(f"{site.url}/login?return_to=")
        await log_in(page, email)
        await page.wait_for_url(home)
        await expect(page.get_by_role("heading")).to_have_text("Hello")

        await expire(context)
        await page.goto(home)
        assert page.url == home
        await page.goto(f"{site.url}/account")
        await page.get_by_role("button", name="Log out").click()
        await page.goto(home)
        assert page.url.startswith(f"{site.url}/login")
