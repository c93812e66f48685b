"""Logging in at another provider, without what that takes, against a login with the password."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import httpx

from bench import login, seed
from bench.cpu import cost_of
from bench.report import Report, Series, at_least, row
from bench.services import Variant, started
from bench.testbed import Scale, Testbed
from bench.turns import in_turns
from tests.support.identity_provider import CLIENT_ID, CLIENT_SECRET, ProviderServer, a_provider
from tests.support.processes import Service

SERVICE, PASSWORDS = "login at another provider, 1 worker", "with the password"
ROUTE = "/api/auth/social/acme"
USERS = 10


def measure(testbed: Testbed, scale: Scale, report: Report) -> None:
    with testbed.stores() as urls, _running_provider() as provider:
        seed.seed_users(urls, scale.logins)
        settings = {
            **login.SETTINGS,
            "LOGIN_LIMIT": "off",  # which holds for these, too, and they are faster
            "OIDC_ACME_ISSUER": provider.url,
            "OIDC_ACME_CLIENT_ID": CLIENT_ID,
            "OIDC_ACME_CLIENT_SECRET": CLIENT_SECRET,
        }
        with started(testbed, urls, [Variant(SERVICE, settings=settings)]) as services:
            service = services[SERVICE]
            turns = {
                SERVICE: lambda: cost_of(
                    service, partial(_log_in, service, provider, scale.logins)
                ),
                PASSWORDS: lambda: cost_of(service, partial(login.log_in, service, scale.logins)),
            }
            _log_in(service, provider, USERS)  # the users register, and the document is fetched
            costs = in_turns(scale.rounds, turns)
    report.add(
        row(
            Series(SERVICE, [cost.per_cpu_second for cost in costs[SERVICE]]),
            "logins/CPU s of the server",
            Series(PASSWORDS, [cost.per_cpu_second for cost in costs[PASSWORDS]]),
            at_least(3),
        )
    )


def _log_in(service: Service, provider: ProviderServer, count: int) -> tuple[int, float]:
    """Log users in, one after the other: each goes to the provider and back."""
    began = time.perf_counter()
    # These logins begin under the service's main name: another one redirects there first.
    with httpx.Client(base_url=f"http://localhost:{service.port}") as browser:
        for number in range(count):
            user = number % USERS
            provider.claims = {"sub": str(user), "email": f"social{user}@example.org"}
            browser.cookies.clear()
            leaving = browser.get(f"{ROUTE}/start")
            target = leaving.headers["location"]
            code = provider.authorize(target).code or ""
            state = parse_qs(urlsplit(target).query)["state"][0]
            ended = browser.get(f"{ROUTE}/callback", params={"code": code, "state": state})
            if ended.status_code != httpx.codes.SEE_OTHER:
                raise RuntimeError(f"the service answers {ended.status_code}: {ended.text}")
    return count, time.perf_counter() - began


@contextmanager
def _running_provider() -> Iterator[ProviderServer]:
    """Run a provider in the loop of another thread."""
    with asyncio.Runner() as runner:
        running = a_provider()
        provider = runner.run(running.__aenter__())
        loop = runner.get_loop()
        thread = Thread(target=loop.run_forever)
        thread.start()
        try:
            yield provider
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            runner.run(running.__aexit__(None, None, None))
