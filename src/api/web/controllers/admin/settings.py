"""The settings as they are in force."""

from typing import Any

from dishka.integrations.litestar import FromDishka, inject
from litestar import Response, get

from api.json_request import JsonRequest
from api.web.controllers.base import PageController
from api.web.page import Pages
from api.web.route_options import admin_page
from application.operation.settings import ShowSettings
from domain.permissions import Permission


class SettingsPage(PageController):
    path = "/admin/settings"

    @get("/", opt=admin_page(Permission.READ_SETTINGS))
    @inject
    async def show_settings(
        self,
        request: JsonRequest,
        pages: FromDishka[Pages],
        show_settings: FromDishka[ShowSettings],
    ) -> Response[Any]:
        settings = await show_settings(request.user)
        return pages.render(request, "admin/settings", settings=settings)
