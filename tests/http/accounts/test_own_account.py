"""The user's own account over HTTP: profile, export and deletion."""

import pytest
from litestar import Litestar

from tests.http.client import (
    EMAIL,
    ME,
    MY_EMAIL,
    MY_EXPORT,
    MY_PASSWORD,
    NEW_PASSWORD,
    ORIGIN,
    SESSION_MEMBERS,
    Client,
    a_client,
    bearer,
)
from tests.http.conftest import each_stack
from tests.http.failing_requests import problems_of
from tests.support.builders import PASSWORD

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"


@each_stack
async def test_a_changed_profile_is_visible_everywhere(client: Client, app: Litestar) -> None:
    await client.sign_up()
    async with a_client(app, ORIGIN) as other:
        await other.log_in()
        for _ in range(2):
            await other.me()

        answer = await client.patch(ME, json={"name": "Ada King", "photo": "ada.png"})

        assert answer.status_code == 200
        user = answer.json()["data"]["user"]
        assert (user["name"], user["photo"], user["email"]) == ("Ada King", "ada.png", EMAIL)
        assert (await other.me()).json() == answer.json()


async def test_the_language_of_mails_is_the_browsers_until_its_user_chooses_one(
    client: Client,
) -> None:
    client.headers["Accept-Language"] = "de-AT,de;q=0.9,en;q=0.5"
    await client.sign_up()

    assert (await client.me()).json()["data"]["locale"] == "de-AT"

    answer = await client.patch(ME, json={"locale": "en"})

    assert answer.json()["data"]["locale"] == "en"
    assert (await client.me()).json() == answer.json()
    await client.step_up()
    assert (await client.get(MY_EXPORT)).json()["data"]["locale"] == "en"


async def test_an_empty_change_changes_nothing(client: Client) -> None:
    await client.sign_up()
    before = (await client.me()).json()["data"]["user"]

    after = (await client.patch(ME, json={})).json()["data"]["user"]

    assert after | {"updatedAt": ""} == before | {"updatedAt": ""}


async def test_a_profile_change_with_unknown_members_is_refused_and_names_them(
    client: Client,
) -> None:
    await client.sign_up()
    before = (await client.me()).json()
    members = {"email": "eve@x.org", "password": PASSWORD, "role": "admin", "verified": True}

    answer = await client.patch(ME, json={"name": "Eve"} | members)

    assert [each["field"] for each in problems_of(answer)] == list(members)
    assert (await client.me()).json() == before


async def test_a_misspelt_member_is_answered_with_the_known_one(client: Client) -> None:
    await client.sign_up()

    answer = await client.patch(ME, json={"nmae": "Ada King"})

    assert problems_of(answer) == [
        {"field": "nmae", "message": "is not known; did you mean name?"},
    ]


async def test_hidden_characters_in_the_name_of_an_unknown_member_are_replaced(
    client: Client,
) -> None:
    await client.sign_up()

    answer = await client.patch(ME, json={"n\u202eame\x00": "Ada King"})

    assert [each["field"] for each in problems_of(answer)] == ["n?ame?"]


async def test_an_answer_about_unknown_members_is_bounded(client: Client) -> None:
    await client.sign_up()

    answer = await client.patch(ME, json={f"{n}".zfill(500): 1 for n in range(30)})

    assert {len(each["field"]) for each in problems_of(answer)} == {64}
    assert len(problems_of(answer)) == 10


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("DELETE", ME, {"password": PASSWORD}),
        ("POST", MY_EMAIL, {"email": "new@example.org", "password": PASSWORD}),
        ("POST", MY_PASSWORD, {"current_password": PASSWORD, "new_password": NEW_PASSWORD}),
    ],
)
async def test_confirmed_actions_refuse_unknown_members(
    client: Client, method: str, path: str, body: dict[str, str]
) -> None:
    await client.sign_up()

    answer = await client.request(method, path, json=body | {"confirm": "x"})

    assert [each["field"] for each in problems_of(answer)] == ["confirm"]
    assert (await client.log_in()).status_code == 200


@pytest.mark.parametrize("body", [{"name": ""}, {"photo": "javascript:alert(1)"}, {"name": 7}])
async def test_a_bad_profile_is_refused_by_field(client: Client, body: dict[str, object]) -> None:
    await client.sign_up()

    answer = await client.patch(ME, json=body)

    assert answer.status_code == 400
    assert [each["field"] for each in answer.json()["errors"]] == list(body)


@each_stack
async def test_a_deleted_account_is_removed(client: Client, app: Litestar) -> None:
    await client.sign_up()
    tokens = await client.obtain_tokens()
    async with a_client(app, ORIGIN) as other:
        await other.log_in()
        for _ in range(2):
            assert (await other.me()).status_code == 200

        answer = await client.request("DELETE", ME, json={"password": PASSWORD})

        assert answer.status_code == 200
        assert client.login_cookies == {}
        assert (await other.me()).status_code == 401
        assert (await other.refresh()).status_code == 401
    assert (await client.me(tokens["access_token"])).status_code == 401
    assert (await client.refresh(tokens["refresh_token"])).status_code == 401
    assert (await client.log_in()).status_code == 400
    assert (await client.register()).status_code == 200


async def test_a_wrong_password_deletes_no_account(client: Client) -> None:
    await client.sign_up()

    answer = await client.request("DELETE", ME, json={"password": "a guess"})

    assert answer.status_code == 400
    assert answer.json()["code"] == "wrong_password"
    assert (await client.me()).status_code == 200


@pytest.mark.parametrize(("method", "body"), [("PATCH", {"name": "Eve"}), ("DELETE", {})])
async def test_another_sites_page_changes_nothing(
    client: Client, method: str, body: dict[str, str]
) -> None:
    await client.sign_up()

    headers = {"Sec-Fetch-Site": "cross-site"}
    body |= {"password": PASSWORD}
    assert (await client.request(method, ME, json=body, headers=headers)).status_code == 403

    assert (await client.me()).json()["data"]["user"]["name"] == "Ada Lovelace"


@each_stack
async def test_the_export_has_all_that_is_held_and_no_secret(client: Client) -> None:
    client.headers["User-Agent"] = FIREFOX
    await client.register()
    first, second = await client.obtain_tokens(), await client.obtain_tokens()
    stepped_up = (await client.step_up(first["access_token"])).json()
    refreshed = (await client.refresh(stepped_up["refresh_token"])).json()

    answer = await client.get(MY_EXPORT, headers=bearer(refreshed["access_token"]))

    assert answer.status_code == 200
    data = answer.json()["data"]
    assert data["user"] == (await client.me(second["access_token"])).json()["data"]["user"]
    assert len(data["sessions"]) == 2
    for session in data["sessions"]:
        assert list(session) == SESSION_MEMBERS
        assert session["startedAt"] <= session["refreshedAt"] < session["expiresAt"]
        assert (session["device"], session["address"]) == ("Firefox 128 on Linux", "127.0.0.1")
    assert [each["isCurrent"] for each in data["sessions"]].count(True) == 1
    whats = [each["what"] for each in data["events"]]
    assert whats == ["step up", "login", "login", "register"]
    assert data["events"][1]["sessionId"] in {each["id"] for each in data["sessions"]}
    for token in (first, second, stepped_up, refreshed):
        assert token["access_token"] not in answer.text
        assert token["refresh_token"] not in answer.text
    assert "argon2" not in answer.text
    assert answer.headers["cache-control"] == "no-store"
