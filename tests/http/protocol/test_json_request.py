"""Bodies: JSON in UTF-8 of a limited size; the errors of all others."""

import json
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.http.client import LOGIN, LOGOUT, NEW_USER, REFRESH, REGISTER, Client
from tests.http.failing_requests import FOREIGN_WORDS, problems_of

JSON = {"Content-Type": "application/json"}

TEXT = json.dumps(NEW_USER)
GOOD = TEXT.encode()
LARGEST = 16 * 1024

PATHS = [REGISTER, LOGIN, REFRESH, LOGOUT]


def padded(size: int) -> bytes:
    """A good body of this many bytes."""
    return json.dumps(NEW_USER | {"more": "x" * (size - len(TEXT) - 12)}).encode()


async def send(client: Client, path: str, content: bytes) -> httpx.Response:
    return await client.post(path, content=content, headers=JSON)


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "application/json; charset=utf-8",
        'application/json;charset="UTF-8"',
        "APPLICATION/JSON ; Charset=utf8",
        "application/json; version=1",
    ],
)
async def test_json_in_utf_8_is_taken(client: Client, content_type: str) -> None:
    answer = await client.post(REGISTER, content=GOOD, headers={"Content-Type": content_type})

    assert answer.status_code == 200


@pytest.mark.parametrize(
    "content_type",
    [
        b"text/plain",
        b"text/plain; charset=utf-8",
        b"text/json",
        b"application/x-www-form-urlencoded",
        b"multipart/form-data",
        b"multipart/form-data; boundary=x",
        b"application/json; charset=utf-16",
        b"application/json; charset=latin-1",
        b"application/json; charset=utf-8; charset=utf-16",
        b"application/json, text/plain",
        b"application/jsonp",
        b"application/problem+json",
        b"application/msgpack",
        b"application/*",
        b"*/*",
        b";;;",
        b"\xff\xfe",
        b"",
        None,
    ],
)
async def test_nothing_else_is_taken(client: Client, content_type: bytes | None) -> None:
    headers = [] if content_type is None else [(b"Content-Type", content_type)]

    for path in PATHS:
        answer = await client.post(path, content=GOOD, headers=headers)
        assert answer.status_code == 415
        assert answer.json()["code"] == "unsupported_media_type"


async def test_a_form_is_not_taken(client: Client) -> None:
    forms = [
        await client.post(REGISTER, data=NEW_USER),
        await client.post(REGISTER, data=NEW_USER, files={"photo": b"png"}),
    ]

    assert [form.status_code for form in forms] == [415, 415]


NO_JSON = {
    "truncated": GOOD[:-1],
    "with something behind it": GOOD + b"x",
    "two documents": GOOD + GOOD,
    "white space": b" \n",
    "UTF-16": TEXT.encode("utf-16"),
    "UTF-16 without a mark": TEXT.encode("utf-16-le"),
    "UTF-32": TEXT.encode("utf-32"),
    "with a byte order mark": b"\xef\xbb\xbf" + GOOD,
    "bad UTF-8": GOOD.replace(b"Ada", b"\xff\xfe"),
    "over-long UTF-8": GOOD.replace(b"Ada", b"\xc0\x80"),
    "a surrogate in UTF-8": GOOD.replace(b"Ada", b"\xed\xa0\x80"),
    "a lone high surrogate": GOOD.replace(b"Ada", b"\\ud800"),
    "a lone low surrogate": GOOD.replace(b"Ada", b"\\udc00"),
    "surrogates in the wrong order": GOOD.replace(b"Ada", b"\\udc00\\ud800"),
    "a lone surrogate in the password": GOOD.replace(b"horse", b"\\ud800"),
    "a raw control character": GOOD.replace(b"Ada", b"A\x00da"),
    "not a number": GOOD[:-1] + b', "more": NaN}',
    "infinity": GOOD[:-1] + b', "more": -Infinity}',
    "a number above all": GOOD[:-1] + b', "more": 1e999}',
    "single quotes": GOOD.replace(b'"', b"'"),
    "a comment": GOOD + b"// by hand",
    "a trailing comma": GOOD[:-1] + b",}",
    "a deep list": b"[" * 16_000,
    "a deep list that ends": b"[" * 8_000 + b"]" * 8_000,
    "a deep object": b'{"a":' * 2_500 + b"1" + b"}" * 2_500,
    "a deep member": GOOD[:-1] + b', "more": ' + b"[" * 8_000 + b"]" * 8_000 + b"}",
    "a deep member that does not count": b'{"name":' + b"[" * 16_000,
    "a form": b"name=Ada+Lovelace",
    "NUL": b"\x00",
}


@pytest.mark.parametrize("content", NO_JSON.values(), ids=NO_JSON)
async def test_invalid_json_is_refused(client: Client, content: bytes) -> None:
    assert len(content) <= LARGEST

    for path in PATHS:
        answer = await send(client, path, content)
        assert problems_of(answer) == [{"field": "body", "message": "is not JSON"}]


@pytest.mark.parametrize("content", [b"[]", b'"x"', b"1", b"true", b"[{}]", b"1.5"])
async def test_json_other_than_an_object_is_refused(client: Client, content: bytes) -> None:
    for path in PATHS:
        [problem] = problems_of(await send(client, path, content))
        assert problem["field"] == "body"


@pytest.mark.parametrize("content", [b"", b"null"])
@pytest.mark.parametrize("path", [LOGIN, REGISTER])
async def test_a_body_is_needed(client: Client, path: str, content: bytes) -> None:
    [problem] = problems_of(await send(client, path, content))

    assert problem["field"] == "body"
    assert problems_of(await client.post(path)) == problems_of(await send(client, path, b""))


@pytest.mark.parametrize("content_type", [None, "application/json", "text/plain", "x"])
@pytest.mark.parametrize("path", [REFRESH, LOGOUT])
async def test_no_body_needs_no_content_type(
    client: Client, path: str, content_type: str | None
) -> None:
    await client.sign_up()

    headers = {"Content-Type": content_type} if content_type else {}
    answer = await client.post(path, headers=headers)

    assert answer.status_code == 200


async def chunks(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), 1000):
        yield content[start : start + 1000]


@pytest.mark.parametrize("size", [LARGEST - 1, LARGEST, LARGEST + 1, 17 * 1024, 200_000])
@pytest.mark.parametrize("is_chunked", [False, True])
async def test_a_body_has_at_most_16_kib(client: Client, size: int, is_chunked: bool) -> None:
    content = padded(size)
    assert len(content) == size

    sent = chunks(content) if is_chunked else content
    answer = await client.post(REGISTER, content=sent, headers=JSON)

    assert answer.request.headers.get("transfer-encoding") == ("chunked" if is_chunked else None)
    assert answer.status_code == (200 if size <= LARGEST else 413)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("is_chunked", [False, True])
async def test_a_huge_body_of_brackets_is_not_even_looked_at(
    client: Client, path: str, is_chunked: bool
) -> None:
    content = b"[" * 200_000

    sent = chunks(content) if is_chunked else content
    answer = await client.post(path, content=sent, headers=JSON)

    assert answer.status_code == 413
    assert answer.json()["code"] == "content_too_large"


@pytest.mark.parametrize(
    ("length", "status"), [("abc", 400), ("1.5", 400), ("", 400), ("9" * 30, 413)]
)
async def test_a_length_that_is_none_is_refused(client: Client, length: str, status: int) -> None:
    answer = await client.post(LOGIN, content=GOOD, headers=JSON | {"Content-Length": length})

    assert answer.status_code == status
    assert [word for word in FOREIGN_WORDS if word in answer.text] == []
