"""What the benchmarks of coordination measure: times from a hand-made table, and variants that are what they say."""

import json
import math

import numpy as np
import pandas as pd
import pytest

from evlib import load_scenario
from evlib.coordination.problem import CoupledProblem
from study.benchmarks import coordination as bench_coordination
from study.benchmarks import run as bench
from study.benchmarks.coordination import seconds_by_part, seconds_to


@pytest.fixture
def table():
    """Five rows: loads of 1 s, checks of 2 s where the price gap is measured and 0.5 s else, answers of 10 to 40 s."""
    nan = math.nan
    return pd.DataFrame(
        {
            "iteration": range(5),
            "relative_gap": [0.001, 0.5, 0.02, 0.03, 0.004],
            "price_gap": [0.0, nan, nan, 0.3, 1e-5],
            "priced_by": ["exact", "exact", "mixed", "exact", "exact"],
            "seconds_load": 1.0,
            "seconds_check": [2.0, 0.5, 0.5, 2.0, 2.0],
            "seconds_answer": [10.0, 20.0, 30.0, 40.0, nan],
        }
    )


def test_promised_numbers_are_measured():
    names = {name for group in bench.BENCHMARKS for name in group}
    assert {"coordinate_s_to_2e2", "coordinate_s_to_5e3", "coordinate_s_to_1e3"} <= names
    assert {"coordinate_best_relative_gap", "bundle_inner_gap", "bundle_excess_cny_veh", "bundle_over_joint"} <= names
    assert {"coordinate_growth_power_demand", "coordinate_8_over_4_stations", "coordinate_144_over_96_steps"} <= names


def test_time_to_a_gap_ends_when_the_iterate_is_measured(table):
    """Set-up, all before, then loading and check of the iterate, without its own answer; the start does not count."""
    before = 7 + (1 + 2 + 10) + (1 + 0.5 + 20)
    assert seconds_to(table, 0.02, 7.0) == before + 1 + 0.5
    assert seconds_to(table, 0.004, 7.0) == 7 + 5 * 1 + (2 + 0.5 + 0.5 + 2 + 2) + 10 + 20 + 30 + 40
    assert math.isnan(seconds_to(table, 0.001, 7.0))


def test_sound_time_needs_a_measured_price_gap_within_the_tolerance(table):
    assert seconds_to(table, 0.05, 0.0, sound=True) == 5 + 7 + 100
    assert seconds_to(table.assign(price_gap=[0, 0, 0, -1e-5, 0]), 0.05, 0.0, sound=True) == 4 + 5 + 60
    assert seconds_to(table.assign(price_gap=0.0), 0.5, 0.0, sound=True) == 2 + 2.5 + 10
    assert math.isnan(seconds_to(table.assign(price_gap=0.3), 0.05, 0.0, sound=True))


def test_an_answer_belongs_to_the_program_that_priced_the_row_after_it(table):
    assert seconds_by_part(table) == (1.0, 2.0, (10 + 30 + 40) / 3, 20.0)
    assert math.isnan(seconds_by_part(table.assign(priced_by="exact"))[3])


def test_what_is_not_reached_is_said_and_left_out(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("EVLIB_BUILD", str(tmp_path))
    monkeypatch.setattr(bench, "BENCHMARKS", {("s_to_1e3", "gap"): lambda: (math.nan, 0.000123456)})
    with caplog.at_level("INFO", "study"):
        assert bench.run_benchmarks() == {"gap": 0.0001235}
    assert json.loads((tmp_path / "benchmarks.json").read_text()) == {"gap": 0.0001235}
    assert caplog.messages == ["s_to_1e3: not reached", "gap = 0.0001235"]


def test_eight_stations_share_plugs_and_zones_of_four():
    base, twins = load_scenario("nguyen"), bench_coordination.twin_stations_scenario()
    before, after = (CoupledProblem.of(scenario, "v2g", "system") for scenario in (base, twins))
    assert len(after.network.stations) == 8 == len(set(after.case.station_bus))
    assert after.network.plugs.sum() == before.network.plugs.sum()
    assert len(after.network.paths) == 2 * len(before.network.paths)
    np.testing.assert_array_equal(after.demand_veh, before.demand_veh)
    zone = after.case.bus_zone[after.case.station_bus]
    assert zone.tolist() == 2 * before.case.bus_zone[before.case.station_bus].tolist()
    assert after.case.backup_bus.tolist() == before.case.backup_bus.tolist()
    assert after.network.station_node == 2 * before.network.station_node
    feeder = after.case.feeder
    behind = feeder.downstream.toarray().astype(bool)  # branch, bus
    for first, twin in zip(after.case.station_bus[:4], after.case.station_bus[4:], strict=True):
        assert behind[:, first].sum() == behind[:, twin].sum() + 1  # one line less on the way from the root
        assert (behind[:, first] | ~behind[:, twin]).all()  # and on the same way


def test_144_steps_are_twelve_hours_with_the_same_vehicles():
    base, long = load_scenario("nguyen"), bench_coordination.long_scenario()
    before, after = (CoupledProblem.of(scenario, "v2g", "system") for scenario in (base, long))
    assert (after.network.time.n_steps, after.case.n_steps, after.case.load_kw.shape[1]) == (144, 144, 144)
    assert after.demand_veh.shape[2] == 99 == 1.5 * before.demand_veh.shape[2]
    assert after.demand_veh.sum() == pytest.approx(before.demand_veh.sum()) == pytest.approx(1200)
    assert after.demand_veh.min() > 0
    np.testing.assert_array_equal(after.case.load_kw[:, :96], before.case.load_kw)


def test_demand_spans_the_range_of_the_scenario_and_runs_are_short():
    vehicles = load_scenario("nguyen").parameters().set_index("parameter").loc["fleet.vehicles"]
    scenarios = [bench_coordination.demand_scenario(factor) for factor in bench_coordination.DEMANDS]
    assert [scenario.fleet.vehicles for scenario in scenarios] == [vehicles.low, vehicles.value, vehicles.high]
    assert CoupledProblem.of(scenarios[-1], "v2g", "system").demand_veh.sum() == pytest.approx(1800)
    short, whole = bench_coordination.short_run(scenarios[-1]).coordination, scenarios[-1].coordination
    assert (short.iterations, short.exact_iterations) == (4, 2)
    assert (short.traffic_steps, short.exact_period) == (whole.traffic_steps, whole.exact_period)


def test_a_timed_run_knows_when_its_first_iteration_began():
    """The set-up, the parts and the rest make up the whole, on the small case with one iteration."""
    changes = {"coordination.iterations": 1, "coordination.exact_iterations": 1, "coordination.traffic_steps": 1}
    run, whole_s, setup_s = bench_coordination._timed(load_scenario("mini").replace(changes), "joint")
    assert 0 <= setup_s < whole_s
    parts_s = float(run.convergence[bench_coordination.PARTS].sum().sum())
    assert parts_s + setup_s <= whole_s
    assert setup_s < seconds_to(run.convergence, 1e9, setup_s) <= parts_s + setup_s
