"""Charts of bars as SVG. They fill any width; their labels are text of the page beside them.

Nothing in them needs a style or a script of its own, which the policy of pages forbids.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

_HEIGHT = 100
_STEP, _GAP = 10, 1
_LABELS = 4
"""Below the bars: as many have room on a phone."""


@dataclass(frozen=True, slots=True)
class Column:
    """The values of a chart, one for each of its hours or days.

    :ivar name: of its text.
    :ivar values: ``None`` where there is none.
    :ivar is_drawn: whether there are bars for it. The table has all columns.
    """

    name: str
    values: Sequence[int | None]
    is_drawn: bool = True


@dataclass(frozen=True, slots=True)
class Chart:
    """
    :ivar name: of its texts.
    :ivar starts: the beginnings of its hours or days.
    :ivar columns: those that are drawn stand on top of each other.
    :ivar percent: whether the values are shares, up to 100.
    """

    name: str
    starts: Sequence[datetime]
    columns: Sequence[Column]
    percent: bool = False

    @property
    def drawn(self) -> Sequence[Column]:
        return [column for column in self.columns if column.is_drawn]

    @property
    def sums(self) -> Sequence[int | None]:
        """The heights of the bars."""
        stacks = zip(*(column.values for column in self.drawn), strict=True)
        return [
            None if all(each is None for each in stack) else sum(each or 0 for each in stack)
            for stack in stacks
        ]

    @property
    def highest(self) -> int:
        return max((each or 0 for each in self.sums), default=0)

    @property
    def marks(self) -> Sequence[int]:
        """The labels of the vertical axis, from the top down."""
        top = 100 if self.percent else _round_number(self.highest)
        return [top, top // 2, 0] if top % 2 == 0 else [top, 0]

    @property
    def labels(self) -> Sequence[datetime]:
        """The times below the bars, at equal distances."""
        last = len(self.starts) - 1
        return [self.starts[last * each // (_LABELS - 1)] for each in range(_LABELS)]

    @property
    def box(self) -> str:
        return f"0 0 {_STEP * len(self.starts)} {_HEIGHT}"

    @property
    def grid(self) -> str:
        """A path along the marks of the vertical axis."""
        lines = len(self.marks) - 1
        width = _STEP * len(self.starts)
        return "".join(f"M0 {_HEIGHT * each // lines}h{width}" for each in range(lines + 1))

    @property
    def paths(self) -> Sequence[str]:
        """A path with all bars of each column that is drawn."""
        below = [0] * len(self.starts)
        paths = []
        for column in self.drawn:
            values = [value or 0 for value in column.values]
            paths.append("".join(self._bars(values, below)))
            below = [low + value for low, value in zip(below, values, strict=True)]
        return paths

    @property
    def rows(self) -> Iterator[tuple[datetime, Sequence[int | None]]]:
        """The rows of the table: the values of each hour or day."""
        return zip(
            self.starts, zip(*(each.values for each in self.columns), strict=True), strict=True
        )

    def _bars(self, values: Sequence[int], below: Sequence[int]) -> Iterator[str]:
        scale, width = _HEIGHT / self.marks[0], _STEP - 2 * _GAP
        for place, (value, low) in enumerate(zip(values, below, strict=True)):
            if value:
                height = max(value * scale, 1)  # what there is can be seen
                bottom = min(low * scale, _HEIGHT - height)
                left = place * _STEP + _GAP
                yield f"M{left} {_HEIGHT - bottom:.4g}h{width}v-{height:.4g}h-{width}z"


def _round_number(highest: int) -> int:
    """Return the next number that has one digit of 1, 2, 4, 6 or 8, and zeros behind it."""
    unit: int = 10 ** (len(str(max(highest, 1))) - 1)
    return next(each * unit for each in (1, 2, 4, 6, 8, 10) if each * unit >= highest)


def in_groups(number: int | None) -> str:
    """Write a number with its thousands apart, as SI does in every language."""
    return (
        "\N{EN DASH}"
        if number is None
        else f"{number:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")
    )
