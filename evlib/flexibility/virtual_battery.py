"""Summed bounds, the "virtual battery": an outer approximation of a station, for diagnosis, not always deliverable."""

from dataclasses import dataclass

import cvxpy as cp
import numpy as np
from scipy.optimize import linprog
from scipy.sparse import bmat, csr_array, diags_array, eye_array

from evlib.errors import InputError, SolverError
from evlib.flexibility.fleet import Fleet, check_cohorts, to_horizon
from evlib.flexibility.station_load import StationLoad, exact_block

__all__ = ["SummedBounds", "nearest_delivery", "summed_block", "summed_bounds", "summed_power", "summed_support"]


@dataclass(frozen=True)
class SummedBounds:
    """One big battery for a station on a horizon of K steps.

    .. math::
        0 \\le c_k \\le C_k, \\quad 0 \\le d_k \\le D_k, \\quad c_k + \\rho d_k \\le H_{\\rho k}, \\quad
        S_{k+1} = S_k + h (\\eta_c c_k - d_k / \\eta_d), \\\\
        low_k \\le S_k \\le high_k, \\quad S_k + U \\ge need_k, \\quad S_K + U + B \\ge target, \\quad B \\le limit

    S is the energy that all vehicles have gained since plug-in, including vehicles that have left [kWh, battery side];
    U >= 0 and B >= 0 are the unserved and the terminal energy of all vehicles together.

    Parameters
    ----------
    charge_max_kw, discharge_max_kw : ndarray, shape (K,)
        C and D: sums over the vehicles plugged in [kW].
    hull_ratios, hull_kw : ndarray, shape (r,) and (r, K)
        rho, every ratio of charging to discharging power in the station; H, sums of max(P_ch, rho P_dis) [kW].
    energy_low_kwh, energy_high_kwh, energy_need_kwh : ndarray, shape (K + 1,)
        Sums of the least and largest energy that a vehicle can have, given its bounds and the steps since plug-in, and
        of the energy that it needs by then to reach its target less the terminal limit at full power [kWh].
    target_kwh, terminal_limit_kwh : float
        Sums over the vehicles [kWh].
    eta_charge, eta_discharge, wear_cny_kwh, terminal_cny_kwh, unserved_cny_kwh, step_h : float
        As in `Domain`; terminal_cny_kwh is per kWh on the battery side.
    """

    charge_max_kw: np.ndarray
    discharge_max_kw: np.ndarray
    hull_ratios: np.ndarray
    hull_kw: np.ndarray
    energy_low_kwh: np.ndarray
    energy_high_kwh: np.ndarray
    energy_need_kwh: np.ndarray
    target_kwh: float
    terminal_limit_kwh: float
    eta_charge: float
    eta_discharge: float
    wear_cny_kwh: float
    terminal_cny_kwh: float
    unserved_cny_kwh: float
    step_h: float


def summed_bounds(domain, sizes, offsets, n_horizon):
    """Bounds of a station: the sums of its vehicles' bounds.

    Parameters
    ----------
    domain : Domain
        One vehicle of each of n cohorts.
    sizes, offsets : array_like, shape (n,)
        Vehicles in each cohort [veh]; horizon step of the first usable step.
    n_horizon : int
        K.

    Returns
    -------
    SummedBounds

    Raises
    ------
    InputError
        If a size is negative or a stay leaves the horizon.
    """
    sizes, offsets = check_cohorts(domain, sizes, offsets, n_horizon)

    def plugged_in(values):
        return to_horizon(domain, sizes, offsets, np.broadcast_to(values[:, None], domain.active.shape), n_horizon)

    charge, discharge = domain.charge_kw, domain.discharge_kw
    ratios = np.unique(charge[discharge > 0] / discharge[discharge > 0])
    hull = [plugged_in(np.maximum(charge, ratio * discharge)) for ratio in ratios]
    n_usable, full = domain.n_usable[:, None], domain.charge_step_kwh[:, None]
    done = np.clip(np.arange(n_horizon + 1) - offsets[:, None], 0, n_usable)
    low = np.maximum(domain.energy_low_kwh[:, None], -done * domain.discharge_step_kwh[:, None])
    need = (domain.target_kwh - domain.terminal_limit_kwh)[:, None] - (n_usable - done) * full
    return SummedBounds(
        charge_max_kw=plugged_in(charge),
        discharge_max_kw=plugged_in(discharge),
        hull_ratios=ratios,
        hull_kw=np.reshape(hull, (len(ratios), n_horizon)),
        energy_low_kwh=sizes @ low,
        energy_high_kwh=sizes @ np.minimum(domain.energy_high_kwh[:, None], done * full),
        energy_need_kwh=sizes @ np.maximum(low, need),
        target_kwh=float(sizes @ domain.target_kwh),
        terminal_limit_kwh=float(sizes @ domain.terminal_limit_kwh),
        eta_charge=domain.eta_charge,
        eta_discharge=domain.eta_discharge,
        wear_cny_kwh=domain.wear_cny_kwh,
        terminal_cny_kwh=domain.terminal_price_cny_kwh / domain.eta_charge,
        unserved_cny_kwh=domain.unserved_cny_kwh,
        step_h=domain.step_h,
    )


def summed_support(bounds, prices_cny_kwh):
    """Least cost of the big battery at prices (K,) [CNY], never above the sum of the vehicles' least costs.

    Raises
    ------
    SolverError
        If HiGHS does not find an optimum.
    """
    return _solve(bounds, prices_cny_kwh).fun


def summed_power(bounds, prices_cny_kwh):
    """Charge minus discharge [kW], (K,), of a cheapest point of the big battery."""
    x, n_steps = _solve(bounds, prices_cny_kwh).x, bounds.charge_max_kw.size
    return x[:n_steps] - x[n_steps : 2 * n_steps]


def _solve(bounds, prices_cny_kwh):
    """Solve the linear program in charge (K), discharge (K), energy (K + 1), unserved and terminal energy."""
    n_steps, step_h = bounds.charge_max_kw.size, bounds.step_h
    prices = np.asarray(prices_cny_kwh, dtype=float)
    if prices.shape != (n_steps,) or not np.isfinite(prices).all():
        raise InputError(f"prices_cny_kwh: shape {prices.shape}; must be {(n_steps,)} and finite")
    identity, points = eye_array(n_steps), n_steps + 1
    after_before = diags_array([np.ones(n_steps), -np.ones(n_steps)], offsets=[1, 0], shape=(n_steps, points))
    into, out = -step_h * bounds.eta_charge * identity, step_h / bounds.eta_discharge * identity
    balance = bmat([[into, out, after_before, csr_array((n_steps, 2))]])
    hull = [bmat([[identity, ratio * identity, csr_array((n_steps, points + 2))]]) for ratio in bounds.hull_ratios]
    unserved = csr_array(np.tile([-1.0, 0.0], (points, 1)))
    need = bmat([[csr_array((points, 2 * n_steps)), -eye_array(points), unserved]])
    target = csr_array(np.r_[np.zeros(3 * n_steps), -1.0, -1.0, -1.0][None, :])
    lowest = np.r_[np.zeros(2 * n_steps), bounds.energy_low_kwh, 0.0, 0.0]
    highest = np.r_[bounds.charge_max_kw, bounds.discharge_max_kw, bounds.energy_high_kwh]
    cost = np.r_[prices, bounds.wear_cny_kwh - prices] * step_h
    result = linprog(
        np.r_[cost, np.zeros(points), bounds.unserved_cny_kwh, bounds.terminal_cny_kwh],
        A_ub=bmat([[block] for block in (*hull, need, target)]),
        b_ub=np.concatenate([*bounds.hull_kw, -bounds.energy_need_kwh, [-bounds.target_kwh]]),
        A_eq=balance,
        b_eq=np.zeros(n_steps),
        bounds=np.column_stack([lowest, np.r_[highest, np.inf, bounds.terminal_limit_kwh]]),
        method="highs",
    )
    if result.status != 0:
        raise SolverError(f"summed bounds: HiGHS ended with status {result.status} ({result.message})")
    return result


def summed_block(fleet: Fleet) -> StationLoad:
    """Every station as one big battery: the cost is a lower bound, and its power may not be deliverable.

    Parameters
    ----------
    fleet : Fleet

    Returns
    -------
    StationLoad
        One :class:`evlib.flexibility.SummedBounds` for each station.
    """
    rows, cost, constraints = [], cp.Constant(0.0), []
    for c in range(fleet.n_stations):
        at_station = fleet.take(fleet.station == c)
        if not at_station.size_veh.any():
            rows.append(cp.Constant(np.zeros(fleet.n_steps)))
            continue
        bounds = summed_bounds(at_station.domain, at_station.size_veh, at_station.first_step, fleet.n_steps)
        charge, discharge = (cp.Variable(fleet.n_steps, nonneg=True) for _ in range(2))
        energy, unserved, terminal = cp.Variable(fleet.n_steps + 1), cp.Variable(nonneg=True), cp.Variable(nonneg=True)
        stored = bounds.step_h * (bounds.eta_charge * charge - discharge / bounds.eta_discharge)
        constraints += [
            cp.diff(energy) == stored,
            charge <= bounds.charge_max_kw / 1000.0,
            discharge <= bounds.discharge_max_kw / 1000.0,
            *(charge + r * discharge <= h / 1000.0 for r, h in zip(bounds.hull_ratios, bounds.hull_kw, strict=True)),
            energy >= bounds.energy_low_kwh / 1000.0,
            energy <= bounds.energy_high_kwh / 1000.0,
            energy + unserved >= bounds.energy_need_kwh / 1000.0,
            energy[-1] + unserved + terminal >= bounds.target_kwh / 1000.0,
            terminal <= bounds.terminal_limit_kwh / 1000.0,
        ]
        cost = cost + bounds.wear_cny_kwh * bounds.step_h * cp.sum(discharge)
        cost = cost + bounds.unserved_cny_kwh * unserved + bounds.terminal_cny_kwh * terminal
        rows.append(charge - discharge)
    return StationLoad(cp.vstack(rows), cost, constraints)


def nearest_delivery(fleet: Fleet, profile_kw, solve) -> float:
    """Energy of a profile that no schedules of the fleet can deliver.

    .. math:: \\min_{e} \\; \\Delta_h \\sum |e - profile| + unserved

    over the exact domains, less the energy that is unserved in any case. Too much counts the same as too little.

    Parameters
    ----------
    fleet : Fleet
    profile_kw : ndarray, shape (n_stations, K)
    solve : callable
        Solves a problem, or raises SolverError if the status is not *optimal*.

    Returns
    -------
    float
        [kWh].
    """
    block = exact_block(fleet)
    missed = fleet.domain.step_h * cp.sum(cp.abs(block.power_mw - profile_kw / 1000.0))
    problem = cp.Problem(cp.Minimize(missed + cp.sum(block.variables["unserved"])), block.constraints)
    solve(problem)
    return 1000.0 * float(problem.value) - float(fleet.size_veh @ fleet.domain.least_unserved_kwh)
