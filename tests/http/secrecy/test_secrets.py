"""No secret is in the log, at any level and after any error."""

import base64
import logging
import re
from dataclasses import replace
from datetime import timedelta

import pytest

from application.ports import UserRepository
from domain.errors import Unavailable
from domain.token import TokenKind
from infrastructure.signing.signing_key import SigningKey
from infrastructure.telemetry.logging import json_formatter
from tests.http.client import EMAIL, LOGIN, LOGOUT, ME, REFRESH, Client, bearer, stored_user
from tests.http.failing_requests import FAILING_REQUESTS
from tests.http.faults import Faults
from tests.support.builders import PASSWORD
from tests.support.doubles import SettableClock

WRONG = "tr0ub4dor and three"
LOGGERS_OF_THE_CLIENT = ("httpx", "httpcore")


def secrets_of(key: SigningKey) -> set[str]:
    """The private key, as it may be written."""
    numbers = key.private.private_numbers()
    lines = [line for line in key.private_pem().decode().splitlines() if "-----" not in line]
    raw = [number.to_bytes(256, "big") for number in (numbers.d, numbers.p, numbers.q)]
    return {
        *lines,
        str(numbers.d),
        str(numbers.p),
        f"{numbers.d:x}",
        *(base64.urlsafe_b64encode(octets.lstrip(b"\x00")).decode()[:40] for octets in raw),
    }


def everything_in(records: list[logging.LogRecord]) -> str:
    """Return all that a handler could write: messages, arguments and tracebacks."""
    formatter = logging.Formatter("%(name)s %(message)s")
    return "\n".join(
        f"{formatter.format(record)} {vars(record)!r}"
        for record in records
        if not record.name.startswith(LOGGERS_OF_THE_CLIENT)
    )


async def journey(
    client: Client, clock: SettableClock, faults: Faults, users: UserRepository
) -> str:
    """Send requests that succeed and that fail, with as many secrets as possible.

    :returns: the answers, with all their tokens.
    """
    tokens = await client.obtain_tokens()
    access, refresh = tokens["access_token"], tokens["refresh_token"]
    answers = [await client.log_in(), await client.me(), await client.refresh()]
    answers += [await client.refresh(refresh), await client.me(access)]
    responses = f"{tokens} {[(answer.text, answer.headers) for answer in answers]}"
    for email, password in ((EMAIL, WRONG), ("eve@example.org", WRONG), (WRONG, WRONG)):
        await client.log_in(email, password=password)
        await client.register(email, password=password, password_confirm=PASSWORD)
    for error in (Unavailable("users"), RuntimeError("the connection is lost")):
        faults.users = faults.sessions = error
        for path in (ME, REFRESH, LOGOUT):
            await client.get(path, headers=bearer(access), params={"token": refresh})
        await client.refresh(refresh)
        await client.log_out(refresh)
        await client.log_in()
        await client.register("bob@example.org")
        faults.users = faults.sessions = None
    for failing_request in FAILING_REQUESTS.values():
        await failing_request.make(client, faults, bearer(access))
    for content in (f'{{"password": "{PASSWORD}"', f'{{"refresh_token": ["{refresh}"]}}'):
        for path in (LOGIN, REFRESH):
            await client.post(path, content=content, headers={"Content-Type": "application/json"})
    await client.refresh(access)
    await client.me(refresh)
    await client.get(f"/{access}", params={"access_token": access})
    await client.log_in()
    responses += await step_up(client)
    for current, new in ((WRONG, WRONG), (PASSWORD, "short"), (PASSWORD, WRONG)):
        await client.change_password(current, new)
    clock.advance(timedelta(minutes=5))
    await client.refresh(refresh)  # reuse
    ada = await stored_user(users)
    await users.replace(ada, replace(ada, disabled=True))
    await client.log_in(password=WRONG)
    await client.log_out()
    return responses


async def step_up(client: Client) -> str:
    proofs = ({"password": WRONG}, {"password": PASSWORD}, {"method": "totp", "code": WRONG})
    answers = [await client.step_up(**proof) for proof in proofs]
    return str([(answer.text, answer.headers) for answer in answers])


async def test_no_password_token_hash_or_key_is_logged(
    client: Client,
    clock: SettableClock,
    faults: Faults,
    users: UserRepository,
    keys: dict[TokenKind, SigningKey],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in logging.root.manager.loggerDict:
        caplog.set_level(logging.DEBUG, name)

    responses = await journey(client, clock, faults, users)

    text = everything_in(caplog.records)
    tokens = set(re.findall(r"eyJ[\w-]+\.([\w-]+)\.([\w-]+)", responses))
    devices = set(re.findall(r"device=(\w{32})\.(\w{64})", responses))
    assert len(tokens) >= 8
    assert devices
    parts = {part for token in tokens | devices for part in token}
    hashes = set((await stored_user(users)).password_hash.split("$")[2:])
    secrets = {PASSWORD, WRONG, *parts, *hashes}.union(*map(secrets_of, keys.values()))
    assert text.count("the connection is lost") > 5  # it is our log that is looked at
    assert {secret for secret in secrets if secret in text} == set()
    assert "BEGIN" not in text


@pytest.mark.parametrize(
    "ending", ["\n", "\r", "\r\n", "\x0b", "\x0c", "\x1b[2K", "\x85", "\u2028"]
)
def test_a_message_cannot_pretend_to_be_two(ending: str) -> None:
    forged = f"harmless{ending}2026-01-01T00:00:00Z INFO doorward: all is well"
    record = logging.LogRecord("doorward", logging.ERROR, "", 0, "%s", (forged,), None)

    line = json_formatter().format(record)

    assert len(line.splitlines()) == 1
    assert line.isprintable()
