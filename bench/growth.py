"""The cost of a request by the number of users in the stores.

The number of active users is the same in each population, so only the stores grow.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial

from bench import login, seed, warm
from bench.cpu import Cost, cost_of
from bench.hot_path import ME
from bench.refresh import Chains
from bench.report import Report, Series, row
from bench.services import Variant, started
from bench.testbed import Scale, Testbed
from bench.turns import in_turns
from bench.wrk import TokenFile, drive
from domain.token import TokenKind
from tests.support.processes import Service

ACTIVE = 1_000
SETTINGS = {"LOGIN_LIMIT_ADDRESS": "off", "REFRESH_LIMIT_ADDRESS": "off"}
OPERATIONS = (f"GET {ME}", "refresh", "login")

UNIT = "CPU µs of the server/request"

Turn = tuple[str, int]
"""An operation, in a population of this size."""


def measure(testbed: Testbed, scale: Scale, report: Report) -> None:
    turns: dict[Turn, Callable[[], Cost]] = {}
    with ExitStack() as stack:
        for size in scale.populations:
            turns |= _operations(testbed, scale, size, stack)
        in_turns(1, turns)  # to warm up
        costs = in_turns(scale.rounds, turns)
    for operation in OPERATIONS:
        smallest = _series(costs, (operation, scale.populations[0]))
        report.add(row(smallest, UNIT))
        for size in scale.populations[1:]:
            report.add(row(_series(costs, (operation, size)), UNIT, smallest))


def _operations(
    testbed: Testbed, scale: Scale, size: int, stack: ExitStack
) -> dict[Turn, Callable[[], Cost]]:
    """Return the operations to measure with this number of users, on a service of its own."""
    urls = stack.enter_context(testbed.stores())
    active = seed.seed_users(urls, size, kept=ACTIVE)
    tokens = seed.sign_tokens(testbed, active, TokenKind.ACCESS)
    chains = Chains(seed.sign_tokens(testbed, active, TokenKind.REFRESH))
    variant = Variant(f"{size} users", settings=SETTINGS)
    service = stack.enter_context(started(testbed, urls, [variant]))[variant.name]
    warm.fill(service, tokens)
    file = TokenFile.of(tokens, testbed.folder)
    works: tuple[Callable[[], tuple[int, float]], ...] = (
        partial(_ask, service, file, scale.seconds),
        partial(chains.spend, service, scale.seconds),
        partial(login.log_in, service, scale.logins // 2),
    )
    return {
        (operation, size): partial(cost_of, service, work)
        for operation, work in zip(OPERATIONS, works, strict=True)
    }


def _ask(service: Service, tokens: TokenFile, seconds: int) -> tuple[int, float]:
    load = drive(service.url + ME, tokens, seconds)
    return load.requests, load.seconds


def _series(costs: Mapping[Turn, Sequence[Cost]], turn: Turn) -> Series:
    operation, size = turn
    values = [cost.cpu_microseconds for cost in costs[turn]]
    return Series(f"{operation}, {size} users", values)
