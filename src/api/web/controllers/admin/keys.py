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
from api.web.forms import Form, read_form
from api.web.page import Pages
from api.web.route_options import admin_page
from application.signing_keys import ListSigningKeys, RevokeKey, RotateKeys
from domain.errors import InvalidInput, NotFound
from domain.key_ring import UNKNOWN_START, KeyId, KeyRing, KeysReadOnly, KeyTimes, KeyUnknown
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
        """Say what a rotation does, with a form for the reason."""
        return _rotation_page(request, pages, times, Form({"kind": kind or ""}))

    @post("/rotate", opt=admin_page(Permission.CHANGE_KEYS))
    @inject
    async def rotate_keys(
        self,
        request: JsonRequest,
        pages: FromDishka[Pages],
        times: FromDishka[KeyTimes],
        list_keys: FromDishka[ListSigningKeys],
        rotate_keys: FromDishka[RotateKeys],
    ) -> Response[Any]:
        form = await read_form(request)
        kinds = [kind for kind in TokenKind if form["kind"] in {kind, ""}]
        before = (await list_keys(request.user)).ring
        try:
            rotated = await rotate_keys(request.user, kinds, context_of(request), form["reason"])
        except InvalidInput as refused:
            form.problems = list(refused.problems)
            return _rotation_page(request, pages, times, form)
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
        """Say what the end of a key does, with a form for the reason."""
        listing = await list_keys(request.user)
        return _revocation_page(request, pages, times, listing.ring, KeyId(key_id), Form())

    @post("/{key_id:str}/revoke", opt=admin_page(Permission.CHANGE_KEYS))
    @inject
    async def revoke_key(
        self,
        request: JsonRequest,
        pages: FromDishka[Pages],
        key_id: FromPath[str],
        list_keys: FromDishka[ListSigningKeys],
        times: FromDishka[KeyTimes],
        revoke_key: FromDishka[RevokeKey],
    ) -> Response[Any]:
        form, key = await read_form(request), KeyId(key_id)
        try:
            await revoke_key(request.user, key, context_of(request), form["reason"])
        except InvalidInput as refused:
            form.problems = list(refused.problems)
            ring = (await list_keys(request.user)).ring
            return _revocation_page(request, pages, times, ring, key, form)
        except KeysReadOnly:
            return pages.redirect(request, _KEYS)
        except KeyUnknown:
            return pages.redirect(request, f"{_KEYS}?done=gone")
        return pages.redirect(request, f"{_KEYS}?done=revoked")


def _rotation_page(
    request: JsonRequest, pages: Pages, times: KeyTimes, form: Form
) -> Response[Any]:
    return pages.render(
        request,
        "admin/rotate_keys",
        form=form,
        kind=form["kind"] if form["kind"] in set(TokenKind) else "",
        minutes=_minutes(times.published.total_seconds()),
    )


def _revocation_page(
    request: JsonRequest, pages: Pages, times: KeyTimes, ring: KeyRing, key_id: KeyId, form: Form
) -> Response[Any]:
    """:raises NotFound: there is no such key."""
    key = ring.find(key_id)
    if key is None:
        raise NotFound
    return pages.render(
        request,
        "admin/revoke_key",
        form=form,
        key=key,
        state=ring.state(key, datetime.now(UTC)),
        **_bounds(pages, times),
    )


def _bounds(pages: Pages, times: KeyTimes) -> dict[str, Any]:
    """Return how long a revoked key may be accepted: by a worker of this service in seconds, and
    by other services in minutes.
    """
    seconds = max(1, ceil(pages.options.revocation_bound.total_seconds()))
    return {"seconds": seconds, "minutes": _minutes(times.cached.total_seconds())}


def _minutes(seconds: float) -> int:
    return max(1, ceil(seconds / 60))
