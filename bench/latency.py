"""Latency against load: closed loops of more and more connections, until there is no more."""

from collections.abc import Mapping, Sequence
from functools import partial
from statistics import median

from bench.plot import Point
from bench.testbed import Scale
from bench.turns import in_turns
from bench.wrk import Load, TokenFile, drive

CONNECTIONS = (1, 2, 4, 8, 16, 32, 64, 128)


def measure(urls: Mapping[str, str], tokens: TokenFile, scale: Scale) -> list[Point]:
    """
    :param urls: of the compared servers, by name.
    """
    points: list[Point] = []
    for connections in CONNECTIONS:
        variants = {
            name: partial(drive, url, tokens, scale.seconds, connections)
            for name, url in urls.items()
        }
        loads = in_turns(scale.curves, variants)
        points += [_point(name, connections, loads[name]) for name in urls]
    return points


def _point(name: str, connections: int, loads: Sequence[Load]) -> Point:
    return Point(
        name,
        connections,
        per_second=round(median(load.per_second for load in loads), 1),
        p50=round(median(load.p50 for load in loads), 3),
        p99=round(median(load.p99 for load in loads), 3),
    )
