"""Two nodes on one PostgreSQL and one Redis are one service.

Whatever one of them has answered counts at the other with the very next request.
"""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from application.pagination import UserQuery
from domain.permissions import Role
from infrastructure.storage.backends import backend_for
from infrastructure.storage.options import StoreOptions
from tests.contracts.conftest import by_hand
from tests.http.client import (
    ADMIN_EMAIL,
    LOGIN,
    ME,
    MY_EXPORT,
    NEW_PASSWORD,
    SESSIONS,
    USERS,
    Client,
    Tokens,
    bearer,
    stored_user,
)
from tests.support.commands import forked
from tests.support.databases import TemplateDatabases
from tests.support.processes import Service
from tests.support.resource_servers import KEYS, header
from tests.support.servers import Server
from tests.support.waiting import PATIENCE
from tests.system.conftest import SETTINGS, clients_of, on_two_nodes

GRACE = 2.0  # seconds
FEW = {
    "LOGIN_LIMIT_ACCOUNT": "4/15m",
    "REFRESH_LIMIT_ACCOUNT": "4/15m",
    "REFRESH_GRACE": f"{GRACE:.0f}s",
}
"""Rate limits that a test reaches."""

RING = {
    "KEYS_SECRET": b64encode(bytes(range(32))).decode(),
    "KEY_ROTATION": "off",
    "JWKS_MAX_AGE": "3s",  # a busy node reads the next key well before that signs
    "REVOCATION_BOUND": "1s",
}
"""One key ring for both nodes, which the operator rotates."""


@pytest.fixture(scope="module")
def services(
    tmp_path_factory: pytest.TempPathFactory,
    migrated_databases: TemplateDatabases,
    our_redis: Server,
) -> Iterator[list[Service]]:
    """Start two nodes on a database of their own, so that a test controls its administrators."""
    with migrated_databases.fresh() as url:
        stores = {"DATABASE_URL": url, "REDIS_URL": our_redis.url}
        with on_two_nodes(tmp_path_factory.mktemp, SETTINGS | FEW | RING | stores) as services:
            yield services


@dataclass
class Nodes:
    """A client of each node.

    :ivar users_url: location of the users.
    """

    a: Client
    b: Client
    users_url: str

    async def new_user(self) -> tuple[str, Tokens]:
        """Log in a new user at A, whom both nodes cache."""
        email = f"{uuid4().hex}@example.org"
        tokens = await self.a.obtain_tokens(email)
        for client in (self.a, self.b) * 2:
            assert (await client.me(tokens["access_token"])).status_code == 200
        return email, tokens

    async def administrators(self, *emails: str) -> list[dict[str, str]]:
        """Make these the only administrators, logged in at A and B in turn.

        :returns: the headers of each.
        """
        tokens = []
        for node, email in zip(cycle([self.a, self.b]), emails, strict=False):
            token = (await node.obtain_tokens(email))["access_token"]
            tokens.append(await node.stepped_up(token))
        backend = backend_for(self.users_url, "users")
        assert backend.users
        async with backend.connect(self.users_url, StoreOptions()) as connection:
            users = backend.users(connection)
            known = (await users.page(UserQuery(role=Role.ADMIN), None, 100)).items
            for email in emails:
                user = await stored_user(users, email)
                assert (await users.replace(user, replace(user, role=Role.ADMIN))).changed
            for user in known:
                if user.email.address not in emails:
                    assert (await users.replace(user, replace(user, role=Role.USER))).changed
        return [bearer(each) for each in tokens]


@pytest.fixture
async def nodes(services: list[Service]) -> AsyncIterator[Nodes]:
    async with clients_of(services) as (at_a, at_b):
        yield Nodes(at_a, at_b, services[0].environment["DATABASE_URL"])


async def id_of(client: Client, tokens: Tokens) -> str:
    me: dict[str, Any] = (await client.me(tokens["access_token"])).json()["data"]["user"]
    return str(me["id"])


async def test_a_login_at_one_node_is_valid_at_the_other(nodes: Nodes) -> None:
    tokens = await nodes.a.obtain_tokens("ada@example.org")

    me = await nodes.b.me(tokens["access_token"])

    assert me.json()["data"]["user"]["email"] == "ada@example.org"


async def test_a_registration_at_one_node_is_known_at_the_other(nodes: Nodes) -> None:
    email = f"{uuid4().hex}@example.org"
    assert (await nodes.a.register(email)).status_code == 200

    assert (await nodes.b.register(email)).status_code == 409
    assert (await nodes.b.log_in(email)).status_code == 200


async def test_a_logout_at_one_node_is_effective_at_the_other(nodes: Nodes) -> None:
    _, tokens = await nodes.new_user()

    assert (await nodes.b.log_out(tokens["refresh_token"])).status_code == 200

    assert (await nodes.a.me(tokens["access_token"])).status_code == 401
    assert (await nodes.a.refresh(tokens["refresh_token"])).status_code == 401


async def test_a_session_revoked_at_one_node_is_revoked_at_the_other(nodes: Nodes) -> None:
    email, tokens = await nodes.new_user()
    other = await nodes.b.obtain_tokens(email)
    mine = bearer(tokens["access_token"])
    sessions = (await nodes.a.get(SESSIONS, headers=mine)).json()["data"]["sessions"]
    [theirs] = [session["id"] for session in sessions if not session["isCurrent"]]
    assert (await nodes.b.me(other["access_token"])).status_code == 200

    ended = await nodes.a.delete(f"{SESSIONS}/{theirs}", headers=mine)

    assert ended.is_success
    assert (await nodes.b.me(other["access_token"])).status_code == 401
    assert (await nodes.b.me(tokens["access_token"])).status_code == 200


async def test_a_role_changed_at_one_node_is_effective_at_the_other(nodes: Nodes) -> None:
    [admin] = await nodes.administrators(ADMIN_EMAIL)
    _, tokens = await nodes.new_user()
    user = f"{USERS}/{await id_of(nodes.a, tokens)}"

    for role, status in (("admin", 200), ("user", 403)) * 2:
        assert (await nodes.a.patch(user, json={"role": role}, headers=admin)).status_code == 200
        asked = await nodes.b.get(USERS, headers=bearer(tokens["access_token"]))
        assert asked.status_code == status


async def test_a_user_disabled_at_one_node_is_refused_at_the_other(nodes: Nodes) -> None:
    [admin] = await nodes.administrators(ADMIN_EMAIL)
    email, tokens = await nodes.new_user()
    user = f"{USERS}/{await id_of(nodes.a, tokens)}"

    disabled = await nodes.a.patch(user, json={"disabled": True}, headers=admin)

    assert disabled.status_code == 200
    assert (await nodes.b.me(tokens["access_token"])).status_code == 401
    assert (await nodes.b.refresh(tokens["refresh_token"])).status_code == 401
    assert (await nodes.b.log_in(email)).status_code == 400


async def test_a_user_deleted_at_one_node_is_refused_at_the_other(nodes: Nodes) -> None:
    [admin] = await nodes.administrators(ADMIN_EMAIL)
    email, tokens = await nodes.new_user()
    user = f"{USERS}/{await id_of(nodes.a, tokens)}"

    assert (await nodes.a.delete(user, headers=admin)).is_success

    assert (await nodes.b.me(tokens["access_token"])).status_code == 401
    assert (await nodes.b.log_in(email)).status_code == 400


async def test_a_step_up_at_one_node_ends_the_presented_tokens_at_the_other(nodes: Nodes) -> None:
    _, tokens = await nodes.new_user()

    new = (await nodes.a.step_up(tokens["access_token"])).json()

    for node in (nodes.a, nodes.b):
        assert (await node.me(tokens["access_token"])).status_code == 401
        assert (await node.refresh(tokens["refresh_token"])).status_code == 401
    exported = await nodes.b.get(MY_EXPORT, headers=bearer(new["access_token"]))
    assert exported.status_code == 200


async def test_a_password_change_at_one_node_revokes_sessions_at_the_other(nodes: Nodes) -> None:
    email, mine = await nodes.new_user()
    theirs = await nodes.b.obtain_tokens(email)
    assert (await nodes.b.me(theirs["access_token"])).status_code == 200

    changed = await nodes.a.change_password(headers=bearer(mine["access_token"]))

    assert changed.status_code == 200
    assert (await nodes.b.me(theirs["access_token"])).status_code == 401
    assert (await nodes.b.refresh(theirs["refresh_token"])).status_code == 401
    assert (await nodes.b.me(mine["access_token"])).status_code == 401
    assert (await nodes.b.me(changed.json()["access_token"])).status_code == 200
    assert (await nodes.b.log_in(email)).status_code == 400
    assert (await nodes.b.log_in(email, password=NEW_PASSWORD)).status_code == 200


async def test_within_the_grace_period_both_nodes_return_the_same_successor(nodes: Nodes) -> None:
    _, tokens = await nodes.new_user()

    at_a = await nodes.a.refresh(tokens["refresh_token"])
    at_b = await nodes.b.refresh(tokens["refresh_token"])

    assert at_a.status_code == at_b.status_code == 200
    assert at_a.json() == at_b.json()


async def test_after_the_grace_period_a_spent_token_at_one_node_revokes_the_session_at_the_other(
    nodes: Nodes,
) -> None:
    _, tokens = await nodes.new_user()
    successor = (await nodes.a.refresh(tokens["refresh_token"])).json()
    assert (await nodes.a.me(successor["access_token"])).status_code == 200
    await asyncio.sleep(GRACE)

    assert (await nodes.b.refresh(tokens["refresh_token"])).status_code == 401

    assert (await nodes.a.me(successor["access_token"])).status_code == 401
    assert (await nodes.a.refresh(successor["refresh_token"])).status_code == 401


async def test_a_token_that_another_client_spent_revokes_the_session_at_both_nodes(
    nodes: Nodes,
) -> None:
    _, tokens = await nodes.new_user()
    owner = {"Cookie": "device=of the owner"}
    second = (await nodes.a.refresh(tokens["refresh_token"], headers=owner)).json()
    third = (await nodes.b.refresh(second["refresh_token"], headers=owner)).json()
    straggler = await nodes.a.refresh(tokens["refresh_token"], headers=owner)
    assert straggler.json() == third

    assert (await nodes.b.refresh(tokens["refresh_token"])).status_code == 401

    assert (await nodes.a.me(third["access_token"])).status_code == 401


async def test_failed_logins_at_both_nodes_share_a_rate_limit(nodes: Nodes) -> None:
    email = f"{uuid4().hex}@example.org"
    await nodes.a.register(email)
    guess = {"email": email, "password": NEW_PASSWORD}

    failed = [(await node.post(LOGIN, json=guess)).status_code for node in (nodes.a, nodes.b) * 2]

    assert failed == [400] * 4
    for node in (nodes.a, nodes.b):
        assert (await node.post(LOGIN, json=guess)).status_code == 429
        assert (await node.log_in(email)).status_code == 429


async def test_refreshes_at_both_nodes_share_a_rate_limit(nodes: Nodes) -> None:
    _, tokens = await nodes.new_user()
    for node in (nodes.a, nodes.b) * 2:
        answer = await node.refresh(tokens["refresh_token"])
        assert answer.status_code == 200
        tokens = answer.json()

    for node in (nodes.a, nodes.b):
        assert (await node.refresh(tokens["refresh_token"])).status_code == 429


async def test_of_two_concurrent_resignations_one_administrator_stays(nodes: Nodes) -> None:
    for _ in range(5):
        emails = [f"{uuid4().hex}@example.org" for _ in range(2)]
        both = await nodes.administrators(*emails)
        clients = [nodes.a, nodes.b]
        ids = [
            (await client.get(ME, headers=who)).json()["data"]["user"]["id"]
            for client, who in zip(clients, both, strict=True)
        ]

        answers = await asyncio.gather(
            *(
                client.patch(f"{USERS}/{user}", json={"role": "user"}, headers=who)
                for client, user, who in zip(clients, ids, both, strict=True)
            )
        )

        assert sorted(answer.status_code for answer in answers) == [200, 409]
        asked = [
            await client.get(USERS, headers=who)
            for client, who in zip(reversed(clients), both, strict=True)
        ]
        assert sorted(answer.status_code for answer in asked) == [200, 403]


async def test_events_recorded_by_two_nodes_form_one_chain(nodes: Nodes, tmp_path: Path) -> None:
    emails_by_node = [f"{uuid4().hex}@example.org" for _ in range(20)]
    in_turn = zip(cycle([nodes.a, nodes.b]), emails_by_node, strict=False)

    await asyncio.gather(*(node.register(email) for node, email in in_turn))

    printed = await asyncio.to_thread(doctor_audit, tmp_path, nodes.users_url)
    [[recorded]] = await by_hand(nodes.users_url, "SELECT count(*) FROM audit_events")
    assert recorded >= len(emails_by_node)
    assert f"audit log: {recorded} events, none changed and none removed\n" in printed


def doctor_audit(folder: Path, url: str) -> str:
    return operator(folder, url, "doctor", "audit")


def operator(folder: Path, url: str, *command: str) -> str:
    """Return the output of a command."""
    result = forked(folder, *command, **RING, DATABASE_URL=url)
    assert result.returncode == 0, result.stderr
    return result.stdout


def kid(tokens: Tokens) -> str:
    """Return the key id of the access token."""
    signed_with: str = header(tokens["access_token"])["kid"]
    return signed_with


async def published(node: Client) -> set[str]:
    return {key["kid"] for key in (await node.get(KEYS)).json()["keys"]}


async def test_both_nodes_sign_with_the_next_key_at_its_start(
    nodes: Nodes, tmp_path: Path
) -> None:
    email, before = await nodes.new_user()
    rotate = ("keys", "rotate", "--kind", "access")
    await asyncio.to_thread(operator, tmp_path, nodes.users_url, *rotate)

    after: list[Tokens] = []
    async with asyncio.timeout(PATIENCE):  # the key is published before it signs
        while len({kid(tokens) for tokens in after} - {kid(before)}) < 1:
            after = [await node.obtain_tokens(email) for node in (nodes.b, nodes.a)]
            await asyncio.sleep(0.2)  # too many logins would end the first session

    assert kid(after[1]) != kid(before)
    for tokens in (before, *after):
        for node in (nodes.a, nodes.b):
            assert (await node.me(tokens["access_token"])).status_code == 200
    assert await published(nodes.a) == await published(nodes.b)
    assert {kid(before), kid(after[1])} < await published(nodes.a)


async def test_both_nodes_reject_tokens_of_a_revoked_key(nodes: Nodes, tmp_path: Path) -> None:
    _, tokens = await nodes.new_user()

    await asyncio.to_thread(operator, tmp_path, nodes.users_url, "keys", "revoke", kid(tokens))

    for node in (nodes.a, nodes.b):
        assert (await node.me(tokens["access_token"])).status_code == 401
        assert kid(tokens) not in await published(node)
    refreshed = (await nodes.b.refresh(tokens["refresh_token"])).json()
    for node in (nodes.a, nodes.b):
        assert (await node.me(refreshed["access_token"])).status_code == 200
