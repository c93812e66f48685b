"""Logging in with a passkey, against a login with the password: no Argon2 is computed."""

from functools import partial

from bench import client, login, seed
from bench.client import Connection
from bench.cpu import cost_of
from bench.report import Report, Series, at_least, row
from bench.services import Variant, started
from bench.testbed import Scale, Testbed
from bench.turns import in_turns
from tests.support.authenticator import Authenticator
from tests.support.builders import PASSWORD
from tests.support.processes import Service

SERVICE, PASSWORDS = "login with a passkey, 1 worker", "with the password"
TWO_WORKERS = "login with a passkey, 2 workers"
PER_USER = 10
"""Logins of each user in a turn: so few that no session ends because its user has too many."""


def measure(testbed: Testbed, scale: Scale, report: Report) -> None:
    with testbed.stores() as urls:
        seed.seed_users(urls, 2 * scale.logins)
        variants = [
            Variant(name, workers=workers, settings=login.SETTINGS)
            for workers, name in enumerate((SERVICE, TWO_WORKERS), 1)
        ]
        with started(testbed, urls, variants) as services:
            service, two = services[SERVICE], services[TWO_WORKERS]
            users = range(1 + scale.logins, 1 + 2 * scale.logins)
            devices = [client.run(_enrol(service, user)) for user in users]
            turns = {
                SERVICE: lambda: cost_of(service, partial(_log_in, service, devices, PER_USER)),
                TWO_WORKERS: lambda: cost_of(two, partial(_log_in, two, devices, PER_USER)),
                PASSWORDS: lambda: cost_of(service, partial(login.log_in, service, scale.logins)),
            }
            for each in (service, two):
                _log_in(each, devices, 1)  # to warm up
            costs = in_turns(scale.rounds, turns)
    report.add(
        row(
            Series(SERVICE, [cost.per_second for cost in costs[SERVICE]]),
            "logins/s",
            Series(PASSWORDS, [cost.per_second for cost in costs[PASSWORDS]]),
            at_least(5),
        ),
        row(
            Series(f"{SERVICE}, by CPU time", [cost.per_cpu_second for cost in costs[SERVICE]]),
            "logins/CPU s of the server",
            Series(PASSWORDS, [cost.per_cpu_second for cost in costs[PASSWORDS]]),
        ),
        row(
            Series(TWO_WORKERS, [cost.per_second for cost in costs[TWO_WORKERS]]),
            "logins/s",
            Series(SERVICE, [cost.per_second for cost in costs[SERVICE]]),
        ),
    )


async def _enrol(service: Service, user: int) -> Authenticator:
    """Add a passkey to a user."""
    device = Authenticator()
    async with Connection.open(service.port) as connection:
        body = {"email": seed.email(user), "password": PASSWORD, "transport": "bearer"}
        tokens = await _ask(connection, "/api/auth/login", None, body)
        proof = {"password": PASSWORD}
        tokens = await _ask(connection, "/api/auth/step-up", tokens["access_token"], proof)
        token = tokens["access_token"]
        offered = await _ask(connection, "/api/users/me/passkeys/options", token, None)
        device.origin = f"http://localhost:{service.port}"
        made = {"credential": device.create(offered["options"])}
        await _ask(connection, "/api/users/me/passkeys", token, made)
    return device


def _log_in(service: Service, devices: list[Authenticator], count: int) -> tuple[int, float]:
    """Log each user in this often: two requests each time."""
    for device in devices:
        device.origin = f"http://localhost:{service.port}"

    async def loop(connection: Connection, number: int) -> int:
        mine = devices[number :: login.LOOPS] * count
        for device in mine:
            offered = await _ask(connection, "/api/auth/passkeys/options", None, None)
            body = {"credential": device.get(offered["options"]), "transport": "bearer"}
            await _ask(connection, "/api/auth/passkeys/login", None, body)
        return len(mine)

    return client.run(client.in_parallel(service.port, login.LOOPS, loop))


async def _ask(
    connection: Connection, path: str, token: str | None, body: client.Json | None
) -> client.Json:
    answer = await connection.ask(client.request("POST", path, token, body))
    content: client.Json = answer.content()
    return content
