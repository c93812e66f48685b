"""The signing keys."""

from datetime import UTC, datetime
from math import ceil
from typing import Any

from dishka.integrations.litestar import FromDishka, inject
from litestar import Response, get, post
from litestar.params import FromPath, FromQuery

from api.json_request import JsonRequest
from api.request_context import context_of
from api.web.controllers.base import PageController
from api.web.forms import read_form
from api.web.page import Pages
from api.web.route_options import admin_page
from application.signing_keys import ListSigningKeys, RevokeKey, RotateKeys
from domain.errors import NotFound
from domain.key_ring import UNKNOWN_START, KeyId, KeysReadOnly, KeyTimes, KeyUnknown
from domain.permissions import Permission
from domain.token import TokenKind

_KEYS = "/admin/keys"
_DONE = frozenset({"rotated", "rotating", "revoked", "gone"})


class KeyPages(PageController):
    path = _KEYS

    @get("/", opt=admin_page(Permission.READ_KEYS))
    @inject
    async def show_keys(
        self,
        request: JsonRequest,
        pages: FromDishka[Pages],
        list_keys: FromDishka[ListSigningKeys],
        times: FromDishka[KeyTimes],
        done: FromQuery[str | None] = None,
    ) -> Response[Any]:
        listing = await list_keys(request.user)
        now = datetime.now(UTC)
        ring = listing.ring
        keys = [
            (key, ring.state(key, now), listing.algorithms[key.id], ring.retired_at(key))
            for kind in TokenKind
            for key in ring.by_state(kind, now)
        ]
        may_change = request.user.user.role.may(Permission.CHANGE_KEYS)
        return pages.render(
            request,
            "admin/keys",
            keys=keys,
            unknown_start=UNKNOWN_START,
            warnings=listing.warnings,
            is_read_only=listing.is_read_only,
            may_change=may_change and not listing.is_read_only,
            done=done if done in _DONE else None,
            **_bounds(pages, times),
        )

    @get("/rotate", opt=admin_page(Permission.CHANGE_KEYS))
    @inject
    async def ask_to_rotate(
        self,
        request: JsonRequest,
        pages: FromDishka[Pages],
        times: FromDishka[KeyTimes],
        kind: FromQuery[TokenKind | None] = None,
    ) -> Response[Any]:
        """Say what a rotation does, with the form for it."""
        minutes = _minutes(times.published.total_seconds())
        return pages.render(request, "admin/rotate_keys", kind=kind or "", minutes=minutes)

    @post("/rotate", opt=admin_page(Permission.CHANGE_KEYS))
    @inject
    async def rotate_keys(
        self,
        request: JsonRequest,
        pages: FromDishka[Pages],
        list_keys: FromDishka[ListSigningKeys],
        rotate_keys: FromDishka[RotateKeys],
    ) -> Response[Any]:
        form = await read_form(request)
        kinds = [kind for kind in TokenKind if form["kind"] in {kind, ""}]
        before = (await list_keys(request.user)).ring
        try:
            rotated = await rotate_keys(request.user, kinds, context_of(request))
        except KeysReadOnly:
            return pages.redirect(request, _KEYS)
        done = "rotating" if rotated == before else "rotated"
        return pages.redirect(request, f"{_KEYS}?done={done}")

    @get("/{key_id:str}/revoke", opt=admin_page(Permission.CHANGE_KEYS))
    @inject
    async def ask_to_revoke(
        self,
        request: JsonRequest,
        pages: FromDishka[Pages],
        key_id: FromPath[str],
        list_keys: FromDishka[ListSigningKeys],
        times: FromDishka[KeyTimes],
    ) -> Response[Any]:
        """Say what the end of a key does, with the form for it."""
        ring = (await list_keys(request.user)).ring
        found = ring.find(KeyId(key_id))
        if found is None:
            raise NotFound
        state = ring.state(found, datetime.now(UTC))
        return pages.render(
            request, "admin/revoke_key", key=found, state=state, **_bounds(pages, times)
        )

    @post("/{key_id:str}/revoke", opt=admin_page(Permission.CHANGE_KEYS))
    @inject
    async def revoke_key(
        self,
        request: JsonRequest,
        pages: FromDishka[Pages],
        key_id: FromPath[str],
        revoke_key: FromDishka[RevokeKey],
    ) -> Response[Any]:
        try:
            await revoke_key(request.user, KeyId(key_id), context_of(request))
        except KeysReadOnly:
            return pages.redirect(request, _KEYS)
        except KeyUnknown:
            return pages.redirect(request, f"{_KEYS}?done=gone")
        return pages.redirect(request, f"{_KEYS}?done=revoked")


def _bounds(pages: Pages, times: KeyTimes) -> dict[str, Any]:
    """Return how long a revoked key may be accepted: by a worker of this service in seconds, and
    by other services in minutes.
    """
    seconds = max(1, ceil(pages.options.revocation_bound.total_seconds()))
    return {"seconds": seconds, "minutes": _minutes(times.cached.total_seconds())}


def _minutes(seconds: float) -> int:
    return max(1, ceil(seconds / 60))
