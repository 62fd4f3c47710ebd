"""Random vehicles as their drivers describe them, and the least cost of one as the model defines it, by HiGHS."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.optimize import linprog

from evlib.flexibility import vehicle_domain

STEP_H = 1 / 12
COSTS = dict(wear_cny_kwh=0.05, unserved_cny_kwh=5.0, terminal_price_cny_kwh=0.55, step_h=STEP_H)


def random_vehicles(n, seed, longest_stay=25, lossless=False, **given):
    """Keyword arguments of `vehicle_domain` for n vehicles of every kind: V2G and charging only, cut off by the horizon
    or not, arriving below the minimum, wanting more than fits the battery or the stay."""
    rng = np.random.default_rng(seed)
    stay = rng.integers(1, longest_stay + 1, n)
    is_cut, battery_kwh = rng.random(n) < 0.3, rng.uniform(20, 250, n)
    soc_max = rng.uniform(0.8, 1, n)
    eta = (1.0, 1.0) if lossless else (0.93, 0.9)
    return dict(
        battery_kwh=battery_kwh,
        charge_kw=rng.uniform(5, 120, n),
        discharge_kw=np.where(rng.random(n) < 0.3, 0.0, rng.uniform(5, 120, n)),
        soc_arrival=soc_max * rng.uniform(0, 1, n),
        soc_min=rng.uniform(0, 0.4, n),
        soc_max=soc_max,
        gain_kwh=battery_kwh * rng.uniform(0, 0.6, n),
        n_stay_steps=stay,
        n_cut_steps=np.where(is_cut, (stay * rng.random(n)).astype(int), 0),
        eta_charge=eta[0],
        eta_discharge=eta[1],
        **(COSTS | given),
    )


def random_prices(domain, seed):
    """Prices of both signs, some zero, some equal, some extreme; nan where the vehicle is gone."""
    rng = np.random.default_rng(seed)
    prices = rng.choice([0.45, 0.65, 0.0, -0.3], (domain.n, domain.n_steps))
    prices = np.where(rng.random(prices.shape) < 0.6, rng.normal(0.3, 0.6, prices.shape), prices)
    return np.where(domain.active, prices, np.nan)


def least_cost_by_linear_program(vehicle, prices):
    """The model of one vehicle, in the energy that is in its battery (not since plug-in), as one linear program.

    Unknowns: charge and discharge in each usable step, battery energy after each, unserved and terminal energy.
    """
    v = SimpleNamespace(**vehicle)
    k = v.n_stay_steps - 1 - v.n_cut_steps
    arrival, largest = v.soc_arrival * v.battery_kwh, v.soc_max * v.battery_kwh
    smallest = min(v.soc_min * v.battery_kwh, arrival)
    wanted = min(arrival + v.gain_kwh, largest)
    later = v.n_cut_steps * v.charge_kw * v.step_h * v.eta_charge

    cost = np.r_[v.step_h * prices, v.step_h * (v.wear_cny_kwh - prices), np.zeros(k)]
    cost = np.r_[cost, v.unserved_cny_kwh, v.terminal_price_cny_kwh / v.eta_charge]
    balance, hull = np.zeros((k, 3 * k + 2)), np.zeros((k, 3 * k + 2))
    before = np.zeros(k)
    for t in range(k):
        balance[t, t], balance[t, k + t] = -v.step_h * v.eta_charge, v.step_h / v.eta_discharge
        balance[t, 2 * k + t] = 1.0
        if t == 0:
            before[t] = arrival
        else:
            balance[t, 2 * k + t - 1] = -1.0
        hull[t, t] = 1 / v.charge_kw
        hull[t, k + t] = 1 / v.discharge_kw if v.discharge_kw else 0.0
    target = np.zeros((1, 3 * k + 2))
    target[0, -2:] = -1.0
    if k:
        target[0, 3 * k - 1] = -1.0
    powers = [(0, v.charge_kw)] * k + [(0, v.discharge_kw)] * k
    result = linprog(
        cost,
        A_ub=np.vstack([hull, target]),
        b_ub=np.r_[np.ones(k), -wanted if k else arrival - wanted],
        A_eq=balance,
        b_eq=before,
        bounds=[*powers, *[(smallest, largest)] * k, (0, None), (0, later)],
        options=dict(primal_feasibility_tolerance=1e-10, dual_feasibility_tolerance=1e-10),
    )
    assert result.status == 0, result.message
    return result.fun


def one_of(vehicles, i):
    """The keyword arguments of vehicle i alone."""
    return {name: value[i] if np.ndim(value) else value for name, value in vehicles.items()}


def random_station(n, n_horizon, seed, **given):
    """Cohorts of different vehicles, sizes (one empty), plug-in steps; those cut off reach the end of the horizon."""
    rng = np.random.default_rng(seed)
    domain, _ = vehicle_domain(**random_vehicles(n, seed, **given))
    slack = n_horizon - domain.n_usable
    offsets = np.where(domain.terminal_limit_kwh > 0, slack, (slack * rng.random(n)).astype(int))
    sizes = np.where(np.arange(n) == 3, 0.0, rng.uniform(0.1, 40, n))
    return SimpleNamespace(domain=domain, sizes=sizes, offsets=offsets, n_horizon=n_horizon)


@pytest.fixture(scope="session")
def draw():
    """The functions of this file, for tests."""
    return SimpleNamespace(
        vehicles=random_vehicles,
        prices=random_prices,
        least_cost_by_linear_program=least_cost_by_linear_program,
        one_of=one_of,
        station=random_station,
        costs=COSTS,
    )
