"""Proximal replies against a quadratic program, and their derivative against finite differences."""

import cvxpy as cp
import numpy as np
import pytest

from evlib.flexibility.cohorts import vehicle_costs
from evlib.flexibility.domain import Domain
from evlib.flexibility.fleet import Fleet
from evlib.flexibility.proximal_reply import ProximalFleet, schedule_of
from evlib.flexibility.schedule import cost_of, violations

K = 14


def some_fleet(seed, n=8):
    """Vehicles of all kinds: with and without discharging, stays cut at the horizon, hardly enough time, no usable step."""
    rng = np.random.default_rng(seed)
    first = rng.integers(1, 6, n)
    usable = np.minimum(rng.integers(0, 10, n), K - first)
    high = rng.uniform(5, 40, n)
    domain = Domain(
        charge_kw=rng.uniform(5, 60, n),
        discharge_kw=rng.uniform(5, 40, n) * (rng.uniform(size=n) < 0.7),
        n_usable=usable,
        energy_low_kwh=-rng.uniform(0, 20, n),
        energy_high_kwh=high,
        target_kwh=rng.uniform(0, 1, n) * high,
        terminal_limit_kwh=rng.uniform(0, 10, n) * (rng.uniform(size=n) < 0.5),
        eta_charge=0.95,
        eta_discharge=0.93,
        wear_cny_kwh=0.1,
        unserved_cny_kwh=5.0,
        terminal_price_cny_kwh=0.6,
        step_h=1 / 6,
    )
    fleet = Fleet(domain, np.ones(n), rng.integers(0, 2, n), first, 2, K)
    return fleet, rng.normal(0.6, 0.7, (2, K)), rng.normal(0, 2, (n, domain.n_steps)) * domain.active


def by_program(fleet, prices, plan, weight, i):
    """The same reply by a program with charge and discharge in the hull of full power both ways."""
    d, last = fleet.domain, int(fleet.domain.n_usable[i])
    into, out = cp.Variable(last, nonneg=True), cp.Variable(last, nonneg=True)
    unserved, bought = cp.Variable(nonneg=True), cp.Variable(nonneg=True)
    move = d.step_h * (d.eta_charge * into - out / d.eta_discharge)
    energy = cp.cumsum(move)
    hull = into / d.charge_kw[i] + (out / d.discharge_kw[i] if d.discharge_kw[i] else 0.0)
    rules = [
        hull <= 1,
        energy >= d.energy_low_kwh[i],
        energy <= d.energy_high_kwh[i],
        bought <= d.terminal_limit_kwh[i],
    ]
    rules += [energy[last - 1] + unserved + bought >= d.target_kwh[i]]
    rules += [] if d.discharge_kw[i] else [out == 0]
    paid = d.step_h * (prices[i, :last] @ (into - out) + d.wear_cny_kwh * cp.sum(out))
    rest = d.unserved_cny_kwh * unserved + d.terminal_price_cny_kwh / d.eta_charge * bought
    away = weight / 2 * cp.sum_squares(move - plan[i, :last])
    problem = cp.Problem(cp.Minimize(paid + rest + away), rules)
    problem.solve(solver=cp.CLARABEL, tol_gap_abs=1e-10, tol_gap_rel=1e-10, tol_feas=1e-10)
    return problem.value, move.value


@pytest.mark.parametrize("weight", [0.5, 0.05, 0.004])
@pytest.mark.parametrize("seed", [0, 1])
def test_replies_equal_a_quadratic_program(seed, weight):
    fleet, price, plan = some_fleet(seed)
    reply = ProximalFleet(fleet).reply(price, plan, weight)
    value = ProximalFleet(fleet).paid_cny(price, reply) + reply.own_cny + reply.away_cny
    prices = fleet.cohort_prices(price)
    for i in np.flatnonzero(fleet.domain.n_usable):
        least, move = by_program(fleet, prices, plan, weight, i)
        assert value[i] == pytest.approx(least, abs=1e-6)
        assert reply.change_kwh[i, : len(move)] == pytest.approx(move, abs=1e-3 * (1 + 1 / weight) ** 0.5)


def test_a_faint_plan_costs_no_more_than_the_support_function():
    """As the weight vanishes, so does the difference from the least cost; it is never below."""
    fleet, price, plan = some_fleet(3, n=60)
    ready, least = ProximalFleet(fleet), vehicle_costs(fleet, price)
    reply = ready.reply(price, plan, 1e-7)
    over = ready.paid_cny(price, reply) + reply.own_cny - least
    assert over.min() > -1e-9
    assert over.max() < 1e-4


def test_derivative_of_station_energy_equals_finite_differences():
    fleet, price, plan = some_fleet(5, n=40)
    ready, size, weight, step = ProximalFleet(fleet), np.linspace(0.0, 3.0, 40), 0.03, 1e-6
    curvature = ready.curvature(size, ready.reply(price, plan, weight), weight)
    rng, exact = np.random.default_rng(0), 0
    for _ in range(20):
        way = rng.normal(size=price.shape)
        up, down = (ready.station_kw(size, ready.reply(price + sign * step * way, plan, weight)) for sign in (1, -1))
        slope = fleet.domain.step_h * (up - down) / (2 * step)
        expected = -np.einsum("cij,cj->ci", curvature, way)
        exact += np.allclose(slope, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())
    assert exact == 20  # no kink lies between: prices are drawn at random
    assert min(np.linalg.eigvalsh(matrix).min() for matrix in curvature) > -1e-9 * np.abs(curvature).max()


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_reply_is_a_schedule_that_vehicles_can_follow_at_the_same_cost(seed):
    """Also at negative prices, where they charge and discharge at once: same power, and wear and recourse add up."""
    fleet, prices, plan = some_fleet(seed, n=40)
    reply = ProximalFleet(fleet).reply(prices - 1.5, plan, 0.05)
    schedule, domain = schedule_of(fleet.domain, reply), fleet.domain
    assert schedule.power_kw == pytest.approx(reply.power_kw, abs=1e-12)
    breach = violations(domain, schedule)
    assert breach.pop("simultaneous_kwh") > 0
    assert max(breach.values()) < 1e-6
    assert cost_of(domain, np.zeros_like(plan), schedule) == pytest.approx(reply.own_cny, abs=1e-6)
