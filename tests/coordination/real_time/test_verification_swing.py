"""Telling everybody the present state makes them swing: the two-cycle that follows by hand, in the code that tells them."""

import numpy as np
import pytest

from evlib.assignment.path_costs import Drivers
from evlib.coordination.real_time.accounts import switched_share
from evlib.coordination.real_time.drivers.signals import cheapest_shares, tell_now, times_now
from evlib.traffic import impedance
from evlib.traffic.loading import load_traffic
from evlib.traffic.network import assemble_network
from evlib.traffic.time_grid import TimeGrid

STEP_MIN, N_STEPS, DEMAND_VEH, VOT_CNY_H = 5.0, 60, 100.0, 60.0
# A vehicle more on a road takes all others this much longer: so little that roads hold one step's departures.
SLOPE_MIN_VEH = 1e-5


@pytest.fixture(scope="module")
def two_stations():
    """Two stations, each at the end of its own road of exactly one step; the roads are equal."""
    capacity_veh_h = 60.0 / SLOPE_MIN_VEH  # the slope of the affine impedance is 1 / Q
    roads = [(1, 2, STEP_MIN, capacity_veh_h), (1, 3, STEP_MIN, capacity_veh_h)]
    time = TimeGrid(STEP_MIN, N_STEPS, 10, N_STEPS - 10)
    return assemble_network(
        roads,
        {"o": 1},
        {"a": (2, 1e6), "b": (3, 1e6)},
        {"car": 3},
        time,
        delay_function=impedance.affine,
    )


def told_day(network, logit_cny, kick=0.1):
    """Shares of station a, if everybody is told the present state; the first step is a little uneven."""
    drivers = Drivers(np.array([VOT_CNY_H]), np.array([VOT_CNY_H]), logit_cny)
    flows = np.zeros((2, 1, network.time.n_departure_steps))
    flows[:, 0, 0] = DEMAND_VEH * np.array([0.5 + kick, 0.5 - kick])
    price = np.zeros((2, 1, network.time.n_steps + 1))
    for step in range(1, network.time.n_departure_steps):
        told = tell_now(load_traffic(network, flows), drivers, step, price)
        flows[:, :, step] = DEMAND_VEH * cheapest_shares(network, told.cost_cny, logit_cny)
    return flows


def imbalance(flows):
    return (flows[0, 0] - flows[1, 0]) / DEMAND_VEH


@pytest.mark.parametrize("gain", [0.5, 0.9, 1.5, 3.0])
def test_the_two_cycle_appears_at_the_predicted_gain(two_stations, gain):
    """By hand: the share of a in a step replies to the last step's vehicles on the roads, n_a - n_b = D y.

    A logit with scale theta gives y' = -tanh(g y), g = vot / 60 * slope * D / (2 theta). Below g = 1 swings die out;
    above, they settle in a two-cycle with y = tanh(g y).
    """
    theta = VOT_CNY_H / 60.0 * SLOPE_MIN_VEH * DEMAND_VEH / (2.0 * gain)
    y = imbalance(told_day(two_stations, theta))
    np.testing.assert_allclose(y[1:8], -np.tanh(gain * y[:7]), atol=2e-3)
    if gain < 1:
        assert abs(y[-1]) < 0.01
    else:
        amplitude = 1.0
        for _ in range(200):
            amplitude = np.tanh(gain * amplitude)
        np.testing.assert_allclose(np.abs(y[-10:]), amplitude, atol=0.01)
        assert (y[-9:] * y[-10:-1] < 0).all()


def test_without_doubt_everybody_goes_back_and_forth(two_stations):
    """Nobody misjudges: the last step's road is the longer one, so all take the other; all of them switch every time."""
    flows = told_day(two_stations, 0.0)
    np.testing.assert_allclose(np.abs(imbalance(flows)[1:]), 1.0)
    network = two_stations
    assert switched_share(flows[:, :, 1:], network.path_station, network.path_origin) == pytest.approx(1.0)
    assert switched_share(np.ones((2, 1, 5)), network.path_station, network.path_origin) == 0.0


def test_what_is_told_now_is_the_state_of_the_arcs(one_road):
    """40 vehicles at once on a road that lets out one a minute: the last leaves after 40 min, so that is what it takes."""
    network = one_road(capacity_veh_h=60.0, minutes=2.0, plugs=10, stay_steps=6)
    flows = np.zeros((1, 1, 24))
    flows[0, 0, 0] = 40.0
    loading = load_traffic(network, flows)
    road, waiting = times_now(loading, 5.0)
    assert road[0] == pytest.approx(37.0, abs=0.3)
    assert waiting[0] == 0.0
    road, waiting = times_now(loading, 41.0)
    assert waiting[0] > 0.0
    road, _ = times_now(loading, loading.time_min[-1] + 60.0)
    assert road[0] == pytest.approx(2.0)
