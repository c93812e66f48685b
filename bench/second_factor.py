"""Logging in with a code of an authenticator app, against a login with the password alone."""

import asyncio
import base64
import json
import time
from collections.abc import Iterator
from functools import partial
from itertools import count

from bench import client, login, seed
from bench.client import Connection
from bench.cpu import cost_of
from bench.report import Report, Series, at_least, row
from bench.services import Variant, started
from bench.testbed import Scale, Testbed
from bench.turns import in_turns
from domain.second_factors import totp
from domain.second_factors.factors import SecondFactors, Totp
from infrastructure.signing.factor_secrets import SealedFactors
from infrastructure.storage.sql.database import Database
from infrastructure.storage.sql.second_factors.factors import SqlSecondFactors
from tests.support.processes import Service

DATA_SECRET = bytes(32)
APP = b"12345678901234567890"
SETTINGS = login.SETTINGS | {"DATA_SECRET": base64.b64encode(DATA_SECRET).decode()}
SERVICE, PASSWORD_ALONE = "login with TOTP, 1 worker", "login with the password alone"


def log_in(service: Service, users: Iterator[int], logins: int) -> tuple[int, float]:
    """Log in as the next users: a code of the app is good once.

    :returns: how many logins there were, in how many seconds.
    """

    async def loop(connection: Connection, number: int) -> int:
        mine = range(number, logins, login.LOOPS)
        for _ in mine:
            refused = await connection.ask(login.request(next(users)))
            (await connection.ask(_answer(json.loads(refused.body)["challenge"]))).check()
        return len(mine)

    return client.run(client.in_parallel(service.port, login.LOOPS, loop))


def _answer(challenge: str) -> bytes:
    code = totp.code_at(APP, int(time.time()) // totp.STEP_SECONDS)
    body = {"challenge": challenge, "method": "totp", "code": code}
    return client.request("POST", "/api/auth/login/second-factor", body=body)


def measure(testbed: Testbed, scale: Scale, report: Report) -> None:
    with_app = login.LOOPS + scale.rounds * scale.logins
    with testbed.stores() as urls:
        seed.seed_users(urls, scale.logins + with_app)
        first = scale.logins + 1
        asyncio.run(_give_apps(urls.users, range(first, first + with_app)))
        users = count(first)
        with started(testbed, urls, [Variant(SERVICE, settings=SETTINGS)]) as services:
            service = services[SERVICE]
            turns = {
                SERVICE: lambda: cost_of(service, partial(log_in, service, users, scale.logins)),
                PASSWORD_ALONE: lambda: cost_of(
                    service, partial(login.log_in, service, scale.logins)
                ),
            }
            log_in(service, users, login.LOOPS)  # to warm up
            costs = in_turns(scale.rounds, turns)
    with_code, alone = (
        Series(name, [cost.per_second for cost in costs[name]])
        for name in (SERVICE, PASSWORD_ALONE)
    )
    report.add(row(with_code, "logins/s", alone, at_least(0.9)))


async def _give_apps(url: str, numbers: range) -> None:
    secrets = SealedFactors([DATA_SECRET])
    async with Database.open(url, seed.PATIENT) as database:
        store = SqlSecondFactors(database)
        for number in numbers:
            user_id = seed.user_id(number)
            app = Totp(secrets.seal(user_id, APP))
            none = SecondFactors(user_id)
            await store.replace(none, SecondFactors(user_id, totp=app))
