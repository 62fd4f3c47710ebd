"""A grid problem over the exact sum of vehicles without losses: vertices by the greedy algorithm, one price after another."""

from __future__ import annotations

import cvxpy as cp

from evlib.errors import SolverError
from evlib.flexibility import Schedule, uncontrolled
from evlib.flexibility.polymatroid import greedy_support
from evlib.flexibility.station_load import StationLoad, column_block

__all__ = ["dispatch_polymatroid"]

MOST_VERTICES = 200


def dispatch_polymatroid(fleet, build, solve, gap: float = 1e-5):
    """Least cost over a station's generalised polymatroid to a certified gap.

    Parameters
    ----------
    fleet : Fleet
        Cohorts of one station, without losses and wear or charging only.
    build : callable
        From a `StationLoad` to a convex problem [thousand CNY] and its power.
    solve : callable
        Solves a problem, or raises SolverError.
    gap : float
        (upper - lower) / |upper| at which to stop.

    Returns
    -------
    cost_cny : float
    problem : cvxpy.Problem
    power_kw : ndarray, shape (1, K)
    schedule : Schedule
        Of one vehicle of every cohort.

    Raises
    ------
    SolverError
        If the gap is not reached with 200 vertices, or ``solve`` raises it.

    Notes
    -----
    A polymatroid has too many facets to write them down, so it is optimised by its vertices, as its authors do for costs
    that are not linear (arXiv:2503.23458): a mixture of vertices, each the greedy answer to the marginal cost of the
    mixture before. Every vertex splits into one of each vehicle, and each vehicle mixes its own. The marginal cost also
    gives the lower bound: a convex cost falls no more than its tangent.
    """
    domain, step_h, vertices = fleet.domain, fleet.domain.step_h, [uncontrolled(fleet.domain)]
    for _ in range(MOST_VERTICES):
        block = column_block(fleet, vertices)
        power = cp.Variable((1, fleet.n_steps), name="station")
        couple = power == block.power_mw
        problem, _ = build(StationLoad(power, block.cost_kcny, [couple, *block.constraints]))
        solve(problem)
        price, cost_cny = -couple.dual_value[0] / step_h, 1000.0 * float(problem.value)
        value_cny, vertex = greedy_support(domain, fleet.size_veh, fleet.first_step, fleet.n_steps, price)
        paid_cny = 1000.0 * (step_h * float(price @ power.value[0]) + float(block.cost_kcny.value))
        if paid_cny - value_cny <= gap * abs(cost_cny):
            return cost_cny, problem, 1000.0 * power.value, _mixed(fleet, block, vertices)
        vertices.append(vertex)
    raise SolverError(f"g-polymatroid: gap above {gap:g} after {MOST_VERTICES} vertices")


def _mixed(fleet, block, vertices) -> Schedule:
    """Schedule of one vehicle of every cohort, by the shares of the vertices in the solved problem."""
    (vehicles,) = block.constraints[0].variables()
    total = Schedule.idle(fleet.n, fleet.domain.n_steps)
    for vertex, number in zip(vertices, vehicles.value.reshape(len(vertices), fleet.n), strict=True):
        total = total.plus(vertex.times(number.clip(min=0.0) / fleet.size_veh))
    return total
