"""Plug rents against schedules and duals that can be worked out on paper, and against a linear program."""

from dataclasses import replace

import cvxpy as cp
import numpy as np
import pytest
import scipy.sparse as sp

from evlib import load_traffic
from evlib.assignment.gaps import gaps
from evlib.assignment.path_costs import Stations, Traffic, time_costs
from evlib.assignment.plug_prices import held_plugs, rent_value_cny, station_costs_cny
from evlib.assignment.route_choice import even_split
from evlib.assignment.tno import Metric, origin_sums, reply
from evlib.coordination.coordinate import coordinate
from evlib.coordination.joint.joint_program import cohort_map, fixed_costs, joint_program, surrogate_bound
from evlib.coordination.joint.plug_rents import crowded
from evlib.coordination.problem import CoupledProblem
from evlib.grid.dno import build_grid_model
from evlib.traffic.network import assemble_network
from evlib.traffic.path_times import arrival_shares, flow_map, travel_times
from evlib.traffic.step_shares import StepShares
from evlib.traffic.time_grid import TimeGrid

WAIT_CNY_H = 45.0
PER_STEP = 3.75  # 45 CNY/h for 5 min


@pytest.fixture
def three_tens(one_road):
    """10 plugs, stay 30 min; 10 vehicles arrive in each of steps 1, 2, 3 and plug in during steps 1, 7 and 13."""
    network = one_road(capacity_veh_h=6000, minutes=5.0, step_s=30, plugs=10, stay_steps=6, steps=36)
    departures = np.zeros((1, 1, 36))
    departures[0, 0, :3] = 10.0
    return load_traffic(network, departures)


def as_traffic(loading):
    times = travel_times(loading)
    value = np.array([WAIT_CNY_H])
    waiting = value / 60 * times.waiting_min[:, None, :]
    own = time_costs(times, np.array([30.0]), value)
    shares = StepShares.of(arrival_shares(loading))
    return Traffic(loading, own, 0 * own, shares, Stations(loading, "experienced", shares, waiting, value))


def test_arrivals_by_hand(three_tens):
    """A road of 5 min: who departs in step k arrives in step k + 1; the rows sum to 1."""
    shares = arrival_shares(three_tens)[0]
    assert shares.sum(axis=1) == pytest.approx(1.0)
    assert shares[[0, 1, 2], [1, 2, 3]] == pytest.approx(1.0, abs=1e-6)


def test_station_costs_by_hand(three_tens):
    """Rent 20 in step 8 only, stay 6: plugging in during steps 3..8 pays 20, or waits until step 9 begins."""
    rent = np.zeros((1, 36))
    rent[0, 8] = 20.0
    costs = station_costs_cny(three_tens.network, rent, [WAIT_CNY_H])[0, 0]
    waits = [min(20.0, PER_STEP * (9 - k)) for k in range(3, 9)]
    assert costs[3:9] == pytest.approx(waits)
    assert costs[[0, 1, 2, 9, 20, 36]] == pytest.approx(0.0)


def test_rents_that_explain_a_queue_by_hand(three_tens):
    """The second ten wait 5 steps, the third 10: 150 vehicle-steps. The rents that make each content with its turn are
    12 steps of waiting for the first turn, 6 for the second, nothing for the third; they explain all of it.
    """
    rent = np.zeros((1, 36))
    rent[0, 6], rent[0, 12] = 12 * PER_STEP, 6 * PER_STEP
    traffic = as_traffic(three_tens)
    assert (traffic.flows_veh * traffic.stations.waiting_cny).sum() == pytest.approx(150 * PER_STEP, rel=1e-6)
    assert rent_value_cny(three_tens.network, rent) == pytest.approx(180 * PER_STEP)
    assert traffic.rent_gap_cny(rent) == pytest.approx(0.0, abs=1e-3)
    assert traffic.rent_gap_cny(0 * rent) == pytest.approx(150 * PER_STEP, rel=1e-6)


def test_what_rents_do_not_explain_counts_as_excess(three_tens):
    """One path, so nobody could do better: the excess is the gap of the rents alone, 5 steps of waiting a vehicle."""
    traffic = as_traffic(three_tens)
    electricity = np.zeros((1, 1, 37))
    found = gaps(traffic, electricity, np.zeros((1, 36)))
    assert found.rent_gap_cny_veh == pytest.approx(5 * PER_STEP, rel=1e-6)
    assert found.excess_cny_veh == pytest.approx(5 * PER_STEP, rel=1e-6)
    assert found.excess_cny_veh_by_class == {"car": 0.0}
    assert np.isnan(gaps(traffic, electricity).rent_gap_cny_veh)


def test_followers_answer_for_their_own_waiting_alone(three_tens):
    """One in ten of everybody follows and waits like the rest: a tenth of what is unexplained, per tenth of the vehicles."""
    everybody = as_traffic(three_tens)
    traffic = replace(everybody, fixed_veh=0.9 * everybody.loading.departures_veh)
    measured = gaps(traffic, np.zeros((1, 1, 37)), np.zeros((1, 36)))
    assert measured.rent_gap_cny_veh == pytest.approx(5 * PER_STEP, rel=1e-6)  # ten times as much before
    assert measured.excess_cny_veh == pytest.approx(5 * PER_STEP, rel=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_rents_never_claim_more_than_the_least_waiting(one_road, seed):
    """A linear program chooses who plugs in when, free to break the order of arrival: its optimum is what the rents that
    are its duals are worth, and no more than what the queue costs."""
    rng = np.random.default_rng(seed)
    plugs, stay, n = 8, 6, 36
    network = one_road(capacity_veh_h=6000, minutes=5.0, step_s=30, plugs=plugs, stay_steps=stay, steps=n)
    departures = np.zeros((1, 1, n))
    departures[0, 0, :10] = rng.uniform(0, 4, 10)
    traffic = as_traffic(load_traffic(network, departures))
    arrived = (traffic.stations.arrival_shares.dense[0].T @ departures[0, 0])[:n]
    turn = cp.Variable((n, n), nonneg=True)  # arrival step, plug-in step
    wait = PER_STEP * np.maximum(np.arange(n)[None, :] - np.arange(n)[:, None], 0)
    in_time = [turn[k, :k] == 0 for k in range(1, n)]
    held = sp.diags_array([1.0] * stay, offsets=list(-np.arange(stay)), shape=(n, n)) @ cp.sum(turn, axis=0)
    limit = held <= plugs
    problem = cp.Problem(
        cp.Minimize(cp.sum(cp.multiply(wait, turn))), [cp.sum(turn, axis=1) == arrived, limit, *in_time]
    )
    problem.solve(solver=cp.HIGHS)
    rent = np.maximum(limit.dual_value, 0.0)[None]
    waited = traffic.rent_gap_cny(0 * rent)
    assert problem.value > 1.0
    assert waited - traffic.rent_gap_cny(rent) == pytest.approx(problem.value, rel=1e-6)
    assert waited >= problem.value - 1e-6
    assert waited == pytest.approx((departures * traffic.stations.waiting_cny).sum(), rel=0.1)
    for _ in range(5):
        other = rent * rng.uniform(0.5, 1.5, rent.shape)
        assert waited - traffic.rent_gap_cny(other) <= problem.value + 1e-6


def test_held_plugs_are_those_of_the_loading_where_nobody_waits():
    """Two classes of different stay on two roads: the map gives the occupied plugs at the end of every step."""
    time = TimeGrid(5.0, 30, 10, 12)
    roads = [(1, 2, 7.0, 600.0), (1, 3, 11.0, 600.0)]
    network = assemble_network(roads, {"o": 1}, {"c": (2, 500), "d": (3, 500)}, {"car": 4, "bus": 9}, time)
    rng = np.random.default_rng(3)
    flows = rng.uniform(0, 5, (2, 2, time.n_departure_steps))
    loading = load_traffic(network, flows)
    held = (held_plugs(network) @ (flow_map(network, arrival_shares(loading)) @ flows.reshape(-1))).reshape(2, -1)
    assert loading.queue_veh.max() == 0
    assert held == pytest.approx(loading.occupied_plugs[:, 10 : 10 * 30 + 1 : 10], abs=0.02 * held.max())


def test_a_metric_of_sums_lets_classes_change_places():
    """Two classes on two paths, costs +1 / -1 and -1 / +1: sums stay put, so classes swap as the light part allows."""
    cost = np.array([[1.0, -1.0], [-1.0, 1.0]]).reshape(2, 2, 1)
    present = np.full((2, 2, 1), 5.0)
    metric = Metric(np.full((2, 2, 1), 0.5), np.full((2, 1), 1e6))
    flows = reply(cost, np.full((1, 2, 1), 10.0), np.array([0, 0]), present, metric)
    # Each flow moves by cost over metric: 1 / 0.5 = 2.
    assert flows == pytest.approx(present - cost / 0.5, abs=1e-5)
    assert metric.half_square_of(flows - present) == pytest.approx(4 * 0.5 * 4 / 2, rel=1e-4)


@pytest.fixture(scope="module")
def scarce(mini):
    """The mini case with 14 plugs a station instead of 30."""
    return CoupledProblem.of(mini.replace({"stations.*.plugs": 14.0}), "v2g", "system")


def instance(problem, seed):
    rng = np.random.default_rng(seed)
    flows = rng.random(even_split(problem.network, problem.demand_veh).shape)
    origin = problem.network.path_origin
    for o in range(len(problem.network.origins)):
        flows[origin == o] *= problem.demand_veh[o] / flows[origin == o].sum(axis=0)
    free = replace(problem.case, rating_kva=np.full_like(problem.case.rating_kva, 1e7))
    return replace(problem, case=free), problem.traffic.evaluate(flows), rng.uniform(5, 50) * np.ones_like(flows)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_joint_program_with_scarce_plugs_equals_a_one_shot_reference(scarce, seed):
    """The same program in one piece, its queues written turn by turn (who arrives when, plugs in when): within 1e-6."""
    problem, traffic, metric = instance(scarce, seed)
    network = problem.network
    everywhere = np.ones((2, 24), dtype=bool)
    answer = joint_program(problem, traffic, metric, watched=everywhere)
    to_cohorts = cohort_map(problem, traffic)
    flows = cp.Variable(metric.size, nonneg=True)
    station_load = problem.station_load(np.ones(to_cohorts.shape[0], dtype=bool), to_cohorts @ flows)
    grid = build_grid_model(problem.case, problem.options, station_load).problem
    arrive = np.zeros((2, 2, 24, *metric.shape))
    for p, d, k in zip(*np.nonzero(traffic.stations.arrival_shares.dense[:, :, :24]), strict=True):
        for m in range(2):
            arrive[network.path_station[p], m, k, p, m, d] += traffic.stations.arrival_shares.dense[p, d, k]
    turn = [[cp.Variable((24, 25), nonneg=True) for m in range(2)] for c in range(2)]  # arrival, plug-in or after
    wait = np.maximum(np.arange(25)[None, :] - np.arange(24)[:, None], 0)
    waiting, rows = 0, []
    for c in range(2):
        held = 0
        for m, stay in enumerate(network.stay_steps):
            rows += [cp.sum(turn[c][m], axis=1) == arrive[c, m].reshape(24, -1) @ flows]
            rows += [turn[c][m][k, :k] == 0 for k in range(1, 24)]
            waiting += traffic.stations.queue_cny_h[m] / 12 / 1000 * cp.sum(cp.multiply(wait, turn[c][m]))
            held += np.tril(np.triu(np.ones((24, 24)), 1 - stay)) @ cp.sum(turn[c][m], axis=0)[:24]
        rows += [held <= 14.0]
    near = cp.sum_squares(cp.multiply(np.sqrt(metric.reshape(-1) / 1000), flows - traffic.flows_veh.reshape(-1))) / 2
    objective = grid.objective.expr + fixed_costs(problem, traffic).reshape(-1) / 1000 @ flows + near
    demand = origin_sums(network.path_origin, metric.shape) @ flows == problem.demand_veh.reshape(-1)
    reference = cp.Problem(
        cp.Minimize(objective + waiting),
        [*[item for item in grid.constraints if not isinstance(item, cp.SOC)], demand, *rows],
    )
    reference.solve(solver=cp.CLARABEL)
    assert reference.status == cp.OPTIMAL
    assert answer.cost_cny == pytest.approx(1000 * reference.value, rel=1e-6)
    assert answer.rent_cny.max() > 0.1
    bound = surrogate_bound(problem, traffic, metric, answer.price_cny_kwh, answer.rent_cny)
    assert bound == pytest.approx(answer.cost_cny, rel=1e-6)
    assert (
        surrogate_bound(problem, traffic, metric, answer.price_cny_kwh, 0.8 * answer.rent_cny) < answer.cost_cny - 0.01
    )


def test_plugs_limit_the_program_only_where_they_are_nearly_full(scarce):
    problem, traffic, _ = instance(scarce, 0)
    network = problem.network
    held = held_plugs(network) @ (flow_map(network, traffic.stations.arrival_shares) @ traffic.flows_veh.reshape(-1))
    where = crowded(problem, traffic)
    assert 0 < where.sum() < where.size
    assert held.reshape(where.shape)[where].min() > 0.8 * 14
    user = replace(problem, traffic=replace(problem.traffic, objective="user"))
    assert (
        joint_program(user, user.traffic.evaluate(traffic.flows_veh), np.full(traffic.flows_veh.shape, 20.0)).rent_cny
        is None
    )


@pytest.mark.verify
def test_joint_settles_for_the_system_at_full_plugs(mini):
    """The optimum holds a station full and hardly anybody waits: tolls jump there, rents lie between one-sided values."""
    found = coordinate(mini, objective="system")
    assert found.certificate.converged
    assert found.certificate.relative_gap <= 5e-3
    assert found.certificate.rent_gap_cny_veh >= -1e-9
    assert found.rent_cny.max() > 0.1
    held = load_traffic(CoupledProblem.of(mini, "v2g", "system").network, found.flows_veh).occupied_plugs[:, 10::10][
        :, :24
    ]
    assert held[found.rent_cny > 0.1].min() > 0.97 * 30


@pytest.mark.verify
def test_long_queues_keep_a_gap_that_is_the_order_of_arrival(scarce):
    """With half the plugs queues are long; first come, first served costs more than the best order, and that is shown:
    what remains of the excess is the gap of the rents, drivers themselves are content."""
    certificate = coordinate(scarce.scenario, objective="system").certificate
    assert not certificate.converged
    assert certificate.rent_gap_cny_veh > 1.0
    assert certificate.excess_cny_veh - certificate.rent_gap_cny_veh < 0.1 * certificate.rent_gap_cny_veh
