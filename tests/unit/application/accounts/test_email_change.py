"""Changing the email address, and undoing a change that an attacker has made."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import cast

import pytest

from application.accounts.email_verification import RegistrantProof
from application.mail.messages import UNDONE, MailPolicy
from application.ports import NO_EFFECTS, Effects, HashClient, Stored
from application.rate_limiting import RateLimits
from domain.actor import Operator, Principal
from domain.audit.details import CredentialsDropped
from domain.audit.event import EventType
from domain.email import Email
from domain.errors import (
    EmailTaken,
    InvalidCredentials,
    InvalidInput,
    MailOff,
    OneTimeTokenInvalid,
    TokenRejected,
    WrongPassword,
)
from domain.mail.message import MailKind
from domain.mail.one_time_token import Purpose
from domain.passwords.password import Password
from domain.permissions import Role
from domain.rate_limit import RateLimit, TooManyRequests
from domain.user import User
from infrastructure.storage.memory.users import MemoryUsers
from tests.support.builders import PASSWORD, SECOND
from tests.support.doubles import PausingSessions, QuickHasher
from tests.support.world import World

ADA, NEW, THIEF = "ada@example.org", "new@example.org", "thief@example.org"
DAY = timedelta(days=1)
PAGE = "https://app.example.org/confirm"
PROOF = RegistrantProof(PASSWORD)
RESTORED = "the owner has chosen this one"


async def links(world: World) -> dict[tuple[str, MailKind], str]:
    """Deliver what is due, and return the tokens by recipient and kind."""
    letters = await world.read_mail()
    return {(each.to, each.kind): each.token for each in letters if each.token}


async def change_email(world: World, me: Principal, new: str, password: str = PASSWORD) -> str:
    """Change the address, and return the undo link that the former one gets for it."""
    former = (await world.users.get(me.user.id) or me.user).email.address
    world.clock.advance(SECOND)
    await world.request_email_change(me, new, password)
    link = (await links(world))[new, MailKind.EMAIL_CHANGE]
    await world.confirm_email_change(link, RegistrantProof(password))
    return (await links(world))[former, MailKind.EMAIL_CHANGED]


async def stored(world: World, me: Principal) -> User:
    user = await world.users.get(me.user.id)
    assert user is not None
    return user


async def test_the_new_address_is_the_users_once_it_is_confirmed(
    world: World, me: Principal
) -> None:
    await world.request_email_change(me, NEW, PASSWORD)
    letters = await links(world)
    assert (await stored(world, me)).email == me.user.email

    await world.confirm_email_change(letters[NEW, MailKind.EMAIL_CHANGE], PROOF)

    user = await stored(world, me)
    assert (user.email.address, user.verified) == (NEW, True)
    await world.login(NEW, PASSWORD)
    with pytest.raises(InvalidCredentials):
        await world.login(ADA, PASSWORD)


async def test_the_present_address_gets_a_notice_at_the_request_and_at_the_change(
    world: World, me: Principal
) -> None:
    await world.request_email_change(me, NEW, PASSWORD)
    first = await links(world)
    await world.confirm_email_change(first[NEW, MailKind.EMAIL_CHANGE], PROOF)

    assert set(first) == {
        (NEW, MailKind.EMAIL_CHANGE),
        (ADA, MailKind.EMAIL_CHANGE_REQUESTED),
    }
    assert set(await links(world)) == {(ADA, MailKind.EMAIL_CHANGED)}


async def test_a_change_ends_no_session(world: World, me: Principal) -> None:
    await change_email(world, me, NEW)

    assert (await world.reload_principal(me)).user.email.address == NEW


async def test_request_change_and_undo_are_recorded(world: World, me: Principal) -> None:
    undo = await change_email(world, me, NEW)
    await world.undo_email_change(undo)

    assert [(each.type, each.user_id) for each in world.events.events[-3:]] == [
        (EventType.REQUEST_EMAIL_CHANGE, me.user.id),
        (EventType.CHANGE_EMAIL, me.user.id),
        (EventType.UNDO_EMAIL_CHANGE, me.user.id),
    ]


async def test_whether_a_new_address_is_taken_is_said_to_its_owner_only(
    world: World, me: Principal
) -> None:
    await world.sign_up("eve@example.org")

    await world.request_email_change(me, "eve@example.org", PASSWORD)

    letters = {(each.to, each.kind, each.token is None) for each in await world.read_mail()}
    assert letters == {
        ("eve@example.org", MailKind.EMAIL_CHANGE_TAKEN, True),
        (ADA, MailKind.EMAIL_CHANGE_REQUESTED, False),
    }


async def test_an_address_that_is_taken_meanwhile_cannot_be_confirmed(
    world: World, me: Principal
) -> None:
    await world.request_email_change(me, NEW, PASSWORD)
    letters = await links(world)
    await world.sign_up(NEW)

    with pytest.raises(OneTimeTokenInvalid):
        await world.confirm_email_change(letters[NEW, MailKind.EMAIL_CHANGE], PROOF)

    assert (await stored(world, me)).email == me.user.email


@pytest.mark.parametrize("spelling", [ADA, "ADA@EXAMPLE.ORG"])
async def test_a_request_for_the_present_address_sends_nothing(
    world: World, me: Principal, spelling: str
) -> None:
    await world.request_email_change(me, spelling, PASSWORD)

    assert await world.read_mail() == []


async def test_a_wrong_password_sends_nothing(world: World, me: Principal) -> None:
    with pytest.raises(WrongPassword):
        await world.request_email_change(me, NEW, "a wrong password")

    assert await world.read_mail() == []


@pytest.mark.parametrize(
    "email",
    [
        "no address",
        "new@example.org\r\nBcc: all@example.org",
        "new@example.org\nX: y",
        "new@example.org, all@example.org",
        '"a\r\nBcc: b"@example.org',
        "new\x00@example.org",
    ],
)
async def test_only_an_address_can_be_requested(world: World, me: Principal, email: str) -> None:
    with pytest.raises(InvalidInput):
        await world.request_email_change(me, email, PASSWORD)

    assert await world.read_mail() == []


async def test_the_link_leads_to_a_configured_page(
    world: World, me: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world, "mail_policy", MailPolicy(link_targets=frozenset({PAGE})))

    await world.request_email_change(me, NEW, PASSWORD, PAGE)
    with pytest.raises(InvalidInput):
        await world.request_email_change(me, NEW, PASSWORD, "https://evil.example.org")

    letters = {each.to: each.link_target for each in await world.read_mail()}
    assert letters == {NEW: PAGE, ADA: None}


async def test_no_change_can_be_requested_without_mail(
    world: World, me: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world, "mail_policy", MailPolicy(is_on=False))

    with pytest.raises(MailOff):
        await world.request_email_change(me, NEW, PASSWORD)


async def test_requests_are_limited_for_each_user(world: World, me: Principal) -> None:
    world.limits = RateLimits(change_account=RateLimit("change", 2, DAY))
    for _ in range(2):
        await world.request_email_change(me, NEW, PASSWORD)

    with pytest.raises(TooManyRequests):
        await world.request_email_change(me, NEW, PASSWORD)


async def test_over_the_limit_of_a_recipient_nothing_is_sent(world: World, me: Principal) -> None:
    world.limits = RateLimits(mail_recipient=RateLimit("mail", 1, DAY))
    await world.request_email_change(me, NEW, PASSWORD)
    assert len(await world.read_mail()) == 2

    await world.request_email_change(me, NEW, PASSWORD)

    assert await world.read_mail() == []


async def test_uses_of_links_are_limited_for_each_client(world: World) -> None:
    world.limits = RateLimits(link_address=RateLimit("link", 1, DAY))
    with pytest.raises(OneTimeTokenInvalid):
        await world.confirm_email_change("unknown", PROOF)

    with pytest.raises(TooManyRequests):
        await world.confirm_email_change("unknown", PROOF)
    with pytest.raises(TooManyRequests):
        await world.undo_email_change("unknown")


async def test_without_notices_a_change_can_be_made_and_not_undone(
    world: World, me: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world, "mail_policy", MailPolicy(notices=frozenset()))
    await world.request_email_change(me, NEW, PASSWORD)
    letters = await links(world)
    assert set(letters) == {(NEW, MailKind.EMAIL_CHANGE)}

    await world.confirm_email_change(letters[NEW, MailKind.EMAIL_CHANGE], PROOF)

    assert await links(world) == {}
    await world.sign_up(ADA)


async def test_a_password_that_is_changed_meanwhile_ends_the_request(
    world: World, me: Principal
) -> None:
    await world.request_email_change(me, NEW, PASSWORD)
    letters = await links(world)
    await world.change_password(me, PASSWORD, RESTORED)

    with pytest.raises(OneTimeTokenInvalid):
        await world.confirm_email_change(letters[NEW, MailKind.EMAIL_CHANGE], PROOF)


async def test_a_link_works_once(world: World, me: Principal) -> None:
    await world.request_email_change(me, NEW, PASSWORD)
    letters = await links(world)
    await world.confirm_email_change(letters[NEW, MailKind.EMAIL_CHANGE], PROOF)

    with pytest.raises(OneTimeTokenInvalid):
        await world.confirm_email_change(letters[NEW, MailKind.EMAIL_CHANGE], PROOF)


async def test_each_link_is_good_for_its_purpose_only(world: World, me: Principal) -> None:
    await world.request_email_change(me, NEW, PASSWORD)
    letters = await links(world)

    with pytest.raises(OneTimeTokenInvalid):
        await world.undo_email_change(letters[NEW, MailKind.EMAIL_CHANGE])
    with pytest.raises(OneTimeTokenInvalid):
        await world.confirm_email_change(letters[ADA, MailKind.EMAIL_CHANGE_REQUESTED], PROOF)


async def test_the_change_ends_links_to_the_former_address(world: World, me: Principal) -> None:
    now = world.clock()
    reset = await world.issue_token(
        "0" * 32, Purpose.PASSWORD_RESET, me.user, me.user.email, now, now + DAY
    )
    await change_email(world, me, NEW)

    with pytest.raises(OneTimeTokenInvalid):
        await world.find_token(cast("str", reset.changed), Purpose.PASSWORD_RESET)


async def test_the_owner_can_cancel_a_change_that_is_not_confirmed(
    world: World, me: Principal
) -> None:
    await world.request_email_change(me, THIEF, PASSWORD)
    letters = await links(world)

    await world.undo_email_change(letters[ADA, MailKind.EMAIL_CHANGE_REQUESTED])

    with pytest.raises(OneTimeTokenInvalid):
        await world.confirm_email_change(letters[THIEF, MailKind.EMAIL_CHANGE], PROOF)
    assert (await stored(world, me)).email == me.user.email
    assert set(await links(world)) == {(ADA, MailKind.PASSWORD_RESET)}


async def test_a_change_that_is_cancelled_before_its_mail_is_sent_sends_none(
    world: World, me: Principal
) -> None:
    await world.request_email_change(me, NEW, PASSWORD)
    undo = (await links(world))[ADA, MailKind.EMAIL_CHANGE_REQUESTED]
    await world.request_email_change(me, THIEF, PASSWORD)

    await world.undo_email_change(undo)

    assert set(await links(world)) == {(ADA, MailKind.PASSWORD_RESET)}


async def test_an_undo_restores_the_address_and_ends_sessions_and_password(
    world: World, me: Principal
) -> None:
    undo = await change_email(world, me, NEW)

    await world.undo_email_change(undo)

    user = await stored(world, me)
    assert (user.email.address, user.verified) == (ADA, True)
    with pytest.raises(TokenRejected):
        await world.reload_principal(me)
    assert await world.sessions.of_user(me.user.id) == []
    for email in (ADA, NEW):
        for password in (PASSWORD, ""):
            with pytest.raises(InvalidCredentials):
                await world.login(email, password)
    assert set(await links(world)) == {(ADA, MailKind.PASSWORD_RESET)}


async def test_the_address_that_an_undo_replaces_gets_a_notice_without_a_link(
    world: World, me: Principal
) -> None:
    """The reader of the former mailbox may not be the owner any more."""
    undo = await change_email(world, me, NEW)

    await world.undo_email_change(undo)

    letters = {letter.to: letter for letter in await world.read_mail()}
    assert letters.keys() == {ADA, NEW}
    notice = letters[NEW]
    assert (notice.kind, notice.facts, notice.token) == (MailKind.EMAIL_CHANGED, UNDONE, None)


async def test_an_undo_is_good_for_seven_days_and_one_use(world: World, me: Principal) -> None:
    undo = await change_email(world, me, NEW)
    world.clock.advance(7 * DAY - SECOND)
    await world.undo_email_change(undo)

    with pytest.raises(OneTimeTokenInvalid):
        await world.undo_email_change(undo)


async def test_an_undo_ends_after_seven_days(world: World, me: Principal) -> None:
    undo = await change_email(world, me, NEW)
    world.clock.advance(7 * DAY)

    with pytest.raises(OneTimeTokenInvalid):
        await world.undo_email_change(undo)


async def test_an_undo_enables_no_disabled_account(world: World, me: Principal) -> None:
    undo = await change_email(world, me, NEW)
    await world.change_user(Operator(), me.user.id, disabled=True)

    await world.undo_email_change(undo)

    assert (await stored(world, me)).disabled


async def test_the_owner_recovers_from_an_attacker_who_changes_everything(
    world: World, me: Principal
) -> None:
    """Address, password, address again: whichever link the owner finds first works."""
    await world.request_email_change(me, THIEF, PASSWORD)
    requested = await links(world)
    world.clock.advance(SECOND)
    await world.confirm_email_change(requested[THIEF, MailKind.EMAIL_CHANGE], PROOF)
    changed = await links(world)
    thief = await world.authenticate(
        (await world.change_password(me, PASSWORD, "the password of a thief")).tokens.access
    )
    undo_of_thief = await change_email(
        world, thief, "second@example.org", "the password of a thief"
    )
    await world.request_email_change(thief, "third@example.org", "the password of a thief")
    pending = await links(world)

    await world.undo_email_change(changed[ADA, MailKind.EMAIL_CHANGED])

    assert (await stored(world, me)).email.address == ADA
    with pytest.raises(TokenRejected):
        await world.reload_principal(thief)
    with pytest.raises(OneTimeTokenInvalid):
        await world.confirm_email_change(
            pending["third@example.org", MailKind.EMAIL_CHANGE], PROOF
        )
    undone = [undo_of_thief, pending["second@example.org", MailKind.EMAIL_CHANGE_REQUESTED]]
    for secret in undone:
        with pytest.raises(OneTimeTokenInvalid):
            await world.undo_email_change(secret)
    assert (await stored(world, me)).email.address == ADA
    # The link of the request was there first: it stays good, and leads to the same address.
    await world.undo_email_change(requested[ADA, MailKind.EMAIL_CHANGE_REQUESTED])
    assert (await stored(world, me)).email.address == ADA


async def test_many_later_changes_leave_the_owners_undo_usable(
    world: World, me: Principal
) -> None:
    undo = await change_email(world, me, THIEF)
    for number in range(5):
        await change_email(world, me, f"thief{number}@example.org")

    await world.undo_email_change(undo)

    assert (await stored(world, me)).email.address == ADA


async def test_the_undo_of_a_later_change_leaves_that_of_an_earlier_one(
    world: World, me: Principal
) -> None:
    first = await change_email(world, me, NEW)
    second = await change_email(world, me, "newer@example.org")

    await world.undo_email_change(second)
    assert (await stored(world, me)).email.address == NEW
    await world.undo_email_change(first)

    assert (await stored(world, me)).email.address == ADA


async def test_an_undo_whose_mail_is_late_gives_an_attacker_nothing_back(
    world: World, me: Principal
) -> None:
    undo = await change_email(world, me, THIEF)
    await world.request_email_change(me, "second@example.org", PASSWORD)
    confirm = (await links(world))["second@example.org", MailKind.EMAIL_CHANGE]
    await world.confirm_email_change(confirm, PROOF)  # its notice is not delivered yet

    await world.undo_email_change(undo)

    assert set(await links(world)) == {(ADA, MailKind.PASSWORD_RESET)}


async def test_a_request_that_an_undo_overtakes_gives_an_attacker_nothing_back(
    world: World, me: Principal
) -> None:
    undo = await change_email(world, me, THIEF)

    class OvertakenHasher(QuickHasher):
        async def verify(self, password: Password, stored: str | None, client: HashClient) -> bool:
            world.clock.advance(SECOND)
            await world.undo_email_change(undo)
            return await super().verify(password, stored, client)

    world.hasher = OvertakenHasher()

    await world.request_email_change(me, "second@example.org", PASSWORD)

    assert set(await links(world)) == {(ADA, MailKind.PASSWORD_RESET)}


async def test_of_20_undos_at_once_one_succeeds(world: World, me: Principal) -> None:
    undo = await change_email(world, me, THIEF)
    world.sessions = PausingSessions(world.sessions, lambda: asyncio.sleep(0))

    outcomes = await asyncio.gather(
        *(world.undo_email_change(undo) for _ in range(20)), return_exceptions=True
    )

    assert outcomes.count(None) == 1
    assert sum(isinstance(each, OneTimeTokenInvalid) for each in outcomes) == 19


async def test_a_former_address_is_reserved_as_long_as_the_change_can_be_undone(
    world: World, me: Principal
) -> None:
    await change_email(world, me, THIEF)

    with pytest.raises(EmailTaken):
        await world.sign_up(ADA)
    with pytest.raises(EmailTaken):
        await world.create_user(Operator(), "Eve", ADA, PASSWORD, Role.USER)

    world.clock.advance(7 * DAY)
    await world.sign_up(ADA)


async def test_a_former_address_is_reserved_though_no_notice_of_the_change_is_delivered_yet(
    world: World, me: Principal
) -> None:
    await world.request_email_change(me, THIEF, PASSWORD)
    await world.confirm_email_change((await links(world))[THIEF, MailKind.EMAIL_CHANGE], PROOF)

    with pytest.raises(EmailTaken):
        await world.sign_up(ADA)


async def test_another_user_cannot_change_to_a_reserved_address(
    world: World, me: Principal
) -> None:
    await change_email(world, me, THIEF)
    eve = await world.authenticate(await eves_access(world))
    await world.request_email_change(eve, ADA, PASSWORD)
    letters = await links(world)

    with pytest.raises(OneTimeTokenInvalid):
        await world.confirm_email_change(letters[ADA, MailKind.EMAIL_CHANGE], PROOF)


async def eves_access(world: World) -> str:
    await world.sign_up("eve@example.org")
    return (await world.log_in("eve@example.org")).access


async def test_users_can_change_back_to_their_own_former_address(
    world: World, me: Principal
) -> None:
    await change_email(world, me, NEW)
    await change_email(world, me, ADA)

    assert (await stored(world, me)).email.address == ADA


async def test_the_address_of_a_deleted_user_is_free(world: World, me: Principal) -> None:
    await change_email(world, me, NEW)
    await world.delete_account(await world.reload_principal(me), PASSWORD)

    await world.sign_up(ADA)


async def test_an_undo_is_refused_if_the_operator_has_given_the_address_to_another_user(
    world: World, me: Principal
) -> None:
    undo = await change_email(world, me, NEW)
    other = await world.sign_up("other@example.org")
    await world.change(other, email=Email.parse(ADA))

    with pytest.raises(OneTimeTokenInvalid):
        await world.undo_email_change(undo)


class ChangedMeanwhile(MemoryUsers):
    """Another process changes each user between a read and the first replacement."""

    is_due = True

    async def replace(self, old: User, new: User, effects: Effects = NO_EFFECTS) -> Stored[bool]:
        if self.is_due:
            self.is_due = False
            await super().replace(old, replace(old, name="Countess"))
        return await super().replace(old, new, effects)


async def test_a_change_beside_another_one_loses_neither(world: World, me: Principal) -> None:
    await world.request_email_change(me, NEW, PASSWORD)
    letters = await links(world)
    change_meanwhile(world)
    await world.confirm_email_change(letters[NEW, MailKind.EMAIL_CHANGE], PROOF)
    changed = await stored(world, me)

    change_meanwhile(world)
    await world.undo_email_change(letters[ADA, MailKind.EMAIL_CHANGE_REQUESTED])
    restored = await stored(world, me)

    assert (changed.email.address, changed.name) == (NEW, "Countess")
    assert (restored.email.address, restored.name) == (ADA, "Countess")


def change_meanwhile(world: World) -> None:
    users = ChangedMeanwhile()
    vars(users).update(vars(world.users))
    world.users = users


async def test_a_new_address_that_its_user_confirms_leaves_the_password(
    world: World, me: Principal
) -> None:
    await world.request_email_change(me, NEW, PASSWORD)
    secret = (await links(world))[NEW, MailKind.EMAIL_CHANGE]

    assert await world.use_email_link(secret, PROOF)

    await world.login(NEW, PASSWORD)


async def test_an_attacker_loses_the_account_to_the_owner_of_the_address_it_asked_for(
    world: World, me: Principal
) -> None:
    """The owner of an address clicks a link that an attacker has asked for."""
    await world.request_email_change(me, NEW, PASSWORD)
    secret = (await links(world))[NEW, MailKind.EMAIL_CHANGE]

    assert not await world.use_email_link(secret)

    with pytest.raises(InvalidCredentials):
        await world.login(NEW, PASSWORD)
    with pytest.raises(TokenRejected):
        await world.reload_principal(me)
    assert (NEW, MailKind.PASSWORD_RESET) in await links(world)
    [event] = [each for each in world.events.events if each.type is EventType.CHANGE_EMAIL]
    assert event.detail == str(CredentialsDropped())


async def test_a_wrong_password_leaves_the_link_to_a_new_address_usable(
    world: World, me: Principal
) -> None:
    await world.request_email_change(me, NEW, PASSWORD)
    secret = (await links(world))[NEW, MailKind.EMAIL_CHANGE]

    with pytest.raises(WrongPassword):
        await world.use_email_link(secret, RegistrantProof("a guess"))

    assert await world.use_email_link(secret, PROOF)


async def test_the_page_for_addresses_proves_the_present_one(world: World, me: Principal) -> None:
    await world.request_email_verification(ADA)
    secret = (await links(world))[ADA, MailKind.EMAIL_VERIFICATION]

    assert await world.use_email_link(secret, RegistrantProof(PASSWORD))

    user = await stored(world, me)
    assert (user.email.address, user.verified) == (ADA, True)


@pytest.mark.parametrize("secret", ["unknown", "x" * 100_000])
async def test_the_page_for_addresses_refuses_an_unknown_link(world: World, secret: str) -> None:
    with pytest.raises(OneTimeTokenInvalid):
        await world.use_email_link(secret)
