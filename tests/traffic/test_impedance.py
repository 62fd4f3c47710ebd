"""Impedances of roads and stations: derivatives against differences, and where each is valid, by closed forms."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from evlib import build_network, load_traffic, solve
from evlib.assignment.marginal_costs import _delay_slope
from evlib.assignment.path_costs import evaluate_loading
from evlib.assignment.route_choice import shortest_path_departures
from evlib.inputs.build_roads import build_drivers, origin_demand
from evlib.traffic import impedance
from evlib.traffic.network import assemble_network
from evlib.traffic.path_times import travel_times
from evlib.traffic.station_waiting import (
    STATION_WAITING,
    davidson_wait,
    davidson_wait_slope,
    smooth_wait,
    smooth_wait_slope,
    station_wait_min,
    waiting_min,
)
from evlib.traffic.time_grid import TimeGrid

ROADS = [
    impedance.smooth_queue,
    impedance.bpr,
    partial(impedance.bpr, alpha=0.4, power=2.5),
    impedance.point_queue,
    impedance.affine,
]


@pytest.mark.parametrize("delay", ROADS)
def test_slope_is_the_derivative(delay):
    """Central differences, for arrays of vehicles, times and capacities that broadcast."""
    x = np.linspace(0.5, 80.0, 60)
    minutes, capacity = np.array([[2.0], [9.0], [14.0]]), np.array([[0.5], [2.5], [20.0]])
    slope = impedance.slope_of(delay)(x, minutes, capacity)
    h = 1e-4
    difference = (delay(x + h, minutes, capacity) - delay(x - h, minutes, capacity)) / (2 * h)
    assert slope.shape == (3, 60)
    assert slope == pytest.approx(difference, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("delay", ROADS)
def test_slope_on_the_empty_road_is_finite(delay):
    at_zero = impedance.slope_of(delay)(np.zeros(1), np.full(1, 9.0), np.full(1, 2.5))
    assert at_zero == pytest.approx(0.4 if delay is impedance.affine else 0.0, abs=1e-15)


def test_impedance_of_ones_own_has_no_known_slope():
    def own(x, t0, q):
        return t0 + 0 * x

    assert impedance.slope_of(own) is None
    assert impedance.slope_of(partial(own)) is None


def steady_outflow(delay, load):
    """What leaves a road of 9 min and 2.5 veh/min that keeps load x Q t0 vehicles on it, over its capacity."""
    return load * 22.5 / delay(load * 22.5, 9.0, 2.5) / 2.5


def test_outflow_of_bpr_on_occupancy_falls_past_nine_tenths_of_capacity():
    """x / D(x) is largest at (3 x 0.15)^(-1/4) = 1.221 Q t0, where it is 1.221 / (4/3) = 0.916 Q; with four times as many
    vehicles on the road, 0.11 Q leave."""
    load = np.linspace(0.0, 6.0, 60_001)
    flow = steady_outflow(impedance.bpr, load)
    top = 0.45**-0.25
    assert load[flow.argmax()] == pytest.approx(top, abs=1e-3)
    assert flow.max() == pytest.approx(0.75 * top, rel=1e-6)
    assert (np.diff(flow[load > top + 1e-3]) < 0).all()
    assert steady_outflow(impedance.bpr, 4 * top) == pytest.approx(4 * top / (1 + 256 / 3), rel=1e-12)


@pytest.mark.parametrize(
    ("delay", "inflow", "low", "high"),
    [
        (impedance.bpr, 0.9, 0.89, 0.91),
        (impedance.bpr, 1.0, 0.0, 0.5),
        (impedance.smooth_queue, 1.0, 0.98, 1.0),
        (impedance.point_queue, 1.0, 1.0 - 1e-9, 1.0 + 1e-9),
    ],
)
def test_a_loaded_road_with_bpr_breaks_down_between_nine_tenths_and_capacity(one_road, delay, inflow, low, high):
    """Not only in theory: after two hours of inflow at capacity, a road with BPR lets out less than half of it."""
    network = one_road(capacity_veh_h=60.0, minutes=9.0, step_s=30, delay=delay, steps=96)
    departures = np.zeros((1, 1, 96))
    departures[0, 0, :24] = inflow * 5
    loading = load_traffic(network, departures)
    left = loading.left_veh[network.arc_name.index("1-2"), 0]
    assert low <= np.interp(120.0, loading.time_min, np.gradient(left, loading.time_min)) <= high


@pytest.mark.parametrize(("delay", "limit"), [(impedance.smooth_queue, 1.0), (impedance.affine, 1.0)])
def test_outflow_of_the_others_rises_to_capacity(delay, limit):
    flow = steady_outflow(delay, np.linspace(0.0, 60.0, 601))
    assert (np.diff(flow) > 0).all()
    assert flow.max() == pytest.approx(limit, abs=0.02)


@pytest.mark.parametrize(("wait", "slope"), [(smooth_wait, smooth_wait_slope), (davidson_wait, davidson_wait_slope)])
def test_station_slope_is_the_derivative(wait, slope):
    x = np.array([0.0, 3.0, 9.0, 9.7, 9.9, 10.0, 12.0, 30.0]) + 1e-3
    h = 1e-6
    assert slope(x, 10.0, 60.0) == pytest.approx(
        (wait(x + h, 10.0, 60.0) - wait(x - h, 10.0, 60.0)) / (2 * h), rel=1e-4
    )
    assert (slope(x, 10.0, 60.0) >= 0).all()


def test_davidson_goes_on_straight_past_its_last_point():
    """The curve and its tangent meet at 0.98 without a step or a kink; beyond, every vehicle adds stay / plugs."""
    eps = 1e-9
    for function in (davidson_wait, davidson_wait_slope):
        low, high = function([9.8 - eps, 9.8 + eps], 10.0, 60.0)
        assert high == pytest.approx(low, rel=1e-6)
    assert davidson_wait_slope([10.0, 40.0], 10.0, 60.0) == pytest.approx(6.0, rel=1e-9)


def test_far_beyond_its_plugs_a_station_has_a_queue_by_either_function():
    """30 vehicles at 10 plugs of 60 min: 20 wait, and the last of them 2 hours, give or take the rounded corner."""
    assert smooth_wait(30.0, 10.0, 60.0) == pytest.approx(120.0, abs=1.0)
    assert davidson_wait(30.0, 10.0, 60.0) == pytest.approx(120.0, abs=3.0)


def test_station_waits_are_read_off_the_occupancy_of_a_loading():
    """Twice the served rate arrives for an hour, stays even: the exact queue grows steadily and both follow it."""
    time = TimeGrid(5.0, 96, 10, 60)
    network = assemble_network([(1, 2, 5.0, 6000.0)], {"o": 1}, {"c": (2, 10)}, {"car": 12}, time)
    departures = np.zeros((1, 1, 61))
    departures[0, 0, :12] = 10 / 12  # plugs fill evenly in an hour, so that they free up evenly
    departures[0, 0, 12:24] = 20 / 12
    loading = load_traffic(network, departures)
    arrival = np.array([100.0, 110.0, 120.0])
    exact = waiting_min(loading, 0, arrival)
    assert exact == pytest.approx((arrival - 65.0), abs=1.0)  # minute 65: full, and 1/6 a minute too many from now on
    for kind in STATION_WAITING:
        assert station_wait_min(loading, 0, arrival, kind) == pytest.approx(exact, rel=0.1)
        assert station_wait_min(loading, 0, [1e4], kind) == pytest.approx(0.0, abs=0.2)
    with pytest.raises(ValueError, match="'exact', 'smooth' or 'davidson'"):
        station_wait_min(loading, 0, arrival, "guess")


@pytest.mark.parametrize("signal", ["experienced", "instantaneous"])
@pytest.mark.parametrize("kind", ["smooth", "davidson"])
def test_station_waiting_changes_what_drivers_are_told_of_waiting_alone(mini, signal, kind):
    network = build_network(mini)
    loading = load_traffic(network, shortest_path_departures(network, origin_demand(mini)))
    exact, told = travel_times(loading, signal), travel_times(loading, signal, kind)
    assert (told.road_min == exact.road_min).all()
    assert np.abs(told.waiting_min - exact.waiting_min).max() > 0.01
    drivers = replace(build_drivers(mini), signal=signal)
    heard = (replace(drivers, station_waiting=kind), drivers)
    one, other = (evaluate_loading(loading, each, "user").time_cny for each in heard)
    vot = np.array([member.vot_cny_h for member in mini.fleet.classes])
    apart = mini.fleet.queue_factor * vot[None, :, None] / 60 * (told.waiting_min - exact.waiting_min)[:, None]
    assert one - other == pytest.approx(apart, abs=1e-9)


def test_reported_waiting_is_what_drivers_met_whatever_they_were_told(mini):
    """The tables of a run on given paths are the same: the switch is part of the signal, not of the loading."""
    one, other = (
        solve(item, "shortest_path").tables["paths"] for item in (mini, mini.replace(station_waiting="smooth"))
    )
    assert one["experienced_waiting_min"].tolist() == other["experienced_waiting_min"].tolist()


@pytest.mark.parametrize("name", ["smooth_queue", "bpr", "point_queue", "affine"])
def test_slope_that_tolls_take_by_difference_is_the_derivative(mini, name):
    """On every road at every moment of a loading; where a road is empty its difference is one-sided, so 1e-6 apart."""
    network = replace(build_network(mini), delay_function=getattr(impedance, name))
    loading = load_traffic(network, 0.5 * shortest_path_departures(network, origin_demand(mini)))
    roads = np.array(network.arc_kind) == "road"
    slope = impedance.slope_of(network.delay_function)(
        np.maximum(loading.vehicles_veh[roads], 0.0),
        network.free_flow_min[roads][:, None],
        network.capacity_veh_min[roads][:, None],
    )
    assert _delay_slope(loading)[roads] == pytest.approx(slope, rel=1e-6, abs=1e-6)
