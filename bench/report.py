"""Rows of results, and their tables."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from statistics import median

from bench.bars import bars
from bench.plot import Point, plot
from bench.testbed import Testbed

FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Target:
    """The target of a row's ratio, or of its value without a reference."""

    sign: str
    bound: float

    def __str__(self) -> str:
        return f"{self.sign} {self.bound:g}"

    def is_met(self, number: float) -> bool:
        return number >= self.bound if self.sign == ">=" else number <= self.bound


def at_least(bound: float) -> Target:
    return Target(">=", bound)


def at_most(bound: float) -> Target:
    return Target("<=", bound)


@dataclass(frozen=True, slots=True)
class Row:
    """
    :ivar reference: the divisor of the value, measured in turns with it.
    :ivar spread: the least and the greatest value of the rounds.
    """

    name: str
    value: float
    unit: str
    reference: str | None
    ratio: float | None
    target: str | None
    met: bool | None
    spread: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Series:
    """The values of one variant, one for each round."""

    name: str
    values: Sequence[float]


def row(
    series: Series,
    unit: str,
    reference: Series | None = None,
    target: Target | None = None,
    *,
    of_value: bool = False,
) -> Row:
    """The medians of a series; the ratio is the median of each round's.

    :param of_value: whether the target is the value's; else it is the ratio's, if there is one.
    """
    value = median(series.values)
    ratio = None
    if reference:
        pairs = zip(series.values, reference.values, strict=True)
        ratio = median(one / other for one, other in pairs)
    return Row(
        name=series.name,
        value=_rounded(value),
        unit=unit,
        reference=reference.name if reference else None,
        ratio=None if ratio is None else _rounded(ratio),
        target=str(target) if target else None,
        met=target.is_met(value if ratio is None or of_value else ratio) if target else None,
        spread=(_rounded(min(series.values)), _rounded(max(series.values))),
    )


@dataclass
class Report:
    """
    :ivar costs: CPU milliseconds by server, for each kind of request.
    """

    rows: list[Row] = field(default_factory=list)
    latency: list[Point] = field(default_factory=list)
    costs: dict[str, Mapping[str, float]] = field(default_factory=dict)
    machine: dict[str, str | float] = field(default_factory=dict)

    def add(self, *rows: Row) -> None:
        self.rows += rows
        for each in rows:
            print(f"  {each.name}: {each.value:g} {each.unit}{_compared(each)}", flush=True)

    def write(self) -> None:
        content = {
            "rows": [asdict(each) for each in self.rows],
            "machine": self.machine,
            "latency": [asdict(each) for each in self.latency],
        }
        (FOLDER / "results.json").write_text(json.dumps(content, indent=2) + "\n")
        (FOLDER / "results.md").write_text(self.table())
        if self.latency:
            (FOLDER / "latency.svg").write_text(plot(self.latency))
        if self.costs:
            (FOLDER / "cost.svg").write_text(bars(self.costs))

    def table(self) -> str:
        """Return the rows as a Markdown table."""
        machine = ", ".join(f"{name}: {value}" for name, value in self.machine.items())
        lines = [f"Measured on {machine}", ""]
        lines += ["| What | Value | Unit | Spread | Compared with | Ratio | Target | Met |"]
        lines += ["|---|---:|---|---|---|---:|---|---|"]
        return "\n".join([*lines, *map(_line, self.rows)]) + "\n"

    def missed(self) -> list[Row]:
        return [each for each in self.rows if each.met is False]


def machine(testbed: Testbed) -> dict[str, str | float]:
    return {
        "cores": os.cpu_count() or 0,
        "processor": _processor(),
        "load before": round(os.getloadavg()[0], 2),
        "Python": platform.python_version(),
        **{name: version(name) for name in ("litestar", "uvicorn")},
        "PostgreSQL": testbed.postgres.description,
        "Redis": testbed.redis.description,
    }


def _compared(each: Row) -> str:
    ratio = "" if each.ratio is None else f", {each.ratio:g} of {each.reference}"
    verdict = "" if each.met is None else f" ({each.target}: {_yes_or_no(each)})"
    return ratio + verdict


def _line(each: Row) -> str:
    low, high = each.spread
    cells = (
        each.name,
        f"{each.value:g}",
        each.unit,
        f"{low:g} to {high:g}",
        each.reference or "",
        "" if each.ratio is None else f"{each.ratio:g}",
        each.target or "",
        _yes_or_no(each),
    )
    return f"| {' | '.join(cells)} |"


def _yes_or_no(each: Row) -> str:
    return {True: "met", False: "**missed**", None: ""}[each.met]


def _rounded(number: float) -> float:
    """Round to four significant digits; more would be noise."""
    return float(f"{number:.4g}")


def _processor() -> str:
    """Return the processor's model, on Linux."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    models = (line.partition(": ")[2] for line in lines if line.startswith("model name"))
    return next(models, platform.machine())
