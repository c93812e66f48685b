"""The time of a failed login by its cause, which it must not reveal.

Logins with an unknown address, with a wrong password and to a disabled account are sent to the
running service in turns, so that other load of the machine meets all three alike. Their times
are compared by the test of Mann and Whitney: p is how likely such a difference would be if there
were none.
"""

import time
from asyncio import run
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from statistics import NormalDist

import httpx

from bench import seed
from bench.report import Report, Series, at_least, row
from bench.services import Variant, started
from bench.testbed import Scale, StoreUrls, Testbed
from bench.turns import in_turns
from domain.email import Email
from infrastructure.storage.options import StoreOptions
from infrastructure.storage.stores import open_stores
from tests.support.builders import PASSWORD
from tests.support.processes import Service

WRONG = "wrong password"
CASES = {
    WRONG: (seed.email(1), "not the password"),
    "unknown address": ("nobody@example.org", "not the password"),
    "disabled account": (seed.email(2), PASSWORD),
}
SETTINGS = dict.fromkeys(("LOGIN_LIMIT_ACCOUNT", "LOGIN_LIMIT_ADDRESS"), "off")
LEAST_P = at_least(0.001)


def measure(testbed: Testbed, scale: Scale, report: Report) -> None:
    with testbed.stores() as urls:
        seed.seed_users(urls, 2)
        run(disable(urls, seed.email(2)))
        with started(testbed, urls, [Variant("Doorward", settings=SETTINGS)]) as services:
            times = _time_failures(services["Doorward"], scale.failed_logins)
    compare(report, "failed login", times, WRONG)


def compare(
    report: Report, what: str, times: Mapping[str, list[float]], reference_case: str
) -> None:
    """Report the milliseconds of each case, and whether they differ from those of one of them."""
    reference = Series(f"{what}: {reference_case}", times[reference_case])
    report.add(row(reference, "ms"))
    for case in (each for each in times if each != reference_case):
        p = mann_whitney(times[case], times[reference_case])
        name = f"{what}: {case}"
        report.add(
            row(Series(name, times[case]), "ms", reference),
            row(Series(f"{name}: p", [p]), "p of Mann and Whitney", target=LEAST_P),
        )


async def disable(urls: StoreUrls, address: str) -> None:
    async with open_stores(urls.users, urls.sessions, StoreOptions()) as stores:
        user = await stores.users.by_email(Email.parse(address))
        assert user is not None
        assert (await stores.users.replace(user, replace(user, disabled=True))).changed


def _time_failures(service: Service, rounds: int) -> dict[str, list[float]]:
    """The milliseconds of each login, by case."""
    with httpx.Client(base_url=service.url) as client:
        turns = {case: partial(_time, client, *said) for case, said in CASES.items()}
        in_turns(3, turns)  # to warm up
        return in_turns(rounds, turns)


def _time(client: httpx.Client, email: str, password: str) -> float:
    start = time.perf_counter()
    answer = client.post("/api/auth/login", json={"email": email, "password": password})
    took = (time.perf_counter() - start) * 1000
    assert answer.json()["code"] == "invalid_credentials"
    return took


def mann_whitney(one: list[float], other: list[float]) -> float:
    """The two-sided p of the U test, by its normal approximation: times have no ties."""
    ranked = sorted([(time, True) for time in one] + [(time, False) for time in other])
    ranks = sum(rank for rank, (_, is_one) in enumerate(ranked, 1) if is_one)
    n, m = len(one), len(other)
    u = ranks - n * (n + 1) / 2
    spread = (n * m * (n + m + 1) / 12) ** 0.5
    return 2 * (1 - NormalDist().cdf(abs(u - n * m / 2) / spread))
