"""Charts of bars, as paths of SVG."""

import re

import pytest

from api.web.admin.charts import Chart, Column, in_groups


def a_chart(*columns: Column, unit: str = "") -> Chart:
    times = [f"{each:02}:00" for each in range(len(columns[0].values))]
    return Chart("logins", times, columns, unit)


def bars(path: str) -> list[tuple[float, float, float]]:
    """Return the left edge, the top and the height of each bar of a path."""
    found = re.findall(r"M([\d.]+) ([\d.]+)h8v-([\d.]+)h-8z", path)
    assert "".join(f"M{left} {bottom}h8v-{height}h-8z" for left, bottom, height in found) == path
    return [
        (float(left), float(bottom) - float(height), float(height))
        for left, bottom, height in found
    ]


def test_a_bar_is_as_high_as_its_value() -> None:
    chart = a_chart(Column("logins", [2, 0, 4, 1]))

    assert chart.marks == ["4", "2", "0"]
    assert chart.box == "0 0 40 100"
    assert [bars(path) for path in chart.paths] == [[(1, 50, 50), (21, 0, 100), (31, 75, 25)]]


def test_columns_stand_on_top_of_each_other() -> None:
    chart = a_chart(Column("refused", [5, 1]), Column("limited", [3, 1]))

    assert chart.highest == "8"
    assert [bars(path) for path in chart.paths] == [
        [(1, 37.5, 62.5), (11, 87.5, 12.5)],
        [(1, 0, 37.5), (11, 75, 12.5)],
    ]


def test_a_small_value_beside_a_large_one_can_be_seen() -> None:
    chart = a_chart(Column("refused", [999_999, 1]), Column("limited", [1, 0]))

    low, high = (bars(path) for path in chart.paths)
    assert low == [(1, 0, 100), (11, 99, 1)]
    assert high == [(1, 0, 1)]


@pytest.mark.parametrize(
    ("highest", "marks"),
    [
        (0, "1 0"),
        (1, "1 0"),
        (2, "2 1 0"),
        (3, "4 2 0"),
        (9, "10 5 0"),
        (10, "10 5 0"),
        (11, "20 10 0"),
        (601, "800 400 0"),
        (1_234_567, "2\u202f000\u202f000 1\u202f000\u202f000 0"),
    ],
)
def test_the_axis_ends_with_a_round_number(highest: int, marks: str) -> None:
    chart = a_chart(Column("logins", [0, highest]))

    assert " ".join(chart.marks) == marks
    assert chart.grid.count("M") == len(chart.marks)


def test_shares_are_drawn_up_to_a_hundred() -> None:
    chart = a_chart(Column("share", [None, 25]), Column("users", [9, 8], is_drawn=False), unit="%")

    assert chart.marks == ["100%", "50%", "0%"]
    assert chart.highest == "25%"
    assert [bars(path) for path in chart.paths] == [[(11, 75, 25)]]
    assert chart.rows == [("00:00", ("\N{EN DASH}", "9")), ("01:00", ("25%", "8"))]


def test_the_table_has_all_columns_of_all_times() -> None:
    chart = a_chart(Column("refused", [1, 1000]), Column("limited", [0, 5]))

    assert chart.rows == [("00:00", ("1", "0")), ("01:00", ("1\u202f000", "5"))]


def test_a_pointer_finds_the_values_of_a_time() -> None:
    columns = [
        Column("refused", [1, 1000]),
        Column("limited", [0, 5]),
        Column("all", [9, 9], is_drawn=False),
    ]

    assert a_chart(*columns).spots == [(0, "00:00: 1 + 0"), (10, "01:00: 1\u202f000 + 5")]


@pytest.mark.parametrize("number", [7, 24, 30])
def test_the_labels_begin_with_the_first_time_and_end_with_the_last(number: int) -> None:
    chart = a_chart(Column("logins", [0] * number))

    assert len(set(chart.labels)) == 4
    assert (chart.labels[0], chart.labels[-1]) == ("00:00", f"{number - 1:02}:00")
    assert sorted(chart.labels) == chart.labels


def test_thousands_are_apart() -> None:
    assert in_groups(1234567) == "1\u202f234\u202f567"
    assert in_groups(999) == "999"
    assert in_groups(None) == "\N{EN DASH}"
