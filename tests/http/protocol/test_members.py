"""The members of a body: an error names its member, in the service's own words."""

from typing import Any

import pytest

from tests.http.client import EMAIL, LOGIN, LOGOUT, NEW_USER, REFRESH, REGISTER, Client
from tests.http.failing_requests import problems_of
from tests.support.builders import PASSWORD

TEXTS = {
    REGISTER: ["name", "email", "password"],
    LOGIN: ["email", "password"],
}
OTHERS = {
    REGISTER: ["password_confirm", "passwordConfirm"],
    LOGIN: ["transport", "device_token"],
    REFRESH: ["refresh_token"],
    LOGOUT: ["refresh_token"],
}
NO_TEXTS = [1, 1.5, True, ["x"], [], {"x": "y"}, {}]

HIDDEN = {
    "NUL": "\x00",
    "backspace": "\x08",
    "tabulator": "\t",
    "line feed": "\n",
    "escape": "\x1b",
    "delete": "\x7f",
    "next line": "\x85",
    "application program command": "\x9f",
    "Arabic letter mark": "\u061c",
    "left-to-right mark": "\u200e",
    "right-to-left mark": "\u200f",
    "line separator": "\u2028",
    "paragraph separator": "\u2029",
    "left-to-right embedding": "\u202a",
    "pop directional formatting": "\u202c",
    "left-to-right override": "\u202d",
    "right-to-left override": "\u202e",
    "left-to-right isolate": "\u2066",
    "pop directional isolate": "\u2069",
}


@pytest.mark.parametrize(
    ("path", "member"), [(path, member) for path in TEXTS for member in TEXTS[path]]
)
async def test_a_member_that_is_missing_is_named(client: Client, path: str, member: str) -> None:
    body = {name: value for name, value in NEW_USER.items() if name != member}

    answer = await client.post(path, json=body)

    assert problems_of(answer) == [{"field": member, "message": "is required"}]


@pytest.mark.parametrize(
    ("path", "member"),
    [
        (path, member)
        for members in (TEXTS, OTHERS)
        for path in members
        for member in members[path]
    ],
)
async def test_a_member_of_a_wrong_type_is_named(client: Client, path: str, member: str) -> None:
    for value in NO_TEXTS:
        answer = await client.post(path, json=NEW_USER | {member: value})
        assert problems_of(answer) == [{"field": member, "message": "has a wrong type or value"}]


@pytest.mark.parametrize(
    ("path", "member"), [(path, member) for path in TEXTS for member in TEXTS[path]]
)
async def test_nothing_is_no_text(client: Client, path: str, member: str) -> None:
    answer = await client.post(path, json=NEW_USER | {member: None})

    assert problems_of(answer) == [{"field": member, "message": "has a wrong type or value"}]


@pytest.mark.parametrize("hidden", HIDDEN.values(), ids=HIDDEN)
async def test_hidden_characters_are_refused(client: Client, hidden: str) -> None:
    for member in TEXTS[REGISTER]:
        value = NEW_USER[member][:2] + hidden + NEW_USER[member][2:]
        [problem] = problems_of(await client.register(**{member: value}))
        assert problem["field"] == member
        assert hidden not in problem["message"]


@pytest.mark.parametrize("hidden", HIDDEN.values(), ids=HIDDEN)
async def test_hidden_characters_are_not_trimmed_off_a_password(
    client: Client, hidden: str
) -> None:
    for password in (hidden + PASSWORD, PASSWORD + hidden):
        [problem] = problems_of(await client.register(password=password))
        assert problem["field"] == "password"
    await client.register()
    assert (await client.log_in(password=PASSWORD + hidden)).status_code == 400
    assert (await client.log_in(EMAIL + hidden + "x")).status_code == 400


@pytest.mark.parametrize(
    "name",
    [
        "Zoë",
        "Мария",
        "李小龍",
        "مريم",
        "José-Luis O'Neill",
        "👩‍🚀 Ada",
        "a b",
        "<b>Ada</b>",
        '"; --',
    ],
)
async def test_names_of_all_sorts_come_back_as_they_were(client: Client, name: str) -> None:
    answer = await client.register(name=name)

    assert answer.status_code == 200
    assert answer.json()["data"]["user"]["name"] == name
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    "members",
    [
        {"": 1},
        {"Name": "x", "EMAIL": "x", "pass word": "x"},
        {"__proto__": {"role": "admin"}, "constructor": None, "__class__": "User"},
        {"more": [1, {"of": ["everything", None, 1e300, True]}]},
        {"\u202e": "\x00"},
    ],
    ids=str,
)
async def test_members_that_are_not_known_are_not_looked_at(
    client: Client, members: dict[str, Any]
) -> None:
    registered = await client.register(**members)
    login = await client.log_in(transport="bearer", **members)
    token = login.json()["refresh_token"]
    refreshed = await client.post(REFRESH, json=members | {"refresh_token": token})

    assert [registered.status_code, login.status_code, refreshed.status_code] == [200] * 3


@pytest.mark.parametrize("path", [REFRESH, LOGOUT])
async def test_a_refresh_token_under_a_wrong_name_is_refused(client: Client, path: str) -> None:
    """Ignored, it would be taken for a call that uses the cookie."""
    token = (await client.obtain_tokens())["refresh_token"]
    await client.log_in()

    answer = await client.post(path, json={"refreshToken": token})

    assert problems_of(answer) == [
        {"field": "refreshToken", "message": "is not known; did you mean refresh_token?"}
    ]
    assert token not in answer.text
    assert (await client.me()).status_code == 200
