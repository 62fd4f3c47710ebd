"""The grid dispatches the step that has come with the wind and sun it measures; later, vehicles keep to the plan's prices."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from evlib.coordination.newton.curvature import Response
from evlib.coordination.newton.step import newton_step
from evlib.coordination.problem import CoupledProblem
from evlib.coordination.real_time.plan import Plan
from evlib.coordination.real_time.window_grid import WindowGrid
from evlib.flexibility.proximal_reply import ProximalFleet
from evlib.grid.grid_case import GridCase
from evlib.grid.reduced.machines import Machines, machines_of

__all__ = ["Act", "act"]

# Most steps towards a price at which grid and vehicles agree in the present step; they end at a smaller change of price.
PRICE_STEPS, LITTLE_CNY_KWH = 4, 1e-5


@dataclass(frozen=True)
class Act:
    """What is done in a step.

    Attributes
    ----------
    rows : ndarray of int, shape (n,)
        Cohorts that are plugged in.
    change_kwh, power_kw : ndarray, shape (n,)
        What one vehicle of each of them does in the step.
    station_kw : ndarray, shape (n_stations,)
    cost_cny : float
        Cost of the grid in this step.
    price_cny_kwh : ndarray, shape (n_bus,)
    machines : Machines
        Of this step alone.
    """

    rows: np.ndarray
    change_kwh: np.ndarray
    power_kw: np.ndarray
    station_kw: np.ndarray
    cost_cny: float
    price_cny_kwh: np.ndarray
    machines: Machines


def act(
    problem: CoupledProblem, plan: Plan, measured: GridCase, sizes_veh: np.ndarray, backup_start_kw: np.ndarray | None
) -> Act:
    """Dispatch the problem's first step.

    Vehicles may leave the plan in this step as far as their domains allow: whatever they do, they can still reach their
    targets as well as before, at the plan's prices of later steps. Of a few prices of this step, each a Newton step from
    the last, the one with the least cost of grid, step and rest of the stays is taken; the first is the plan's own.

    Parameters
    ----------
    problem : CoupledProblem
        With cohorts as they stand at the beginning of the step.
    plan : Plan
    measured : GridCase
        The whole day as it is measured; only the present step is read.
    sizes_veh : ndarray, shape (n_cohorts,)
        Vehicles in each cohort that has plugged in by now [veh].
    backup_start_kw : ndarray, shape (n_zones,), or None
        Backup power in the step before [kW].

    Returns
    -------
    Act
    """
    step, fleet = problem.first_step, problem.cohorts
    rows = np.flatnonzero((fleet.first_step == step) & (fleet.domain.n_usable > 0) & (sizes_veh > 0))
    grid = WindowGrid(measured, problem.options, step, step + 1, backup_start_kw)
    change, power, station_kw, answer = _least_cost(problem, plan, measured, grid, rows, sizes_veh[rows])
    machines = machines_of(grid.grid.case, answer)
    return Act(rows, change, power, station_kw[:, step], answer.grid_cny, answer.price_cny_kwh[:, step], machines)


def _least_cost(problem, plan, measured, grid, rows, sizes):
    """What one vehicle of each cohort does in the present step, power of stations, and the grid's answer to it."""
    step, case, nothing = problem.first_step, problem.case, np.zeros((len(measured.stations), measured.n_steps))
    if not len(rows):
        return np.zeros(0), np.zeros(0), nothing, grid.fixed(nothing)
    fleet = ProximalFleet(problem.cohorts.take(rows))
    centre = plan.change_kwh[rows][:, : fleet.fleet.domain.n_steps]
    price = grid.level(plan.price_cny_kwh[case.station_bus])
    later = price.copy()
    later[:, : step + 1] = 0.0
    best, least_cny = None, np.inf
    for tried in range(PRICE_STEPS + 1):
        reply = fleet.reply(price, centre, plan.weight)
        station_kw = fleet.station_kw(sizes, reply)
        answer = grid.fixed(station_kw)
        rest_cny = fleet.paid_cny(later, reply) + reply.own_cny + reply.away_cny
        cost_cny = answer.grid_cny + float(sizes @ rest_cny)
        if cost_cny < least_cny:
            best, least_cny = (reply.change_kwh[:, 0], reply.power_kw[:, 0], station_kw, answer), cost_cny
        if tried == PRICE_STEPS:
            break
        now = nothing.copy()
        now[:, step] = station_kw[:, step]
        bend = np.zeros((len(now), case.n_steps, case.n_steps))
        bend[:, step, step] = fleet.curvature(sizes, reply, plan.weight)[:, step, step]
        moved = newton_step(replace(problem, case=measured), grid, price, None, Response(now, nothing, bend))
        if np.abs(moved.price_cny_kwh[:, step]).max() < LITTLE_CNY_KWH:
            break
        price = grid.level(price + moved.price_cny_kwh)
    return best
