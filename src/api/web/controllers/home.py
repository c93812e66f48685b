"""The page at ``/``: it says what answers at this address."""

from typing import Any

from dishka.integrations.litestar import FromDishka, inject
from litestar import Response, get

from api.json_request import JsonRequest, accepts_html
from api.web.controllers.base import PageController
from api.web.page import Pages
from api.web.route_options import PAGE
from api.web.visitors import Visitors


class HomePage(PageController):
    @get("/", opt=PAGE)
    @inject
    async def show_home(
        self, request: JsonRequest, pages: FromDishka[Pages], visitors: FromDishka[Visitors]
    ) -> Response[Any]:
        """Programs get what they get without pages."""
        if not accepts_html(request):
            text: bytes = request.app.state.root_page.text
            return Response(text, media_type="application/json", headers={"Vary": "Accept"})
        await visitors.find(request)
        page = pages.render(request, "home")
        page.set_header("Vary", "Accept")
        return page
