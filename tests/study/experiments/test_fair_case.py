"""Starts, tolls and the map: known answers on a road and a station, invariants of the committed tables."""

import numpy as np
import pandas as pd
import pytest

from evlib import load_scenario, solve
from evlib.assignment.path_costs import Drivers
from evlib.assignment.traffic_problem import TrafficProblem
from evlib.errors import InputError
from evlib.inputs.build_roads import build_traffic_problem
from evlib.traffic import impedance
from study.experiments.fair_case import plugs_capacity, starts, toll_error, weather_days
from study.experiments.provenance import is_stale, read_table, renew_hash


@pytest.fixture(scope="module")
def nguyen():
    return load_scenario("nguyen")


def alone(network, flows) -> TrafficProblem:
    """A traffic problem with one path, one class and these departures; 60 CNY an hour on the road, 45 in a queue."""
    drivers = Drivers(np.array([60.0]), np.array([45.0]))
    return TrafficProblem(network, flows, np.zeros_like(flows), drivers, "system")


def errors_on(network, flows, **options) -> pd.DataFrame:
    no_price = np.zeros((1, 1, flows.shape[2] + 1))
    return toll_error.toll_table(alone(network, flows), flows, no_price, **options)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_on_a_smooth_road_the_toll_is_exact(one_road, share):
    """A steady inflow r of capacity: t (1 - r^4)^(-1/4) for oneself, and r^4 / (1 - r^4) times that for all others."""
    network = one_road(capacity_veh_h=120.0, minutes=4.0, delay=impedance.smooth_queue)
    table = errors_on(network, np.full((1, 1, 24), share * 10.0), number=24).set_index("step")
    own = 4 * (1 - share**4) ** -0.25
    assert table.loc[12, "central_cny"] == pytest.approx(own * share**4 / (1 - share**4), rel=0.02, abs=1e-3)
    middle = table.loc[2:20]  # the first and last entries meet an empty road or nobody behind them
    assert middle["toll_error_cny"].abs().max() < 0.01 * own
    assert (middle["less_cny"] - middle["more_cny"]).abs().max() < 0.01 * own
    assert np.allclose(middle["toll_cny"], middle["announced_cny"], atol=1e-9)


def test_at_the_kink_of_a_station_just_full_any_toll_between_is_right(one_road):
    """Ten plugs and ten cars: one fewer saves nobody anything; one more waits 25 minutes, at 45 CNY an hour 18.75."""
    network = one_road(capacity_veh_h=6000.0, plugs=10)
    flows = np.zeros((1, 1, 24))
    flows[0, 0, 0] = 10.0
    row = errors_on(network, flows).iloc[0]
    assert row["less_cny"] == pytest.approx(0.0, abs=0.2)
    assert row["more_cny"] == pytest.approx(18.75, abs=0.2)
    assert row["toll_error_cny"] == 0.0
    summary = toll_error.toll_summary(errors_on(network, flows))
    assert (summary["kinks"], summary["toll_error_share"]) == (1.0, 0.0)


def test_tolls_of_the_mini_case_with_room_for_all_miss_only_what_lies_downstream(mini):
    """Plugs for everybody and light roads: what one more costs others is small, and tolls say it to a hundredth of that."""
    roomy = mini.replace({"stations.*.plugs": 500.0, "fleet.vehicles": 40.0})
    problem = build_traffic_problem(roomy, "system")
    flows = starts.first_flows(problem, 1)
    no_price = np.zeros((2, 2, 25))
    table = toll_error.toll_table(problem, flows, no_price, number=6)
    assert (table["departures_veh"].diff().dropna() <= 0).all()
    assert table["central_cny"].max() > 0.05
    assert table["toll_error_cny"].abs().max() < 0.01 * table["central_cny"].max()
    assert np.allclose(table["announced_excess_cny"], table["bare_excess_cny"], atol=0.02 * table["central_cny"].max())
    assert table["announced_excess_cny"].max() > 0.1  # random flows are no equilibrium


def test_without_tolls_there_is_no_error(mini):
    problem = build_traffic_problem(mini, "user")
    with pytest.raises(InputError, match="objective 'user'; must be 'system'"):
        toll_error.toll_table(problem, np.zeros_like(problem.fixed_veh), np.zeros((2, 2, 25)))


def test_every_start_meets_the_demand_and_a_seed_says_which(mini):
    problem = build_traffic_problem(mini)
    origin = problem.network.path_origin
    first, again, other = (starts.first_flows(problem, seed) for seed in (1, 1, 2))
    assert (first == again).all()
    assert np.abs(first - other).sum() > 0.1 * first.sum()
    for flows in (first, starts.first_flows(problem, "nearest")):
        assert flows.min() >= 0
        departing = [flows[origin == o].sum(axis=0) for o in range(len(problem.demand_veh))]
        assert np.allclose(departing, problem.demand_veh, rtol=1e-12)
    assert starts.first_flows(problem, "even") is None
    with pytest.raises(InputError, match="must be 'even', 'nearest' or a seed"):
        starts.first_flows(problem, "far")


def test_the_spread_is_that_of_settled_runs():
    runs = pd.DataFrame({"objective": "user", "total_cny": [10.0, 14.0, 11.0, 90.0], "converged": [1, 1, 1, 0]})
    runs[["unsettled_cny", "moved_share"]] = [[1.0, 0.0], [2.0, 0.1], [0.5, 0.2], [50.0, 0.9]]
    row = starts.spread_of_starts(runs).iloc[0]
    assert row[["runs", "settled", "least_cny", "spread_cny"]].tolist() == [4, 3, 10.0, 4.0]
    assert row[["unsettled_cny", "moved_share"]].tolist() == [2.0, 0.2]
    with pytest.raises(InputError, match="1 settled runs"):
        starts.spread_of_starts(runs.iloc[[0, 3]])


def test_the_committed_starts_are_enough_and_differ_by_start():
    table = read_table(starts.STARTS_FILE)
    runs = table.groupby("objective")
    assert set(runs.groups) == {*starts.OBJECTIVES, *starts.TOLD}
    assert runs["start"].nunique().min() >= 8
    assert runs["metric_cny_veh"].nunique()[[*starts.OBJECTIVES]].min() >= 3
    assert runs["moved_share"].nunique().min() >= 8  # totals may agree to the last digit written
    assert np.allclose(table["total_cny"], table["time_queue_cny"] + table["grid_cny"], atol=1.0)


def test_told_drivers_start_anywhere_and_settle_at_one_cost(mini):
    """On `mini` plugs are scarce and costs alone are unique: two starts end in days of the same time and queue cost."""
    rows = [starts.start_row(mini, "informed", start)[0] for start in ("even", 1)]
    assert [row["converged"] for row in rows] == [1, 1]
    least, most = sorted(row["time_queue_cny"] for row in rows)
    assert most - least < 0.02 * most


def test_trips_of_a_day_are_those_of_its_paths(mini):
    """By hand from the table of paths: vehicles of an origin and hour, and their minutes."""
    result = solve(mini, "shortest_path", "smart")
    rows, paths = weather_days.trip_rows(result), result.tables["paths"]
    assert rows["vehicles_veh"].sum() == pytest.approx(paths["departures_veh"].sum())
    first = rows.iloc[0]
    some = paths[(paths["origin"] == first["origin"]) & (paths["step"] * result.scenario.time.step_min < 60)]
    minutes = some["experienced_road_min"] + some["experienced_waiting_min"]
    assert first["hour"] == 0
    assert first["minutes"] == pytest.approx(np.average(minutes, weights=some["departures_veh"]))


def test_the_committed_days_have_one_demand_and_nearest_trips_do_not_see_the_weather():
    table = read_table(weather_days.WEATHER_DAYS_FILE)
    assert table["day"].nunique() == 20
    vehicles = table.groupby(["day", "strategy"])["vehicles_veh"].sum()
    assert np.allclose(vehicles, vehicles.iloc[0], rtol=1e-4)
    nearest = table[table["strategy"] == "shortest_path"].groupby(["origin", "hour"])["minutes"]
    assert nearest.std().max() == 0.0


def test_the_committed_map_is_whole_and_its_ratios_follow_from_its_costs():
    table = read_table(plugs_capacity.MAP_FILE)
    assert len(table) == 25
    old, new = (table[[f"{day}_road_cny", f"{day}_waiting_cny"]].sum(axis=1) for day in ("nearest", "coordinated"))
    assert np.allclose(table["a3_time_queue"], 100 * (old / new - 1), rtol=1e-3)
    both = old + table["nearest_electricity_cny"], new + table["coordinated_electricity_cny"]
    assert np.allclose(table["a3_with_electricity"], 100 * (both[0] / both[1] - 1), rtol=1e-3, atol=0.05)
    assert (
        table.groupby("capacity_veh_h")["nearest_waiting_cny"].agg(lambda costs: costs.is_monotonic_decreasing)
    ).all()


def test_the_committed_tolls_are_those_of_the_largest_flows():
    table = read_table(toll_error.TOLLS_FILE)
    assert len(table) == toll_error.N_FLOWS
    assert table["departures_veh"].is_monotonic_decreasing
    low, high = table[["less_cny", "more_cny"]].min(axis=1), table[["less_cny", "more_cny"]].max(axis=1)
    expected = table["toll_cny"] - table["toll_cny"].clip(low, high)
    assert np.allclose(table["toll_error_cny"], expected, atol=1e-3)
    assert f"nguyen {load_scenario('nguyen').hash};" in (toll_error.RESULTS / toll_error.TOLLS_FILE).read_text("utf-8")


@pytest.mark.parametrize("name", [plugs_capacity.MAP_FILE, starts.STARTS_FILE])
def test_committed_tables_are_those_of_the_base_case(name, nguyen):
    assert f"nguyen {nguyen.hash};" in (toll_error.RESULTS / name).read_text("utf-8")


def renewed(name: str) -> None:
    file = toll_error.RESULTS / name
    if is_stale(file):
        renew_hash(file)


@pytest.mark.verify
def test_tolls_can_be_measured_again():
    fresh = toll_error.toll_summary(toll_error.errors_of(load_scenario("nguyen")))
    committed = toll_error.toll_summary(read_table(toll_error.TOLLS_FILE))
    for name in ("toll_error_share", "announced_error_cny_veh", "bare_excess_cny_veh"):
        assert fresh[name] == pytest.approx(committed[name], rel=0.3), name
    renewed(toll_error.TOLLS_FILE)


@pytest.mark.verify
def test_the_map_can_be_made_again(nguyen):
    committed = read_table(plugs_capacity.MAP_FILE).set_index(["plugs", "capacity_veh_h"])
    for plugs, capacity in ((170.0, 150.0), (255.0, 225.0), (200.0, 130.0)):
        fresh = plugs_capacity.map_row(nguyen, plugs, capacity, cache=False)
        expected = committed.loc[(plugs, capacity), "a3_with_electricity"]
        assert fresh["a3_with_electricity"] == pytest.approx(expected, rel=0.01, abs=0.5)
    renewed(plugs_capacity.MAP_FILE)


@pytest.mark.verify
def test_starts_can_be_made_again(nguyen):
    """Another machine ends elsewhere, but not farther than the starts lie apart."""
    committed = read_table(starts.STARTS_FILE)
    spread = starts.spread_of_starts(committed).set_index("objective")["spread_cny"]
    for objective, start in (("user", "2"), ("system", "2"), ("system", "nearest")):
        name = int(start) if start.isdigit() else start
        row, _ = starts.start_row(nguyen, objective, name)
        chosen = (committed["objective"] == objective) & (committed["start"].astype(str) == start)
        expected = committed.loc[chosen, "total_cny"].iloc[0]
        assert row["total_cny"] == pytest.approx(expected, abs=spread[objective] + 1.0)
    renewed(starts.STARTS_FILE)
