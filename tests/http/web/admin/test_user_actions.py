"""What administrators do to a user by pages, without scripts."""

import re
from dataclasses import replace

import pytest
from dishka import AsyncContainer
from litestar import Litestar

from application.pagination import EventQuery
from application.ports import AuditLog, SessionStore, UserRepository
from domain.audit.event import Event
from domain.audit.reason import REASON_LENGTH
from domain.mail.message import MailKind
from domain.permissions import Role
from domain.user import User
from tests.http.client import (
    MY_PASSKEY_OPTIONS,
    MY_PASSKEYS,
    ORIGIN,
    Client,
    a_client,
    stored_user,
)
from tests.http.conftest import ReadMail
from tests.http.social_login.conftest import linked_to
from tests.http.web.admin.helpers import ADA, log_in_as
from tests.http.web.browser import Browser, Page
from tests.support.authenticator import Authenticator
from tests.support.builders import PASSWORD
from tests.support.social_login import an_account

EVE = "eve@example.org"
WHY = "asked by <phone>"


@pytest.fixture
async def eve(app: Litestar, users: UserRepository) -> User:
    """A user with a passkey and one session."""
    async with a_client(app, ORIGIN, "198.51.100.7") as client:
        await client.register(EVE, name="Eve")
        assert (await client.log_in(EVE)).status_code == 200
        assert (await client.step_up()).status_code == 200
        options = (await client.post(MY_PASSKEY_OPTIONS)).json()["options"]
        body = {"credential": Authenticator().create(options), "name": "Eve's key"}
        assert (await client.post(MY_PASSKEYS, json=body)).status_code == 200
    return await stored_user(users, EVE)


async def do(browser: Browser, path: str, **typed: str) -> Page:
    """Open the page of an action, and do it."""
    page = await browser.open(path)
    assert page.status == 200, page.text
    return await browser.submit(page, path, **{"reason": WHY, **typed})


async def last_event(container: AsyncContainer, user: User) -> Event:
    audit_log: AuditLog = await container.get(AuditLog)
    return (await audit_log.page(EventQuery(user_id=user.id), None, 1)).items[0].event


@pytest.mark.usefixtures("stepped_up")
class TestActions:
    @pytest.mark.parametrize(
        ("action", "typed", "done", "detail"),
        [
            ("role", {"role": "auditor"}, "The role is changed.", "role auditor; "),
            ("disable", {}, "The account is disabled.", "disabled; "),
            ("password-reset", {}, "The mail is on its way.", ""),
            ("second-factors", {}, "The second factors are reset.", ""),
            ("end-sessions", {}, "All sessions have ended.", ""),
        ],
    )
    async def test_an_action_is_done_with_its_reason(
        self,
        browser: Browser,
        container: AsyncContainer,
        eve: User,
        action: str,
        typed: dict[str, str],
        done: str,
        detail: str,
    ) -> None:
        page = await do(browser, f"/admin/users/{eve.id}/{action}", **typed)

        assert page.path == f"/admin/users/{eve.id}?done={action}"
        assert done in page.text
        assert (await last_event(container, eve)).recorded_detail == f"{detail}reason: {WHY}"
        assert "asked by &lt;phone&gt;" in page.source  # among the latest events

    async def test_a_disabled_account_is_enabled(
        self, browser: Browser, users: UserRepository, eve: User
    ) -> None:
        await do(browser, f"/admin/users/{eve.id}/disable")
        assert (await stored_user(users, EVE)).disabled
        page = await browser.open(f"/admin/users/{eve.id}")
        assert f"/admin/users/{eve.id}/disable" not in page.read.links

        page = await do(browser, f"/admin/users/{eve.id}/enable")

        assert "The account is enabled." in page.text
        assert not (await stored_user(users, EVE)).disabled

    async def test_one_session_is_ended(
        self, browser: Browser, container: AsyncContainer, eve: User
    ) -> None:
        sessions = await container.get(SessionStore)
        [session] = await sessions.of_user(eve.id)
        page = await browser.open(f"/admin/users/{eve.id}")
        [link] = [each for each in page.read.links if "/sessions/" in each]
        assert link.endswith(session.id)

        page = await do(browser, link)

        assert page.path == f"/admin/users/{eve.id}?done=sessions"
        assert await sessions.of_user(eve.id) == []
        assert (await last_event(container, eve)).session_id == session.id
        assert (await browser.open(link)).status == 404

    async def test_a_passkey_is_removed(
        self, browser: Browser, users: UserRepository, eve: User
    ) -> None:
        page = await browser.open(f"/admin/users/{eve.id}")
        [link] = [each for each in page.read.links if "/passkeys/" in each]
        assert "Eve's key" in (await browser.open(link)).text

        page = await do(browser, link)

        assert page.path == f"/admin/users/{eve.id}?done=passkeys"
        assert not (await stored_user(users, EVE)).has_second_factor
        assert "The password alone is enough to log in." in page.text
        again = await browser.post(link, {"reason": WHY})  # from another tab
        assert again.path == f"/admin/users/{eve.id}?done=passkeys"

    async def test_an_account_of_another_provider_is_unlinked(
        self, browser: Browser, container: AsyncContainer, users: UserRepository, eve: User
    ) -> None:
        identity = await linked_to(users, eve, an_account(EVE))
        page = await browser.open(f"/admin/users/{eve.id}")
        assert f"acme {EVE}" in page.text  # the provider is not configured here
        [link] = [each for each in page.read.links if "/identities/" in each]
        assert f"acme, {EVE}" in (await browser.open(link)).text

        page = await do(browser, link)

        assert page.path == f"/admin/users/{eve.id}?done=identities"
        assert "The account is unlinked." in page.text
        assert "/identities/" not in page.source
        assert (await last_event(container, eve)).recorded_detail == (
            f"acme {identity.id}; reason: {WHY}"
        )
        again = await browser.post(link, {"reason": WHY})  # from another tab
        assert again.path == f"/admin/users/{eve.id}?done=identities"

    async def test_a_page_says_what_a_deletion_does_before_it_happens(
        self, browser: Browser, container: AsyncContainer, users: UserRepository, eve: User
    ) -> None:
        path = f"/admin/users/{eve.id}/delete"
        page = await browser.open(path)
        for text in (EVE, "Sessions that end: 1", "cannot be undone", "The audit log keeps"):
            assert text in page.text
        assert await users.get(eve.id) is not None

        page = await browser.submit(page, path, reason=WHY)

        assert page.path == "/admin/users?done=delete"
        assert "The account is deleted." in page.text
        assert await users.get(eve.id) is None
        assert (await last_event(container, eve)).recorded_detail == f"reason: {WHY}"

    async def test_the_field_of_the_reason_takes_what_the_audit_log_does(
        self, browser: Browser, eve: User
    ) -> None:
        page = await browser.open(f"/admin/users/{eve.id}/delete")

        [field] = re.findall('<input id="reason"[^>]*>', page.source)
        assert f'maxlength="{REASON_LENGTH}"' in field

    @pytest.mark.parametrize("reason", ["", " ", "two\nlines", "r" * 181])
    async def test_an_action_without_an_acceptable_reason_is_refused_beside_the_field(
        self, browser: Browser, users: UserRepository, eve: User, reason: str
    ) -> None:
        page = await do(browser, f"/admin/users/{eve.id}/delete", reason=reason)

        assert page.status == 400
        assert page.title.startswith("Error: Delete an account")
        assert 'href="#reason"' in page.source
        assert await users.get(eve.id) is not None

    async def test_an_unknown_role_is_refused(
        self, browser: Browser, users: UserRepository, eve: User
    ) -> None:
        page = await do(browser, f"/admin/users/{eve.id}/role", role="king")

        assert page.status == 400
        assert "Role is none of the roles" in page.text
        assert (await stored_user(users, EVE)).role is Role.USER

    async def test_the_mail_with_the_link_goes_to_the_user(
        self, browser: Browser, eve: User, read_mail: ReadMail
    ) -> None:
        await do(browser, f"/admin/users/{eve.id}/password-reset")

        links = [each for each in await read_mail() if each.kind is MailKind.PASSWORD_RESET]
        assert [each.to for each in links] == [EVE]


@pytest.mark.usefixtures("stepped_up")
async def test_the_last_administrator_stays_one(
    browser: Browser, users: UserRepository, admin: User
) -> None:
    for action in ("role", "disable", "delete"):
        page = await do(browser, f"/admin/users/{admin.id}/{action}", role="user")

        assert page.status == 409
        assert page.title.startswith("Error: ")
        assert "This is the last administrator" in page.text
    assert (await stored_user(users, ADA)).is_administrator


@pytest.mark.usefixtures("stepped_up")
async def test_administrators_are_offered_no_removal_of_their_own_factors(
    browser: Browser, users: UserRepository, admin: User
) -> None:
    user = await stored_user(users, ADA)
    assert (await users.replace(user, replace(user, has_second_factor=True))).changed

    page = await browser.open(f"/admin/users/{admin.id}")
    refused = await browser.post(f"/admin/users/{admin.id}/second-factors", {"reason": WHY})

    assert not [each for each in page.read.links if "second-factors" in each]
    assert refused.status == 403


async def test_an_auditor_sees_a_user_without_any_button(
    browser: Browser, client: Client, users: UserRepository, eve: User
) -> None:
    await log_in_as(browser, client, users, Role.AUDITOR)

    page = await browser.open(f"/admin/users/{eve.id}")

    assert page.status == 200
    assert not [each for each in page.read.links if f"/admin/users/{eve.id}/" in each]
    assert set(page.read.forms) == {"/logout"}


async def test_an_action_goes_on_with_its_reason_after_a_step_up(
    browser: Browser, client: Client, users: UserRepository, container: AsyncContainer, eve: User
) -> None:
    await log_in_as(browser, client, users, Role.ADMIN)
    path = f"/admin/users/{eve.id}/delete"

    asked = await do(browser, path)
    assert await users.get(eve.id) is not None
    page = await browser.submit(asked, "/account/step-up", step_up_password=PASSWORD)

    assert page.path == "/admin/users?done=delete"
    assert (await last_event(container, eve)).reason == WHY
