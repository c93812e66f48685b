"""What a request costs the processes of the server, and what a start and a worker take.

With ``BENCH_BASE``, another revision takes turns with this one (:mod:`bench.revisions`).
"""

import base64
import resource
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from bench import client, others
from bench.client import Connection
from bench.cpu import Cost, cost_of, cpu_seconds, processes
from bench.refresh import Chains
from bench.report import Report, Row, Series, Target, at_most, row
from bench.revisions import Revision, opened_revisions, started_of
from bench.testbed import Scale, Testbed
from bench.turns import in_turns
from tests.support.builders import PASSWORD
from tests.support.processes import Service

OURS = "Doorward"
USERS = 48
LOOPS = 8
MIB = 2**20
HIGH_LIMITS = dict.fromkeys(
    (
        "LOGIN_LIMIT_ADDRESS",
        "LOGIN_LIMIT_ACCOUNT",
        "REFRESH_LIMIT_ADDRESS",
        "REFRESH_LIMIT_ACCOUNT",
        "REGISTER_LIMIT_ADDRESS",
    ),
    "1000000/1m",
)
"""All come from one address. Attempts are counted all the same."""
USUAL = {"ARGON2_MEMORY_KIB": "47104", "ARGON2_PASSES": "2"}
CHEAP = {"ARGON2_MEMORY_KIB": "19456", "ARGON2_PASSES": "2"}


@dataclass(frozen=True, slots=True)
class Person:
    """A user who is logged in."""

    email: str
    access: str
    refresh: str


Work = Callable[[Service, Sequence[Person], Scale], tuple[int, float]]
"""Returns how often it was done, and in how many seconds."""


@dataclass(frozen=True, slots=True)
class Case:
    """
    :ivar settings: beside the keys, the stores and the limits.
    :ivar is_embedded: whether the stores are those of the embedded default, in SQLite.
    :ivar compared_as: the name of the request in the chart, beside other servers.
    """

    name: str
    work: Work
    target: Target
    settings: Mapping[str, str] = field(default_factory=dict)
    key_bits: int | None = None
    is_embedded: bool = False
    compared_as: str | None = None


def measure(testbed: Testbed, scale: Scale, report: Report) -> None:
    with opened_revisions(testbed) as revisions:
        for case in CASES:
            report.add(made := _measured(testbed, scale, revisions, case))
            if case.compared_as:
                report.costs[case.compared_as] = {
                    OURS: made.value,
                    **others.costs_of(case.compared_as),
                }
        report.add(*_starts(testbed, scale, revisions))


def _measured(testbed: Testbed, scale: Scale, revisions: Sequence[Revision], case: Case) -> Row:
    with ExitStack() as stack:
        turns: dict[str, Callable[[], Cost]] = {}
        for revision in revisions:
            service = stack.enter_context(_service(testbed, revision, case))
            people = client.run(_sign_up(service))
            work = partial(case.work, service, people, scale)
            work()  # to warm up
            turns[revision.name] = partial(cost_of, service, work)
        costs = in_turns(scale.rounds, turns)
    name = f"{case.name}, CPU of the server"
    series = [
        Series(
            name if revision == revisions[0] else revision.name,
            [cost.cpu_microseconds / 1000 for cost in costs[revision.name]],
        )
        for revision in revisions
    ]
    return _row(series, "ms", case.target)


def _row(series: Sequence[Series], unit: str, target: Target) -> Row:
    """:param target: of the value, also where it is compared with another revision."""
    other = series[1] if len(series) > 1 else None
    return row(series[0], unit, other, target, of_value=True)


@contextmanager
def _service(testbed: Testbed, revision: Revision, case: Case) -> Iterator[Service]:
    settings = {**HIGH_LIMITS, **_keys(testbed, case.key_bits), **case.settings}
    with ExitStack() as stack:
        if not case.is_embedded:
            users = stack.enter_context(revision.databases.fresh())
            sessions = stack.enter_context(testbed.stores()).sessions
            settings |= {"USERS_URL": users, "SESSIONS_URL": sessions}
        yield stack.enter_context(started_of(testbed, revision, settings))


def _keys(testbed: Testbed, bits: int | None) -> Mapping[str, str]:
    if bits is None:
        return testbed.keys
    return {name: base64.b64encode(_rsa_key(bits)).decode() for name in testbed.keys}


def _rsa_key(bits: int) -> bytes:
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


async def _sign_up(service: Service) -> Sequence[Person]:
    """Register users and log them in, over HTTP."""
    people = []
    async with Connection.open(service.port) as connection:
        for number in range(USERS):
            email = f"user{number}@example.org"
            body = {
                "name": "Ada Lovelace",
                "email": email,
                "password": PASSWORD,
                "passwordConfirm": PASSWORD,
            }
            octets = client.request("POST", "/api/auth/register", body=body)
            (await connection.ask(octets)).check()
            answer = await connection.ask(_login(email))
            tokens = answer.content()
            people.append(Person(email, tokens["access_token"], tokens["refresh_token"]))
    return people


def _login(email: str) -> bytes:
    body = {"email": email, "password": PASSWORD, "transport": "bearer"}
    return client.request("POST", "/api/auth/login", body=body)


def _read_me(service: Service, people: Sequence[Person], scale: Scale) -> tuple[int, float]:
    requests = [client.request("GET", "/api/users/me", each.access) for each in people]
    return _repeat(service, requests, scale.seconds)


def _log_in(service: Service, people: Sequence[Person], scale: Scale) -> tuple[int, float]:
    return _repeat(service, [_login(each.email) for each in people], 2 * scale.seconds)


def _repeat(service: Service, requests: Sequence[bytes], seconds: float) -> tuple[int, float]:
    """Send the requests again and again, in :data:`LOOPS` loops."""
    until = time.perf_counter() + seconds

    async def loop(connection: Connection, number: int) -> int:
        count = 0
        while True:
            for octets in requests[number::LOOPS]:
                if time.perf_counter() >= until:
                    return count
                (await connection.ask(octets)).check()
                count += 1

    return client.run(client.in_parallel(service.port, LOOPS, loop))


class _Refreshes:
    """Refreshes the sessions of each service, whose chains go on from turn to turn."""

    def __init__(self) -> None:
        self._chains: dict[int, Chains] = {}

    def __call__(
        self, service: Service, people: Sequence[Person], scale: Scale
    ) -> tuple[int, float]:
        tokens = [each.refresh for each in people]
        chains = self._chains.setdefault(service.port, Chains(tokens))
        return chains.spend(service, 2 * scale.seconds)


CASES = (
    Case("`/me`, cached", _read_me, at_most(0.08), CHEAP, compared_as=others.ME),
    Case("`/me`, `CACHED_USERS=0`", _read_me, at_most(0.45), {**CHEAP, "CACHED_USERS": "0"}),
    Case("refresh, generated keys", _Refreshes(), at_most(2.4), CHEAP, compared_as=others.REFRESH),
    Case("refresh, keys of 2048 bits", _Refreshes(), at_most(1.2), CHEAP, key_bits=2048),
    Case("refresh, SQLite", _Refreshes(), at_most(3.5), CHEAP, is_embedded=True),
    Case("login, default password hash", _log_in, at_most(135), USUAL, compared_as=others.LOGIN),
    Case("login, 19 MiB and two passes", _log_in, at_most(42), CHEAP),
)
"""With the targets of November 2026. That of the default hash: see docs/adr/0066."""


def _starts(testbed: Testbed, scale: Scale, revisions: Sequence[Revision]) -> Sequence[Row]:
    """Measure second starts of the embedded default: the first one makes keys and tables."""
    starts = {
        each.name: [_start(testbed, each) for _ in range(scale.rounds)] for each in revisions
    }

    def series(what: str, number: int) -> Sequence[Series]:
        return [
            Series(what if name == revisions[0].name else name, [each[number] for each in all_])
            for name, all_ in starts.items()
        ]

    return [
        _row(series("from a start to the first 200, embedded default", 0), "s", at_most(1.0)),
        _row(series("CPU until then", 1), "s", at_most(0.9)),
        _row(series("memory of one worker then (RSS)", 2), "MiB", at_most(90)),
        _row(series("memory of the supervisor of two workers (RSS)", 3), "MiB", at_most(35)),
        _row(series("`doorward --help`, CPU", 4), "s", at_most(0.25)),
    ]


def _help(revision: Revision) -> float:
    """Measure the CPU seconds of ``doorward --help``."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(  # noqa: S603 - the revision under test
        [revision.command[0], "--help"], check=True, capture_output=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _start(testbed: Testbed, revision: Revision) -> tuple[float, float, float, float, float]:
    with started_of(testbed, revision, {}) as service:
        service.end()
        began = time.perf_counter()
        service.start()
        seconds, cpu = time.perf_counter() - began, cpu_seconds(service)
        worker = processes(service)[0].memory_info().rss / MIB
    with started_of(testbed, revision, {"WORKERS": "2"}) as service:
        supervisor = processes(service)[0].memory_info().rss / MIB
    return seconds, cpu, worker, supervisor, _help(revision)
