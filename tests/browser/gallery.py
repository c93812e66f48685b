"""Shows the pages of a tour in a browser, without a service behind them."""

import re
from collections.abc import AsyncIterator, Collection

from playwright.async_api import BrowserContext, Page, Route

from tests.http.client import ORIGIN
from tests.http.web.tour import Shot, Tour

_REFRESH = re.compile(rb'<meta http-equiv="refresh"[^>]*>')
"""Leads away from a page at once, before anyone can look at it."""


class Gallery:
    """Answers all requests of a context: for pages by their shots, for files by the application.

    :ivar shown: the current shot.
    """

    def __init__(self, tour: Tour, names: Collection[str] | None = None) -> None:
        """
        :param names: of the shots to show: all, unless given.
        """
        self._tour = tour
        self._names = tour.shots.keys() if names is None else names
        self.shown: Shot

    async def show(self, context: BrowserContext) -> AsyncIterator[tuple[Shot, Page]]:
        """Open each shot, in the same tab."""
        await context.route("**/*", self._answer)
        page = await context.new_page()
        for name in self._names:
            self.shown = shot = self._tour.shots[name]
            await page.goto(shot.url)
            yield shot, page

    async def _answer(self, route: Route) -> None:
        request = route.request
        if request.is_navigation_request():  # a status of an error would be in the console
            answer, status = self.shown.page.response, 200
        else:
            answer = await self._tour.client.request(
                request.method,
                request.url,
                content=request.post_data_buffer,
                headers={**request.headers, "Origin": ORIGIN},
            )
            status = answer.status_code
        headers = {name: text for name, text in answer.headers.items() if name != "set-cookie"}
        body = _REFRESH.sub(b"", answer.content)
        await route.fulfill(status=status, headers=headers, body=body)
