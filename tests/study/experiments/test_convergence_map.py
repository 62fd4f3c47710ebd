"""The map of settling: outcomes read by a fixed rule, and the committed rows."""

import numpy as np
import pandas as pd
import pytest

from evlib import load_scenario
from evlib.errors import SolverError
from evlib.folders import RESULTS
from study.experiments.convergence_map import (
    DEMANDS,
    LIMITS,
    LOOPS,
    OUTCOMES,
    SETTLING_FILE,
    map_settling,
    outcome_of,
    run_loop,
)
from study.experiments.provenance import is_stale, read_table, renew_hash

FILE = RESULTS / SETTLING_FILE


def convergence(relative_gap, price_gap, residual):
    """Eight iterates after a start that is content."""
    n = 9
    columns = {"relative_gap": relative_gap, "price_gap": price_gap, "flow_residual": residual}
    table = pd.DataFrame({name: np.resize(np.asarray(values, dtype=float), n) for name, values in columns.items()})
    table.loc[0, ["relative_gap", "price_gap"]] = 0.0
    table.loc[n - 1, "flow_residual"] = np.nan
    return table


@pytest.mark.parametrize(
    ("relative_gap", "price_gap", "residual", "outcome"),
    [
        (0.009, 9e-5, 0.5, "settles"),
        (0.009, -9e-5, 0.5, "settles"),
        ([0.02, 0.02, 0.02, 0.02, 0.02, 0.02, 0.02, 0.009, 0.009], 0.0, 0.5, "settles"),
        ([0.02, 0.02, 0.02, 0.02, 0.02, 0.02, 0.02, 0.02, 0.009], 0.0, 0.5, "passes"),
        ([0.5, 0.009], 0.0, 1.0, "passes"),
        (0.009, -2e-4, 0.5, "swings"),
        ([0.5, 0.0], [0.0, 0.5], 1.0, "swings"),
        (0.02, 0.0, 0.05, "stalls"),
        (0.02, 0.0, [0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.05, 0.05, 0.05], "stalls"),
    ],
)
def test_outcomes_are_read_from_the_last_quarter(relative_gap, price_gap, residual, outcome):
    assert outcome_of(convergence(relative_gap, price_gap, residual), 0.01) == outcome


def test_the_start_is_no_answer_of_the_loop():
    """Content only before the first answer: the loop did not pass there."""
    assert outcome_of(convergence(0.5, 0.0, 1.0), 0.01) == "swings"


def test_a_run_without_an_optimum_is_a_row_that_says_so(mini, monkeypatch):
    def failing(*_, **__):
        raise SolverError("grid problem ended with status 'infeasible', not 'optimal'")

    monkeypatch.setattr("study.experiments.convergence_map.coordinate", failing)
    row = run_loop(mini, "best response", "hard", 1.0)
    assert row["outcome"] == "no optimum"
    assert "infeasible" in row["status"]


@pytest.mark.verify
def test_processes_change_no_number(mini, monkeypatch):
    monkeypatch.setattr("study.experiments.convergence_map.ITERATIONS", 4)
    cases = [("best response", "soft", 0.1), ("best response", "hard", 0.25)]
    alone, together = (map_settling(mini, cases, workers=n) for n in (1, 2))
    pd.testing.assert_frame_equal(alone, together)
    assert alone["loop"].tolist() == [case[0] for case in cases]


def test_the_committed_map_is_whole_and_of_the_present_scenario():
    table = read_table(SETTLING_FILE)
    assert f"mini {load_scenario('mini').hash}" in FILE.read_text(encoding="utf-8")
    cases = set(zip(table["loop"], table["limits"], table["demand"], strict=True))
    assert len(cases) == len(table) == len(LOOPS) * len(LIMITS) * len(DEMANDS)
    assert set(table["outcome"]) <= set(OUTCOMES)
    settled = table[table["outcome"] == "settles"]
    assert (settled["relative_gap"] <= 0.01).all()
    assert (settled["last_price_gap"] <= 1e-4).all()
    moved = table.set_index("outcome")["last_flow_residual"]
    assert (moved["swings"] > 0.1).all()
    assert (moved["stalls"] <= 0.1).all()


@pytest.mark.verify
@pytest.mark.parametrize(
    ("loop", "limits", "demand"),
    [("best response", "soft", 0.25), ("best response", "soft", 1.0), ("joint", "soft", 1.0)],
)
def test_rows_of_the_map_can_be_made_again(mini, loop, limits, demand):
    """Where a run settles its measures differ in solver digits only, far below the tolerance of what is converged."""
    committed = read_table(SETTLING_FILE).set_index(["loop", "limits", "demand"]).loc[(loop, limits, demand)]
    fresh = run_loop(mini, loop, limits, demand)
    assert fresh["outcome"] == committed["outcome"]
    assert fresh["excess_cny_veh"] == pytest.approx(committed["excess_cny_veh"], rel=0.05, abs=0.01)
    assert fresh["price_gap"] == pytest.approx(committed["price_gap"], rel=0.05, abs=2e-5)
    if is_stale(FILE) and (loop, demand) == ("joint", 1.0):
        renew_hash(FILE)
