"""The pages of the audit log."""

import asyncio
import csv
import io
import json
import re
from collections.abc import AsyncIterator
from typing import Any
from unittest.mock import AsyncMock, Mock
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
from dishka import AsyncContainer
from litestar import Litestar
from litestar.exceptions import LitestarException

from api.web.admin.audit_export import in_csv
from api.web.controllers.admin import audit
from application.pagination import EventQuery
from application.ports import AuditLog, AuditLogState, UserRepository
from domain.actor import Operator
from domain.audit.details import AccountChanged, OtherDetails
from domain.audit.event import EventType, RecordedEvent
from domain.errors import Unavailable
from domain.permissions import Role
from domain.request_context import UNKNOWN
from domain.session import SessionId
from domain.user import UserId
from doorward.conformance.support.examples import an_event
from infrastructure.storage.memory.audit_log import MemoryAuditLog
from tests.http.client import Client, bearer, stored_user
from tests.http.web.admin.helpers import ADA, log_in_as
from tests.http.web.browser import Browser, Page
from tests.support.builders import NOW, new_id

AUDIT = "/admin/audit"


@pytest.fixture
async def auditor(browser: Browser, client: Client, users: UserRepository) -> Browser:
    """An auditor who has registered and logged in, after a wrong password."""
    await client.register(ADA)
    await browser.log_in(ADA, "a wrong password")
    await log_in_as(browser, client, users, Role.AUDITOR)
    return browser


def rows(page: Page) -> list[str]:
    """The texts of the events on a page."""
    _, _, body = page.source.partition("<tbody>")
    texts = (re.sub(r"<[^>]*>|\s+", " ", row) for row in body.split("</tr>")[:-1])
    return [" ".join(text.split()) for text in texts]


def query_of(link: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(link).query)


async def test_the_events_are_in_plain_words_with_the_latest_first(auditor: Browser) -> None:
    page = await auditor.open(AUDIT)

    success, failure, registration = rows(page)
    assert "Login: wrong password" in failure
    assert "UTC Login" in success
    assert "Account created" in registration
    assert "themselves 127.0.0.1" in registration
    assert "themselves" not in failure


@pytest.mark.parametrize(
    ("query", "count"),
    [
        (f"user={ADA}", 3),
        ("user=EVE@example.org", None),
        ("user=00000000-0000-4000-8000-000000000000", 0),
        (f"actor={ADA}", 0),
        ("what=login", 2),
        ("what=login&outcome=invalid_credentials", 1),
        ("what=lgoin", None),
        ("outcome=failed", None),
        ("since=2000-01-01T00:00&until=2001-01-01", 0),
        ("since=2000-01-01", 3),
        ("until=tomorrow", None),
        ("user=&actor=&what=&outcome=&since=&until=", 3),
    ],
)
async def test_the_filter_of_the_address_is_shown_in_the_form(
    auditor: Browser, query: str, count: int | None
) -> None:
    page = await auditor.open(f"{AUDIT}?{query}")

    assert page.status == (400 if count is None else 200)
    assert page.title.startswith("Error: ") == (count is None)
    assert len(rows(page)) == (count or 0)
    for name, [text] in parse_qs(query).items():
        if name in {"user", "actor"}:
            assert f'value="{text}"' in page.source


async def test_an_unknown_user_in_the_filter_gets_a_plain_message(
    auditor: Browser,
) -> None:
    page = await auditor.open(f"{AUDIT}?user=3f2a91c0")

    assert "Account is neither the address nor the id of an account" in page.text
    assert 'aria-describedby="user-hint user-error"' in page.source
    assert "The email address, or the whole id." in page.text


async def test_an_event_in_the_list_shows_its_details_in_short(
    auditor: Browser, container: AsyncContainer
) -> None:
    log: AuditLog = await container.get(AuditLog)
    changed = AccountChanged(disabled=True)
    await log.record(an_event(type=EventType.CHANGE_USER, details=changed, reason="long " * 30))

    [row] = rows(await auditor.open(f"{AUDIT}?what=change+user"))

    assert "Account changed by an administrator disabled; reason: long long" in row
    assert "long..." in row


async def test_the_fields_of_times_keep_what_was_chosen(auditor: Browser) -> None:
    page = await auditor.open(f"{AUDIT}?since=2026-01-02T03:04&until=2026-01-02T03:04:05%2B01:00")

    assert 'value="2026-01-02T03:04:00"' in page.source
    assert 'value="2026-01-02T02:04:05"' in page.source


async def test_the_next_page_has_the_filter_and_leads_back_to_the_newest(
    auditor: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "_EVENTS", 1)
    page = await auditor.open(f"{AUDIT}?what=login&user={ADA}")
    [older] = [link for link in page.read.links if "after=" in link]

    behind = await auditor.open(older)

    assert query_of(older).keys() == {"what", "user", "after"}
    [failure] = rows(behind)
    assert "Login: wrong password" in failure
    assert not any("after=" in link for link in behind.read.links)
    assert f"{AUDIT}?user=ada%40example.org&what=login" in behind.read.links


async def test_a_cursor_of_no_page_is_refused(auditor: Browser) -> None:
    assert (await auditor.open(f"{AUDIT}?after=elsewhere")).status == 400


async def test_an_address_in_the_filter_cannot_become_markup(auditor: Browser) -> None:
    page = await auditor.open(f"{AUDIT}?user=%22%3E%3Cscript%3E&actor=%00")

    assert page.status == 400
    assert '"><script>' not in page.source


async def test_an_administrator_who_acted_and_the_operator_are_named(
    auditor: Browser, users: UserRepository, container: AsyncContainer
) -> None:
    me, admin = await stored_user(users, ADA), UserId(uuid4())
    log: AuditLog = await container.get(AuditLog)
    await log.record(an_event(type=EventType.CHANGE_USER, user_id=me.id, actor=admin))
    await log.record(an_event(type=EventType.ROTATE_KEYS, caller=UNKNOWN, actor=Operator()))

    by_operator, by_admin, *_ = rows(await auditor.open(AUDIT))

    assert by_operator.endswith("Signing keys rotated command line")
    assert f"{str(me.id)[:8]} {str(admin)[:8]}" in by_admin
    assert len(rows(await auditor.open(f"{AUDIT}?actor={admin}"))) == 1


async def test_an_event_is_shown_in_full(
    auditor: Browser, users: UserRepository, container: AsyncContainer
) -> None:
    me, admin = await stored_user(users, ADA), UserId(uuid4())
    event = an_event(
        type=EventType.CHANGE_USER,
        user_id=me.id,
        actor=admin,
        session_id=SessionId(new_id()),
        details=AccountChanged(Role.ADMIN, disabled=True),
    )
    log: AuditLog = await container.get(AuditLog)
    await log.record(event)

    listed = await auditor.open(AUDIT)
    [link, *_] = [each for each in listed.read.links if each.startswith(f"{AUDIT}/")]
    page = await auditor.open(link)

    assert page.title.startswith("Event 4")
    for text in (
        "role admin, disabled",
        str(admin),
        event.session_id,
        event.caller.address,
        event.caller.request_id,
        "change user",
    ):
        assert str(text) in page.text
    assert f"{me.id} ({ADA})" in page.text
    assert f"{admin} (" not in page.text  # is no user any more
    assert f"/admin/users/{me.id}" in page.read.links
    assert f"{AUDIT}?actor={admin}" in page.read.links
    assert f"{AUDIT}/3" in page.read.links
    assert f"{AUDIT}/5" not in page.read.links
    assert (await auditor.open(f"{AUDIT}/5")).status == 404
    assert (await auditor.open(f"{AUDIT}/{10**30}")).status == 404


async def test_a_log_without_a_chain_is_said_to_be_none(auditor: Browser) -> None:
    assert "This log is not chained" in (await auditor.open(AUDIT)).text


@pytest.mark.parametrize("broken", [[], [2]])
async def test_the_state_of_the_chain_is_shown(
    auditor: Browser,
    container: AsyncContainer,
    monkeypatch: pytest.MonkeyPatch,
    broken: list[int],
) -> None:
    """Which events are broken is tested with the chain."""
    log = await container.get(AuditLog)
    state = AuditLogState(1, 3, NOW, NOW, "d" * 64, broken)
    monkeypatch.setattr(type(log), "state", AsyncMock(return_value=state))

    page, event = await auditor.open(AUDIT), await auditor.open(f"{AUDIT}/2")

    assert f"3:{'d' * 64}" in page.text  # as `doorward doctor audit --since` takes it
    for shown, intact in ((page, "are as they were recorded"), (event, "is as it was recorded")):
        assert (intact in shown.text) == (not broken)
        assert ("doorward doctor audit" in shown.source) or not broken
    assert ("not linked to their neighbours: 2 ." in page.text) == bool(broken)


async def lines(auditor: Browser, path: str) -> list[str]:
    answer = (await auditor.open(path)).response
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"] in {"text/csv; charset=utf-8", "application/jsonl"}
    name = path.partition("?")[0].rpartition("/")[2]
    assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'
    return answer.text.splitlines()


async def test_what_is_filtered_is_exported_as_a_table(auditor: Browser) -> None:
    page = await auditor.open(f"{AUDIT}?what=login&user={ADA}")
    [link] = [each for each in page.read.links if each.startswith(f"{AUDIT}.csv?")]

    found = list(csv.DictReader(await lines(auditor, link)))

    assert [each["number"] for each in found] == ["3", "2"]
    assert [each["outcome"] for each in found] == ["success", "invalid_credentials"]
    assert {each["what"] for each in found} == {"login"}
    assert found[0]["at"].endswith("Z")
    assert found[0]["actorId"] == ""


async def test_all_events_are_exported_as_json_lines_and_the_export_is_recorded(
    auditor: Browser, client: Client, users: UserRepository
) -> None:
    [first, second, third] = await lines(auditor, f"{AUDIT}.jsonl")
    [export, *_] = await lines(auditor, f"{AUDIT}.jsonl")

    assert [json.loads(each)["number"] for each in (first, second, third)] == [3, 2, 1]
    me = await stored_user(users, ADA)
    recorded = json.loads(export)
    assert (recorded["what"], recorded["actorId"]) == ("export audit log", str(me.id))
    assert recorded["address"] == "127.0.0.1"
    token = (await client.obtain_tokens(ADA))["access_token"]
    api = (await client.get("/api/audit", headers=bearer(token))).json()
    assert recorded in api["data"]["events"]


async def test_a_wrong_filter_exports_nothing(auditor: Browser) -> None:
    page = await auditor.open(f"{AUDIT}.csv?since=tomorrow")

    assert (page.status, page.path) == (400, f"{AUDIT}?since=tomorrow")


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_a_link_of_another_site_leads_to_the_page_and_exports_nothing(
    auditor: Browser, site: str
) -> None:
    headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate"}

    answer = await auditor.client.get(f"{AUDIT}.csv?what=login", headers=headers)

    assert (answer.status_code, answer.headers["location"]) == (303, f"{AUDIT}?what=login")
    page = await auditor.open(f"{AUDIT}?what=export+audit+log")
    assert rows(page) == []


async def test_the_headers_of_an_export_are_no_export(auditor: Browser) -> None:
    assert (await auditor.client.head(f"{AUDIT}.csv")).status_code == 405
    assert (await auditor.client.head(AUDIT)).status_code == 200


@pytest.mark.parametrize("begins", ["=", "+", "-", "@", "\t", "\r", "\n"])
async def test_a_cell_that_a_spreadsheet_would_compute_is_defused(begins: str) -> None:
    event = an_event(details=OtherDetails(f"{begins}cmd|' /C calc'!A0"))

    async def pages() -> AsyncIterator[list[RecordedEvent]]:
        yield [RecordedEvent(1, event)]

    written = b"".join([each async for each in in_csv(pages())]).decode()

    [row] = csv.DictReader(io.StringIO(written, newline=""))
    assert row["detail"] == f"'{begins}cmd|' /C calc'!A0"
    assert row["number"] == "1"


async def test_a_client_that_goes_away_ends_the_reading(
    auditor: Browser, app: Litestar, container: AsyncContainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    log: AuditLog = await container.get(AuditLog)
    for _ in range(3000):
        await log.record(an_event())
    has_left, read = asyncio.Event(), MemoryAuditLog.page
    reads = Mock()

    async def page(*args: Any) -> Any:
        reads()
        await asyncio.sleep(0)
        return await read(*args)

    async def receive() -> Any:
        if not reads.called:
            return {"type": "http.request", "body": b"", "more_body": False}
        await has_left.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message.get("body"):
            has_left.set()

    monkeypatch.setattr(MemoryAuditLog, "page", page)
    await app(scope_of_an_export(auditor), receive, send)

    assert 1 <= reads.call_count < 10  # of 16 for all


async def test_an_export_that_breaks_off_is_not_taken_for_a_whole_one(
    auditor: Browser, app: Litestar, container: AsyncContainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the last chunk, the client knows that the file is incomplete (RFC 9112, 8)."""
    log: AuditLog = await container.get(AuditLog)
    for _ in range(300):
        await log.record(an_event())
    read, sent = MemoryAuditLog.page, list[Any]()

    async def page(log: MemoryAuditLog, query: EventQuery, after: str | None, limit: int) -> Any:
        if after is not None:
            raise Unavailable("users")
        return await read(log, query, after, limit)

    async def receive() -> Any:
        if not sent:
            return {"type": "http.request", "body": b"", "more_body": False}
        return await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    monkeypatch.setattr(MemoryAuditLog, "page", page)
    with pytest.raises(LitestarException):  # so the server closes the connection
        await app(scope_of_an_export(auditor), receive, send)

    assert [each["type"] for each in sent] == ["http.response.start", "http.response.body"]
    assert sent[1]["more_body"]


def scope_of_an_export(browser: Browser) -> Any:
    cookies = "; ".join(f"{each.name}={each.value}" for each in browser.client.cookies.jar)
    scope: Any = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1"}
    scope |= {"method": "GET", "scheme": "http", "path": f"{AUDIT}.jsonl", "root_path": ""}
    scope |= {"raw_path": f"{AUDIT}.jsonl".encode(), "query_string": b"", "state": {}}
    scope |= {"headers": [(b"host", b"localhost:8000"), (b"cookie", cookies.encode())]}
    return scope | {"client": ("127.0.0.1", 1), "server": ("localhost", 8000)}
