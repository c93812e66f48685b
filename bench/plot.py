"""The plot of latency against load, as SVG that needs nothing else."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Self
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 860, 500
LEFT, RIGHT, TOP, BOTTOM = 70, 30, 80, 60  # margins
TITLE = "Latency of GET /api/users/me; the numbers are connections, each asking again at once"
COLOURS = ("#1f5fbf", "#c2571a", "#2c8a4b", "#7a4fb5")


@dataclass(frozen=True, slots=True)
class Point:
    """
    :ivar connections: each of which sends its next request as soon as it has an answer.
    :ivar per_second: the requests that were answered.
    :ivar p50: the latency that half of them did not exceed, in milliseconds.
    :ivar p99: the same for 99 of 100.
    """

    server: str
    connections: int
    per_second: float
    p50: float
    p99: float


@dataclass(frozen=True, slots=True)
class _Axes:
    """Requests a second to the right, linear; milliseconds upwards, logarithmic.

    :ivar most: requests a second at the right end.
    :ivar low: the power of ten at the bottom.
    :ivar high: the power of ten at the top.
    """

    step: int
    most: int
    low: int
    high: int

    @classmethod
    def around(cls, points: Sequence[Point]) -> Self:
        fastest = max(point.per_second for point in points)
        step = _round_step(fastest / 10)
        low = math.floor(math.log10(min(point.p50 for point in points)))
        high = math.ceil(math.log10(max(point.p99 for point in points)))
        return cls(step, step * math.ceil(fastest / step), low, high)

    def x(self, per_second: float) -> float:
        return LEFT + per_second / self.most * (WIDTH - LEFT - RIGHT)

    def y(self, milliseconds: float) -> float:
        height = (math.log10(milliseconds) - self.low) / (self.high - self.low)
        return HEIGHT - BOTTOM - height * (HEIGHT - TOP - BOTTOM)


def plot(points: Sequence[Point]) -> str:
    """A line for the median and a dashed one for p99 of each server."""
    axes = _Axes.around(points)
    servers = list(dict.fromkeys(point.server for point in points))
    parts = [_text(LEFT, 26, TITLE, "start", 'font-size="15"'), *_frame(axes)]
    for place, (server, colour) in enumerate(zip(servers, COLOURS, strict=False)):
        own = [point for point in points if point.server == server]
        parts += _line(axes, own, colour, lambda point: point.p99, is_dashed=True)
        parts += _line(axes, own, colour, lambda point: point.p50, is_dashed=False)
        parts += _labels(axes, own, colour)
        parts += _legend(server, colour, place)
    return _document(parts)


def _document(parts: Sequence[str]) -> str:
    size = f'width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}"'
    font = 'font-family="Helvetica, Arial, sans-serif" font-size="13"'
    background = f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} {font}>'
    return "\n".join([head, background, *parts, "</svg>"]) + "\n"


def _frame(axes: _Axes) -> Iterator[str]:
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    for power in range(axes.low, axes.high):
        for digit in range(1, 10):
            y = axes.y(digit * 10**power)
            yield _grid(LEFT, y, right, y, "#d5d8dd" if digit == 1 else "#eff0f2")
    for power in range(axes.low, axes.high + 1):
        yield _text(LEFT - 8, axes.y(10**power) + 4, f"{10.0**power:g}", "end")
    for per_second in range(0, axes.most + 1, axes.step):
        x = axes.x(per_second)
        yield _grid(x, TOP, x, bottom, "#d5d8dd")
        yield _text(x, bottom + 20, f"{per_second:,}".replace(",", " "), "middle")
    yield f'<path d="M{LEFT} {TOP}V{bottom}H{right}" fill="none" stroke="#444"/>'
    yield _text((LEFT + right) / 2, HEIGHT - 14, "answered requests per second", "middle")
    middle = (TOP + bottom) / 2
    turned = f'transform="rotate(-90 18 {middle})"'
    yield _text(18, middle, "latency in milliseconds", "middle", turned)


def _line(
    axes: _Axes,
    points: Sequence[Point],
    colour: str,
    value: Callable[[Point], float],
    *,
    is_dashed: bool,
) -> Iterator[str]:
    places = [(axes.x(point.per_second), axes.y(value(point))) for point in points]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    dashes = ' stroke-dasharray="6 4"' if is_dashed else ""
    yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{dashes}/>'
    fill = "white" if is_dashed else colour
    for x, y in places:
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{fill}" stroke="{colour}"/>'


def _labels(axes: _Axes, points: Sequence[Point], colour: str) -> Iterator[str]:
    """The number of connections, below each point of the median."""
    for point in points:
        x, y = axes.x(point.per_second), axes.y(point.p50)
        yield _text(x + 6, y + 15, str(point.connections), "start", f'fill="{colour}"')


def _legend(server: str, colour: str, place: int) -> Iterator[str]:
    x, y = LEFT + place * 380, 54
    for offset, name, dashes in ((0, "p50", ""), (62, "p99", ' stroke-dasharray="6 4"')):
        start = x + offset
        line = f'x1="{start}" y1="{y}" x2="{start + 24}" y2="{y}"'
        yield f'<line {line} stroke="{colour}" stroke-width="2"{dashes}/>'
        yield _text(start + 29, y + 4, name, "start")
    yield _text(x + 122, y + 4, server, "start")


def _grid(x1: float, y1: float, x2: float, y2: float, colour: str) -> str:
    return f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" stroke="{colour}"/>'


def _text(x: float, y: float, content: str, anchor: str, more: str = "") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f"<text {place} {more}>{escape(content)}</text>"


def _round_step(width: float) -> int:
    """The next number above that is 1, 2 or 5 times a power of ten."""
    power = 10 ** math.floor(math.log10(width))
    return int(next(factor * power for factor in (1, 2, 5, 10) if factor * power >= width))
