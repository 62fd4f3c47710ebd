"""Tolls against finite differences, replies against closed forms, gaps by hand."""

import numpy as np
import pytest

from evlib import build_network, load_scenario, load_traffic
from evlib.assignment.gaps import gaps
from evlib.assignment.marginal_costs import arc_tolls_cny, path_tolls
from evlib.assignment.path_costs import Traffic, time_costs
from evlib.assignment.route_choice import cheapest_departures, shortest_path_departures
from evlib.assignment.tno import reply
from evlib.inputs.build_roads import origin_demand
from evlib.traffic.impedance import smooth_queue
from evlib.traffic.network import assemble_network
from evlib.traffic.path_times import travel_times
from evlib.traffic.time_grid import TimeGrid


def total_cost(network, flows, vot, queue):
    times = travel_times(load_traffic(network, flows))
    return float((flows * time_costs(times, vot, queue)).sum())


def marginal(network, flows, place, vot, queue, step=1e-3):
    up, down = flows.copy(), flows.copy()
    up[place] += step
    down[place] -= step
    return (total_cost(network, up, vot, queue) - total_cost(network, down, vot, queue)) / (2 * step)


def compare(network, flows, places, vot, queue):
    """Own cost plus toll beside the finite difference of the loaded total, one row a place."""
    loading = load_traffic(network, flows)
    own = time_costs(travel_times(loading), vot, queue)
    toll = path_tolls(loading, vot, queue, "experienced")
    return np.array([(own[p] + toll[p], marginal(network, flows, p, vot, queue)) for p in places])


@pytest.mark.parametrize("delay", [smooth_queue, None])
def test_toll_of_a_single_road_is_the_finite_difference_of_its_total(one_road, delay):
    """One road, nothing downstream: own cost plus toll is the derivative, for a smooth queue and for a point queue."""
    network = one_road(capacity_veh_h=120, minutes=4.0, step_s=30, **({"delay": delay} if delay else {}))
    flows = np.zeros((1, 1, 24))
    flows[0, 0, :12] = [6, 8, 10, 14, 16, 15, 13, 12, 9, 6, 4, 2]
    vot, queue = np.array([30.0]), np.array([45.0])
    rows = compare(network, flows, [(0, 0, k) for k in (1, 3, 5, 8, 10)], vot, queue)
    assert rows[:, 0] == pytest.approx(rows[:, 1], rel=0.02)
    assert (rows[1:3, 0] > 10).all()


def test_toll_of_a_road_shorter_than_a_step_is_the_finite_difference_of_its_total(one_road):
    """The same on a road of 12 s at steps of 30 s, first below capacity and then in a queue of minutes."""
    network = one_road(capacity_veh_h=120, minutes=0.2, step_s=30, delay=smooth_queue)
    flows = np.zeros((1, 1, 24))
    flows[0, 0, :12] = [6, 8, 7, 9, 14, 16, 13, 8, 9, 6, 4, 2]
    vot, queue = np.array([30.0]), np.array([45.0])
    rows = compare(network, flows, [(0, 0, k) for k in (0, 2, 4, 5, 6, 9)], vot, queue)
    assert rows[:, 0] == pytest.approx(rows[:, 1], rel=0.05)
    assert rows[3, 0] > 5 > 1 > rows[0, 0]


def test_tolls_pulled_back_are_those_carried_forward():
    """Derivatives of all exit times by each inflow, carried from step to step as a matrix: their weighted sum is the toll
    that one backward pass finds, on every arc of a loaded base case with queues, to rounding."""
    scenario = load_scenario("nguyen")
    network, demand = build_network(scenario), origin_demand(scenario)
    loading = load_traffic(network, shortest_path_departures(network, demand))
    per_min = np.array([member.vot_cny_h for member in scenario.fleet.classes]) / 60
    tolls = arc_tolls_cny(loading, 60 * per_min)
    entered = np.diff(loading.entered_veh, axis=2, prepend=0.0)
    used = np.flatnonzero(entered.any(axis=(1, 2)))
    assert len(used) == 5  # two origin arcs, three roads
    largest = []
    for arc in used:
        expected = forward_toll(loading, arc, entered[arc].sum(axis=0), per_min @ entered[arc])
        assert tolls[arc] == pytest.approx(expected, abs=1e-9 * expected.max())
        largest.append(expected.max())
    assert max(largest[:2]) == 0 < 1 < min(largest[2:])  # wide entries; three roads on the shortest paths


def forward_toll(loading, arc, inflow, worth):
    """Row s of ``change``: derivatives of the exit time at grid time s by the inflow of each step."""
    network, now, out = loading.network, loading.time_min, loading.exit_min[arc]
    minutes, capacity = network.free_flow_min[arc], network.capacity_veh_min[arc]
    n = len(now)
    change = np.zeros((n, n))
    came = np.tril(np.ones((n, n)))
    came[:, 0] = 0.0
    toll = np.zeros(n)
    for s in range(1, int(np.flatnonzero(inflow).max()) + 1):
        if out[s] - out[s - 1] <= inflow[s] / capacity + 1e-12:
            change[s] = change[s - 1]
            change[s, s] += 1 / capacity
        elif minutes > 0:
            queue = loading.vehicles_veh[arc, s] / capacity
            slope = queue**3 / (minutes**4 + queue**4) ** 0.75 / capacity  # of (t0^4 + (x / Q)^4)^(1/4)
            i = np.searchsorted(out, now[s], side="right") - 1
            left = np.zeros(n)
            if i >= 0:
                share = (now[s] - out[i]) / (out[i + 1] - out[i])
                left[1 : i + 1] = 1.0
                left[i + 1] = share
                later = (1 - share) * change[i] + share * change[i + 1]
                left -= inflow[i + 1] / (out[i + 1] - out[i]) * later
            change[s] = slope * (came[s] - left)
        toll += worth[s] * change[s]
    return toll


def test_toll_of_a_station_is_the_finite_difference_of_its_total(one_road):
    """Ten plugs, one class, a wide road: one more vehicle moves all behind it one place back."""
    network = one_road(capacity_veh_h=6000, minutes=5.0, step_s=30, plugs=10, stay_steps=6, steps=36)
    flows = np.zeros((1, 1, 36))
    flows[0, 0, :8] = [3, 4, 5, 4, 3, 3, 2, 1]
    vot, queue = np.array([30.0]), np.array([45.0])
    rows = compare(network, flows, [(0, 0, k) for k in (1, 3, 4, 5, 6)], vot, queue)
    assert rows[:, 0] == pytest.approx(rows[:, 1], rel=0.05)


def test_error_of_the_neglected_downstream_effect_on_the_base_network():
    """20 (path, step) of a spread-out base case: the toll neglects what a vehicle does on arcs further down.

    Where roads queue before stations the toll counts a delay twice (who waits on the road waits less at the plug), so
    single places are off; the median error stays small.
    """
    scenario = load_scenario("nguyen")
    network, demand = build_network(scenario), origin_demand(scenario)
    vot = np.array([member.vot_cny_h for member in scenario.fleet.classes])
    rng = np.random.default_rng(1)
    flows = np.zeros((len(network.paths), *demand.shape[1:]))
    for o in range(len(network.origins)):
        own = np.flatnonzero(network.path_origin == o)
        flows[own] = rng.dirichlet(np.ones(len(own)))[:, None, None] * demand[o]
    size = flows.shape
    places = [tuple(int(rng.integers(n)) for n in size) for _ in range(20)]
    rows = compare(network, flows, places, vot, 1.5 * vot)
    error = np.abs(rows[:, 0] - rows[:, 1])
    assert np.median(error / rows[:, 1]) < 0.02
    assert (rows[:, 0] >= rows[:, 1] - 0.1 * rows[:, 1]).all()


def test_reply_without_a_metric_sends_everybody_to_the_cheapest_path():
    rng = np.random.default_rng(2)
    cost, demand = rng.random((5, 2, 4)), rng.random((2, 2, 4))
    origin = np.array([0, 0, 1, 1, 1])
    flows = reply(cost, demand, origin)
    expected = np.zeros_like(cost)
    for o, m, k in np.ndindex(demand.shape):
        own = np.flatnonzero(origin == o)
        expected[own[cost[own, m, k].argmin()], m, k] = demand[o, m, k]
    assert flows == pytest.approx(expected, abs=1e-6)


def test_reply_with_a_metric_is_the_closed_form_on_two_paths():
    """Two paths, f = (a, d - a): the optimum is a = a0 - (C1 - C2) / (2 M), within 0..d."""
    cost = np.array([3.0, 2.0]).reshape(2, 1, 1)
    present = np.array([0.7, 0.3]).reshape(2, 1, 1)
    metric = np.full((2, 1, 1), 4.0)
    flows = reply(cost, np.ones((1, 1, 1)), np.array([0, 0]), present, metric)
    assert flows.ravel() == pytest.approx([0.7 - 1 / 8, 0.3 + 1 / 8], abs=1e-6)


def test_gaps_by_hand():
    """Ten vehicles pay 5 and thirty pay 3, where 3 is to be had: excess 20 / 40, and 20 over their 9 CNY of time."""
    time = TimeGrid(5.0, 12, 10, 0)
    network = assemble_network(
        [(1, 2, 3.0, 600.0), (1, 3, 3.0, 600.0)], {"o": 1}, {"c": (2, 99), "d": (3, 99)}, {"car": 2}, time
    )
    loading = load_traffic(network, np.array([[[10.0]], [[30.0]]]))
    own = np.array([2.0, 1.0]).reshape(2, 1, 1)
    shares = np.zeros((2, 1, 13))
    shares[:, :, 0] = 1.0
    traffic = Traffic(loading, own, np.zeros_like(own), shares)
    electricity = np.zeros((2, 1, 13))
    electricity[0], electricity[1] = 3.0, 2.0
    found = gaps(traffic, electricity)
    assert found.excess_cny_veh == pytest.approx(20 / 40)
    assert found.relative_gap == pytest.approx(20 / 50)
    assert found.excess_cny_veh_by_origin == {"o": pytest.approx(0.5)}


def test_costs_rise_in_price_occupancy_and_queue(mini, mini_run):
    """The signal is what the article says: dearer electricity, fuller roads and longer queues make a path dearer."""
    from evlib.coordination.problem import CoupledProblem

    problem = CoupledProblem.of(mini, "v2g", "user")
    price = mini_run.dispatch.price_cny_kwh
    dearer = problem.electricity(price + 0.1) - problem.electricity(price)
    assert dearer[..., :20].min() > 0
    network = build_network(mini)
    demand = origin_demand(mini)
    flows = cheapest_departures(
        network, demand, np.tile(network.path_free_flow_min[:, None, None], (1, *demand.shape[1:]))
    )
    light, heavy = (travel_times(load_traffic(network, share * flows)) for share in (0.5, 1.0))
    used = flows.sum(axis=(1, 2)) > 0
    assert (heavy.road_min[used] >= light.road_min[used] - 1e-9).all()
    assert heavy.road_min[used].mean() > light.road_min[used].mean() + 1
    assert heavy.waiting_min[used].mean() > light.waiting_min[used].mean() + 1
