"""Bad input of the traffic side: each has one clear error that names what is wrong, before any work or with its place."""

from dataclasses import replace

import numpy as np
import pytest

from evlib import InputError, build_network, load_traffic
from evlib.assignment.route_choice import shortest_path_departures
from evlib.inputs.build_roads import origin_demand
from evlib.traffic.impedance import bpr
from evlib.traffic.network import Path, assemble_network
from evlib.traffic.time_grid import TimeGrid

TIME = TimeGrid(5.0, 12, 10, 8)
# 1 -> 2 -> 3 (a) and 1 -> 4 (b); arcs 0: o, 1: 1-2, 2: 2-3, 3: 1-4
ROADS = [(1, 2, 3.0, 60.0), (2, 3, 3.0, 60.0), (1, 4, 3.0, 60.0)]


@pytest.fixture
def fork():
    return assemble_network(ROADS, {"o": 1}, {"a": (3, 5), "b": (4, 5)}, {"car": 2}, TIME)


@pytest.mark.parametrize("kernel", ["compiled", "numpy"])
@pytest.mark.parametrize(
    ("value", "message"),
    [
        (-0.5, r"departures: path b: 1-4, class car, step 3: -0.5; must be a number of vehicles, not negative"),
        (np.nan, r"departures: path b: 1-4, class car, step 3: nan; must be a number of vehicles, not negative"),
        (np.inf, r"step 3: inf; must be a number"),
    ],
)
def test_departures_that_are_no_number_of_vehicles(fork, kernel, value, message):
    departures = np.ones((2, 1, 9))
    departures[1, 0, 3] = value
    with pytest.raises(InputError, match=message):
        load_traffic(fork, departures, kernel=kernel)


def test_departures_outside_the_horizon(fork):
    """In a step after the last one that is allowed, or after the end of the day."""
    late = np.zeros((2, 1, 12))
    late[0, 0, 10] = 2.0
    with pytest.raises(
        InputError, match=r"path a: 1-2-3, class car: 2.0 vehicles depart in step 10; .* last_departure_step = 8"
    ):
        load_traffic(fork, late)
    with pytest.raises(InputError, match=r"shape \(2, 1, 13\); must be \(2 paths, 1 classes, at most 12 steps\)"):
        load_traffic(fork, np.zeros((2, 1, 13)))


def test_arc_with_zero_capacity(fork):
    with pytest.raises(InputError, match=r"network: road 2-3: capacity 0.0 veh/h; must be above 0"):
        assemble_network([ROADS[0], (2, 3, 3.0, 0.0)], {"o": 1}, {"a": (3, 5)}, {"car": 2}, TIME)
    capacity = fork.capacity_veh_min.copy()
    capacity[2] = 0.0
    with pytest.raises(InputError, match=r"arc 2-3: capacity 0.0 veh/min; must be above 0"):
        load_traffic(replace(fork, capacity_veh_min=capacity), np.ones((2, 1, 1)))


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (
            Path(0, 0, (1, 3), (0, 2)),
            r"path 1 \(o, 2-3\) is not connected: a road does not begin where the one before ends",
        ),
        (Path(0, 0, (1, 2), (0, 1)), r"path 1 \(o, 1-2\) does not end at its station, so it charges nowhere"),
        (Path(0, 1, (1, 2, 3), (0, 1, 2)), r"path 1 \(o, 1-2, 2-3\) does not end at its station"),
        (Path(0, 2, (1, 4), (0, 3)), r"path 1 \(o, 1-4\) charges at no station; it must charge exactly once"),
        (Path(0, 1, (1, 4), (3,)), r"path 1 \(1-4\) does not begin with the arc of its origin"),
        (Path(0, 1, (1, 4), (0, 0, 3)), r"path 1 \(o, o, 1-4\) (is not connected|passes an origin's arc)"),
        (Path(0, 1, (), ()), r"no arcs; must lead from origin to station"),
    ],
)
def test_path_that_is_not_connected_or_does_not_charge_once(fork, path, message):
    with pytest.raises(InputError, match=message):
        load_traffic(replace(fork, paths=(fork.paths[0], path)), np.ones((2, 1, 1)))


def test_vehicles_still_on_the_road_at_the_end_are_counted_where_they_are(mini):
    """With BPR the roads do not clear: how many, and on which arcs, add up to those that are missing."""
    network = replace(build_network(mini), delay_function=bpr)
    with pytest.raises(
        InputError,
        match=r"mini\.yaml: departures: 43.5 of 80.0 vehicles have not plugged in 24 steps after the horizon \(43.5 on 3-4\)",
    ):
        load_traffic(network, shortest_path_departures(network, origin_demand(mini)))


def test_vehicles_still_waiting_at_the_end_are_counted_where_they_are(one_road):
    """One plug, stays of half an hour, 20 vehicles at once: in 4 h 8 plug in, 12 wait."""
    network = one_road(capacity_veh_h=6000.0, minutes=5.0, plugs=1, steps=24)
    departures = np.zeros((1, 1, 24))
    departures[0, 0, 0] = 20.0
    with pytest.raises(
        InputError, match=r"12.0 of 20.0 vehicles .* \(12.0 on waiting at c\); send fewer vehicles, add plugs"
    ):
        load_traffic(network, departures)
