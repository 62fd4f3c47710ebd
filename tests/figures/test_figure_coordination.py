"""Figures of coordination: every run is a line of its own, the ring is where it says, and gaps are on log axes."""

import pandas as pd
import pytest

from evlib.errors import InputError
from evlib.figures import coordination as figures


@pytest.fixture
def runs():
    """Six runs of three iterations with excess 10, 1, 0.1 times the number of the run; each returns its last."""
    rows = [
        {"run": f"run {n}", "iteration": i, "excess_cny_veh": n * 10.0 ** (1 - i), "best": int(i == 2)}
        for n in range(1, 7)
        for i in range(3)
    ]
    return pd.DataFrame(rows)


def test_six_runs_are_six_lines_that_differ_in_colour_dash_and_marker(runs):
    figure = figures.excess_by_iteration(runs, "title")
    lines = [trace for trace in figure.data if trace.mode == "lines+markers"]
    assert [trace.name for trace in lines] == [f"run {n}" for n in range(1, 7)]
    assert list(lines[2].y) == pytest.approx([30.0, 3.0, 0.3])
    for look in ("line.color", "line.dash", "marker.symbol"):
        assert len({trace[look] for trace in lines}) == 6
    assert figure.layout.yaxis.type == "log"


def test_rings_mark_the_returned_iterates_and_are_optional(runs):
    rings = figures.excess_by_iteration(runs, "title").data[-1]
    assert rings.name == "returned"
    assert list(rings.x) == [2] * 6
    assert list(rings.y) == pytest.approx([0.1 * n for n in range(1, 7)])
    without = figures.excess_by_iteration(runs.drop(columns="best"), "title")
    assert all(trace.mode == "lines+markers" for trace in without.data)


def test_a_longer_run_lies_below_a_shorter_one_that_begins_alike(runs):
    """The last drawn is on top."""
    table = runs[(runs["run"] != "run 1") | (runs["iteration"] < 2)]
    names = [trace.name for trace in figures.excess_by_iteration(table, "title").data[:-1]]
    assert names == [f"run {n}" for n in (2, 3, 4, 5, 6, 1)]


def test_a_seventh_run_is_refused(runs):
    more = pd.concat([runs, runs.head(3).assign(run="run 7")])
    with pytest.raises(InputError, match="7 runs in one figure; must be at most 6"):
        figures.excess_by_iteration(more, "title")


def test_the_least_cost_is_level_over_all_prices():
    table = pd.DataFrame({"price_cny_kwh": [0.5, 0.9, 1.3], "bound_cny": [70.0, 104.0, 70.0]})
    bound, least = figures.lower_bounds(table, 104.375, "title").data
    assert list(bound.y) == [70.0, 104.0, 70.0]
    assert list(least.x) == [0.5, 1.3]
    assert list(least.y) == [104.375] * 2


@pytest.fixture
def outcomes():
    """Two loops, two demands, soft and hard limits; the first settles at low demand only, the second always."""
    rows = [
        ("plain", limits, demand, "settles" if demand < 1 else "swings")
        for limits in ("soft", "hard")
        for demand in (0.5, 1.0)
    ]
    rows += [("joint", limits, demand, "settles") for limits in ("soft", "hard") for demand in (0.5, 1.0)]
    return pd.DataFrame(rows, columns=["loop", "limits", "demand", "outcome"])


def test_every_run_of_the_map_has_a_sign_of_its_own_outcome(outcomes):
    figure = figures.settling_map(outcomes, "title")
    drawn = {(trace.name, trace.xaxis, x, y) for trace in figure.data for x, y in zip(trace.x, trace.y, strict=True)}
    panel = {"soft": "x", "hard": "x2"}
    wanted = {(row.outcome, panel[row.limits], f"{row.demand:g}", row.loop) for row in outcomes.itertuples()}
    assert drawn == wanted
    assert list(figure.layout.yaxis.categoryarray) == ["joint", "plain"]  # from below: the first of the table on top
    signs = {trace.name: (trace.marker.symbol, trace.marker.color) for trace in figure.data}
    assert len(set(signs.values())) == 2
    assert sum(trace.showlegend for trace in figure.data) == 2


def test_an_outcome_without_a_sign_is_refused(outcomes):
    outcomes.loc[0, "outcome"] = "hovers"
    with pytest.raises(InputError, match="outcome 'hovers' is unknown; must be one of settles, passes"):
        figures.settling_map(outcomes, "title")
