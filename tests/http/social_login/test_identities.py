"""Accounts of other providers: link, list and unlink them, and step up with one."""

from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from litestar import Litestar

from application.ports import UserRepository
from domain.errors import ProviderCancelled, ProviderUnavailable
from tests.http.client import (
    ADMIN_EMAIL,
    EMAIL,
    ME,
    MY_EXPORT,
    MY_IDENTITIES,
    MY_TOTP,
    NO_IDENTITY,
    ORIGIN,
    STEP_UP_SOCIAL,
    USERS,
    Client,
    a_client,
    an_administrator,
    bearer,
    stored_user,
)
from tests.http.conftest import ReadMail
from tests.http.failing_requests import problems_of
from tests.http.flows import code_for_app
from tests.http.social_login.conftest import SPA, Browser, linked_to, place_of, without_pages
from tests.support.builders import NOW
from tests.support.doubles import SettableClock
from tests.support.social_login import FakeProvider, an_account

LINK = f"{MY_IDENTITIES}/acme"


async def prove_address(users: UserRepository, email: str = EMAIL) -> None:
    user = await stored_user(users, email)
    assert (await users.replace(user, replace(user, verified=True))).changed


@pytest.fixture
async def ada(client: Client, users: UserRepository) -> Browser:
    """A browser in which Ada is logged in with her password, stepped up, her address proven."""
    await client.sign_up()
    await prove_address(users)
    assert (await client.step_up()).status_code == 200
    return Browser(client)


async def identities(client: Client) -> list[dict[str, str | None]]:
    answer = await client.get(MY_IDENTITIES)
    assert answer.status_code == 200
    found: list[dict[str, str | None]] = answer.json()["data"]["identities"]
    return found


class TestLinking:
    async def test_an_account_is_linked_by_a_way_to_the_provider_and_back(
        self, ada: Browser, read_mail: ReadMail, acme: FakeProvider
    ) -> None:
        await read_mail()
        acme.says = an_account("work@example.org", is_email_verified=False)
        begun = await ada.client.post(LINK, json={"return_to": "/account/security?done=linked"})
        assert begun.json()["authorization_url"].startswith("https://acme.example/")
        assert len(ada.flows) == 1

        answer = await ada.come_back(begun)

        assert place_of(answer) == ("/account/security", {"done": "linked"})
        assert [name for name in answer.cookies if "token" in name] == []
        assert ada.flows == []
        [mine] = await identities(ada.client)
        assert mine.pop("id")
        assert mine == {
            "provider": "acme",
            "email": "work@example.org",
            "linkedAt": NOW.isoformat().replace("+00:00", "Z"),
            "lastUsedAt": NOW.isoformat().replace("+00:00", "Z"),
        }
        [letter] = await read_mail()
        assert letter.kind.value == "identities_changed"
        ada.client.cookies.clear()
        await ada.log_in()
        assert (await ada.client.me()).json()["data"]["user"]["email"] == EMAIL

    async def test_a_link_ends_at_the_page_about_the_login_by_default(self, ada: Browser) -> None:
        begun = await ada.client.post(LINK)

        assert place_of(await ada.come_back(begun)) == ("/account/security", {})

    @without_pages
    async def test_without_pages_a_target_is_required(self, ada: Browser) -> None:
        answer = await ada.client.post(LINK)
        assert [each["field"] for each in problems_of(answer)] == ["return_to"]

        begun = await ada.client.post(LINK, json={"return_to": SPA})
        assert place_of(await ada.come_back(begun)) == (SPA, {})

    async def test_a_page_says_that_another_user_has_linked_the_account(
        self, ada: Browser, users: UserRepository
    ) -> None:
        await ada.client.register("eve@example.org")
        await linked_to(users, await stored_user(users, "eve@example.org"))

        answer = await ada.come_back(await ada.client.post(LINK))

        assert place_of(answer) == ("/account/security", {"problem": "identity_taken"})
        assert await identities(ada.client) == []

    async def test_a_page_says_that_the_person_has_cancelled(
        self, ada: Browser, acme: FakeProvider
    ) -> None:
        acme.says = ProviderCancelled()

        answer = await ada.come_back(await ada.client.post(LINK))

        assert place_of(answer) == ("/account/security", {"problem": "provider_cancelled"})

    async def test_a_link_needs_the_cookie_of_the_browser_that_has_begun_it(
        self, ada: Browser
    ) -> None:
        """An attacker sends a victim the end of a link that the attacker has begun, or the other
        way round.
        """
        begun = await ada.client.post(LINK)
        name = ada.flows[0]
        del ada.client.cookies[name]

        assert place_of(await ada.come_back(begun))[1]["problem"] == "social_flow_invalid"
        assert await identities(ada.client) == []

    async def test_a_link_ends_only_while_its_session_is_good(self, ada: Browser) -> None:
        begun = await ada.client.post(LINK)
        await ada.client.log_out()

        answer = await ada.come_back(begun)

        assert place_of(answer) == ("/account/security", {"problem": "social_flow_invalid"})
        assert (await ada.client.log_in()).status_code == 200
        assert await identities(ada.client) == []

    async def test_a_session_that_is_not_stepped_up_begins_no_link(
        self, ada: Browser, acme: FakeProvider
    ) -> None:
        await ada.client.log_in()

        answer = await ada.client.post(LINK)

        assert (answer.status_code, answer.json()["code"]) == (401, "step_up_required")
        assert acme.sent == []
        assert ada.flows == []

    async def test_another_site_begins_no_link(self, ada: Browser) -> None:
        answer = await ada.client.post(LINK, headers={"Sec-Fetch-Site": "cross-site"})

        assert (answer.status_code, answer.json()["code"]) == (403, "cross_site_request")

    async def test_an_application_links_with_a_code(
        self, ada: Browser, acme: FakeProvider
    ) -> None:
        acme.says = an_account("work@example.org")
        body = await code_for_app(ada.client)
        token = (await ada.client.obtain_tokens())["access_token"]
        refused = await ada.client.post(MY_IDENTITIES, json=body, headers=bearer(token))
        assert (refused.status_code, refused.json()["code"]) == (401, "step_up_required")
        token = await ada.client.stepped_up(token)

        answer = await ada.client.post(MY_IDENTITIES, json=body, headers=bearer(token))

        assert answer.json()["data"]["identity"]["email"] == "work@example.org"
        again = await ada.client.post(MY_IDENTITIES, json=body, headers=bearer(token))
        assert (again.status_code, again.json()["code"]) == (400, "social_flow_invalid")

    async def test_an_address_has_to_be_proven_first(
        self, client: Client, acme: FakeProvider
    ) -> None:
        await client.sign_up()
        await client.step_up()

        answer = await client.post(LINK)

        assert (answer.status_code, answer.json()["code"]) == (403, "email_unverified")
        assert acme.sent == []


class TestUnlinking:
    async def test_unlinking_ends_all_other_sessions(
        self, ada: Browser, users: UserRepository
    ) -> None:
        await linked_to(users, await stored_user(users))
        other = (await ada.client.obtain_tokens())["access_token"]
        [mine] = await identities(ada.client)

        answer = await ada.client.delete(f"{MY_IDENTITIES}/{mine['id']}")

        assert answer.status_code == 200
        assert await identities(ada.client) == []
        assert (await ada.client.me(other)).status_code == 401

    async def test_the_last_way_to_log_in_stays(
        self, browser: Browser, client: Client, users: UserRepository
    ) -> None:
        await browser.log_in()
        user = await stored_user(users)
        assert (await users.replace(user, replace(user, verified=False))).changed
        await browser.come_back(await client.post(STEP_UP_SOCIAL))
        [mine] = await identities(client)

        answer = await client.delete(f"{MY_IDENTITIES}/{mine['id']}")

        assert (answer.status_code, answer.json()["code"]) == (409, "last_credential")
        assert await identities(client) == [mine]

    async def test_an_account_that_another_user_has_linked_is_not_found(
        self, ada: Browser, users: UserRepository
    ) -> None:
        await ada.client.register("eve@example.org")
        hers = await linked_to(users, await stored_user(users, "eve@example.org"))

        for identity_id in (hers.id, NO_IDENTITY, "x", "%00"):
            answer = await ada.client.delete(f"{MY_IDENTITIES}/{identity_id}")
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


class TestStepUp:
    async def test_a_user_without_other_methods_steps_up_at_the_provider(
        self, browser: Browser, client: Client, acme: FakeProvider
    ) -> None:
        await browser.log_in()
        refused = await client.get(MY_EXPORT)
        assert (refused.json()["code"], refused.json()["methods"]) == (
            "step_up_required",
            ["federated"],
        )
        before = client.cookies["access_token"]
        begun = await client.post(STEP_UP_SOCIAL, json={"return_to": "/account/export"})
        assert acme.sent[-1].is_fresh

        answer = await browser.come_back(begun)

        assert place_of(answer) == ("/account/export", {})
        assert acme.checked[-1].is_fresh
        assert client.cookies["access_token"] != before
        assert (await client.get(MY_EXPORT)).status_code == 200
        assert (await client.me(before)).status_code == 401

    async def test_another_account_of_the_provider_is_no_proof(
        self, browser: Browser, client: Client, acme: FakeProvider
    ) -> None:
        await browser.log_in()
        begun = await client.post(STEP_UP_SOCIAL)
        acme.says = an_account(subject="of somebody else")

        answer = await browser.come_back(begun)

        expected = {"problem": "invalid_credentials", "return_to": "/account"}
        assert place_of(answer) == ("/account/step-up", expected)
        assert (await client.get(MY_EXPORT)).status_code == 401

    @pytest.mark.parametrize("settings", [{"MFA": "everybody"}], indirect=True)
    async def test_a_user_who_has_to_enrol_a_factor_steps_up_for_that(
        self, browser: Browser, client: Client
    ) -> None:
        await browser.log_in()
        assert (await client.post(MY_TOTP)).json()["code"] == "step_up_required"
        linking = await client.post(LINK)
        assert linking.json()["code"] == "second_factor_enrolment_required"

        await browser.come_back(await client.post(STEP_UP_SOCIAL))

        assert (await client.post(MY_TOTP)).status_code == 200

    async def test_a_user_with_a_password_shows_that(
        self, ada: Browser, users: UserRepository, acme: FakeProvider
    ) -> None:
        await linked_to(users, await stored_user(users))

        answer = await ada.client.post(STEP_UP_SOCIAL)

        assert (answer.status_code, answer.json()["code"]) == (401, "step_up_required")
        assert answer.json()["methods"] == ["password"]
        assert acme.sent == []

    async def test_a_provider_that_is_down_begins_no_step_up(
        self, browser: Browser, client: Client, acme: FakeProvider
    ) -> None:
        await browser.log_in()
        acme.failure = ProviderUnavailable("timeout")

        answer = await client.post(STEP_UP_SOCIAL)

        assert (answer.status_code, answer.json()["code"]) == (503, "provider_unavailable")
        assert browser.flows == []


class TestAdministration:
    async def test_an_administrator_lists_and_unlinks(
        self, app: Litestar, browser: Browser, users: UserRepository, read_mail: ReadMail
    ) -> None:
        await browser.log_in()
        mine = await identities(browser.client)
        user = await stored_user(users)
        theirs = f"{USERS}/{user.id}/identities"
        async with a_client(app, ORIGIN) as boss:
            admin = await an_administrator(boss, users)
            await read_mail()
            listed = await boss.get(theirs, headers=admin)
            assert listed.json()["data"]["identities"] == mine

            path, reason = f"{theirs}/{mine[0]['id']}", {"reason": "lost, ticket 4711"}
            answer = await boss.delete(path, headers=admin, params=reason)

            assert answer.json() == {"status": "success"}
            assert (await boss.get(theirs, headers=admin)).json()["data"]["identities"] == []
            assert (await boss.delete(path, headers=admin)).status_code == 404
            log = await boss.get("/api/audit", params={"user": str(user.id)}, headers=admin)
            events = log.json()["data"]["events"]
            [done] = [each for each in events if each["what"] == "unlink identity"]
            assert done["detail"].endswith("reason: lost, ticket 4711")
        [letter] = await read_mail()
        assert letter.kind.value == "identities_changed"
        assert (await browser.client.me()).status_code == 401

    async def test_an_administrator_unlinks_their_own_elsewhere(
        self, client: Client, users: UserRepository
    ) -> None:
        admin = await an_administrator(client, users)
        me = await stored_user(users, ADMIN_EMAIL)
        identity = await linked_to(users, me)

        answer = await client.delete(f"{USERS}/{me.id}/identities/{identity.id}", headers=admin)

        assert (answer.status_code, answer.json()["code"]) == (403, "permission_missing")


async def test_the_account_is_deleted_with_its_links(
    browser: Browser, client: Client, users: UserRepository, clock: SettableClock
) -> None:
    await browser.log_in()
    before = await stored_user(users)
    await browser.come_back(await client.post(STEP_UP_SOCIAL))
    deleted: httpx.Response = await client.delete(ME)
    assert deleted.status_code == 200
    client.cookies.clear()
    clock.advance(timedelta(minutes=1))

    assert place_of(await browser.log_in())[0] == "/account"

    assert (await stored_user(users)).id != before.id
