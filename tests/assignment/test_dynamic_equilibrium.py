"""Traffic that finds its balance: projections and closed forms, a game that plain steps cannot settle, the base network."""

import cvxpy as cp
import numpy as np
import pytest

from evlib import InputError, load_scenario
from evlib.assignment.dynamic_equilibrium import Extragradient, equilibrium, nearest_flows
from evlib.assignment.route_choice import shortest_path_departures
from evlib.assignment.tno import origin_sums
from evlib.coordination.problem import CoupledProblem


@pytest.mark.parametrize("seed", range(3))
def test_nearest_flows_are_the_projection_that_a_solver_finds(seed):
    rng = np.random.default_rng(seed)
    origin, demand = np.array([0, 0, 1, 1, 1]), rng.uniform(0, 3, (2, 2, 3))
    demand[0, 0, 0] = 0.0
    given = rng.normal(0, 2, (5, 2, 3))
    found = cp.Variable(given.size, nonneg=True)
    sums = [origin_sums(origin, given.shape) @ found == demand.ravel()]
    cp.Problem(cp.Minimize(cp.sum_squares(found - given.ravel())), sums).solve(solver=cp.CLARABEL)
    ours = nearest_flows(given, demand, origin)
    assert ours.min() >= 0
    assert np.array([ours[origin == o].sum(axis=0) for o in range(2)]) == pytest.approx(demand, abs=1e-12)
    assert ours.ravel() == pytest.approx(found.value, abs=1e-5)


def test_two_routes_meet_where_their_costs_do():
    """5 + 0.2 x and 11 + 0.1 (60 - x) are equal at x = 40: 13 CNY each (by hand in notebook 04)."""
    fixed, slope = (np.array(values).reshape(2, 1, 1) for values in ([5.0, 11.0], [0.2, 0.1]))
    walk = Extragradient(np.full((1, 1, 1), 60.0), np.array([0, 0]))
    flows = walk.run(lambda x: fixed + slope * x, np.array([60.0, 0.0]).reshape(2, 1, 1), 80)
    assert flows.ravel() == pytest.approx([40.0, 20.0], abs=1e-6)


def test_a_game_without_potential_settles_where_single_steps_circle():
    """Two pairs of drivers who chase and flee each other, as in matching pennies: the only rest is half and half. Steps along
    the present costs move away from it for ever; the look ahead turns them inwards."""
    chase = np.array([[0, 0, 1, -1], [0, 0, -1, 1], [-1, 1, 0, 0], [1, -1, 0, 0]], dtype=float)
    demand, origin = np.ones((2, 1, 1)), np.array([0, 0, 1, 1])

    def costs(flows):
        return (chase @ flows.ravel()).reshape(4, 1, 1)

    start = np.array([0.6, 0.4, 0.5, 0.5]).reshape(4, 1, 1)
    plain = start
    for _ in range(200):
        plain = nearest_flows(plain - 0.1 * costs(plain), demand, origin)
    found = Extragradient(demand, origin).run(costs, start, 200)
    assert np.abs(plain - 0.5).max() > 0.4
    assert found.ravel() == pytest.approx(0.5, abs=1e-6)


@pytest.mark.parametrize(
    ("signal", "plugs", "n_steps", "gap"),
    [
        pytest.param("experienced", 2000.0, 60, 1e-3, marks=pytest.mark.verify),  # notebook 04 has them too
        pytest.param("experienced", 170.0, 220, 1e-3, marks=pytest.mark.verify),
        pytest.param("instantaneous", 2000.0, 400, 1e-3, marks=pytest.mark.verify),
    ],
)
def test_drivers_on_the_base_network_settle_at_fixed_prices(signal, plugs, n_steps, gap):
    """1,200 vehicles, prices at the tariff: relative gap at most 1e-3, with the station queues of the base case as well."""
    scenario = load_scenario("nguyen").replace({"stations.*.plugs": plugs}, signal=signal)
    problem = CoupledProblem.of(scenario, "smart", "user")
    tariff = np.tile(problem.case.import_price_cny_kwh, (len(problem.case.load_kw), 1))
    start = shortest_path_departures(problem.network, problem.demand_veh)
    found = equilibrium(problem.traffic, problem.electricity(tariff), start, n_steps=n_steps, every=20)
    assert found.table["relative_gap"].iloc[0] > 0.1
    assert found.gaps.relative_gap <= gap
    assert found.flows_veh.sum() == pytest.approx(1200.0, abs=1e-6)
    assert found.gaps.excess_cny_veh == found.table["excess_cny_veh"].min()


def test_a_number_of_steps_below_one_is_refused(mini):
    problem = CoupledProblem.of(mini, "smart", "user")
    with pytest.raises(InputError, match="n_steps 0, every 10; both must be at least 1"):
        equilibrium(
            problem.traffic,
            np.zeros((2, 2, 25)),
            shortest_path_departures(problem.network, problem.demand_veh),
            n_steps=0,
        )
