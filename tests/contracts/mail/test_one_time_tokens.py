"""The conformance tests of one-time tokens, on each backend, and tests of its technology."""

import pytest
from sqlalchemy import update

from doorward.conformance.one_time_tokens.test_issuing import *  # noqa: F403
from doorward.conformance.one_time_tokens.test_spending import *  # noqa: F403
from doorward.conformance.support.examples import a_token, a_user
from doorward.conformance.support.opening import open_mail
from infrastructure.storage.sql.tables import one_time_tokens
from tests.conftest import url_for
from tests.contracts.conftest import by_hand


@pytest.mark.parametrize("scheme", ["sqlite", "postgresql"])
async def test_a_token_of_a_purpose_of_a_later_release_is_unknown(
    request: pytest.FixtureRequest, scheme: str
) -> None:
    url = url_for(scheme, request)
    async with open_mail(url) as mail:
        await mail.users.add(user := a_user())
        await mail.tokens.issue(token := a_token(user))
        the_token = update(one_time_tokens).where(one_time_tokens.c.id == token.id)
        await by_hand(url, the_token.values(purpose="of a later release"))

        assert await mail.tokens.by_digest(token.digest) is None
