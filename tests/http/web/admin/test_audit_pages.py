"""The pages of the audit log."""

import re
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
from dishka import AsyncContainer

from api.web.controllers.admin import audit
from application.ports import AuditLog, UserRepository
from domain.actor import Operator
from domain.audit.event import EventType
from domain.permissions import Role
from domain.request_context import UNKNOWN
from domain.user import UserId
from doorward.conformance.support.examples import an_event
from tests.http.client import Client, stored_user
from tests.http.web.admin.test_access import log_in_as
from tests.http.web.browser import Browser, Page

ADA = "ada@example.org"
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
    me, boss = await stored_user(users, ADA), UserId(uuid4())
    log: AuditLog = await container.get(AuditLog)
    await log.record(an_event(type=EventType.CHANGE_USER, user_id=me.id, actor=boss))
    await log.record(an_event(type=EventType.ROTATE_KEYS, caller=UNKNOWN, actor=Operator()))

    by_operator, by_boss, *_ = rows(await auditor.open(AUDIT))

    assert by_operator.endswith("Signing keys rotated command line")
    assert f"{str(me.id)[:8]} {str(boss)[:8]}" in by_boss
    assert len(rows(await auditor.open(f"{AUDIT}?actor={boss}"))) == 1
