"""A reader of the stores and of the log can show no second factor."""

from pathlib import Path

import pytest

from domain.second_factors.recovery_codes import canonical
from infrastructure.config.settings import Settings
from tests.http.client import MY_ACTIVITY, MY_CODES, MY_EXPORT, MY_TOTP, Client, bearer, code_at
from tests.http.secrecy.test_dumps import of_sqlite
from tests.support.builders import SECOND
from tests.support.doubles import SettableClock


@pytest.fixture
def settings(sqlite_url: str, tmp_path: Path) -> Settings:
    return Settings.read(
        {
            "DATABASE_URL": sqlite_url,
            "DOORWARD_DATA": str(tmp_path),
            "STORE_TIMEOUT": "60s",  # a busy machine is no outage
            "MAIL_URL": "memory:",
            "EMAIL_VERIFICATION": "off",
        }
    )


async def test_no_second_factor_is_in_a_dump_the_log_or_the_export(
    client: Client, clock: SettableClock, sqlite_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    enrolled = await client.enrol(clock(), (await client.obtain_tokens())["access_token"])
    token = enrolled.json()["access_token"]
    codes = [*enrolled.json()["recovery_codes"]]
    codes += (await client.post(MY_CODES, headers=bearer(token))).json()["recovery_codes"]
    proposed = (await client.post(MY_TOTP, headers=bearer(token))).json()
    challenges = [(await client.log_in(transport="bearer")).json()["challenge"] for _ in range(2)]
    clock.advance(30 * SECOND)
    typed = code_at(enrolled.extensions["secret"], clock())
    used = await client.answer_challenge(await client.log_in(transport="bearer"), typed)
    assert used.status_code == 200
    refused = await client.log_in(transport="bearer")
    await client.answer_challenge(refused, "K7QF-2MXP-9TRA", "recovery_code")
    by_code = await client.answer_challenge(refused, codes[-1], "recovery_code")
    assert by_code.status_code == 200
    headers = bearer(token)
    shown = (await client.get(MY_EXPORT, headers=headers)).text
    shown += (await client.get(MY_ACTIVITY, headers=headers)).text

    logged = "\n".join(f"{each.msg} {each.args}" for each in caplog.records)
    dump = "\n".join(of_sqlite(sqlite_url))

    assert "ada@example.org" in dump, "it is the dump"
    assert "login/second-factor" in logged, "it is the log"
    secrets = [
        *(enrolled.extensions["secret"], proposed["secret"], proposed["uri"]),
        *(code for text in codes for code in (text, canonical(text) or "")),
        *challenges,
        refused.json()["challenge"],
        "K7QF-2MXP-9TRA",
    ]
    assert len(secrets) == 3 + 40 + 2 + 1 + 1
    for secret in secrets:
        for place in (dump, logged, shown):
            assert secret not in place
    assert proposed["qr"][100:200] not in dump + logged
    assert f"'{typed}'" not in dump + logged
