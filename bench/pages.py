"""The processor time of pages: of the HTML alone, and of the server with its use cases."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from functools import partial
from statistics import median
from typing import Any

import jinja2
import pytest

from bench import client, seed
from bench.client import Connection
from bench.cpu import cost_of
from bench.report import Report, Series, at_most, row
from bench.services import Variant, started
from bench.testbed import Scale, StoreUrls, Testbed
from bench.turns import in_turns
from domain.token import TokenKind
from infrastructure.storage.sql.database import Database
from infrastructure.telemetry.logging import configure_logging
from tests.http.web.tour import a_tour
from tests.support.processes import Service

PATHS = (
    "/login",
    "/account",
    "/account/security",
    "/account/sessions",
    "/account/activity",
    "/admin/users",
    "/admin/audit",
)
TIMES = 100
"""In a turn, one after the other."""

SLOWEST = 3
"""How many templates are in the report: all take less than these."""

Render = Callable[[], str]


def measure(testbed: Testbed, scale: Scale, report: Report) -> None:
    _measure_templates(scale, report)
    _measure_server(testbed, scale, report)


def _measure_templates(scale: Scale, report: Report) -> None:
    templates = asyncio.run(_templates())
    turns = {name: partial(_milliseconds, render) for name, render in templates.items()}
    values = in_turns(scale.rounds, turns)
    for name in sorted(values, key=lambda name: median(values[name]), reverse=True)[:SLOWEST]:
        series = Series(f"rendering {name}", values[name])
        report.add(row(series, "CPU ms", target=at_most(3)))


async def _templates() -> Mapping[str, Render]:
    """Return what renders each template, with the values that it has in the tour of the tests."""
    found: dict[str, Render] = {}
    render = jinja2.Template.render

    def record(template: jinja2.Template, *args: Any, **values: Any) -> str:
        found[str(template.name)] = partial(render, template, *args, **values)
        return render(template, *args, **values)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jinja2.Template, "render", record)
        configure_logging()
        logging.disable()
        async with a_tour("en"):
            logging.disable(logging.NOTSET)
            return found


def _milliseconds(render: Render) -> float:
    before = time.process_time()
    for _ in range(TIMES):
        render()
    return (time.process_time() - before) / TIMES * 1000


def _measure_server(testbed: Testbed, scale: Scale, report: Report) -> None:
    with testbed.stores() as urls:
        seeded = seed.seed_users(urls, 1000, logged_in=1)
        asyncio.run(_make_administrator(urls))
        [token] = seed.sign_tokens(testbed, seeded, TokenKind.ACCESS)
        with started(testbed, urls, [Variant("pages")]) as services:
            service = services["pages"]
            turns = {path: partial(_ask, service, _request(path, token)) for path in PATHS}
            in_turns(1, turns)  # to warm up
            costs = in_turns(
                scale.rounds,
                {path: partial(cost_of, service, turn) for path, turn in turns.items()},
            )
    for path in PATHS:
        milliseconds = [cost.cpu_microseconds / 1000 for cost in costs[path]]
        series = Series(f"GET {path}, by CPU time", milliseconds)
        report.add(row(series, "CPU ms of the server/request"))


def _request(path: str, token: str) -> bytes:
    """The login page would lead on those who are logged in."""
    cookies = "" if path == "/login" else f"access_token={token}"
    return client.request("GET", path, cookies=cookies)


async def _make_administrator(urls: StoreUrls) -> None:
    async with (
        Database.open(urls.users, seed.PATIENT) as database,
        database.dedicated_connection() as connection,
    ):
        await connection.execute("UPDATE users SET role = 'admin' WHERE email LIKE 'person1@%'")


def _ask(service: Service, octets: bytes) -> tuple[int, float]:
    async def loop(connection: Connection, _number: int) -> int:
        for _ in range(TIMES):
            (await connection.ask(octets)).check()
        return TIMES

    return client.run(client.in_parallel(service.port, 1, loop))
