"""What a change causes goes to the store with the change, and names who acts."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from application.accounts.email_verification import RegistrantProof
from application.accounts.user_transfer.records import Record
from application.audit import PruneAuditLog
from application.ports import NO_EFFECTS, Effects, Stored
from application.registration_policy import EmailVerification, RegistrationPolicy
from domain.actor import Operator, Principal, Scheduler
from domain.audit.event import EventType
from domain.mail.message import MailKind
from domain.user import User
from doorward.conformance.support.examples import a_message
from infrastructure.storage.memory.users import MemoryUsers
from tests.support.builders import PASSWORD
from tests.support.world import World

ADA, NEW = "ada@example.org", "a better one than before"
PROOF = RegistrantProof(PASSWORD)


class WritingUsers(MemoryUsers):
    """Keeps the effects of each change, as a store does that shares its database with them."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[Effects] = []

    async def replace(self, old: User, new: User, effects: Effects = NO_EFFECTS) -> Stored[bool]:
        stored = await super().replace(old, new, effects)
        if stored.changed:
            self.written.append(effects)
        return stored


async def link(world: World, kind: MailKind) -> str:
    letters = await world.read_mail()
    return next(each.token for each in letters if each.kind is kind and each.token)


async def reset(world: World, _me: Principal) -> None:
    await world.request_password_reset(ADA)
    await world.reset_password(await link(world, MailKind.PASSWORD_RESET), NEW)


async def verify(world: World, _me: Principal) -> None:
    world.policy = RegistrationPolicy(email_verification=EmailVerification.OPTIONAL)
    await world.request_email_verification(ADA)
    await world.verify_email(await link(world, MailKind.EMAIL_VERIFICATION), PROOF)


async def change_email(world: World, me: Principal) -> None:
    await world.request_email_change(me, "new@example.org", PASSWORD)
    await world.confirm_email_change(await link(world, MailKind.EMAIL_CHANGE), PROOF)


async def undo(world: World, me: Principal) -> None:
    await change_email(world, me)
    await world.undo_email_change(await link(world, MailKind.EMAIL_CHANGED))


async def set_password(world: World, me: Principal) -> None:
    await world.set_password(Operator(), me.user.id, NEW)


FLOWS: dict[str, tuple[Callable[[World, Principal], Awaitable[None]], EventType]] = {
    "a reset": (reset, EventType.RESET_PASSWORD),
    "a proof": (verify, EventType.VERIFY_EMAIL),
    "a change of address": (change_email, EventType.CHANGE_EMAIL),
    "an undo": (undo, EventType.UNDO_EMAIL_CHANGE),
    "a password by the operator": (set_password, EventType.CHANGE_PASSWORD),
}


@pytest.mark.parametrize(("act", "event_type"), FLOWS.values(), ids=FLOWS)
async def test_a_change_brings_its_event_its_token_and_its_messages(
    world: World,
    act: Callable[[World, Principal], Awaitable[None]],
    event_type: EventType,
) -> None:
    users = WritingUsers()
    world.users = users
    world.__post_init__()
    user = await world.sign_up(ADA)
    me = await world.authenticate((await world.log_in(ADA)).access)

    await act(world, me)

    [effects] = [each for each in users.written if event_type in {e.type for e in each.events}]
    [event] = effects.events
    assert event.user_id == user.id
    assert (effects.spent is not None) == (act is not set_password)
    for message in effects.messages:
        assert message.user_id == user.id


async def drop_mail(world: World) -> None:
    message = a_message()
    await world.outbox.add(Effects().with_messages(message))
    await world.drop_mail(Operator(), message.id)


async def retry_mail(world: World) -> None:
    message = a_message()
    await world.outbox.add(Effects().with_messages(message))
    await world.retry_mail(Operator(), message.id)


async def import_users(world: World) -> None:
    await world.import_users(
        Operator(), [Record(2, {"email": ADA, "password_hash": "quick$1$salt$x"})]
    )


async def purge(world: World) -> None:
    world.policy = RegistrationPolicy(
        email_verification=EmailVerification.REQUIRED, unverified_lifetime=timedelta(days=1)
    )
    await world.sign_up(ADA)
    world.clock.advance(timedelta(days=2))
    await world.purge_unverified_users()


async def prune(world: World) -> None:
    await PruneAuditLog(world.audit, world.clock)(Scheduler(), timedelta(days=30))


ACTORS: dict[str, tuple[Callable[[World], Awaitable[None]], EventType, Operator | Scheduler]] = {
    "dropping mail": (drop_mail, EventType.DROP_MAIL, Operator()),
    "retrying mail": (retry_mail, EventType.RETRY_MAIL, Operator()),
    "an import": (import_users, EventType.IMPORT_USERS, Operator()),
    "a purge": (purge, EventType.PURGE_UNVERIFIED_USERS, Scheduler()),
    "pruning": (prune, EventType.PRUNE_AUDIT_LOG, Scheduler()),
}


@pytest.mark.parametrize(("act", "event_type", "actor"), ACTORS.values(), ids=ACTORS)
async def test_an_event_names_its_actor(
    world: World,
    act: Callable[[World], Awaitable[None]],
    event_type: EventType,
    actor: Operator | Scheduler,
) -> None:
    await act(world)

    [event] = [each for each in world.events.events if each.type is event_type]
    assert event.actor == actor
    assert event.request_id == actor.request_id
