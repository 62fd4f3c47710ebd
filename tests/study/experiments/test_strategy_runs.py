"""Values: differences of runs known by hand, no finer than what the runs are uncertain by; and the committed runs."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from evlib import load_scenario, solve
from evlib.coordination.problem import CoupledProblem
from evlib.errors import InputError
from evlib.folders import RESULTS
from evlib.results.value_of_coordination import rounded, run_row, values_table
from study.experiments import WITHOUT_DRIVING, strategy_runs
from study.experiments.provenance import is_stale, read_table, renew_hash
from study.experiments.strategy_runs import RUNS, RUNS_FILE, solve_settled, table_of_runs

FILE = RESULTS / RUNS_FILE


@pytest.mark.parametrize(
    ("value", "uncertainty", "unit", "text"),
    [
        (12345.678, 3.2, "CNY", "12,346 ± 4 CNY"),
        (12345.678, 30.0, "CNY", "12,350 ± 30 CNY"),
        (-12345.678, 31.0, "CNY", "-12,350 ± 40 CNY"),
        (1.0347, 0.0021, "1", "1.035 ± 0.003"),
        (1.0347, 0.0095, "1", "1.03 ± 0.01"),
        (0.0123, 0.04, "CNY/veh", "not distinguishable from 0 (± 0.04 CNY/veh)"),
        (-0.04, 0.04, "CNY/veh", "not distinguishable from 0 (± 0.04 CNY/veh)"),
        (987.0, 1000.0, "CNY", "not distinguishable from 0 (± 1,000 CNY)"),
        (1500.0, 1000.0, "CNY", "2,000 ± 1,000 CNY"),
        (23188.4, 0.0, "CNY", "23,188 CNY"),
        (3.2, 0.0, "1", "3.200"),
        (0.0, 0.0, "CNY", "0 CNY"),
    ],
)
def test_no_digit_is_finer_than_the_uncertainty(value, uncertainty, unit, text):
    assert rounded(value, uncertainty, unit) == text


@pytest.mark.parametrize("uncertainty", [-1.0, np.nan])
def test_an_undefined_uncertainty_is_refused(uncertainty):
    with pytest.raises(InputError, match="must be 0 or more"):
        rounded(1.0, uncertainty)


@pytest.fixture
def runs():
    """Ten vehicles; totals and excesses in round numbers."""
    total = {
        "nearest": 200.0,
        "nearest, smart": 210.0,
        "nearest, uncontrolled": 260.0,
        "snapshot": 150.0,
        "coordinated": 100.0,
        "coordinated, smart": 104.0,
        "coordinated, uncontrolled": 130.0,
        "users": 110.0,
        "users, told the present": 112.0,
        "60 % follow": 125.0,
        "80 % follow": 104.0,
    }
    table = pd.DataFrame({"run": list(total), "total_cny": list(total.values())})
    table["vehicles_veh"] = 10.0
    table["compliance"] = [0.6 if "60" in name else 0.8 if "80" in name else 1.0 for name in total]
    coordinated = ~table["run"].str.startswith(("nearest", "snapshot"))
    table["excess_cny_veh"] = np.where(coordinated, 0.1, np.nan)
    table["worst_excess_cny_veh"] = 2 * table["excess_cny_veh"]
    table["unsettled_cny"] = np.where(coordinated, 1.0, 0.0)
    table["converged"] = np.where(coordinated, 1.0, np.nan)
    table.loc[table["run"] == "60 % follow", "converged"] = 0.0
    table["driver_cny_veh"] = table["total_cny"] / 10.0
    table["cost of home, car [CNY/veh]"] = table["total_cny"] / 20.0
    return table


def test_values_are_the_differences_of_the_runs(runs):
    values = values_table(runs).set_index("value_of")
    assert values.loc["coordination", ["value", "uncertainty"]].tolist() == [100.0, 1.0]
    assert values.loc["coordination", "shown"] == "100 ± 1 CNY"
    assert values.loc["talking more than once", "value"] == 50.0
    assert values.loc["anarchy, its price", "value"] == pytest.approx(1.1)
    assert values.loc["anarchy, its price", "uncertainty"] == pytest.approx(1.1 * (1 / 110 + 1 / 100))
    assert values.loc["discharging", ["value", "uncertainty"]].tolist() == [4.0, 2.0]
    assert values.loc["discharging, nearest station", ["value", "uncertainty"]].tolist() == [10.0, 0.0]
    assert values.loc["smart charging", "value"] == 26.0
    assert values.loc["foresight for a driver", ["value", "uncertainty"]].tolist() == pytest.approx([0.2, 0.2])
    assert values.loc["foresight for a driver", "shown"].startswith("not distinguishable")
    assert values.loc["foresight for all", "shown"].startswith("not distinguishable")
    assert values.loc["80% following", ["value", "uncertainty"]].tolist() == pytest.approx([0.96, 0.0196])
    assert values.loc["60% following", ["value", "uncertainty"]].tolist() == pytest.approx([0.75, 0.0175])
    assert values.loc["60% following", "shown"] == "0.75 ± 0.02, not settled"
    assert values["shown"].str.endswith("not settled").sum() == 1
    gains = values.loc["gain of home, car"]
    assert gains["value"].tolist() == [5.0, 4.5]
    assert gains["uncertainty"].tolist() == [0.2, 0.2]


def test_a_row_holds_the_run_as_its_tables_do(mini):
    result = solve(mini, "shortest_path", cache=False)
    row = run_row(result, "nearest")
    summary = result.tables["summary"].set_index("measure")["value"]
    assert row["total_cny"] == pytest.approx(summary["time and queue plus grid cost"], rel=1e-9)
    assert row["bill_cny"] == pytest.approx(summary["drivers' electricity bill"], rel=1e-9)
    assert row["unsettled_cny"] == 0
    assert np.isnan(row["excess_cny_veh"])
    # Everybody's cost: time, queue and bill. Shares of plug-in steps by path are traced within a step, so not exact.
    assert 80 * row["driver_cny_veh"] == pytest.approx(row["time_queue_cny"] + row["bill_cny"], rel=1e-4)
    groups = [value for name, value in row.items() if name.startswith("cost of ")]
    assert len(groups) == 4
    assert min(groups) < row["driver_cny_veh"] < max(groups)


def test_the_committed_runs_are_of_the_present_scenario_and_add_up():
    table = read_table(RUNS_FILE)
    assert f"nguyen {load_scenario('nguyen').hash}," in FILE.read_text(encoding="utf-8")
    assert table["run"].tolist() == list(RUNS)
    assert np.allclose(
        table["total_cny"], table[["time_queue_cny", "grid_cny", "after_horizon_cny"]].sum(axis=1), rtol=1e-5
    )
    coordinated = table[table["objective"].notna()]
    assert len(coordinated) == 9
    assert coordinated[["excess_cny_veh", "relative_gap", "price_gap"]].notna().all(axis=None)
    assert (coordinated["worst_excess_cny_veh"] >= coordinated["excess_cny_veh"] * 0.999).all()
    follow = coordinated["compliance"] * coordinated["vehicles_veh"]
    assert np.allclose(coordinated["unsettled_cny"], coordinated["excess_cny_veh"] * follow, rtol=1e-4)
    within = (coordinated["relative_gap"] <= 0.01) & (coordinated["price_gap"].abs() <= 1e-4)
    assert (within == (coordinated["converged"] == 1)).all()


# Totals of the base case as it was before driving took energy, and what drivers could still gain there [CNY].
BEFORE_DRIVING = {"shortest_path": (54494.8, 0.0), "user": (33369.1, 8.0), "coordinated": (31684.4, 9.0)}


def test_without_energy_of_driving_the_base_case_is_the_earlier_one():
    """By the hash of all values, once what driving added is taken out; and with 0 kWh/km vehicles arrive at one level."""
    base, added = load_scenario("nguyen"), ("free_flow_km_h", "jam_veh_km_lane", "lanes", "ev_share")
    keys = {f"roads.{key}": None for key in added} | {"fleet.arrival_levels": None}
    earlier = base.replace(keys | {"fleet.classes.*.drive_kwh_km": None})
    assert earlier.hash == "aaaf4823148bb4f2a4c85841ffd6cf8ba8950e05d752000a143ff74aa09ab3c8"
    still, before = (CoupledProblem.of(case, "v2g", "system") for case in (base.replace(WITHOUT_DRIVING), earlier))
    assert still.network.arrival_levels is None
    for field in dataclasses.fields(before.cohorts.domain):
        pair = (getattr(problem.cohorts.domain, field.name) for problem in (still, before))
        np.testing.assert_array_equal(*pair, err_msg=field.name)


@pytest.mark.verify
def test_without_energy_of_driving_nearest_stations_cost_what_they_did():
    result = solve(load_scenario("nguyen").replace(WITHOUT_DRIVING), "shortest_path", "v2g", cache=False)
    costs = result.tables["costs"].set_index("item")["cost_cny"]
    assert costs["society: time and queue plus grid"] == pytest.approx(BEFORE_DRIVING["shortest_path"][0], rel=2e-6)


@pytest.mark.verify
@pytest.mark.parametrize("strategy", ["user", "coordinated"])
def test_without_energy_of_driving_the_settled_days_cost_what_they_did(strategy):
    """Within what drivers of both runs could still gain."""
    result = solve_settled(load_scenario("nguyen").replace(WITHOUT_DRIVING), strategy, "v2g", cache=False)
    total, unsettled = BEFORE_DRIVING[strategy]
    row = run_row(result, strategy)
    assert row["converged"] == 1
    assert row["total_cny"] == pytest.approx(total, abs=unsettled + row["unsettled_cny"])


@pytest.mark.parametrize(
    ("newton", "joint", "chosen"),
    [
        ((True, 1e-3), None, "newton"),  # near enough: joint is not tried
        ((True, 9e-3), (True, 1e-3), "joint"),
        ((True, 9e-3), (True, 2e-2), "newton"),
        ((True, 9e-3), (False, 1e-3), "newton"),
        ((False, 1e-3), (True, 9e-3), "joint"),
    ],
)
def test_a_run_that_newton_leaves_far_from_equilibrium_is_tried_by_joint(monkeypatch, newton, joint, chosen):
    ends = {"newton": newton, "joint": joint}

    def solve(scenario, strategy, charging, method="newton", *, cache):
        converged, gap = ends[method]
        return SimpleNamespace(method=method, certificate=SimpleNamespace(converged=converged, relative_gap=gap))

    monkeypatch.setattr(strategy_runs, "solve", solve)
    assert solve_settled(None, "user", "v2g").method == chosen


def test_more_freedom_never_costs_more_where_it_must_not():
    """The same drivers on the same roads: a grid that may shift charging costs no more, nor one that may discharge."""
    total = read_table(RUNS_FILE).set_index("run")["grid_cny"]
    assert total["nearest"] <= total["nearest, smart"] * (1 + 1e-6) <= total["nearest, uncontrolled"] * (1 + 2e-6)


@pytest.mark.verify
def test_runs_can_be_made_again():
    """On shortest paths to the grid solver's digits; a coordinated one within twice what drivers could still gain, and
    a thousandth of its total for the way there."""
    committed = read_table(RUNS_FILE).set_index("run")
    fresh = table_of_runs(load_scenario("nguyen"), ("nearest", "60 % follow"), cache=False).set_index("run")
    assert fresh.loc["nearest", "total_cny"] == pytest.approx(committed.loc["nearest", "total_cny"], rel=1e-5)
    room = 2 * committed.loc["60 % follow", "unsettled_cny"] + 1e-3 * committed.loc["60 % follow", "total_cny"]
    assert fresh.loc["60 % follow", "total_cny"] == pytest.approx(committed.loc["60 % follow", "total_cny"], abs=room)
    if is_stale(FILE):
        renew_hash(FILE)
