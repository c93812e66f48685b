"""What the operator does with the outbox."""

from datetime import timedelta

import pytest

from application.mail.messages import MailPolicy
from application.operation import outbox as mail_queue
from application.pagination import EventQuery, Total
from application.ports import NO_EFFECTS, MailDelayed, MailRefused
from domain.actor import Operator
from domain.audit.event import EventType
from domain.email import Email
from domain.errors import InvalidInput, MailOff, NotFound
from domain.mail.message import Delivery, DeliveryState, MailKind, Message, MessageId
from doorward.conformance.support.examples import ADA, a_message
from tests.support.builders import NOW, SECOND
from tests.support.world import World

GIVEN_UP = DeliveryState.GIVEN_UP


async def queue(world: World, *messages: Message) -> None:
    await world.outbox.add(NO_EFFECTS.with_messages(*messages))


async def give_up(world: World, *messages: Message) -> None:
    """Try to deliver them to a server that refuses."""
    await queue(world, *messages)
    world.mailbox.failures["ada@example.org"] = MailRefused("smtp_550")
    await world.read_mail()
    world.mailbox.failures.clear()


async def listed(world: World, state: DeliveryState | None = None) -> list[Delivery]:
    return list((await world.list_mail(Operator(), state, None, 1000)).items)


async def recorded(world: World) -> list[tuple[str, str]]:
    page = await world.audit_log.page(EventQuery(), None, 10)
    return [(each.event.type.value, each.event.detail) for each in page.items]


async def test_all_messages_are_listed_the_newest_first(world: World) -> None:
    messages = [a_message(created_at=NOW + each * SECOND) for each in range(250)]
    await queue(world, *messages)

    assert [each.message for each in await listed(world)] == messages[::-1]


async def test_the_messages_to_an_address_are_listed(world: World) -> None:
    own, other = a_message(), a_message(to=Email.parse("eve@example.org"))
    await queue(world, own, other)

    found = await world.list_mail_to(Operator(), own.to, 10)

    assert [each.message for each in found] == [own]


async def test_pages_of_messages_follow_one_another(world: World) -> None:
    messages = [a_message(created_at=NOW + each // 2 * SECOND) for each in range(7)]
    await queue(world, *messages)

    found, after = [], None
    while True:
        page = await world.list_mail(Operator(), None, after, 3)
        found.append([each.message for each in page.items])
        after = page.next
        if after is None:
            break

    expected = sorted(messages, key=lambda each: (each.created_at, each.id), reverse=True)
    assert found == [expected[:3], expected[3:6], expected[6:]]


@pytest.mark.parametrize(
    "after",
    [
        "",
        "2026-01-01T00:00:00+00:00",
        "2026-01-01T00:00:00+00:00_\x00",
        f"2026-01-01T00:00:00_{'0' * 32}",
        f"yesterday_{'0' * 32}",
        f"0001-01-01T00:00:00+23:00_{'0' * 32}",
    ],
)
async def test_a_page_after_no_message_is_refused(world: World, after: str) -> None:
    with pytest.raises(InvalidInput):
        await world.list_mail(Operator(), None, after, 3)


async def test_the_messages_of_each_state_are_counted_up_to_a_bound(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await give_up(world, a_message(), a_message())
    await queue(world, a_message())
    monkeypatch.setattr(mail_queue, "_MOST_COUNTED", 1)

    counted = await world.count_mail(Operator())

    assert counted == {
        DeliveryState.QUEUED: Total(1),
        DeliveryState.SENT: Total(0),
        GIVEN_UP: Total(1, is_exact=False),
    }


async def test_a_message_is_shown_by_its_id(world: World) -> None:
    await queue(world, message := a_message())

    assert (await world.show_mail(Operator(), message.id)).message == message


async def test_messages_of_one_state_are_listed(world: World) -> None:
    await give_up(world, refused := a_message())
    await queue(world, a_message())

    assert [each.message for each in await listed(world, GIVEN_UP)] == [refused]


async def test_a_message_that_was_given_up_is_sent_again(world: World) -> None:
    await give_up(world, message := a_message(user_id=ADA))

    retried = await world.retry_mail(Operator(), message.id)

    assert (retried.state, retried.attempts) == (DeliveryState.QUEUED, 0)
    assert [letter.id for letter in await world.read_mail()] == [message.id]
    assert await recorded(world) == [("retry mail", "password_changed")]
    [event] = world.events.events
    assert (event.actor, event.user_id) == (Operator(), ADA)


async def test_the_reason_of_an_administrator_is_recorded_with_each_mail(world: World) -> None:
    await give_up(world, a_message(), a_message(), dropped := a_message())
    admin = await world.administrator()

    await world.drop_mail(admin, dropped.id, reason="a typo")
    assert await world.retry_all_mail(admin, reason="the server is back") == 2

    events = [each.event for each in (await world.audit_log.page(EventQuery(), None, 9)).items]
    assert {each.actor for each in events} == {admin.user.id}
    assert [each.reason for each in events] == ["the server is back"] * 2 + ["a typo"]
    with pytest.raises(InvalidInput):
        await world.retry_all_mail(admin, reason=" ")


async def test_a_message_that_waits_is_due_at_once(world: World) -> None:
    await queue(world, message := a_message())
    world.mailbox.failures["ada@example.org"] = MailDelayed("smtp_451")
    await world.read_mail()
    world.mailbox.failures.clear()

    await world.retry_mail(Operator(), message.id)

    assert len(await world.read_mail()) == 1


async def test_a_message_that_was_sent_is_not_sent_again(world: World) -> None:
    await queue(world, message := a_message())
    await world.read_mail()

    with pytest.raises(InvalidInput):
        await world.retry_mail(Operator(), message.id)

    assert await world.read_mail() == []
    assert await recorded(world) == []


async def test_an_expired_message_is_not_queued_again(world: World) -> None:
    await give_up(world, message := a_message())
    world.clock.advance(timedelta(hours=1))

    with pytest.raises(InvalidInput):
        await world.retry_mail(Operator(), message.id)
    assert await world.retry_all_mail(Operator()) == 0

    assert [each.state for each in await listed(world)] == [GIVEN_UP]


async def test_a_message_that_is_leased_meanwhile_is_left_to_its_worker(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await give_up(world, message := a_message())

    async def replace(_old: Delivery, _new: Delivery) -> bool:
        return False

    monkeypatch.setattr(world.outbox, "replace", replace)
    with pytest.raises(InvalidInput):
        await world.retry_mail(Operator(), message.id)
    assert await world.retry_all_mail(Operator()) == 0

    assert await recorded(world) == []


async def test_all_messages_that_were_given_up_are_sent_again(world: World) -> None:
    await give_up(world, a_message(), a_message())
    await queue(world, a_message())

    assert await world.retry_all_mail(Operator()) == 2

    assert len(await world.read_mail()) == 3
    assert len(await recorded(world)) == 2


async def test_each_message_that_is_queued_again_is_announced_and_no_other_success(
    world: World,
) -> None:
    assert await world.retry_all_mail(Operator()) == 0
    assert world.events.events == []

    await give_up(world, a_message())
    world.events.events.clear()
    await world.retry_all_mail(Operator())

    assert [each.type for each in world.events.events] == [EventType.RETRY_MAIL]


async def test_a_dropped_message_is_never_sent(world: World) -> None:
    await queue(world, message := a_message(user_id=ADA))

    dropped = await world.drop_mail(Operator(), message.id)

    assert dropped.message == message
    assert await world.read_mail() == []
    assert await recorded(world) == [("drop mail", "password_changed")]


async def test_an_unknown_message_is_not_found(world: World) -> None:
    for act in (world.show_mail, world.retry_mail, world.drop_mail):
        for unknown in ("0" * 32, "unknown", "\x00"):
            with pytest.raises(NotFound):
                await act(Operator(), MessageId(unknown))

    assert await recorded(world) == []


async def test_a_test_mail_is_sent_at_once(world: World) -> None:
    assert await world.send_test_mail(Email.parse("ada@example.org")) is None

    [letter] = world.mailbox.letters
    assert (letter.kind, letter.to, letter.token) == (MailKind.TEST, "ada@example.org", None)
    assert await listed(world) == []


@pytest.mark.parametrize("error", [MailRefused("smtp_550"), MailDelayed("timeout")])
async def test_a_test_mail_that_fails_says_why(
    world: World, error: MailRefused | MailDelayed
) -> None:
    world.mailbox.failures["ada@example.org"] = error

    assert await world.send_test_mail(Email.parse("ada@example.org")) == error.reason


async def test_an_installation_without_mail_sends_no_test_mail(world: World) -> None:
    world.mail_policy = MailPolicy(is_on=False)

    with pytest.raises(MailOff):
        await world.send_test_mail(Email.parse("ada@example.org"))
