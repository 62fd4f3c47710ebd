"""Sums of vehicles without losses as generalised polymatroids: the same as linear programs and as the study's own sets."""

import itertools

import cvxpy as cp
import numpy as np
import pytest
from scipy.optimize import linprog

from evlib.errors import InputError
from evlib.flexibility import Fleet, exact_block, support, to_horizon, to_steps, vehicle_domain, violations
from evlib.flexibility.polymatroid import (
    EnergyBounds,
    energy_bounds,
    greedy_support,
    least_and_most,
    station_least_and_most,
)

N_HORIZON, SEEDS = 12, (1, 2, 3)
LINEAR = {"lossless": dict(lossless=True, wear_cny_kwh=0.0), "charging only": dict(lossless=False)}


def random_bounds(n, n_steps, seed):
    """Storages that can all do something: their bounds lie around a path that they can take."""
    rng = np.random.default_rng(seed)
    path = rng.normal(0, 3, (n, n_steps))
    around = np.cumsum(path, axis=1)
    slack = rng.exponential(2, (4, n, n_steps)) * rng.choice([0, 1], (4, n, n_steps), p=[0.2, 0.8])
    return EnergyBounds(path - slack[0], path + slack[1], around - slack[2], around + slack[3])


def best_energy(bounds, v, weights):
    """Least weighted energy of a storage by HiGHS."""
    prefixes = np.tril(np.ones((len(weights),) * 2))
    limits = np.r_[bounds.sum_high[v], -bounds.sum_low[v]]
    steps = np.stack([bounds.step_low[v], bounds.step_high[v]], axis=1)
    found = linprog(weights, A_ub=np.vstack([prefixes, -prefixes]), b_ub=limits, bounds=steps)
    assert found.status == 0
    return found.fun


def station_of(draw, kind, seed, n=9):
    station = draw.station(n, N_HORIZON, seed, longest_stay=N_HORIZON, **LINEAR[kind])
    if kind == "charging only":
        station.domain = vehicle_domain(
            **draw.vehicles(n, seed, longest_stay=N_HORIZON) | dict(discharge_kw=np.zeros(n))
        )[0]
    return station.domain, station.sizes, station.offsets, N_HORIZON


def drawn_prices(seed):
    """Both signs, some zero and some equal."""
    rng = np.random.default_rng([seed, 7])
    return np.where(
        rng.random(N_HORIZON) < 0.3, rng.choice([0.0, 0.45, -0.3], N_HORIZON), rng.normal(0.3, 0.4, N_HORIZON)
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_least_and_most_energy_in_every_set_of_steps_are_those_of_linear_programs(seed):
    """5 steps, 32 sets, 2 storages with bounds of their own in every step, some of them equalities."""
    bounds, members = random_bounds(2, 5, seed), np.array([*itertools.product([False, True], repeat=5)])
    least, most = least_and_most(bounds, members)
    for v in range(2):
        for i, row in enumerate(members.astype(float)):
            assert least[v, i] == pytest.approx(best_energy(bounds, v, row), abs=1e-7)
            assert most[v, i] == pytest.approx(-best_energy(bounds, v, -row), abs=1e-7)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_functions_are_those_of_a_generalised_polymatroid(seed):
    """b(A) - p(B) >= b(A - B) - p(B - A) for all pairs of sets: with it the greedy algorithm and sums are exact."""
    members = np.array([*itertools.product([False, True], repeat=5)])
    number = members @ 2 ** np.arange(4, -1, -1)
    assert (number == np.arange(32)).all()
    least, most = least_and_most(random_bounds(4, 5, seed), members)
    a, b = np.meshgrid(np.arange(32), np.arange(32))
    assert (most[:, a] + most[:, b] >= most[:, a & b] + most[:, a | b] - 1e-9).all()
    assert (least[:, a] + least[:, b] <= least[:, a & b] + least[:, a | b] + 1e-9).all()
    assert (most[:, a] - least[:, b] >= most[:, a & ~b] - least[:, b & ~a] - 1e-9).all()


@pytest.mark.parametrize("kind", LINEAR)
@pytest.mark.parametrize("seed", SEEDS)
def test_the_greedy_algorithm_finds_the_least_cost_of_the_fleet(draw, kind, seed):
    """Nine different cohorts: as one linear program over all of them, and as the study's recursion, says."""
    station = domain, sizes, offsets, n_horizon = station_of(draw, kind, seed)
    prices = drawn_prices(seed)
    value_cny, schedule = greedy_support(*station, prices)

    recursion_cny, _ = support(domain, to_steps(domain, offsets, prices))
    assert value_cny == pytest.approx(sizes @ recursion_cny, rel=1e-9, abs=1e-7)
    block = exact_block(Fleet(domain, sizes, np.zeros(domain.n, dtype=int), offsets, 1, n_horizon))
    cost = domain.step_h * (prices @ block.power_mw[0]) + block.cost_kcny
    least_cny = 1000 * cp.Problem(cp.Minimize(cost), block.constraints).solve(solver=cp.HIGHS)
    assert value_cny == pytest.approx(least_cny, rel=1e-7, abs=1e-5)

    broken = violations(domain, schedule)
    assert broken.pop("simultaneous_kwh") == 0.0
    assert max(broken.values()) < 1e-9


@pytest.mark.parametrize("kind", LINEAR)
def test_the_station_is_described_without_its_vehicles(draw, kind):
    """The summed functions alone give the cheapest point, and bound the energy of every other point of the sum."""
    station = domain, sizes, offsets, n_horizon = station_of(draw, kind, 5)
    _, schedule = greedy_support(*station, drawn_prices(5))
    stored = to_horizon(domain, sizes, offsets, np.diff(schedule.energy_kwh, axis=1), n_horizon)
    stored = np.append(stored, sizes @ schedule.terminal_kwh)
    members = np.random.default_rng(6).random((300, n_horizon + 1)) < 0.5
    least, most = station_least_and_most(*station, members)

    assert (members @ stored >= least - 1e-9).all()
    assert (members @ stored <= most + 1e-9).all()
    dearest = np.append(drawn_prices(5), domain.terminal_price_cny_kwh).argmax()
    first = station_least_and_most(*station, np.arange(n_horizon + 1)[None] == dearest)[0]
    assert stored[dearest] == pytest.approx(first.item(), abs=1e-9)


def test_a_target_holds_steps_long_before_it_back_too():
    """10 kWh a step, 25 wanted after three: the first step must take up 5 at least, although no bound stands there."""
    bounds = EnergyBounds(np.zeros((1, 3)), np.full((1, 3), 10.0), np.array([[0, 0, 25.0]]), np.full((1, 3), 30.0))
    least, most = least_and_most(bounds, np.eye(3, dtype=bool))

    np.testing.assert_allclose(least, [[5, 5, 5]])
    np.testing.assert_allclose(most, [[10, 10, 10]])
    too_little = EnergyBounds(bounds.step_low, bounds.step_high / 2, bounds.sum_low, bounds.sum_high)
    with pytest.raises(InputError, match="storage 0 cannot keep them in step 2"):
        least_and_most(too_little, np.eye(3, dtype=bool))


def test_energy_after_the_horizon_is_a_step_of_its_own():
    """Two hours of 10 kW and one after the horizon, 15 of room, 12 wanted: at most 15 in all, at least 2 inside."""
    car = dict(battery_kwh=100, charge_kw=10, discharge_kw=0, soc_arrival=0.5, soc_min=0, soc_max=0.65, gain_kwh=12)
    car |= dict(n_stay_steps=4, n_cut_steps=1, eta_charge=1, eta_discharge=1, wear_cny_kwh=0, unserved_cny_kwh=5)
    domain, _ = vehicle_domain(**car, terminal_price_cny_kwh=0.5, step_h=1)
    least, most = least_and_most(energy_bounds(domain), np.array([[1, 1, 0], [0, 0, 1], [1, 1, 1]], dtype=bool))

    np.testing.assert_allclose([least[0], most[0]], [[2, 0, 12], [15, 10, 15]])
    assert greedy_support(domain, [1], [0], 2, [0.6, 0.4])[0] == pytest.approx(10 * 0.4 + 2 * 0.5)


def test_losses_with_discharging_are_refused(draw):
    domain, _ = vehicle_domain(**draw.vehicles(3, 8) | dict(discharge_kw=5.0, n_stay_steps=4, n_cut_steps=0))
    with pytest.raises(InputError, match=r"eta_charge = 0.93, .* with discharging; must be 1, 1 and 0"):
        greedy_support(domain, np.ones(3), np.zeros(3, dtype=int), 4, np.ones(4))
    with pytest.raises(InputError, match=r"prices_cny_kwh: shape \(3,\); must be \(4,\) and finite"):
        greedy_support(domain, np.ones(3), np.zeros(3, dtype=int), 4, np.ones(3))
