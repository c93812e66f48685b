"""A login at another provider, in a browser: with cookies in the end."""

from dataclasses import replace
from datetime import timedelta

import pytest
from litestar import Litestar

from api.security.origin_policy import OriginPolicy
from application.ports import UserRepository
from domain.email import Email
from domain.errors import (
    ProviderCancelled,
    ProviderRefused,
    ProviderUnavailable,
)
from domain.social_login.flow import LIFETIME
from domain.user import NO_PASSWORD
from tests.http.client import (
    EMAIL,
    HTTPS_ORIGIN,
    ORIGIN,
    SOCIAL,
    SOCIAL_CALLBACK,
    SOCIAL_START,
    Client,
    a_client,
    stored_user,
)
from tests.http.flows import CODE, state_of
from tests.http.social_login.conftest import (
    SPA,
    Browser,
    linked_to,
    place_of,
    without_pages,
)
from tests.support.doubles import SettableClock
from tests.support.social_login import FakeProvider, an_account

few_attempts = pytest.mark.parametrize(
    "settings", [{"LOGIN_LIMIT_ADDRESS": "1/1m"}], indirect=True
)


async def test_the_providers_are_listed_with_where_to_begin(client: Client) -> None:
    answer = await client.get(SOCIAL)

    assert answer.json() == {
        "status": "success",
        "data": {
            "providers": [
                {"name": "acme", "label": "Acme Inc.", "start": ORIGIN + SOCIAL_START},
                {
                    "name": "umbrella",
                    "label": "Umbrella",
                    "start": f"{ORIGIN}{SOCIAL}/umbrella/start",
                },
            ]
        },
    }


async def test_a_new_person_gets_an_account_and_a_session(
    browser: Browser, client: Client, users: UserRepository
) -> None:
    begun = await browser.start(return_to="/account/profile?a=b")
    assert begun.headers["location"].startswith("https://acme.example/authorize?state=")
    answer = await browser.come_back(begun)

    assert place_of(answer) == ("/account/profile", {"a": "b"})
    me = (await client.me()).json()["data"]["user"]
    assert (me["email"], me["name"], me["verified"]) == (EMAIL, "Ada of Acme", True)
    assert (await stored_user(users)).password_hash == NO_PASSWORD
    assert browser.flows == []


async def test_a_known_person_logs_in_again_under_another_address(
    browser: Browser, client: Client, users: UserRepository, acme: FakeProvider
) -> None:
    await browser.log_in()
    before = await stored_user(users)
    client.cookies.clear()
    acme.says = an_account("other@example.org", is_email_verified=False)

    assert place_of(await browser.log_in()) == ("/account", {})

    assert (await client.me()).json()["data"]["user"]["id"] == str(before.id)


async def test_the_callback_answers_for_no_cache_and_no_referrer(browser: Browser) -> None:
    answer = await browser.log_in()

    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"


async def test_a_name_in_the_language_of_the_browser_is_kept(
    browser: Browser, users: UserRepository
) -> None:
    browser.accept["Accept-Language"] = "de"

    await browser.log_in()

    assert (await stored_user(users)).locale == "de"


class TestTheCookieOfAFlow:
    @pytest.mark.parametrize(
        ("origin_policy", "prefix", "secure"),
        [(ORIGIN, "", ""), (HTTPS_ORIGIN, "__Host-", "; Secure")],
        indirect=["origin_policy"],
    )
    async def test_the_cookie_of_a_flow_is_for_the_server_alone_and_for_ten_minutes(
        self, browser: Browser, prefix: str, secure: str
    ) -> None:
        begun = await browser.start()

        [cookie] = begun.headers.get_list("set-cookie")
        flow_id = state_of(begun).partition(".")[0]
        name, _, rest = cookie.partition("=")
        value, _, attributes = rest.partition("; ")
        assert name == f"{prefix}social-{flow_id}"
        assert len(value) == 43
        assert attributes == f"Path=/; Max-Age=600; SameSite=Lax; HttpOnly{secure}"
        assert value not in begun.headers["location"]

    @pytest.mark.parametrize("settings", [{"COOKIE_PREFIX": "x-"}], indirect=True)
    @pytest.mark.parametrize("origin_policy", [HTTPS_ORIGIN], indirect=True)
    async def test_the_cookie_of_a_flow_has_the_prefix_of_the_installation(
        self, browser: Browser
    ) -> None:
        begun = await browser.start()

        assert begun.headers["set-cookie"].startswith("__Host-x-social-")
        assert place_of(await browser.come_back(begun)) == ("/account", {})

    async def test_two_tabs_log_in_independently(self, browser: Browser) -> None:
        first, second = (
            await browser.start(return_to="/one"),
            await browser.start(return_to="/two"),
        )
        assert len(browser.flows) == 2

        assert place_of(await browser.come_back(first)) == ("/one", {})
        assert place_of(await browser.come_back(second)) == ("/two", {})

    async def test_the_newest_three_flows_of_a_browser_stay(
        self, browser: Browser, clock: SettableClock
    ) -> None:
        begun = []
        for number in range(5):
            begun.append(await browser.start(return_to=f"/{number}"))
            clock.advance(timedelta(seconds=1))
        assert len(browser.flows) == 3

        for answer in begun[:2]:
            assert place_of(await browser.come_back(answer))[1]["problem"] == "social_flow_invalid"
        for number, answer in list(enumerate(begun))[2:]:
            assert place_of(await browser.come_back(answer)) == (f"/{number}", {})

    async def test_cookies_that_only_look_like_those_of_flows_are_left_alone(
        self, client: Client
    ) -> None:
        others = "; ".join(
            f"social-{each}=x" for each in ("", "a" * 23, "A" * 24, "z" * 24, "x.y")
        )

        answer = await client.with_cookies(SOCIAL_START, others, others)

        assert len(answer.headers.get_list("set-cookie")) == 1

    @pytest.mark.parametrize("number", [1, 2])
    async def test_an_ambiguous_cookie_of_a_flow_is_none(
        self, browser: Browser, number: int
    ) -> None:
        begun = await browser.start()
        [name] = browser.flows
        pair = f"{name}={browser.client.cookies[name]}"
        browser.client.cookies.clear()
        doubled = [pair, f"{pair}; {name.upper()}=x"][:number] * (3 - number)

        state = state_of(begun)
        path = f"{SOCIAL_CALLBACK}?code=x&state={state}"
        answer = await browser.client.with_cookies(path, *doubled)

        assert (answer.status_code, answer.json()["code"]) == (400, "social_flow_invalid")
        answer = await browser.client.with_cookies(path.replace("code=x", f"code={CODE}"), pair)
        assert answer.status_code == 303


class TestAFlowBelongsToOneBrowserAndOneProvider:
    async def test_a_strangers_callback_logs_nobody_in(
        self, browser: Browser, users: UserRepository
    ) -> None:
        """An attacker sends a victim the end of a login that the attacker has begun."""
        begun = await browser.start()
        own = dict(browser.client.cookies)
        browser.client.cookies.clear()
        await browser.start()  # with a cookie of another flow, too

        stranger = await browser.come_back(begun)

        assert place_of(stranger) == ("/login", {"problem": "social_flow_invalid"})
        assert "access_token" not in browser.client.cookies
        assert await users.by_email(Email.parse(EMAIL)) is None
        browser.client.cookies.clear()
        browser.client.cookies.update(own)
        assert place_of(await browser.come_back(begun)) == ("/account", {})

    async def test_the_cookie_of_another_flow_is_refused_under_the_name_of_this_one(
        self, browser: Browser
    ) -> None:
        begun, other = await browser.start(), await browser.start()
        names = [f"social-{state_of(each).partition('.')[0]}" for each in (begun, other)]
        value = browser.client.cookies[names[1]]
        browser.client.cookies.clear()
        browser.client.cookies.set(names[0], value)

        assert place_of(await browser.come_back(begun))[1]["problem"] == "social_flow_invalid"

    async def test_another_provider_does_not_end_a_flow(
        self, browser: Browser, acme: FakeProvider
    ) -> None:
        """The mix-up attack: a hostile provider gets the code of an honest one."""
        answer = await browser.come_back(await browser.start(), provider="umbrella")

        assert place_of(answer) == ("/login", {"problem": "social_flow_invalid"})
        assert acme.checked == []
        assert browser.flows == []

    async def test_a_flow_ends_once(self, browser: Browser, acme: FakeProvider) -> None:
        begun = await browser.start()
        cookies = dict(browser.client.cookies)
        await browser.come_back(begun)
        browser.client.cookies.update(cookies)

        again = await browser.come_back(begun)

        assert place_of(again)[1]["problem"] == "social_flow_invalid"
        assert len(acme.checked) == 1

    async def test_a_flow_ends_within_ten_minutes(
        self, browser: Browser, clock: SettableClock
    ) -> None:
        begun = await browser.start()
        clock.advance(LIFETIME)

        assert place_of(await browser.come_back(begun))[1]["problem"] == "social_flow_invalid"

    @pytest.mark.parametrize("state", ["", "x", "." * 300, "é", "0" * 24 + "."])
    async def test_a_made_up_state_is_refused(self, browser: Browser, state: str) -> None:
        answer = await browser.come_back(state)

        assert place_of(answer) == ("/login", {"problem": "social_flow_invalid"})

    @pytest.mark.parametrize("name", ["code", "state", "iss", "error"])
    async def test_a_parameter_that_is_there_twice_ends_nothing(
        self, browser: Browser, acme: FakeProvider, name: str
    ) -> None:
        begun = await browser.start()
        query = f"?state={state_of(begun)}&code={CODE}&{name}=a&{name}=a"

        answer = await browser.client.get(SOCIAL_CALLBACK + query)

        assert (answer.status_code, answer.json()["code"]) == (400, "social_flow_invalid")
        assert acme.checked == []
        assert place_of(await browser.come_back(begun)) == ("/account", {})

    async def test_a_long_code_reaches_no_provider(
        self, browser: Browser, acme: FakeProvider
    ) -> None:
        answer = await browser.come_back(await browser.start(), code="x" * 4097)

        assert place_of(answer)[1]["problem"] == "social_flow_invalid"
        assert acme.checked == []

    async def test_other_parameters_of_providers_are_ignored(self, browser: Browser) -> None:
        begun = await browser.start()

        answer = await browser.come_back(begun, scope="openid", authuser="0", session_state="x")

        assert place_of(answer) == ("/account", {})


class TestAFormOfTheProvider:
    async def test_a_form_of_the_provider_comes_back_by_get_with_the_cookies(
        self, browser: Browser
    ) -> None:
        begun = await browser.start()
        form = {"state": state_of(begun), "code": CODE, "id_token": "x", "user": "{}"}
        cross_site = {"Origin": "https://acme.example", "Sec-Fetch-Site": "cross-site"}

        answer = await browser.client.post(
            SOCIAL_CALLBACK, data=form, headers=cross_site | {"Sec-Fetch-Mode": "navigate"}
        )

        assert place_of(answer) == (SOCIAL_CALLBACK, {"state": state_of(begun), "code": CODE})
        assert "set-cookie" not in answer.headers
        answer = await browser.client.get(answer.headers["location"], headers=browser.accept)
        assert place_of(answer) == ("/account", {})

    async def test_a_form_of_the_provider_with_a_doubled_field_is_refused(
        self, client: Client
    ) -> None:
        form = {"Content-Type": "application/x-www-form-urlencoded"}

        answer = await client.post(SOCIAL_CALLBACK, content=b"state=a&state=b", headers=form)

        assert (answer.status_code, answer.json()["code"]) == (400, "social_flow_invalid")

    async def test_a_callback_with_another_body_than_a_form_is_refused(
        self, client: Client
    ) -> None:
        assert (await client.post(SOCIAL_CALLBACK, json={"state": "x"})).status_code == 415

    @pytest.mark.parametrize("provider", ["Acme", "a%0d%0ab", "%2e%2e", "a%3fb"])
    async def test_an_impossible_provider_is_not_found(
        self, client: Client, provider: str
    ) -> None:
        answer = await client.post(f"{SOCIAL}/{provider}/callback", data={"state": "x"})

        assert answer.status_code in {404, 405}


class TestFailures:
    @pytest.mark.parametrize(
        ("error", "problem"),
        [
            (ProviderCancelled(), "provider_cancelled"),
            (ProviderRefused("id_token_expired"), "provider_refused"),
            (ProviderUnavailable("timeout"), "provider_unavailable"),
        ],
        ids=str,
    )
    async def test_a_page_says_what_went_wrong_at_the_provider(
        self, browser: Browser, acme: FakeProvider, error: ProviderCancelled, problem: str
    ) -> None:
        acme.says = error

        answer = await browser.log_in(return_to="/account/profile")

        expected = {"problem": problem, "return_to": "/account/profile"}
        assert place_of(answer) == ("/login", expected)
        assert browser.flows == []

    @without_pages
    @pytest.mark.parametrize(
        ("error", "status", "code"),
        [
            (ProviderCancelled(), 400, "provider_cancelled"),
            (ProviderRefused("id_token_expired"), 400, "provider_refused"),
            (ProviderUnavailable("timeout"), 503, "provider_unavailable"),
        ],
        ids=str,
    )
    async def test_without_pages_it_is_the_answer_of_the_api_or_goes_to_the_application(
        self,
        browser: Browser,
        acme: FakeProvider,
        error: ProviderCancelled,
        status: int,
        code: str,
    ) -> None:
        acme.says = error

        answer = await browser.log_in(return_to="/app")
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert "id_token_expired" not in answer.text
        assert browser.flows == []

        assert place_of(await browser.log_in(return_to=SPA)) == (SPA, {"error": code})

    async def test_a_known_address_has_to_be_linked_first(
        self, browser: Browser, client: Client, users: UserRepository
    ) -> None:
        await client.register()
        user = await stored_user(users)
        await users.replace(user, replace(user, verified=True))

        answer = await browser.log_in()

        assert place_of(answer) == (
            "/login",
            {"problem": "link_required", "return_to": "/account"},
        )
        assert "access_token" not in client.cookies

    async def test_an_unverified_address_makes_no_account(
        self, browser: Browser, acme: FakeProvider, users: UserRepository
    ) -> None:
        acme.says = an_account(is_email_verified=False)

        answer = await browser.log_in()

        assert place_of(answer)[1]["problem"] == "provider_email_unverified"
        assert await users.by_email(Email.parse(EMAIL)) is None

    @pytest.mark.parametrize("settings", [{"REGISTRATION": "closed"}], indirect=True)
    async def test_a_closed_registration_stays_closed(
        self, browser: Browser, users: UserRepository
    ) -> None:
        answer = await browser.log_in()

        assert place_of(answer)[1]["problem"] == "registration_closed"
        assert await users.by_email(Email.parse(EMAIL)) is None

    async def test_a_disabled_user_is_refused(
        self, browser: Browser, client: Client, users: UserRepository
    ) -> None:
        await browser.log_in()
        user = await stored_user(users)
        await users.replace(user, replace(user, disabled=True))
        client.cookies.clear()

        assert place_of(await browser.log_in())[1]["problem"] == "invalid_credentials"

    async def test_a_provider_that_is_down_is_said_at_the_start(
        self, browser: Browser, acme: FakeProvider
    ) -> None:
        acme.failure = ProviderUnavailable("timeout")

        answer = await browser.start()

        expected = {"problem": "provider_unavailable", "return_to": "/account"}
        assert place_of(answer) == ("/login", expected)
        assert browser.flows == []
        answer = await browser.client.get(SOCIAL_START)
        assert (answer.status_code, answer.json()["code"]) == (503, "provider_unavailable")

    @few_attempts
    async def test_the_limit_of_an_address_applies_to_starts(self, browser: Browser) -> None:
        answers = [await browser.start() for _ in range(4)]

        assert all(answer.headers["location"].startswith("https:") for answer in answers[:3])
        assert place_of(answers[3])[1]["problem"] == "too_many_requests"
        answer = await browser.client.get(SOCIAL_START)
        assert answer.status_code == 429
        assert answer.headers["ratelimit-policy"].startswith('"social"')

    @few_attempts
    async def test_a_flow_survives_a_refusal_by_the_limit(
        self, browser: Browser, clock: SettableClock
    ) -> None:
        begun, _, _ = [await browser.start() for _ in range(3)]
        cookies = dict(browser.client.cookies)
        assert place_of(await browser.come_back(begun))[1]["problem"] == "too_many_requests"
        assert dict(browser.client.cookies) == cookies
        clock.advance(timedelta(minutes=5))
        assert place_of(await browser.come_back(begun)) == ("/account", {})


class TestStarts:
    @pytest.mark.parametrize("path", [SOCIAL_START, SOCIAL_CALLBACK])
    async def test_head_and_a_prefetch_begin_and_end_nothing(
        self, browser: Browser, acme: FakeProvider, path: str
    ) -> None:
        begun = await browser.start()
        query = {"state": state_of(begun), "code": CODE} if "callback" in path else {}
        prefetch = {"Sec-Purpose": "prefetch;prerender"}

        head = await browser.client.head(path, params=query)
        prefetched = await browser.client.get(path, params=query, headers=prefetch)

        assert (head.status_code, prefetched.status_code) == (405, 503)
        assert "set-cookie" not in str(head.headers) + str(prefetched.headers)
        assert (len(acme.sent), acme.checked) == (1, [])
        assert place_of(await browser.come_back(begun)) == ("/account", {})

    @pytest.mark.parametrize("destination", ["image", "iframe", "empty"])
    async def test_a_page_of_others_begins_no_login_by_itself(
        self, browser: Browser, acme: FakeProvider, destination: str
    ) -> None:
        """It would use up the limits of its visitors, and of all."""
        embedded = {"Sec-Fetch-Dest": destination, "Sec-Fetch-Site": "cross-site"}
        visited = embedded | {"Sec-Fetch-Dest": "document"}

        answer = await browser.client.get(SOCIAL_START, headers=embedded)

        assert (answer.status_code, answer.json()["code"]) == (403, "cross_site_request")
        assert acme.sent == []
        assert (await browser.client.get(SOCIAL_START, headers=visited)).status_code == 303

    @pytest.mark.parametrize(
        "origin_policy",
        [OriginPolicy(ORIGIN, other_names=frozenset({"http://127.0.0.1:8000"}))],
        indirect=True,
    )
    async def test_a_browser_under_another_name_goes_to_the_main_one(
        self, browser: Browser, acme: FakeProvider
    ) -> None:
        """Providers send it back there, and a cookie is for one host."""
        query = "return_to=/account%3Fa%3Db&fresh=true"
        answer = await browser.client.get(f"http://127.0.0.1:8000{SOCIAL_START}?{query}")

        assert answer.headers["location"] == f"{ORIGIN}{SOCIAL_START}?{query}"
        assert (answer.status_code, acme.sent) == (303, [])
        stranger = {"Host": "evil.example"}
        answer = await browser.client.get(SOCIAL_START, headers=stranger)
        assert answer.headers["location"].startswith("https://acme.example/")

    async def test_an_unknown_provider_is_not_found(self, browser: Browser) -> None:
        assert (await browser.client.get(f"{SOCIAL}/nothing/start")).status_code == 404
        assert place_of(await browser.start("nothing"))[1]["problem"] == "not_found"

    async def test_the_person_can_be_asked_to_log_in_there_again(
        self, browser: Browser, acme: FakeProvider
    ) -> None:
        await browser.start()
        await browser.start(fresh="true")

        assert [each.is_fresh for each in acme.sent] == [False, True]

    @without_pages
    async def test_without_pages_a_target_is_required(self, browser: Browser) -> None:
        answer = await browser.start()

        assert answer.status_code == 400
        assert answer.json()["errors"][0]["field"] == "return_to"

    @pytest.mark.parametrize("settings", [{"PUBLIC_URL": f"{ORIGIN}/auth"}], indirect=True)
    async def test_the_path_prefix_is_kept(self, browser: Browser, acme: FakeProvider) -> None:
        assert place_of(await browser.log_in(return_to="/account"))[0] == "/auth/account"
        acme.says = ProviderCancelled()
        assert place_of(await browser.log_in())[0] == "/auth/login"
        form = {"state": "x"}
        answer = await browser.client.post(SOCIAL_CALLBACK, data=form)
        assert place_of(answer) == (f"/auth{SOCIAL_CALLBACK}", {"state": "x"})
        listed = (await browser.client.get(SOCIAL)).json()["data"]["providers"]
        assert listed[0]["start"] == f"{ORIGIN}/auth{SOCIAL_START}"


async def test_a_person_stays_the_same_in_another_browser(
    browser: Browser, app: Litestar, users: UserRepository
) -> None:
    await browser.client.register()
    user = await stored_user(users)
    await linked_to(users, user)

    async with a_client(app, ORIGIN) as other:
        await Browser(other).log_in()
        assert (await other.me()).json()["data"]["user"]["id"] == str(user.id)
