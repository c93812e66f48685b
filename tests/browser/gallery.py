"""Shows the pages of a tour in a browser, without a service behind them."""

from collections.abc import AsyncIterator

from playwright.async_api import BrowserContext, Page, Route

from tests.http.web.tour import Shot, Tour


class Gallery:
    """Answers all requests of a context: for pages by their shots, for files by the application.

    :ivar shown: the current shot.
    """

    def __init__(self, tour: Tour) -> None:
        self._tour = tour
        self.shown: Shot

    async def show(self, context: BrowserContext) -> AsyncIterator[tuple[Shot, Page]]:
        """Open each shot, in the same tab."""
        await context.route("**/*", self._answer)
        page = await context.new_page()
        for shot in self._tour.shots.values():
            self.shown = shot
            await page.goto(shot.url)
            yield shot, page

    async def _answer(self, route: Route) -> None:
        request = route.request
        if request.is_navigation_request():  # a status of an error would be in the console
            answer, status = self.shown.page.response, 200
        else:
            answer = await self._tour.client.request(
                request.method, request.url, content=request.post_data_buffer
            )
            status = answer.status_code
        headers = {name: text for name, text in answer.headers.items() if name != "set-cookie"}
        await route.fulfill(status=status, headers=headers, body=answer.content)
