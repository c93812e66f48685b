"""Logging in, against the raw rate of the password hash that each login verifies."""

from functools import partial

from bench import client, raw, seed
from bench.client import Connection
from bench.cpu import cost_of
from bench.report import Report, Series, at_least, row
from bench.services import Variant, started
from bench.testbed import Scale, Testbed
from bench.turns import in_turns
from tests.support.builders import PASSWORD
from tests.support.processes import Service

LOOPS = 4  # enough that a hash always waits for the thread
SETTINGS = {"LOGIN_LIMIT_ADDRESS": "off"}  # all come from one

SERVICE, RAW = "login, 1 worker", "Argon2 alone, on as many threads"


def log_in(service: Service, count: int) -> tuple[int, float]:
    """Log in as the first user, the second …, this often together.

    :returns: how many logins there were, in how many seconds.
    """

    async def loop(connection: Connection, number: int) -> int:
        user_numbers = range(1 + number, 1 + count, LOOPS)
        for user in user_numbers:
            (await connection.ask(request(user))).check()
        return len(user_numbers)

    return client.run(client.in_parallel(service.port, LOOPS, loop))


def request(user: int) -> bytes:
    body = {"email": seed.email(user), "password": PASSWORD}
    return client.request("POST", "/api/auth/login", body=body)


def measure(testbed: Testbed, scale: Scale, report: Report) -> None:
    with testbed.stores() as urls:
        seed.seed_users(urls, scale.logins)
        with started(testbed, urls, [Variant(SERVICE, settings=SETTINGS)]) as services:
            service = services[SERVICE]
            turns = {
                SERVICE: lambda: cost_of(service, partial(log_in, service, scale.logins)),
                RAW: lambda: testbed.processes.submit(raw.hashes, scale.logins).result(),
            }
            log_in(service, LOOPS)  # to warm up
            costs = in_turns(scale.rounds, turns)
    report.add(
        row(
            Series(SERVICE, [cost.per_second for cost in costs[SERVICE]]),
            "logins/s",
            Series(RAW, [cost.per_second for cost in costs[RAW]]),
            at_least(0.9),
        ),
        row(
            Series(f"{SERVICE}, by CPU time", [cost.per_cpu_second for cost in costs[SERVICE]]),
            "logins/CPU s of the server",
            Series(RAW, [cost.per_cpu_second for cost in costs[RAW]]),
        ),
    )
