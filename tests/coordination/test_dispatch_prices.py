"""Bounds on the dispatch of given vehicles, and the prices that support it, against the exact dispatch in one program."""

import numpy as np
import pytest

from evlib.coordination.announced_price import price_gap
from evlib.coordination.iteration import Iteration
from evlib.coordination.newton.dispatch_prices import DispatchBounds
from evlib.coordination.newton.method import PRICE_GAP_TOLERANCE, Newton
from evlib.coordination.problem import CoupledProblem
from evlib.errors import InfeasibleError
from evlib.flexibility.proximal_reply import ProximalFleet
from evlib.grid.reduced.reduced_grid import ReducedGrid

WEIGHT = 0.02


@pytest.fixture(scope="module")
def arrived(mini):
    """Vehicles in equal parts at both stations, with their exact dispatch."""
    problem = CoupledProblem.of(mini, "v2g", "user")
    traffic = problem.traffic.evaluate(Iteration(problem).state.flows_veh)
    sizes = problem.sizes(traffic)
    bounds = DispatchBounds(problem, ProximalFleet(problem.cohorts), ReducedGrid(problem.case, problem.options), sizes)
    return problem, traffic, bounds, problem.dispatch(sizes).dispatch


def test_any_prices_and_any_replies_bound_the_exact_dispatch(arrived):
    problem, _, bounds, exact = arrived
    tariff = np.repeat(problem.case.import_price_cny_kwh[None], 2, axis=0)
    rng = np.random.default_rng(1)
    for price in (tariff, tariff + 0.2, tariff + rng.uniform(0.0, 0.5, tariff.shape[1])):
        reply = bounds.fleet.reply(price, bounds.fleet.idle(), WEIGHT)
        assert bounds.lower_cny(price) <= exact.objective_cny + 1e-3 <= bounds.upper_cny(reply) + 2e-3


def test_newton_steps_find_prices_that_support_the_dispatch(arrived):
    """From the tariff, which is far off; the gap between the bounds is what the full program says it is."""
    problem, traffic, bounds, exact = arrived
    tariff = np.repeat(problem.case.import_price_cny_kwh[None], 2, axis=0)
    assert exact.objective_cny - bounds.lower_cny(tariff) > 0.1 * problem.scale_cny
    price, plan, weight = tariff, bounds.fleet.idle(), WEIGHT
    for _ in range(4):  # the plan weighs less and less
        found = bounds.supporting(traffic, price, plan, weight, 0.0)
        price, weight = found.price_cny_kwh, 0.5 * weight
        plan = bounds.fleet.reply(price, plan, weight).change_kwh
    assert found.lower_cny <= exact.objective_cny + 1e-3 <= found.upper_cny + 2e-3
    assert found.upper_cny - found.lower_cny < 1e-3 * problem.scale_cny
    at_buses = bounds.grid.free(price).price_cny_kwh.copy()
    at_buses[problem.case.station_bus] = price
    full = price_gap(problem, bounds.sizes_veh, at_buses, exact.objective_cny)
    assert full == pytest.approx((exact.objective_cny - found.lower_cny) / problem.scale_cny, abs=1e-6)


def test_prices_that_support_the_dispatch_already_are_kept(arrived):
    problem, traffic, bounds, exact = arrived
    price = exact.price_cny_kwh[problem.case.station_bus]
    found = bounds.supporting(traffic, price, bounds.fleet.idle(), WEIGHT, np.inf)
    assert found.lower_cny == pytest.approx(exact.objective_cny, rel=1e-6)
    assert np.array_equal(found.price_cny_kwh, price)


def test_where_only_prices_lack_those_that_support_the_dispatch_are_announced(mini, certified):
    """Of a certified day the announced prices are bent a little: drivers stay near equilibrium, and better prices are found."""
    run = certified["user"]
    near = mini.replace({"coordination.stop_relative_gap": 1e-2})
    newton = Newton(Iteration(CoupledProblem.of(near, "v2g", "user")))
    state, problem = newton.run.state, newton.problem
    bent = np.random.default_rng(4).uniform(-0.01, 0.01, problem.case.n_steps)
    state.flows_veh, state.price_cny_kwh, state.plan_weight = run.flows_veh, run.price_cny_kwh + bent, 5e-3
    sizes = problem.sizes(problem.traffic.evaluate(run.flows_veh))
    exact = problem.dispatch(sizes).dispatch
    before = price_gap(problem, sizes, state.price_cny_kwh, exact.objective_cny)
    for _ in range(3):  # the plan comes near what vehicles do at the certified prices
        station_price = run.price_cny_kwh[problem.case.station_bus]
        state.plan_kwh = newton.fleet.reply(station_price, state.plan_kwh, state.plan_weight).change_kwh
    newton.measure(1)
    row = state.rows[-1]
    assert before > 2 * PRICE_GAP_TOLERANCE
    assert row.relative_gap <= 1e-2
    assert row.price_gap <= PRICE_GAP_TOLERANCE
    after = price_gap(problem, sizes, state.price_cny_kwh, exact.objective_cny)
    assert -1e-7 <= after <= row.price_gap + 1e-7


def test_where_limits_leave_no_dispatch_near_the_plan_there_is_no_upper_bound(arrived, monkeypatch):
    _, _, bounds, exact = arrived

    def refuse(station_kw):
        raise InfeasibleError("none near the plan")

    monkeypatch.setattr(bounds.grid, "fixed", refuse)
    reply = bounds.fleet.reply(exact.price_cny_kwh[bounds.problem.case.station_bus], bounds.fleet.idle(), WEIGHT)
    assert np.isposinf(bounds.upper_cny(reply))
