"""The conformance tests of sessions, on each built-in backend."""

import asyncio
from uuid import uuid4

import pytest

from domain.user import UserId
from doorward.conformance.sessions.test_activity import *  # noqa: F403
from doorward.conformance.sessions.test_expiry import *  # noqa: F403
from doorward.conformance.sessions.test_records import *  # noqa: F403
from doorward.conformance.sessions.test_replacements import *  # noqa: F403
from infrastructure.storage.stores import open_stores
from tests.conftest import url_for
from tests.support.builders import NOW, SECOND, a_session
from tests.support.waiting import PATIENT


@pytest.mark.parametrize("technology", ["sqlite", "postgresql"])
async def test_processes_that_delete_expired_sessions_share_the_work(
    technology: str, request: pytest.FixtureRequest
) -> None:
    url = url_for(technology, request)
    async with open_stores(url, url, PATIENT) as one, open_stores(url, url, PATIENT) as other:
        for _ in range(40):
            await one.sessions.add(a_session(user_id=UserId(uuid4()), expires_at=NOW - SECOND))

        deleted = await asyncio.gather(
            *(each.sessions.delete_expired(NOW, 10) for each in (one, other) * 4)
        )
        left = await one.sessions.delete_expired(NOW, 40)

    assert sum(deleted) + left == 40
    assert max(deleted) <= 10
