"""Zonotopes inside a grid problem: between the exact answer and no control, and every dispatch can be driven."""

import cvxpy as cp
import numpy as np
import pytest

from evlib.flexibility import Fleet, cost_of, violations
from evlib.flexibility.station_load import exact_block, full_power_block
from evlib.flexibility.zonotope import zonotope_block
from evlib.grid.dno import solve_grid

N_STEPS = 40


def fleet_of(draw, seed, **given):
    station = draw.station(40, N_STEPS, seed, **given)
    where = np.random.default_rng(seed).integers(0, 2, 40)
    return Fleet(station.domain, station.sizes, where, station.offsets, 2, N_STEPS)


def least_cost_cny(station_load, price, slope=0.3):
    """Marginal cost price + slope * common power; nothing but vehicles."""
    total = cp.sum(station_load.power_mw, axis=0)
    cost = (price @ total + slope / 2 * cp.sum_squares(total)) / 12 + station_load.cost_kcny
    problem = cp.Problem(cp.Minimize(cost), station_load.constraints)
    solve_grid(problem, "toy grid")
    return 1000 * problem.value, problem


@pytest.mark.parametrize("kind", [{}, dict(lossless=True, wear_cny_kwh=0.0)])
def test_zonotopes_cost_more_than_exact_domains_and_with_the_hull_never_more_than_no_control(draw, kind):
    fleet = fleet_of(draw, 81, **kind)
    price = np.random.default_rng(82).normal(0.4, 0.2, N_STEPS)
    exact, _ = least_cost_cny(exact_block(fleet), price)
    left_alone, _ = least_cost_cny(full_power_block(fleet), price)
    plain = least_cost_cny(zonotope_block(fleet, hull=False).station_load, price)[0]
    for given in ({}, dict(lags=(1, 3, 6)), dict(lags=(1, 3, 6), objective=np.tile(price, (1, 1)))):
        block = zonotope_block(fleet, **given)
        cost, _ = least_cost_cny(block.station_load, price)
        assert exact - 1e-3 <= cost <= left_alone + 1e-3
        assert given or cost <= plain + 1e-3
        schedule = block.schedule()
        broken = violations(fleet.domain, schedule)
        broken.pop("simultaneous_kwh")
        assert max(broken.values()) < 1e-9
        np.testing.assert_allclose(
            fleet.station_kw(schedule.power_kw), 1000 * block.station_load.power_mw.value, atol=1e-6
        )
        # what the vehicles cost is what the grid problem thought they cost
        own = fleet.size_veh @ cost_of(fleet.domain, np.zeros_like(schedule.charge_kw), schedule)
        assert own == pytest.approx(1000 * block.station_load.cost_kcny.value, abs=1e-3)


def test_other_sizes_need_no_new_problem(draw):
    """Sizes as a Parameter: solved again at other sizes, as if the problem had been built for them."""
    fleet = fleet_of(draw, 83)
    price = np.random.default_rng(84).normal(0.4, 0.2, N_STEPS)
    sizes = cp.Parameter(fleet.n, nonneg=True, value=fleet.size_veh)
    block = zonotope_block(fleet, sizes)
    first, problem = least_cost_cny(block.station_load, price)
    assert problem.is_dcp(dpp=True)
    assert first == pytest.approx(least_cost_cny(zonotope_block(fleet).station_load, price)[0], rel=1e-6)
    sizes.value = 1.7 * fleet.size_veh
    solve_grid(problem, "toy grid")
    anew, _ = least_cost_cny(zonotope_block(fleet, 1.7 * fleet.size_veh).station_load, price)
    assert 1000 * problem.value == pytest.approx(anew, rel=1e-6)


def test_a_station_without_cohorts_draws_nothing(draw):
    fleet = fleet_of(draw, 85)
    fleet = fleet.take(fleet.station == 0)
    block = zonotope_block(fleet)
    least_cost_cny(block.station_load, np.full(N_STEPS, 0.5))
    assert not block.station_load.power_mw.value[1].any()
    assert block.schedule().charge_kw.shape == (fleet.n, fleet.domain.n_steps)
