"""The pages of the outbox."""

from datetime import timedelta

import pytest
from dishka import AsyncContainer

from api.web.controllers.admin import mail as mail_pages
from application.ports import NO_EFFECTS, Outbox, UserRepository
from domain.audit.event import EventType
from domain.mail.message import Delivery, DeliveryState, Message
from domain.permissions import Role
from domain.session import STEP_UP_LIFETIME
from domain.user import User
from doorward.conformance.support.examples import a_message
from tests.http.client import Client
from tests.http.web.admin.helpers import latest_event, log_in_as, step_up
from tests.http.web.browser import Browser
from tests.support.builders import NOW, SECOND
from tests.support.doubles import SettableClock

MAIL = "/admin/mail"


@pytest.fixture
async def outbox(container: AsyncContainer) -> Outbox:
    outbox: Outbox = await container.get(Outbox)
    return outbox


@pytest.fixture
async def given_up(outbox: Outbox, clock: SettableClock) -> Message:
    """A message that the mail server has refused."""
    message = a_message(created_at=clock(), expires_at=clock() + timedelta(days=1))
    await queue(outbox, message)
    queued = await stored(outbox, message)
    await outbox.replace(queued, queued.given_up("smtp_550", clock()))
    return message


async def queue(outbox: Outbox, *messages: Message) -> None:
    await outbox.add(NO_EFFECTS.with_messages(*messages))


async def stored(outbox: Outbox, message: Message) -> Delivery:
    found = await outbox.get(message.id)
    assert found is not None
    return found


async def test_an_auditor_sees_the_outbox_and_no_way_to_change_it(
    browser: Browser, client: Client, users: UserRepository, outbox: Outbox, given_up: Message
) -> None:
    user = await log_in_as(browser, client, users, Role.AUDITOR)
    await queue(outbox, a_message(user_id=user.id, facts={"role": "a fact of the text"}))

    page = await browser.open(MAIL)

    for text in ("Password changed", given_up.to.address, "given up: smtp_550", "given up: 1"):
        assert text in page.text
    assert f"/admin/users/{user.id}" in page.read.links
    assert "a fact of the text" not in page.source
    assert not any(each.endswith(("/retry", "/drop")) for each in page.read.links)


@pytest.mark.usefixtures("admin", "given_up")
async def test_the_list_has_pages_and_one_state_if_it_is_chosen(
    browser: Browser, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await outbox.count(DeliveryState.QUEUED, 100)
    await queue(outbox, *(a_message(created_at=NOW - each * SECOND) for each in range(5)))
    monkeypatch.setattr(mail_pages, "_ROWS", 2 + before)

    first = await browser.open(f"{MAIL}?state=queued")
    [older] = [each for each in first.read.links if "after=" in each]
    second = await browser.open(older)
    [older] = [each for each in second.read.links if "after=" in each] or [older]

    assert "state=queued" in older
    assert f"waiting: {5 + before}" in first.text
    assert "smtp_550" not in first.text + second.text
    assert first.source.count("/drop") == 2 + before
    assert "smtp_550" in (await browser.open(f"{MAIL}?state=given_up")).text
    assert "There are no such mails." in (await browser.open(f"{MAIL}?state=sent")).text
    assert (await browser.open(f"{MAIL}?state=lost")).status == 200
    assert (await browser.open(f"{MAIL}?after=nowhere")).status == 400


async def test_a_mail_is_sent_again_for_a_reason(
    browser: Browser, admin: User, outbox: Outbox, given_up: Message, container: AsyncContainer
) -> None:
    path = f"{MAIL}/{given_up.id}/retry"
    await step_up(browser)
    assert path in (await browser.open(MAIL)).read.links
    page = await browser.open(path)
    assert given_up.to.address in page.text

    done = await browser.submit(page, path, reason="the server is back")

    assert done.path == f"{MAIL}?done=retried"
    assert (await stored(outbox, given_up)).state is DeliveryState.QUEUED
    event = await latest_event(container)
    assert (event.type, event.actor) == (EventType.RETRY_MAIL, admin.id)
    assert event.reason == "the server is back"


@pytest.mark.usefixtures("admin")
async def test_a_mail_that_was_sent_is_not_sent_again(
    browser: Browser, outbox: Outbox, given_up: Message
) -> None:
    await step_up(browser)
    page = await browser.open(f"{MAIL}/{given_up.id}/retry")
    before = await stored(outbox, given_up)
    await outbox.replace(before, sent := before.sent(given_up.created_at))

    refused = await browser.submit(page, f"{MAIL}/{given_up.id}/retry", reason="once more")

    assert refused.status == 400
    assert "The id is of a mail that was sent" in refused.text
    assert await stored(outbox, given_up) == sent
    assert f"{MAIL}/{given_up.id}/retry" not in (await browser.open(MAIL)).read.links


@pytest.mark.usefixtures("admin")
async def test_all_mails_that_were_given_up_are_sent_again(
    browser: Browser, outbox: Outbox, given_up: Message
) -> None:
    await step_up(browser)
    assert f"{MAIL}/retry" in (await browser.open(MAIL)).read.links
    page = await browser.open(f"{MAIL}/retry")
    assert "Given up: 1." in page.text
    assert (await browser.submit(page, f"{MAIL}/retry", reason="")).status == 400

    done = await browser.submit(page, f"{MAIL}/retry", reason="the server is back")

    assert done.path == f"{MAIL}?done=retried"
    assert (await stored(outbox, given_up)).state is DeliveryState.QUEUED
    assert f"{MAIL}/retry" not in done.read.links


async def test_a_mail_is_deleted_after_a_page_that_says_what_that_does(
    browser: Browser, admin: User, outbox: Outbox, given_up: Message, container: AsyncContainer
) -> None:
    path = f"{MAIL}/{given_up.id}/drop"
    await step_up(browser)
    page = await browser.open(path)
    assert "A link in it does not reach the user" in page.text
    assert (await browser.submit(page, path, reason=" ")).status == 400
    assert await outbox.get(given_up.id) is not None

    done = await browser.submit(page, path, reason="a typo")

    assert done.path == f"{MAIL}?done=dropped"
    assert await outbox.get(given_up.id) is None
    event = await latest_event(container)
    assert (event.type, event.actor, event.reason) == (EventType.DROP_MAIL, admin.id, "a typo")
    assert "no such mail any more" in (await browser.submit(page, path, reason="a typo")).text
    assert (await browser.open(path)).status == 404


@pytest.mark.usefixtures("admin")
@pytest.mark.parametrize("action", ["retry", "drop", "retry all"])
async def test_mail_is_changed_after_a_step_up_only(
    browser: Browser, outbox: Outbox, given_up: Message, clock: SettableClock, action: str
) -> None:
    path = f"{MAIL}/retry" if action == "retry all" else f"{MAIL}/{given_up.id}/{action}"
    before = await stored(outbox, given_up)
    await step_up(browser)
    page = await browser.open(path)
    clock.advance(STEP_UP_LIFETIME + SECOND)

    asked = await browser.submit(page, path, reason="the server is back")

    assert "/account/step-up" in asked.read.forms
    assert await stored(outbox, given_up) == before
