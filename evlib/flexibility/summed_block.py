"""Summed bounds in a grid problem: an outer set that promises more than vehicles deliver, and how much more."""

import cvxpy as cp
import numpy as np

from evlib.flexibility.fleet import Fleet
from evlib.flexibility.station_load import Cluster, exact_block
from evlib.flexibility.virtual_battery import summed_bounds

__all__ = ["nearest_delivery", "summed_block"]


def summed_block(fleet: Fleet) -> Cluster:
    """Every station as one big battery: its cost is a lower bound, its power need not be deliverable.

    Parameters
    ----------
    fleet : Fleet

    Returns
    -------
    Cluster
        As :class:`evlib.flexibility.SummedBounds`, one for each station.
    """
    rows, cost, constraints = [], cp.Constant(0.0), []
    for c in range(fleet.n_stations):
        own = fleet.take(fleet.station == c)
        if not own.size_veh.any():
            rows.append(cp.Constant(np.zeros(fleet.n_steps)))
            continue
        bounds = summed_bounds(own.domain, own.size_veh, own.first_step, fleet.n_steps)
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
    return Cluster(cp.vstack(rows), cost, constraints)


def nearest_delivery(fleet: Fleet, profile_kw, solve) -> float:
    """Energy of a profile that no schedules of the fleet deliver.

    .. math:: \\min_{e} \\; \\Delta_h \\sum |e - profile| + unserved

    over the exact domains, less what is unserved at best. Too much delivered counts like too little.

    Parameters
    ----------
    fleet : Fleet
    profile_kw : ndarray, shape (n_stations, K)
    solve : callable
        Solves a problem, and raises SolverError if it does not end *optimal*.

    Returns
    -------
    float
        [kWh].
    """
    block = exact_block(fleet.domain, fleet.size_veh, fleet.station, fleet.first_step, fleet.n_stations, fleet.n_steps)
    missed = fleet.domain.step_h * cp.sum(cp.abs(block.power_mw - profile_kw / 1000.0))
    problem = cp.Problem(cp.Minimize(missed + cp.sum(block.variables["unserved"])), block.constraints)
    solve(problem)
    return 1000.0 * float(problem.value) - float(fleet.size_veh @ fleet.domain.least_unserved_kwh)
