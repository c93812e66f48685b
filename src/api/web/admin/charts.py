"""Charts of bars as SVG. They fill any width; their labels are text of the page beside them.

Nothing in them needs a style or a script of its own, which the policy of pages forbids.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

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


class Chart:
    """
    :ivar name: of its texts.
    :ivar columns: those that are drawn stand on top of each other.
    :ivar highest: the highest sum of the columns that are drawn.
    :ivar marks: the labels of the vertical axis, from the top down.
    :ivar labels: the times below the bars, at equal distances.
    :ivar rows: of the table: each time, and the values of all columns.
    """

    def __init__(
        self, name: str, times: Sequence[str], columns: Sequence[Column], unit: str = ""
    ) -> None:
        """
        :param times: of the hours or days, in words.
        :param unit: of the columns that are drawn. They are shares then, up to 100.
        """
        self.name, self.columns = name, columns
        self.drawn = [column for column in columns if column.is_drawn]
        stacks = zip(*(column.values for column in self.drawn), strict=True)
        highest = max(sum(each or 0 for each in stack) for stack in stacks)
        self._top = 100 if unit else _round_number(highest)
        marks = [self._top, self._top // 2, 0] if self._top % 2 == 0 else [self._top, 0]
        self.highest, *self.marks = (_written(each, unit) for each in (highest, *marks))
        last = len(times) - 1
        self.labels = [times[last * each // (_LABELS - 1)] for each in range(_LABELS)]
        cells = [
            [_written(each, unit if column.is_drawn else "") for each in column.values]
            for column in columns
        ]
        self.rows = list(zip(times, zip(*cells, strict=True), strict=True))
        self._width = _STEP * len(times)

    @property
    def box(self) -> str:
        return f"0 0 {self._width} {_HEIGHT}"

    @property
    def grid(self) -> str:
        """A path along the marks of the vertical axis."""
        lines = len(self.marks) - 1
        return "".join(f"M0 {_HEIGHT * each // lines}h{self._width}" for each in range(lines + 1))

    @property
    def spots(self) -> Sequence[tuple[int, str]]:
        """What a pointer finds: the left edge of each hour or day, and its values in words."""
        drawn = [index for index, column in enumerate(self.columns) if column.is_drawn]
        return [
            (place * _STEP, f"{time}: {' + '.join(values[index] for index in drawn)}")
            for place, (time, values) in enumerate(self.rows)
        ]

    @property
    def paths(self) -> Sequence[str]:
        """A path with all bars of each column that is drawn."""
        below = [0] * len(self.rows)
        paths = []
        for column in self.drawn:
            values = [value or 0 for value in column.values]
            paths.append("".join(self._bars(values, below)))
            below = [low + value for low, value in zip(below, values, strict=True)]
        return paths

    def _bars(self, values: Sequence[int], below: Sequence[int]) -> Iterator[str]:
        scale, width = _HEIGHT / self._top, _STEP - 2 * _GAP
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


def _written(number: int | None, unit: str) -> str:
    return in_groups(number) + (unit if number is not None else "")
