"""The pages of the signing keys."""

from datetime import timedelta

import pytest
from dishka import AsyncContainer

from application.ports import KeyStore, UserRepository
from domain.audit.details import KeyRevoked, KeysRotated
from domain.audit.event import EventType
from domain.key_ring import Key, KeyListing, KeyRing, KeysReadOnly
from domain.permissions import Role
from domain.session import STEP_UP_LIFETIME
from domain.token import TokenKind
from domain.user import User
from tests.http.client import Client
from tests.http.web.admin.helpers import latest_event, log_in_as, step_up
from tests.http.web.browser import Browser
from tests.support.builders import PASSWORD
from tests.support.doubles import SettableClock
from tests.support.key_commands import MemoryKeys

KEYS = "/admin/keys"
ACCESS, REFRESH = TokenKind


@pytest.fixture
async def store(container: AsyncContainer) -> KeyStore:
    keys: KeyStore = await container.get(KeyStore)
    return keys


async def path_to(action: str, store: KeyStore, clock: SettableClock) -> str:
    """Return the path of the form that rotates keys, or revokes one that signs."""
    return (
        f"{KEYS}/{(await signing(store, clock)).id}/revoke"
        if action == "revoke"
        else f"{KEYS}/{action}"
    )


async def signing(store: KeyStore, clock: SettableClock, kind: TokenKind = ACCESS) -> Key:
    return (await store.ring()).signing(kind, clock())


async def test_the_keys_are_listed_with_their_state(
    browser: Browser, client: Client, users: UserRepository
) -> None:
    published = {
        each["kid"] for each in (await client.get("/.well-known/jwks.json")).json()["keys"]
    }
    await log_in_as(browser, client, users, Role.AUDITOR)

    page = await browser.open(KEYS)

    assert all(key_id in page.text for key_id in published)
    assert "current" in page.text
    assert "has always signed" in page.text
    assert not any("/revoke" in link or "/rotate" in link for link in page.read.links)


async def test_an_administrator_rotates_the_keys_of_one_kind(
    browser: Browser, admin: User, store: KeyStore, container: AsyncContainer
) -> None:
    await step_up(browser)
    page = await browser.open(KEYS)
    assert f"{KEYS}/rotate?kind=refresh" in page.read.links
    page = await browser.open(f"{KEYS}/rotate?kind=refresh")

    done = await browser.submit(page, f"{KEYS}/rotate", reason="as each year")
    again = await browser.submit(page, f"{KEYS}/rotate", reason="as each year")

    assert done.path == f"{KEYS}?done=rotated"
    assert "as soon as it has been published for long enough" in done.text
    assert "a rotation is under way already" in again.text
    ring = await store.ring()
    assert (len(ring.of(ACCESS)), len(ring.of(REFRESH))) == (1, 3)
    event = await latest_event(container)
    assert (event.type, event.actor) == (EventType.ROTATE_KEYS, admin.id)
    assert event.details == KeysRotated((REFRESH,))
    assert (event.caller.address, event.reason) == ("127.0.0.1", "as each year")


@pytest.mark.usefixtures("admin")
async def test_without_a_kind_all_keys_are_rotated(browser: Browser, store: KeyStore) -> None:
    await step_up(browser)

    await browser.submit(
        await browser.open(f"{KEYS}/rotate"), f"{KEYS}/rotate", reason="as each year"
    )

    assert [len((await store.ring()).of(kind)) for kind in TokenKind] == [3, 3]


async def test_a_key_is_revoked_after_a_page_that_says_what_that_does(
    browser: Browser, admin: User, store: KeyStore, clock: SettableClock, container: AsyncContainer
) -> None:
    key = await signing(store, clock)
    await step_up(browser)
    page = await browser.open(KEYS)
    link = f"{KEYS}/{key.id}/revoke"
    assert link in page.read.links
    page = await browser.open(link)
    for text in ("Browsers and apps get new ones", "The next key signs from now on", "seconds"):
        assert text in page.text

    done = await browser.submit(page, link, reason="it was stolen")

    assert done.path == f"{KEYS}?done=revoked"
    assert "Each process of this service refuses what it has signed within" in done.text
    assert key.id not in done.text
    assert (await signing(store, clock)).id != key.id
    event = await latest_event(container)
    assert (event.type, event.actor) == (EventType.REVOKE_KEY, admin.id)
    assert (event.details, event.reason) == (KeyRevoked(key.id, ACCESS), "it was stolen")
    assert (
        "There is no such key any more."
        in (await browser.submit(page, link, reason="it was stolen")).text
    )
    assert (await browser.open(link)).status == 404


@pytest.mark.usefixtures("admin")
async def test_a_refresh_key_that_is_not_current_is_described_as_such(
    browser: Browser, store: MemoryKeys, clock: SettableClock
) -> None:
    standby = await store.make(REFRESH, clock())
    store.stored = store.stored.plus(standby)

    page = await browser.open(f"{KEYS}/{standby.id}/revoke")

    assert "must log in again" in page.text
    assert "signs from now on" not in page.text


@pytest.mark.usefixtures("stepped_up")
@pytest.mark.parametrize("action", ["rotate", "revoke"])
async def test_keys_are_changed_after_a_step_up_only(
    browser: Browser, store: KeyStore, clock: SettableClock, action: str
) -> None:
    path, before = await path_to(action, store, clock), await store.ring()
    page = await browser.open(path)
    clock.advance(STEP_UP_LIFETIME + timedelta(seconds=1))

    asked = await browser.submit(page, path, reason="it was stolen")

    assert "/account/step-up" in asked.read.forms
    assert await store.ring() == before
    done = await browser.submit(asked, "/account/step-up", step_up_password=PASSWORD)
    assert done.path.startswith(f"{KEYS}?done=")
    assert await store.ring() != before


@pytest.mark.usefixtures("admin")
async def test_keys_that_come_from_outside_are_shown_without_actions(
    browser: Browser, store: KeyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring = await store.ring()

    async def listed(_store: KeyStore) -> KeyListing:
        algorithms = {key.id: "RS256" for key in ring.keys}
        return KeyListing(ring, algorithms, ["a file is no key"], is_read_only=True)

    async def refuse(*_: object) -> KeyRing:
        raise KeysReadOnly("they are elsewhere")

    await step_up(browser)
    monkeypatch.setattr(MemoryKeys, "list", listed)
    monkeypatch.setattr(MemoryKeys, "replace", refuse)

    page = await browser.open(KEYS)
    revoke = f"{KEYS}/{next(iter(ring.keys)).id}/revoke"

    assert "They are changed there, not here." in page.text
    assert "a file is no key" in page.text
    assert not any("/revoke" in link or "/rotate" in link for link in page.read.links)
    for path in (f"{KEYS}/rotate", revoke):
        assert (await browser.post(path, {"reason": "it was stolen"})).path == KEYS


@pytest.mark.usefixtures("stepped_up")
@pytest.mark.parametrize("action", ["rotate?kind=refresh", "revoke"])
async def test_a_change_of_the_keys_needs_a_reason(
    browser: Browser, store: KeyStore, clock: SettableClock, action: str
) -> None:
    path, before = await path_to(action, store, clock), await store.ring()
    page = await browser.open(path)

    refused = await browser.submit(page, path.partition("?")[0], reason=" ")

    assert refused.status == 400
    assert refused.title.startswith("Error: ")
    assert "Reason must not be empty" in refused.text
    assert await store.ring() == before
    kinds = [each["kind"] for each in refused.read.forms.values() if "kind" in each]
    assert kinds == ["refresh"] * path.count("kind")
