"""Moves by hand: none where nobody gains, all of a flow where another station is cheaper, and the committed table."""

import numpy as np
import pytest

from evlib import load_scenario
from evlib.inputs.build_roads import build_traffic_problem
from study.experiments.fair_case import moved_vehicles
from study.experiments.fair_case.starts import first_flows
from study.experiments.provenance import is_stale, read_table, renew_hash


@pytest.fixture(scope="module")
def roomy(mini):
    """Plugs for everybody and light roads: what one driver does hardly touches the others."""
    return build_traffic_problem(mini.replace({"stations.*.plugs": 500.0, "fleet.vehicles": 12.0}), "system")


def prices(problem, *station_cny) -> np.ndarray:
    """Electricity of a vehicle at each station, whenever it plugs in."""
    shape = (len(station_cny), len(problem.network.classes), problem.network.time.n_steps + 1)
    return np.broadcast_to(np.array(station_cny)[:, None, None], shape)


def moved(problem, flows, table) -> np.ndarray:
    after, names = flows.copy(), list(problem.network.classes)
    for row in table.itertuples():
        column = names.index(row.vehicle_class), row.step
        after[(row.path, *column)] -= row.moved_veh
        after[(row.to_path, *column)] += row.moved_veh
    return after


def test_where_everybody_is_on_the_cheapest_path_nothing_moves(roomy):
    nearest = first_flows(roomy, "nearest")
    # From one origin both stations are as near, but for the driver ahead: ten cents more at the other decide.
    table = moved_vehicles.best_moves(roomy, nearest, prices(roomy, 0.0, 0.1))
    assert len(table) == 0
    assert table.attrs["sweep_saved_cny"] == [0.0]


def test_a_cheaper_station_takes_whole_flows_and_saves_its_price(roomy):
    """50 CNY a vehicle outweigh any way on mini, so that every vehicle but those of tiny flows goes there."""
    even = roomy.demand_veh[roomy.network.path_origin] / np.bincount(roomy.network.path_origin)[
        roomy.network.path_origin
    ].reshape(-1, 1, 1)
    dear, cheap = (roomy.network.path_station == station for station in (0, 1))
    table = moved_vehicles.best_moves(roomy, even, prices(roomy, 50.0, 0.0), sweeps=1)
    after = moved(roomy, even, table)
    assert after.min() > -1e-12
    moved_veh = after[cheap].sum() - even[cheap].sum()
    assert moved_veh == pytest.approx(even[dear][even[dear] >= moved_vehicles.LEAST_VEH].sum(), rel=1e-9)
    ways = roomy.evaluate(even).time_cny
    assert table["saved_cny"].sum() == pytest.approx(50.0 * moved_veh, abs=np.ptp(ways) * moved_veh)
    assert table["saved_cny"].sum() == pytest.approx(table.attrs["sweep_saved_cny"][0], rel=1e-9)


def test_savings_are_those_of_the_day_loaded_before_and_after(roomy):
    start, electricity = first_flows(roomy, 1), prices(roomy, 1.0, 0.0)
    table = moved_vehicles.best_moves(roomy, start, electricity, sweeps=2)
    costs = []
    for flows in (start, moved(roomy, start, table)):
        paid = sum(flows[roomy.network.path_station == station].sum() * cny for station, cny in enumerate((1.0, 0.0)))
        costs.append((flows * roomy.evaluate(flows).time_cny).sum() + paid)
    assert costs[0] - costs[1] == pytest.approx(table["saved_cny"].sum(), rel=1e-9)
    assert table["saved_cny"].sum() > 1.0


@pytest.mark.verify
def test_on_busy_roads_only_what_saves_is_kept(mini):
    """All vehicles of a flow would crowd the path that its derivative promises: parts of it may go, or nobody."""
    busy = build_traffic_problem(mini.replace({"fleet.vehicles": 200.0}), "system")
    table = moved_vehicles.best_moves(busy, first_flows(busy, 1), prices(busy, 0.0, 0.0), sweeps=1)
    assert (table["saved_cny"] > moved_vehicles.LEAST_SAVING_CNY).all()
    assert table["saved_cny"].sum() < table["promised_cny"].sum()
    assert len(table) > 5


def test_the_committed_moves_are_of_the_base_case_and_save_less_than_the_certificate_leaves_open():
    text = (moved_vehicles.RESULTS / moved_vehicles.MOVES_FILE).read_text("utf-8")
    assert f"nguyen {load_scenario('nguyen').hash};" in text
    table, runs = read_table(moved_vehicles.MOVES_FILE), read_table("runs_nguyen.csv").set_index("run")
    assert (table["saved_cny"] > 0).all()
    assert table["saved_cny"].sum() < 2 * runs.loc["coordinated", "excess_cny_veh"] * 1200


@pytest.mark.verify
def test_moves_can_be_made_again():
    fresh, committed = moved_vehicles.moves_of(load_scenario("nguyen")), read_table(moved_vehicles.MOVES_FILE)
    assert fresh["saved_cny"].sum() == pytest.approx(committed["saved_cny"].sum(), rel=0.5)
    file = moved_vehicles.RESULTS / moved_vehicles.MOVES_FILE
    if is_stale(file):
        renew_hash(file)
