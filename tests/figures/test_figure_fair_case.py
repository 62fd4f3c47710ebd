"""Figures of variants and sizes: a mark for every verdict, a printed number in every cell."""

import pandas as pd
import pytest

from evlib.errors import InputError
from evlib.figures.fair_case.size_map import size_map
from evlib.figures.fair_case.verdict_grid import verdict_grid


@pytest.fixture
def verdicts():
    rows = [("base", "A1", "by construction", "settled"), ("base", "A2", "reproduced", "settled")]
    rows += [("hard", "A1", "undefined", "no optimum"), ("hard", "A2", "reproduced", "no optimum")]
    return pd.DataFrame(rows, columns=["variant", "claim", "verdict", "state"])


def test_each_verdict_is_a_trace_with_a_shape_of_its_own(verdicts):
    figure = verdict_grid(verdicts, "title")
    assert {trace.name: len(trace.x) for trace in figure.data} == {
        "reproduced": 2,
        "by construction": 1,
        "undefined": 1,
    }
    assert len({trace.marker.symbol for trace in figure.data}) == 3


def test_what_has_not_settled_says_so_and_is_shaded(verdicts):
    figure = verdict_grid(verdicts, "title")
    assert list(figure.layout.yaxis.categoryarray) == ["hard (no optimum)", "base"]
    (band,) = figure.layout.shapes
    assert (band.y0, band.y1) == (-0.5, 0.5)  # the axis counts from the bottom


def test_an_unknown_verdict_is_refused(verdicts):
    with pytest.raises(InputError, match="verdict 'maybe' is unknown"):
        verdict_grid(verdicts.assign(verdict="maybe"), "title")


@pytest.fixture
def sizes():
    table = pd.DataFrame({"a": [1.0, 1.0, 2.0, 2.0], "b": [10.0, 20.0, 10.0, 20.0]})
    return table.assign(value=[47.0, 200.0, -30.0, 60.0], loose=[0, 1, 0, 0])


TITLES = {"a": "a", "b": "b", "value": "value [%]"}


def drawn(table):
    return size_map(table, "a", "b", "value", TITLES, "title", middle=47.0, reach=50.0, unsure="loose")


def test_numbers_are_printed_whole_and_colours_end_at_the_reach(sizes):
    figure = drawn(sizes)
    texts = {(note.x, note.y): note.text for note in figure.layout.annotations}
    assert texts == {(0, 0): "47", (1, 0): "-30", (0, 1): "(200)", (1, 1): "60"}
    assert list(figure.layout.xaxis.ticktext) == ["1", "2"]
    assert list(figure.layout.yaxis.ticktext) == ["10", "20"]
    assert figure.data[0].z.max() == 97.0
    assert (figure.data[0].zmin + figure.data[0].zmax) / 2 == 47.0


@pytest.mark.parametrize("change", [lambda table: table.iloc[:3], lambda table: pd.concat([table, table.iloc[:1]])])
def test_a_map_with_a_missing_or_double_cell_is_refused(sizes, change):
    with pytest.raises(InputError, match="every pair of a and b"):
        drawn(change(sizes))
