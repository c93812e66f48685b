"""A tour of all pages: each route as it opens, each form with problems, and other states.

The routes are those of the application, so that no page is left out.
"""

import re
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from dishka import AsyncContainer
from litestar import Litestar
from litestar.routes import HTTPRoute

from api.security.origin_policy import OriginPolicy
from api.web.page import Pages
from api.web.route_options import ADMIN
from application.accounts.password_reset import MakeResetLink
from application.ports import FigureStore, IdentityProviders, KeyStore, Outbox, UserRepository
from domain.actor import Operator
from domain.figures import HOUR, Count, Gauge, Measurement, hour_of
from domain.key_ring import KeyRing
from domain.outcome import Outcome
from domain.social_login.identity import ProviderName
from domain.token import TokenKind
from infrastructure.config.settings import Settings
from infrastructure.signing.key_ring_watcher import KeyRingWatcher
from infrastructure.signing.verified_token_cache import VerifiedTokenCache
from tests.http.client import (
    MY_PASSKEY_OPTIONS,
    MY_PASSKEYS,
    ORIGIN,
    SESSIONS,
    Client,
    a_client,
    code_at,
    make_administrator,
    stored_user,
)
from tests.http.replacements import Builder, Doubles
from tests.http.web.browser import Browser, Page
from tests.support.authenticator import Authenticator
from tests.support.builders import PASSWORD, a_signer, a_signing_key, devices_of
from tests.support.doubles import SettableClock
from tests.support.key_commands import MemoryKeys
from tests.support.social_login import ACME, FakeProvider, an_account

BEGIN = datetime(2026, 3, 2, 9, 20, tzinfo=UTC)
ADA, GRACE, BOSS = "ada@example.org", "grace@example.org", "barbara@example.org"
PEOPLE = [
    ("Alan Turing", "alan@example.org"),
    ("Annie Easley", "annie@example.org"),
    ("Edsger Dijkstra", "edsger@example.org"),
    ("Frances Allen", "frances@example.org"),
    ("John Backus", "john@example.org"),
    ("Karen Spärck Jones", "karen@example.org"),
    ("Katherine Johnson", "katherine@example.org"),
    ("Margaret Hamilton", "margaret@example.org"),
    ("Niklaus Wirth", "niklaus@example.org"),
    ("Radia Perlman", "radia@example.org"),
]
DEVICES = {
    "laptop": "Mozilla/5.0 (X11; Linux x86_64; rv:148.0) Gecko/20100101 Firefox/148.0",
    "desktop": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/145.0.0.0 Safari/537.36",
    "phone": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/26.0 Mobile/15E148 Safari/604.1",
}
SETTINGS = {
    "USERS_URL": "memory:",
    "SESSIONS_URL": "memory:",
    "MAIL_URL": "memory:",
    "EMAIL_VERIFICATION": "optional",
    "DOORWARD_DATA": "/var/lib/doorward",
}


@dataclass(frozen=True)
class Shot:
    """A page as a browser gets it.

    :ivar name: of the page and its state: ``account``, ``account with problems``.
    :ivar url: what the browser shows as its address.
    :ivar is_plain: whether it is what a link leads to, and no state of a form.
    """

    name: str
    url: str
    page: Page
    is_plain: bool


@dataclass
class Tour:
    """
    :ivar acme: a provider, at which Ada has an account.
    :ivar client: of the application, for what pages load.
    :ivar shots: by their names.
    :ivar templates: those that were rendered.
    :ivar parameters: of paths, by their names.
    """

    container: AsyncContainer
    app: Litestar
    clock: SettableClock
    acme: FakeProvider
    client: Client
    language: str = "en"
    shots: dict[str, Shot] = field(default_factory=dict)
    templates: set[str] = field(default_factory=set)
    parameters: dict[str, str] = field(default_factory=dict)

    async def take(self) -> None:
        """Make all shots."""
        await self._register()
        await self._as_visitor()
        await self._as_user()
        await self._as_administrator()

    async def visit(self, paths: Sequence[str]) -> None:
        """Make shots of these pages alone, as a visitor."""
        for path in paths:
            await self._open(self._browser(), path)

    async def _register(self) -> None:
        registrations = [
            ("Ada Lovelace", ADA),
            ("Barbara Liskov", BOSS),
            ("Grace Hopper", GRACE),
            *PEOPLE,
        ]
        for name, email in registrations:
            visitor = self._browser(device="desktop").client
            await visitor.register(email, name=name)
            self.clock.advance(timedelta(hours=7, minutes=13))
            assert (await visitor.log_in(email)).status_code == 200
        users = await self.container.get(UserRepository)
        for _, email in registrations[:-2]:
            user = await stored_user(users, email)
            assert (await users.replace(user, replace(user, verified=True))).changed
        await make_administrator(users, BOSS)
        self.parameters["user_id"] = str((await stored_user(users, GRACE)).id)
        self.parameters["number"] = "1"
        ring = await self._date_keys()
        outbox = await self.container.get(Outbox)
        self.parameters["message_id"] = (await outbox.page(None, None, 1))[0].message.id
        self.parameters["key_id"] = ring.signing(TokenKind.ACCESS, self.clock()).id

    async def _date_keys(self) -> KeyRing:
        """Let the keys have begun to sign on a day: the static ones of tests have none."""
        store = await self.container.get(KeyStore)
        assert isinstance(store, MemoryKeys)
        day = BEGIN - timedelta(days=12)
        dated = [replace(key, published_at=day, signs_from=day) for key in store.stored.keys]
        store.stored = KeyRing(frozenset(dated))
        return store.stored

    async def _as_visitor(self) -> None:
        browser = self._browser()
        await self._walk(browser, "everybody")
        await self._links(browser)
        self._add("login refused", await browser.log_in(ADA, "a wrong password"))
        for problem in (Outcome.LINK_REQUIRED, Outcome.PROVIDER_CANCELLED):
            self._add(f"login {problem}", await browser.open(f"/login?problem={problem}"))
        registration = {"name": "Hedy Lamarr", "email": "hedy@example.org", "password": PASSWORD}
        self._add("registered", await browser.post("/register", registration))
        self._add("link sent", await browser.post("/forgot", {"email": ADA}))
        self._add("not found", await browser.open("/account/nothing"))
        self._add("from another site", await browser.post("/login", {}, Origin="https://a.test"))
        _, email = PEOPLE[0]
        page = await browser.log_in(email, "a wrong password")
        while page.status != 429:
            page = await browser.log_in(email, "a wrong password")
        self._add("too many attempts", page)

    async def _links(self, browser: Browser) -> None:
        self._add("link is not valid", await browser.post("/undo", {"token": "x" * 43}))
        make_link = await self.container.get(MakeResetLink)
        user = await stored_user(await self.container.get(UserRepository), ADA)
        link = await make_link(Operator(), user.id)
        page = await browser.post("/reset", {"token": link.secret})
        self._add("reset with password", page)
        self._add("reset refused", await browser.submit(page, "/reset", password="short"))

    async def _as_user(self) -> None:
        self.clock.advance(timedelta(hours=2))
        for device, address in (("phone", "198.51.100.20"), ("desktop", "203.0.113.9")):
            await self._browser(device, address).log_in(ADA, PASSWORD)
            self.clock.advance(timedelta(minutes=17))
        browser = self._browser()
        await browser.log_in(ADA, PASSWORD)
        way, linked = await self._link(browser, ADA)
        self._add("way to provider", way)
        self._add("account linked", linked)
        self.clock.advance(timedelta(minutes=20))  # so that the pages ask for a step-up
        await self._walk(browser, "users")
        self._add("account done", await browser.post("/account", {"name": "Ada Lovelace"}))
        await self._second_factors(browser)
        await self._logged_out(browser)
        await self._without_password()

    async def _link(self, browser: Browser, email: str) -> tuple[Page, Page]:
        """Link an account, after a step-up.

        :returns: the pages that lead to the provider and back.
        """
        await browser.client.step_up()
        self.acme.says = an_account(email, subject=email)
        way = await browser.post("/account/security/identities", {"provider": ACME})
        page = await browser.come_back(way)
        [link] = [each for each in page.read.links if "/identities/" in each]
        self.parameters["identity_id"] = link.rpartition("/")[2]
        return way, page

    async def _without_password(self) -> None:
        """A user who has nothing but the account at the provider."""
        browser = self._browser()
        self.acme.says = an_account("hedy@example.org", subject="hedy")
        await browser.log_in_at_provider()
        self._add("step up at a provider", await browser.open("/account/step-up"))

    async def _second_factors(self, browser: Browser) -> None:
        security = "/account/security"
        page = await browser.submit(await browser.open(security), f"{security}/totp")
        self._add("step up with password", page)
        page = await browser.submit(page, "/account/step-up", step_up_password=PASSWORD)
        self._add("totp", page)
        self._add("account export", await browser.open("/account/export"))
        [secret] = re.findall(r"<code>([A-Z2-7]+)</code>", page.source)
        self._add("totp refused", await browser.submit(page, f"{security}/totp/confirm", code="0"))
        code = code_at(secret, self.clock())
        self._add(
            "recovery codes", await browser.submit(page, f"{security}/totp/confirm", code=code)
        )
        for name in ("Phone", "Security key"):
            await self._add_passkey(browser.client, name)
            self.clock.advance(timedelta(minutes=4))
        self._add("account security with factors", await browser.open(security))
        self._add("passkey", await browser.post(f"{security}/passkeys/new", {}))
        self._add("passkey refused", await browser.post(f"{security}/passkeys/add", {}))
        form = (await browser.open(security)).read.forms[f"{security}/passkeys"]
        renamed = {**form, "name": "My phone", "action": "rename"}
        self._add("passkey renamed", await browser.post(f"{security}/passkeys", renamed))
        self.clock.advance(timedelta(minutes=20))
        self._add("step up with code", await browser.open("/account/step-up"))
        refused = await browser.post("/account/step-up", {"step_up_code": "000000"})
        self._add("step up refused", refused)

    async def _add_passkey(self, client: Client, name: str) -> None:
        headers = {"Origin": ORIGIN}
        offered = await client.post(MY_PASSKEY_OPTIONS, headers=headers)
        body = {"credential": Authenticator().create(offered.json()["options"]), "name": name}
        answer = await client.post(MY_PASSKEYS, json=body, headers=headers)
        assert answer.status_code == 200, answer.text

    async def _logged_out(self, browser: Browser) -> None:
        self._add("logged out", await browser.submit(await browser.open("/account"), "/logout"))
        page = await browser.log_in(ADA, PASSWORD)
        self._add("second factor", page)
        self._add(
            "second factor refused",
            await browser.submit(page, "/login/second-factor", code="000000"),
        )

    async def _measure(self) -> None:
        """Store the figures of a month, by day and night, as the jobs of a service do."""
        figures = await self.container.get(FigureStore)
        last = hour_of(self.clock())
        for hours in reversed(range(30 * 24)):
            at = last - hours * HOUR
            people = 5 + 4 * abs(12 - (at.hour + 9) % 24) + at.day % 7
            counts = {
                (at, Count.LOGINS): people,
                (at, Count.REFUSED_LOGINS): people // 9,
                (at, Count.LIMITED_LOGINS): 12 if hours == 17 else 0,
                (at, Count.REGISTRATIONS): people // 13,
            }
            users = 1480 - hours // 3
            gauges = {
                Gauge.USERS: users,
                Gauge.USERS_WITH_SECOND_FACTOR: (users - 400) // 3 - hours // 4,
                Gauge.ACTIVE_SESSIONS: 200 + 9 * people,
                Gauge.QUEUED_MESSAGES: 40 if hours == 3 else people % 3,
            }
            await figures.add(counts)
            if hours != 20:
                await figures.store_measurement(Measurement(at, gauges))

    async def _as_administrator(self) -> None:
        await self._measure()
        browser = self._browser("desktop", "203.0.113.80")
        await browser.log_in(BOSS, PASSWORD)
        await self._with_all_logins()
        await self._walk(browser, ADMIN)
        reset = f"/admin/users/{self.parameters['user_id']}/password-reset"
        await browser.client.step_up()
        page = await browser.submit(await browser.open(reset), reset, reason="asked by phone")
        self._add("user after an action", page)

    async def _with_all_logins(self) -> None:
        """Choose a user with a session, a passkey and an identity, for the pages about one."""
        grace = self._browser("phone", "198.51.100.21")
        await grace.log_in(GRACE, PASSWORD)
        await grace.client.step_up()
        await self._link(grace, GRACE)
        await self._add_passkey(grace.client, "Phone")
        [passkey] = (await grace.client.get(MY_PASSKEYS)).json()["data"]["passkeys"]
        [session] = (await grace.client.get(SESSIONS)).json()["data"]["sessions"]
        self.parameters["passkey_id"], self.parameters["session_id"] = passkey["id"], session["id"]

    async def _walk(self, browser: Browser, access: str) -> None:
        """Open all pages for these visitors, and send each form with problems then."""
        paths = self._paths(access)
        for path in paths:
            await self._open(browser, path)
        for path in paths:
            await self._send_blank(browser, path)

    def _browser(self, device: str = "laptop", address: str = "192.0.2.44") -> Browser:
        client = a_client(self.app, ORIGIN, address)
        client.headers.update(
            {
                "User-Agent": DEVICES[device],
                "Accept-Language": self.language,
                "Accept": "text/html",
            }
        )
        return Browser(client, self.language)

    def _paths(self, access: str) -> list[str]:
        """Return the pages for these visitors that can be opened."""
        return sorted(
            re.sub(r"\{(\w+)(:\w+)?\}", lambda found: self.parameters[found[1]], route.path)
            for route, handler in page_handlers(self.app)
            if "GET" in handler.http_methods
            if handler.opt["page"] == access
            if not route.path.startswith("/assets/")
        )

    async def _open(self, browser: Browser, path: str) -> None:
        page = await browser.open(path)
        assert page.status == 200, (path, page.text)
        self._add(self._name(path), page, fragment=path.partition("#")[2], is_plain=True)

    async def _send_blank(self, browser: Browser, path: str) -> None:
        """Send each form of a page that has fields to type in, with nothing in them."""
        page = await browser.open(path)
        for action, typed in page.read.typed.items():
            sent = await browser.submit(page, action, **dict.fromkeys(typed, ""))
            if sent.status >= 400:
                self._add(f"{self._name(action)} with problems", sent)

    def _name(self, path: str) -> str:
        names = {value: name for name, value in self.parameters.items()}
        parts = path.partition("#")[0].strip("/").split("/")
        return " ".join(names.get(part, part) for part in parts) or "start"

    def _add(self, name: str, page: Page, *, fragment: str = "", is_plain: bool = False) -> None:
        is_page = page.response.headers.get("content-type", "").startswith("text/html")
        if is_page and not any(each.page.source == page.source for each in self.shots.values()):
            url = str(page.response.url) + (f"#{fragment}" if fragment else "")
            self.shots[name] = Shot(name, url, page, is_plain)


def page_handlers(app: Litestar) -> Iterator[tuple[HTTPRoute, Any]]:
    """The routes of pages, with their handlers."""
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for handler in route.route_handlers:
                if "page" in handler.opt:
                    yield route, handler


@contextmanager
def _templates() -> Iterator[set[str]]:
    """Collect the names of the templates that are rendered in this block."""
    rendered: set[str] = set()
    render = Pages.render

    def record(pages: Pages, request: Any, template: str, **values: Any) -> Any:
        rendered.add(template)
        return render(pages, request, template, **values)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Pages, "render", record)
        yield rendered


@asynccontextmanager
async def a_tour(language: str, *, visits: Sequence[str] = (), **more: str) -> AsyncIterator[Tour]:
    """Take a tour through an application with stores in memory, where time stands still.

    :param visits: the only pages to open, as a visitor; all pages of everybody otherwise.
    :param more: settings.
    """
    clock, acme = SettableClock(BEGIN), FakeProvider()
    keys = {kind: a_signing_key() for kind in TokenKind}
    doubles = Doubles(
        clock,
        KeyRingWatcher.fixed(keys),
        VerifiedTokenCache(a_signer(keys), 1000, clock),
        devices_of(keys[TokenKind.REFRESH]),
        OriginPolicy(ORIGIN),
        IdentityProviders((acme, FakeProvider(ProviderName("umbrella"), "Umbrella"))),
    )
    builder = Builder()
    settings = Settings.read(SETTINGS | more)
    async with builder.container(settings, builder.providers(doubles, None)) as container:
        app = await container.get(Litestar)
        async with a_client(app, ORIGIN) as client:
            tour = Tour(container, app, clock, acme, client, language)
            with _templates() as tour.templates:
                await (tour.visit(visits) if visits else tour.take())
            yield tour
