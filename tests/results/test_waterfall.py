"""The waterfall: its steps add up, a missing run is named, and the figure draws what the table says."""

import numpy as np
import pandas as pd
import pytest

from evlib import InputError
from evlib.figures.case_costs import value_waterfall
from evlib.results.accounts.waterfall import LADDERS, STEPS, waterfall_table
from study.benchmarks.rivals import count_steps
from study.experiments.waterfall import table_of_waterfall

TOTALS = {"shortest_path": 100.0, "informed": 70.0, "informed_tou": 71.0, "user": 60.0, "coordinated": 57.0}
FEW = {"coordination.iterations": 1, "coordination.exact_iterations": 1, "coordination.traffic_steps": 3}


@pytest.fixture
def runs():
    """Two shares of followers; discharging is worth 2, and half as many followers gain half."""
    rows = []
    for follow in (0.5, 1.0):
        for charging, worth in (("smart", 0.0), ("v2g", 2.0)):
            for strategy, total in TOTALS.items():
                settles = strategy != "shortest_path"
                rows.append(
                    {
                        "follow": follow,
                        "strategy": strategy,
                        "charging": charging,
                        "total_cny": 100.0 - follow * (100.0 - total) - worth,
                        "tolls_cny": 3.0 * (strategy == "coordinated"),
                        "rents_cny": 1.0 * (strategy == "coordinated"),
                        "relative_gap": 1e-3 if settles else np.nan,
                        "price_gap": np.nan,
                        "beyond_storage": 0.0,
                        "converged": float(strategy != "user") if settles else np.nan,
                        "unsettled_cny": 0.5 if settles else 0.0,
                    }
                )
    return pd.DataFrame(rows)


def test_steps_add_up_to_the_whole(runs):
    table = waterfall_table(runs)
    full = table[table["follow"] == 1.0].set_index("step")
    assert full["value_cny"].tolist()[1:] == [30.0, -1.0, 11.0, 3.0, 2.0]
    assert full["value_cny"].sum() == full.loc["nearest", "total_cny"] - full.loc["V2G", "total_cny"]
    assert full["share"].sum() == pytest.approx(1.0)
    assert full.loc["tolls and rents", "payments_cny"] == 4.0  # and in no total
    assert full["unsettled_cny"].tolist() == [0.0, 0.5, 1.0, 1.0, 1.0, 1.0]


def test_the_order_of_steps_is_a_choice(runs):
    last, first = (waterfall_table(runs, name)[lambda t: t["follow"] == 0.5] for name in LADDERS)
    assert list(first["step"]) == ["nearest", "V2G", *list(STEPS)[1:]]
    assert last["value_cny"].sum() == first["value_cny"].sum() == 23.5


def test_a_step_counts_where_both_its_runs_are_settled(runs):
    """Two shares of five steps; local prices are not settled, which leaves three of five."""
    assert count_steps(runs) == 2 * 3
    assert count_steps(runs.assign(converged=1.0)) == 2 * 5


def test_a_missing_run_is_named(runs):
    lacking = runs.drop(runs[(runs["strategy"] == "informed") & (runs["follow"] == 0.5)].index)
    with pytest.raises(InputError, match=r"0 of informed, smart, with 0\.5 following; must be one"):
        waterfall_table(lacking)
    with pytest.raises(InputError, match="must be one of V2G last, V2G first"):
        waterfall_table(runs, "V2G never")


def test_bars_reach_from_one_total_to_the_next(runs):
    """A saving ends at its own total, a loss begins at the total before; what has not settled is hollow."""
    table = waterfall_table(runs)
    figure = value_waterfall(table, "title")
    bars = {(bar.xaxis, bar.name): bar for bar in figure.data}
    saves, loses = bars["x2", "saves"], bars["x2", "costs more"]
    assert list(saves.y) == ["information", "local prices", "tolls and rents", "V2G"]
    assert (1000 * np.array(saves.base)).tolist() == pytest.approx([70, 60, 57, 55])
    assert (1000 * (np.array(saves.base) + saves.x)).tolist() == pytest.approx([100, 71, 60, 57])
    assert (1000 * np.array([loses.base[0], loses.base[0] + loses.x[0]])).tolist() == pytest.approx([70, 71])
    assert [colour == "white" for colour in saves.marker.color] == [False, True, False, False]


@pytest.mark.verify
def test_every_run_of_a_ladder_can_be_solved(mini):
    """A brief walk on the small case: the table has every step, and payments where there are tolls only."""
    cases = [(1.0, strategy, "smart") for strategy in STEPS.values()] + [(1.0, "coordinated", "v2g")]
    runs = table_of_waterfall(mini.replace(FEW), cases, cache=False)
    table = waterfall_table(runs)
    assert np.isfinite(table["total_cny"]).all()
    assert (table["relative_gap"].isna() == (table["step"] == "nearest")).all()
    assert (table["payments_cny"] != 0).tolist() == [False] * 4 + [True] * 2
    assert table["value_cny"].iloc[1] > 0  # information alone helps
