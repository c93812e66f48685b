"""The pages of the users, without scripts."""

from dataclasses import replace
from typing import cast
from urllib.parse import parse_qs, urlsplit

import pytest
from dishka import AsyncContainer
from litestar import Litestar

from application.mail.messages import MakeMessage
from application.ports import NO_EFFECTS, Clock, Outbox, SecondFactorStore, UserRepository
from domain.mail.message import MailKind
from domain.permissions import PERMISSIONS, Permission, Role
from domain.second_factors.factors import LOCK, SecondFactors
from domain.user import User
from tests.http.client import ORIGIN, Client, a_client, stored_user
from tests.http.web.admin.helpers import ADA, log_in_as
from tests.http.web.browser import Browser, Page
from tests.support.builders import SECOND
from tests.support.doubles import SettableClock

EVE, GRACE, JOHN = "eve@example.org", "grace@example.org", "john@example.com"


@pytest.fixture
async def auditor(
    browser: Browser, client: Client, users: UserRepository, clock: SettableClock
) -> User:
    """The user who is logged in. Three others are registered, in the order of time."""
    for name, email in (("Grace", GRACE), ("eve", EVE), ("John <b>", JOHN)):
        assert (await client.register(email, name=name)).status_code == 200
        clock.advance(SECOND)
    return await log_in_as(browser, client, users, Role.AUDITOR)


def listed(page: Page) -> list[str]:
    """Return the addresses in the order of the list."""
    found = [each for each in (EVE, GRACE, JOHN, ADA) if each in page.text]
    return sorted(found, key=page.text.index)


@pytest.mark.usefixtures("auditor")
class TestTheList:
    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ("", [ADA, JOHN, EVE, GRACE]),
            ("order=email", [ADA, EVE, GRACE, JOHN]),
            ("order=name", [ADA, EVE, GRACE, JOHN]),
            ("email=GR", [GRACE]),
            ("name=E", [EVE]),
            ("name=joh&email=john%40", [JOHN]),
            ("role=auditor&name=&email=", [ADA]),
            ("role=user&order=email", [EVE, GRACE, JOHN]),
            ("state=active&role=unknown&order=unknown", [ADA, JOHN, EVE, GRACE]),
        ],
    )
    async def test_searches_and_filters_are_in_the_address(
        self, browser: Browser, query: str, expected: list[str]
    ) -> None:
        page = await browser.open(f"/admin/users?{query}")

        assert listed(page) == expected
        assert f"Users: {len(expected)}" in page.text

    async def test_disabled_users_are_found_by_their_state(
        self, browser: Browser, users: UserRepository
    ) -> None:
        user = await stored_user(users, EVE)
        assert (await users.replace(user, replace(user, disabled=True))).changed

        assert listed(await browser.open("/admin/users?state=disabled")) == [EVE]
        assert EVE not in listed(await browser.open("/admin/users?state=active"))

    async def test_the_form_shows_what_was_searched_for(self, browser: Browser) -> None:
        page = await browser.open("/admin/users?email=eve&role=user&order=email")

        assert page.read.forms["/admin/users"]["email"] == "eve"
        for chosen in ("user", "email"):
            assert f'<option value="{chosen}" selected>' in page.source

    async def test_a_search_without_results_says_so(self, browser: Browser) -> None:
        page = await browser.open("/admin/users?email=nobody")

        assert "No user matches." in page.text
        assert "<table>" not in page.source

    async def test_a_search_that_cannot_match_is_refused_beside_its_field(
        self, browser: Browser
    ) -> None:
        page = await browser.open("/admin/users?name=%00")

        assert page.status == 400
        assert page.title.startswith("Error: ")
        assert "Name cannot be searched for" in page.text

    async def test_names_are_escaped(self, browser: Browser) -> None:
        page = await browser.open("/admin/users")

        assert "John &lt;b&gt;" in page.source

    async def test_long_lists_have_pages_with_the_same_filters(
        self, browser: Browser, client: Client
    ) -> None:
        for each in range(26):
            await client.register(f"user-{each:02}@example.org")

        first = await browser.open("/admin/users?email=user-&state=active")
        [link] = [each for each in first.read.links if "after=" in each]
        second = await browser.open(link)

        assert parse_qs(urlsplit(link).query)["email"] == ["user-"]
        assert "Users: 26" in first.text
        assert "user-24@example.org" in first.text
        assert "user-25@example.org" in second.text
        assert "user-24@example.org" not in second.text
        assert not [each for each in second.read.links if "after=" in each]

    async def test_a_page_of_another_list_is_refused(self, browser: Browser) -> None:
        page = await browser.open("/admin/users?after=nonsense")

        assert page.status == 400


@pytest.mark.usefixtures("auditor")
class TestOneUser:
    async def test_the_profile_the_state_and_the_history_are_shown(
        self, browser: Browser, app: Litestar, users: UserRepository
    ) -> None:
        async with a_client(app, ORIGIN, "198.51.100.7") as other:
            assert (await other.log_in(EVE)).status_code == 200
        user = await stored_user(users, EVE)

        page = await browser.open(f"/admin/users/{user.id}")

        for text in (EVE, str(user.id), "active", "not confirmed", "self-registered"):
            assert text in page.text
        assert "The password alone is enough to log in." in page.text
        assert "Where the user is logged in" in page.text
        assert "198.51.100.7" in page.text
        assert "Account created" in page.text
        assert "No mails are stored." in page.text

    async def test_a_lock_after_wrong_codes_is_shown(
        self, browser: Browser, users: UserRepository, container: AsyncContainer
    ) -> None:
        user = await stored_user(users, EVE)
        second_factors = await container.get(SecondFactorStore)
        clock = await container.get(Clock)
        locked = SecondFactors(user.id, locked_until=clock() + LOCK)
        await second_factors.replace(SecondFactors(user.id), locked)

        page = await browser.open(f"/admin/users/{user.id}")

        assert "no second factor is accepted until" in page.text

    async def test_mails_to_the_address_are_listed(
        self, browser: Browser, users: UserRepository, container: AsyncContainer
    ) -> None:
        user = await stored_user(users, EVE)
        make_message, outbox = await container.get(MakeMessage), await container.get(Outbox)
        message = make_message(MailKind.PASSWORD_RESET, user.email)
        await outbox.add(NO_EFFECTS.with_messages(message))

        page = await browser.open(f"/admin/users/{user.id}")

        assert "Link to set a new password waiting" in page.text

    async def test_a_role_sees_no_events_and_mails_that_it_may_not_read(
        self, browser: Browser, users: UserRepository, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        user = await stored_user(users, EVE)
        monkeypatch.setitem(
            cast(dict[Role, frozenset[Permission]], PERMISSIONS),
            Role.AUDITOR,
            frozenset({Permission.READ_USERS}),
        )

        page = await browser.open(f"/admin/users/{user.id}")

        assert page.status == 200
        assert "Second factors" in page.text
        for heading in ("Activity", "Mails"):
            assert f"<h2>{heading}</h2>" not in page.source

    async def test_an_unknown_user_is_not_found(self, browser: Browser) -> None:
        page = await browser.open("/admin/users/00000000-0000-4000-8000-000000000000")

        assert page.status == 404
