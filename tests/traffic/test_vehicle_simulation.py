"""Whole vehicles by hand, and against the fluid: what is left of the difference when vehicles get smaller."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from evlib import InputError, build_network, load_scenario, load_traffic
from evlib.assignment.route_choice import shortest_path_departures
from evlib.inputs.build_roads import origin_demand
from evlib.traffic import impedance
from evlib.traffic.network import assemble_network
from evlib.traffic.time_grid import TimeGrid
from evlib.traffic.vehicle_simulation import (
    departure_times_min,
    drive_vehicles,
    plug_ins,
    sample_vehicles,
    set_beside_fluid,
)


def at(*minutes, member=0):
    return pd.DataFrame({"path": 0, "member": member, "departure_min": np.array(minutes, dtype=float)})


def test_five_vehicles_at_a_bottleneck_by_hand(one_road):
    """2 min of road, one vehicle a minute: three at once leave at 2, 3, 4; one at minute 10 finds an empty road."""
    driven = drive_vehicles(one_road(capacity_veh_h=60.0, minutes=2.0), at(0, 0, 0, 3.5, 10))
    # The origin arc, a hundred times as wide, holds back by 1/101 min each of those that come at once.
    assert driven["road_min"].to_numpy() == pytest.approx([2, 3, 4, 2, 2], abs=0.03)
    assert driven["waiting_min"].to_numpy() == pytest.approx(0)


def test_three_vehicles_at_two_plugs_by_hand(one_road):
    """Stay 30 min: the third, at minute 3, waits for the first to leave at 2 + 30; a fourth, at 33, for the second."""
    network = one_road(capacity_veh_h=6000.0, minutes=2.0, plugs=2)
    driven = drive_vehicles(network, at(0, 1, 3, 30.5))
    assert driven["plug_in_min"].to_numpy() == pytest.approx([2, 3, 32, 33], abs=1e-9)
    assert driven["waiting_min"].to_numpy() == pytest.approx([0, 0, 27, 0.5], abs=1e-9)
    assert plug_ins(network, driven, 8).tolist() == [[2, 0, 0, 0, 0, 0, 2, 0]]


def test_stays_are_those_of_each_class():
    """A long stay holds the only plug for 30 min, a short one for 10; who came first goes first."""
    network = assemble_network(
        [(1, 2, 5.0, 6e4)], {"o": 1}, {"c": (2, 1)}, {"short": 2, "long": 6}, TimeGrid(5.0, 24, 10, 23)
    )
    driven = drive_vehicles(network, pd.DataFrame({"path": 0, "member": [1, 0, 1], "departure_min": [0.0, 1.0, 2.0]}))
    assert driven["plug_in_min"].to_numpy() == pytest.approx([5, 35, 45], abs=1e-2)


def test_smooth_queue_of_a_single_vehicle_and_a_full_road(one_road):
    """Alone: free flow but for its own half. In a dense steady stream at half capacity: D = t0 (1 - (1/2)^4)^(-1/4)."""
    network = one_road(capacity_veh_h=6000.0, minutes=10.0, delay=impedance.smooth_queue, plugs=10_000)
    alone = drive_vehicles(network, at(0.0))
    assert alone["road_min"].item() == pytest.approx(10.0, abs=1e-6)
    stream = drive_vehicles(network, at(*np.arange(0, 100, 0.02)))
    assert stream["road_min"].iloc[-1] == pytest.approx(10 * (1 - 0.5**4) ** -0.25, rel=1e-3)


def test_departures_are_the_quantiles_of_the_flow():
    assert departure_times_min([0.0, 3.0, 0.0, 0.0, 1.0], 5.0, offset=0.25) == pytest.approx(
        [25 / 60 + 5, 7.0833333, 8.75, 21.25]
    )
    assert len(departure_times_min([0.4, 0.4], 5.0)) == 1
    assert len(departure_times_min([0.0, 0.0], 5.0)) == 0
    assert len(departure_times_min(np.full(10, 0.1), 5.0, offset=0.0)) == 1


@pytest.mark.parametrize("spacing", ["even", "random"])
def test_sample_has_the_flows_vehicles(spacing):
    """Over many seeds: totals of each origin and class to one vehicle, and each path and step as often as it should."""
    scenario = load_scenario("nguyen")
    network, demand = build_network(scenario), origin_demand(scenario)
    share = np.random.default_rng(3).dirichlet(np.ones(11))
    flows = share[:, None, None] * demand[network.path_origin] * 2
    found = [sample_vehicles(network, flows, seed, spacing) for seed in range(40)]
    origin = flows.sum(axis=2)
    for one in found[:3]:
        count = np.zeros((11, 3))
        np.add.at(count, (one["path"], one["member"]), 1)
        for o in (0, 1):
            own = network.path_origin == o
            assert np.abs(count[own].sum(axis=0) - origin[own].sum(axis=0)).max() <= 1
        assert one["departure_min"].is_monotonic_increasing
    every = pd.concat(found)
    mean = every.groupby("path").size().reindex(range(11), fill_value=0) / 40
    assert np.abs(mean - flows.sum(axis=(1, 2))).max() <= 4 * np.sqrt(flows.sum(axis=(1, 2)).max() / 40)
    early = (every["departure_min"] < 60).mean()
    assert early == pytest.approx(flows[:, :, :12].sum() / flows.sum(), abs=0.02)
    assert sample_vehicles(network, flows, 7, spacing).equals(found[7])


def grown(delay, factor):
    """The base case on shortest paths, with vehicles a factor smaller: as many more of them, wider roads, more plugs."""
    scenario = load_scenario("nguyen")
    network = build_network(scenario)
    network = replace(
        network,
        delay_function=delay,
        capacity_veh_min=factor * network.capacity_veh_min,
        plugs=factor * network.plugs,
    )
    return load_traffic(network, factor * shortest_path_departures(network, origin_demand(scenario)))


@pytest.mark.parametrize("delay", [impedance.point_queue, impedance.smooth_queue])
def test_the_base_case_is_no_artefact_of_the_fluid(delay):
    """1,200 whole vehicles, evenly spaced: mean times within 2 %, plug-ins so far within 4 vehicles, at any moment."""
    table = set_beside_fluid(grown(delay, 1), range(5))
    assert (table["vehicles"] - 1200).abs().max() <= 6
    assert (table["road_apart_min"] / table["road_min"]).abs().max() < 0.02
    assert (table["waiting_apart_min"] / table["waiting_min"]).abs().max() < 0.02
    assert table["plug_ins_apart_veh"].max() < 4


@pytest.mark.parametrize("delay", [impedance.point_queue, impedance.smooth_queue])
def test_smaller_vehicles_come_closer_to_the_fluid(delay):
    """Eight times as many vehicles of an eighth: differences of times shrink to a third at most, plug-ins stay whole."""
    one, eight = (set_beside_fluid(grown(delay, factor), range(3)) for factor in (1, 8))
    columns = ["road_apart_min", "waiting_apart_min"]
    assert eight[columns].abs().max().max() < one[columns].abs().max().max() / 3
    assert eight["plug_ins_apart_veh"].max() / 8 < one["plug_ins_apart_veh"].max() / 2


def test_half_a_plug_and_another_spacing_are_refused(one_road):
    with pytest.raises(InputError, match=r"station c: 2.5 plugs; must be a whole number"):
        drive_vehicles(one_road(plugs=2.5), at(0.0))
    with pytest.raises(InputError, match="'even' or 'random'"):
        sample_vehicles(one_road(), np.ones((1, 1, 1)), 0, "bunched")
