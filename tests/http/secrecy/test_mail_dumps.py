"""A reader of the stores and of the log finds no link of a mail that is still good."""

import re
from pathlib import Path

import pytest

from infrastructure.config.settings import Settings
from tests.http.client import (
    CHECK_RESET,
    EMAIL,
    FORGOT,
    MY_EMAIL,
    NEW_PASSWORD,
    PROOF,
    REQUEST_PROOF,
    RESET,
    UNDO_EMAIL,
    Client,
)
from tests.http.conftest import ReadMail
from tests.http.secrecy.test_dumps import of_sqlite
from tests.support.builders import PASSWORD

ROUTES = [CHECK_RESET, RESET, PROOF, UNDO_EMAIL]
"""All routes that take the token of a link."""


@pytest.fixture
def settings(sqlite_url: str, tmp_path: Path) -> Settings:
    return Settings.read(
        {
            "DATABASE_URL": sqlite_url,
            "DOORWARD_DATA": str(tmp_path),
            "STORE_TIMEOUT": "60s",  # a busy machine is no outage
            "MAIL_URL": "memory:",
            "EMAIL_VERIFICATION": "optional",
            "LINK_LIMIT_ADDRESS": "off",
        }
    )


async def test_no_word_of_a_dump_or_the_log_is_good_at_any_route_for_links(
    client: Client, read_mail: ReadMail, sqlite_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    await client.sign_up()
    for path in (FORGOT, REQUEST_PROOF):
        assert (await client.post(path, json={"email": EMAIL})).status_code == 202
    change = {"email": "new@example.org", "password": PASSWORD}
    assert (await client.post(MY_EMAIL, json=change)).status_code == 202
    tokens = [letter.token for letter in await read_mail() if letter.token]
    assert len(tokens) >= 4

    dump = "\n".join(of_sqlite(sqlite_url)) + "\n".join(str(each.msg) for each in caplog.records)
    words = set(re.findall(r"[\w-]{43,}", dump))
    candidates = {word[:43] for word in words} | {word[-43:] for word in words}

    assert "new@example.org" in dump, "it is the dump"
    assert candidates
    assert candidates.isdisjoint(tokens)
    for candidate in candidates:
        for route in ROUTES:
            answer = await client.post(
                route,
                json={"token": candidate} | ({"password": NEW_PASSWORD} if route == RESET else {}),
            )
            assert answer.status_code == 400
    checks = [
        (await client.post(CHECK_RESET, json={"token": each})).status_code for each in tokens
    ]
    assert checks.count(200) == 1, "the token of the mail is good"
