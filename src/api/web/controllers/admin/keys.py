"""The signing keys."""

from datetime import UTC, datetime
from typing import Any

from dishka.integrations.litestar import FromDishka, inject
from litestar import Response, get

from api.json_request import JsonRequest
from api.web.controllers.base import PageController
from api.web.page import Pages
from api.web.route_options import admin_page
from application.signing_keys import ListSigningKeys
from domain.permissions import Permission
from domain.token import TokenKind


class KeyPages(PageController):
    path = "/admin/keys"

    @get("/", opt=admin_page(Permission.READ_KEYS))
    @inject
    async def show_keys(
        self,
        request: JsonRequest,
        pages: FromDishka[Pages],
        list_keys: FromDishka[ListSigningKeys],
    ) -> Response[Any]:
        listing = await list_keys(request.user)
        now = datetime.now(UTC)
        ring = listing.ring
        keys = [
            (key, ring.state(key, now), listing.algorithms[key.id], ring.retired_at(key))
            for kind in TokenKind
            for key in ring.by_state(kind, now)
        ]
        return pages.render(request, "admin/keys", keys=keys, warnings=listing.warnings)
