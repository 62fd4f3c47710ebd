"""The set in which the grid sees vehicles: exact domains, the same by columns, or the paper's zonotopes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from evlib.flexibility.cohorts import Cohorts, vehicle_costs
from evlib.flexibility.column_generation import ColumnDispatch, mixed_schedule, solve_by_columns
from evlib.flexibility.fleet import Fleet
from evlib.flexibility.schedule import Schedule, cost_of, uncontrolled
from evlib.flexibility.station_load import block_schedule, exact_block
from evlib.flexibility.zonotope.geometry import support_value
from evlib.flexibility.zonotope.inner_approximation import inner_zonotopes
from evlib.flexibility.zonotope.station_load import zonotope_block
from evlib.grid.dispatch import Dispatch, read_dispatch
from evlib.grid.dno import build_problem, dispatch_grid
from evlib.grid.grid_case import GridCase, GridOptions
from evlib.grid.solver import Solution, solve_grid

__all__ = ["COLUMNS_GAP", "cohort_fleet", "dispatch_by_columns", "dispatch_fleet", "set_costs", "zonotope_costs"]

# Certified gap of a dispatch by columns, half of what announced prices may miss.
COLUMNS_GAP = 5e-5


def cohort_fleet(cohorts: Cohorts, size_veh) -> Fleet:
    """Cohorts with their sizes as a fleet; sizes of 1 stand for one vehicle of each."""
    return Fleet(
        cohorts.domain, size_veh, cohorts.station, cohorts.plug_in_step + 1, cohorts.shape[0], cohorts.shape[3]
    )


def dispatch_fleet(
    case: GridCase, options: GridOptions, fleet: Fleet, domain_set: str = "exact"
) -> tuple[Dispatch, Schedule]:
    """Dispatch the feeder with a fleet that charges as the grid wants.

    Parameters
    ----------
    case : GridCase
    options : GridOptions
    fleet : Fleet
        No empty cohort.
    domain_set : {"exact", "columns", "zonotope"}
        Every cohort's exact domain in one problem; the same by column generation, to a gap of 5e-5; the paper's
        zonotopes with the uncontrolled profile as a way out.

    Returns
    -------
    dispatch : Dispatch
    schedule : Schedule
        Of one vehicle of every cohort.
    """
    if domain_set == "columns" and fleet.n:
        dispatch, found = dispatch_by_columns(case, options, fleet, gap=COLUMNS_GAP)
        return dispatch, mixed_schedule(found, fleet)
    if domain_set == "zonotope" and fleet.n:
        block = zonotope_block(fleet)
        return dispatch_grid(case, options, block.cluster), block.schedule()
    cluster = exact_block(
        fleet.domain, fleet.size_veh, fleet.station, fleet.first_step, fleet.n_stations, fleet.n_steps
    )
    dispatch = dispatch_grid(case, options, cluster)
    if not fleet.n:
        return dispatch, uncontrolled(fleet.domain)
    whole = block_schedule(cluster, fleet.domain)
    size = fleet.size_veh
    return dispatch, Schedule(*(value / (size[:, None] if value.ndim == 2 else size) for value in vars(whole).values()))


def set_costs(cohorts: Cohorts, price_cny_kwh, charging: str, domain_set: str = "exact", zonotopes=None) -> np.ndarray:
    """Least electricity cost V of one vehicle of each cohort within the set; without a set, see ``vehicle_costs``."""
    if charging == "uncontrolled" or domain_set != "zonotope":
        return vehicle_costs(cohorts, price_cny_kwh, charging)
    return zonotope_costs(cohorts, price_cny_kwh, zonotopes)


def zonotope_costs(cohorts: Cohorts, price_cny_kwh, zonotopes=None) -> np.ndarray:
    """V of a vehicle that follows its zonotope or charges uncontrolled, whichever costs less.

    Parameters
    ----------
    cohorts : Cohorts
    price_cny_kwh : ndarray, shape (n_stations, K)
    zonotopes : list of Zonotope, optional
        ``inner_zonotopes`` of the cohorts' domain, if at hand.

    Returns
    -------
    ndarray, shape (n,)
        [CNY per vehicle].
    """
    domain, prices = cohorts.domain, cohorts.own_prices(price_cny_kwh)
    zonotopes = inner_zonotopes(domain) if zonotopes is None else zonotopes
    steered = [support_value(own, row[: own.n_steps]) for own, row in zip(zonotopes, prices, strict=True)]
    return np.minimum(steered, cost_of(domain, prices, uncontrolled(domain)))


def dispatch_by_columns(
    case: GridCase, options: GridOptions, fleet: Fleet, *, gap: float = 2e-3, quotes=()
) -> tuple[Dispatch, ColumnDispatch]:
    """As :func:`dispatch_grid`, for a fleet whose exact domains are found column by column.

    Parameters
    ----------
    case : GridCase
    options : GridOptions
    fleet : Fleet
    gap, quotes
        As in :func:`evlib.flexibility.column_generation.solve_by_columns`.

    Returns
    -------
    dispatch : Dispatch
        Its prices are those that attain the lower bound.
    found : ColumnDispatch
        Certified bounds, and what the vehicles do.

    Raises
    ------
    SolverError
        A problem that does not end *optimal*, or a gap that is not reached.
    """
    ladders = []

    def solve(problem):
        ladders.append(solve_grid(problem, "grid problem by columns", options.grid_model).ladder)

    found = solve_by_columns(
        lambda cluster: build_problem(case, options, cluster), solve, fleet, gap=gap, quotes=quotes
    )
    loosest = max(ladders, key=lambda ladder: ladder[-1].tolerance)
    dispatch = read_dispatch(case, options, found.parts, Solution(loosest, float(found.problem.value), 0.0))
    return replace(dispatch, price_cny_kwh=found.priced_parts["balance"].dual_value / case.step_h), found
