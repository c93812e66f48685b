"""Whether the time of a request for a reset link tells whether the address has a user.

Requests for a known address, for that of a disabled account and for an unknown one are sent in
turns and compared as failed logins are. The mails are delivered meanwhile, as in production.
"""

import time
from asyncio import run
from functools import partial

import httpx

from bench import seed
from bench.login_timing import compare, disable
from bench.report import Report
from bench.services import Variant, started
from bench.testbed import Scale, Testbed
from bench.turns import in_turns
from tests.support.processes import Service

KNOWN = "known address"
CASES = {
    KNOWN: seed.email(1),
    "unknown address": "nobody@example.org",
    "disabled account": seed.email(2),
}
SETTINGS = {"MAIL_URL": "memory:"} | dict.fromkeys(
    ("MAIL_LIMIT_RECIPIENT", "MAIL_LIMIT_ADDRESS", "MAIL_LIMIT"), "off"
)

_MORE = 10
"""How many times as many as failed logins, which take as many times longer."""


def measure(testbed: Testbed, scale: Scale, report: Report) -> None:
    with testbed.stores() as urls:
        seed.seed_users(urls, 2)
        run(disable(urls, seed.email(2)))
        with started(testbed, urls, [Variant("Doorward", settings=SETTINGS)]) as services:
            times = _time_requests(services["Doorward"], scale.failed_logins * _MORE)
    compare(report, "request for a reset link", times, KNOWN)


def _time_requests(service: Service, rounds: int) -> dict[str, list[float]]:
    """Return the milliseconds of each request, by case."""
    with httpx.Client(base_url=service.url) as client:
        turns = {case: partial(_time, client, email) for case, email in CASES.items()}
        in_turns(3, turns)  # to warm up
        return in_turns(rounds, turns)


def _time(client: httpx.Client, email: str) -> float:
    start = time.perf_counter()
    answer = client.post("/api/auth/password/forgot", json={"email": email})
    took = (time.perf_counter() - start) * 1000
    assert answer.status_code == 202
    return took
