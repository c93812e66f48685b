"""A change of the schema under a running node costs it no request."""

from datetime import timedelta

import pytest

from application.pagination import EventQuery
from application.ports.effects import Stored
from domain.email import Email
from domain.key_ring import KeyRing
from domain.token import TokenKind
from doorward.conformance.support.examples import a_message, a_token, an_event, new_id
from doorward.conformance.support.opening import MailStores, open_mail
from infrastructure.signing.algorithms import EDDSA
from infrastructure.storage.options import StoreOptions
from infrastructure.storage.sql.audit.audit_log import SqlAuditLog
from infrastructure.storage.sql.database import Database
from infrastructure.storage.sql.signing_keys import SqlKeys
from infrastructure.storage.stores import open_stores
from tests.contracts.conftest import by_hand, effects
from tests.support.builders import NOW, a_session, a_user
from tests.support.key_commands import started
from tests.support.waiting import PATIENT

WIDER_DIGEST = "ALTER TABLE audit_chain ALTER COLUMN last_digest TYPE varchar(70)"
WITH_AUDIT_LOG = StoreOptions(has_audit_log=True)


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE users ALTER COLUMN name TYPE varchar(120)",
        "ALTER TABLE users ALTER COLUMN name TYPE text",
        "ALTER TABLE users ADD COLUMN size integer",
    ],
)
async def test_a_read_after_a_change_of_the_schema_is_answered(
    postgres_url: str, change: str
) -> None:
    async with open_stores(postgres_url, postgres_url, PATIENT) as stores:
        user = a_user()
        await stores.users.add(user)
        assert await stores.users.get(user.id) == user

        await by_hand(postgres_url, change)

        assert await stores.users.get(user.id) == user


async def test_a_change_with_its_event_after_a_change_of_the_schema_is_made(
    postgres_url: str,
) -> None:
    async with open_stores(postgres_url, postgres_url, PATIENT) as stores:
        user = a_user()
        await stores.users.add(user, effects(an_event()))
        await stores.sessions.add(
            a_session(user_id=user.id, started_at=NOW), effects=effects(an_event())
        )

        await by_hand(postgres_url, WIDER_DIGEST)

        stored = await stores.sessions.add(a_session(user_id=user.id), effects=effects(an_event()))
        assert stored.changed
        assert stored.effects_stored


async def test_an_import_after_a_change_of_the_schema_is_made_once(postgres_url: str) -> None:
    async with open_stores(postgres_url, postgres_url, PATIENT) as stores:
        await stores.users.add_all(
            [a_user(email=Email.parse("first@example.org"))], effects(an_event())
        )
        await by_hand(postgres_url, WIDER_DIGEST)

        second = [
            a_user(email=Email.parse("second@example.org")),
            a_user(email=Email.parse("third@example.org")),
        ]
        stored = await stores.users.add_all(second, effects(an_event()))

    assert len(stored.changed) == 2
    assert stored.effects_stored
    [(events,)] = await by_hand(postgres_url, "SELECT count(*) FROM audit_events")
    assert events == 2


async def test_a_rotation_of_keys_after_a_change_of_the_schema_is_made(postgres_url: str) -> None:
    async with Database.open(postgres_url, WITH_AUDIT_LOG) as database:
        store = SqlKeys(database, [bytes(32)], EDDSA)
        first = KeyRing(frozenset({started(await store.make(TokenKind.ACCESS, NOW), NOW)}))
        assert (await store.replace(KeyRing(), first, effects(an_event()))).changed
        second = KeyRing(first.keys | {await store.make(TokenKind.REFRESH, NOW)})

        await by_hand(postgres_url, "ALTER TABLE signing_keys ALTER COLUMN kind TYPE varchar(70)")

        assert await store.replace(first, second, effects(an_event())) == Stored(True, True)
        assert await store.ring() == second


async def test_an_unreadable_key_is_discarded_after_a_change_of_the_schema(
    postgres_url: str,
) -> None:
    async with Database.open(postgres_url, WITH_AUDIT_LOG) as database:
        lost = SqlKeys(database, [bytes(range(32))], EDDSA)
        keys = [await lost.make(TokenKind.ACCESS, NOW) for _ in range(2)]
        await lost.replace(KeyRing(), KeyRing(frozenset(keys)))
        store = SqlKeys(database, [bytes(32)], EDDSA)
        assert (await store.discard(keys[0].id, effects(an_event()))).changed

        await by_hand(postgres_url, WIDER_DIGEST)

        assert await store.discard(keys[1].id, effects(an_event())) == Stored(True, True)


async def test_events_are_recorded_and_pruned_after_a_change_of_the_schema(
    postgres_url: str,
) -> None:
    async with (
        Database.open(postgres_url, WITH_AUDIT_LOG) as database,
        SqlAuditLog.open(database) as log,
    ):
        await log.record(an_event())
        assert (await log.prune(NOW + timedelta(days=1))).changed == 1
        await by_hand(postgres_url, WIDER_DIGEST)

        await log.record(an_event())
        assert len((await log.page(EventQuery(), None, 10)).items) == 1

        await by_hand(
            postgres_url, "ALTER TABLE audit_chain ALTER COLUMN start_number TYPE numeric"
        )
        assert (await log.prune(NOW + timedelta(days=1))).changed == 1


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE outbox ALTER COLUMN error TYPE varchar(70)",
        "ALTER TABLE one_time_tokens ALTER COLUMN purpose TYPE varchar(70)",
        WIDER_DIGEST,
    ],
)
async def test_mail_and_its_tokens_are_handled_after_a_change_of_the_schema(
    postgres_url: str, change: str
) -> None:
    async def use(mail: MailStores) -> None:
        """Do once what a request and a delivery do."""
        user = a_user(email=Email.parse(f"{new_id()}@example.org"))
        message, token = a_message(), a_token(user)
        await mail.users.add(user, effects(an_event()).with_messages(message))
        [leased] = await mail.outbox.lease(NOW, NOW + timedelta(minutes=2), 10)
        assert (await mail.tokens.issue(token, effects(an_event()))).effects_stored
        assert await mail.outbox.replace(leased, leased.sent(NOW))
        spending = effects(an_event()).spending(token.used(NOW))
        assert (await mail.users.replace(user, user.disable(NOW), spending)).effects_stored
        assert (await mail.outbox.add(effects(an_event()).with_messages(message))).effects_stored
        assert await mail.outbox.prune(NOW + timedelta(days=1), 10) == 1
        assert await mail.tokens.purge(NOW + timedelta(days=1), 10) == 1

    async with open_mail(postgres_url) as mail:
        await use(mail)
        await by_hand(postgres_url, change)
        await use(mail)
