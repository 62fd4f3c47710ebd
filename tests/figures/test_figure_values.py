"""The figure of compliance: bars add up to the line, and a run that has not settled is seen to be one."""

import numpy as np
import pandas as pd
import pytest

from evlib.errors import InputError
from evlib.figures.coordination import cost_by_compliance
from evlib.figures.style import INK


@pytest.fixture
def runs():
    """All follow, half do (not settled), nobody does; not in order."""
    table = pd.DataFrame(
        {"compliance": [1.0, 0.0, 0.5], "time_queue_cny": [1e3, 4e3, 2e3], "grid_cny": [2e3, 5e3, 3e3]}
    )
    table["total_cny"] = table["time_queue_cny"] + table["grid_cny"]
    return table.assign(unsettled_cny=[10.0, 0.0, 500.0], converged=[1, np.nan, 0])


def test_bars_stand_by_share_and_add_up_to_the_line(runs):
    time, grid, line, *_ = cost_by_compliance(runs, "title").data
    for trace in (time, grid, line):
        assert list(trace.x) == [0, 50, 100]
    assert list(time.y) == [4, 2, 1]
    assert np.add(time.y, grid.y).tolist() == list(line.y) == [9, 5, 3]


def test_a_run_that_has_not_settled_is_hollow_with_its_uncertainty(runs):
    settled, other = cost_by_compliance(runs, "title").data[-2:]
    assert (list(settled.x), list(other.x)) == ([0, 100], [50])
    assert (settled.marker.color, other.marker.color) == (INK, "white")
    assert list(settled.error_y.array) == [0, 0.01]
    assert list(other.error_y.array) == [0.5]
    assert "not settled" in other.name


def test_where_all_have_settled_the_legend_has_no_other(runs):
    figure = cost_by_compliance(runs.replace({"converged": {0: 1}}), "title")
    assert [trace.name for trace in figure.data if trace.showlegend is not False] == ["time and queue", "grid", "total"]


@pytest.mark.parametrize("share", [1.0, 1.2, -0.1])
def test_a_share_twice_or_out_of_range_is_refused(runs, share):
    runs.loc[2, "compliance"] = share
    with pytest.raises(InputError, match=f"compliance {share:g}; must be from 0 to 1"):
        cost_by_compliance(runs, "title")


def test_a_total_with_a_part_that_is_not_drawn_is_refused(runs):
    """Bars that end below the line would say something else than the line."""
    runs.loc[2, "total_cny"] += 70.0
    with pytest.raises(InputError, match=r"compliance 0\.5: total_cny is 70 CNY off"):
        cost_by_compliance(runs, "title")
