"""The joint program: flows, cohorts and grid of a day in one convex program with frozen travel times."""

from __future__ import annotations

from dataclasses import dataclass

import cvxpy as cp
import numpy as np
import scipy.sparse as sp

from evlib.assignment.path_costs import Traffic
from evlib.assignment.plug_prices import rent_value_cny
from evlib.assignment.tno import Metric, origin_sums, reply
from evlib.coordination.announced_price import grid_side
from evlib.coordination.joint.plug_rents import plug_limits
from evlib.coordination.problem import CoupledProblem
from evlib.flexibility.column_generation import PricedColumn
from evlib.flexibility.schedule import Schedule, cost_of
from evlib.flexibility.station_load import block_schedule
from evlib.flexibility.support import support
from evlib.grid.fleet_dispatch import COLUMNS_GAP
from evlib.grid.grid_model import build_grid_model
from evlib.grid.solver import solve_grid
from evlib.traffic.arrival_levels import level_map
from evlib.traffic.path_times import flow_map

__all__ = ["Answer", "cohort_map", "fixed_costs", "joint_by_columns", "joint_program", "surrogate_bound"]

# A cohort is left out of the joint program if the shares of flows that can join it sum to less than this.
LEAST_REACH = 1e-12
LEAST_SIZE_VEH = 1e-4
# Largest number of rounds of column generation inside the joint program.
MOST_ROUNDS = 6


@dataclass(frozen=True)
class Answer:
    """Optimum of the joint program for frozen trajectories.

    Attributes
    ----------
    flows_veh : ndarray, shape (n_paths, n_classes, n_departure_steps)
        Departures of drivers who follow the signal [veh].
    price_cny_kwh : ndarray, shape (n_bus, K)
        Duals of the nodal balances [CNY/kWh].
    cost_cny : float
        Objective of the program: time cost, grid cost and metric [CNY].
    rent_cny : ndarray, shape (n_stations, K), or None
        Objective ``system``: rent of a plug for a step [CNY], the dual of the limit on held plugs.
    schedule : Schedule or None
        With exact domains: the mean schedule of one vehicle of every cohort, or its best answer if the cohort is empty.
    """

    flows_veh: np.ndarray
    price_cny_kwh: np.ndarray
    cost_cny: float
    rent_cny: np.ndarray | None
    schedule: Schedule | None


def cohort_map(problem: CoupledProblem, traffic: Traffic) -> sp.csr_array:
    """Linear map from flows to cohorts at the trajectories of a loading, shape (n_cohorts, n_flows), in C order."""
    traced = flow_map(problem.network, traffic.shares, n_types=problem.cohorts.shape[2])
    if problem.cohorts.n_levels == 1:
        return traced
    return level_map(traced, problem.network.arrival_levels, problem.network.time.n_steps)


def joint_program(problem: CoupledProblem, traffic: Traffic, metric, schedules=None, *, watched=None) -> Answer:
    """Solve for flows, cohorts and grid in one convex program with frozen trajectories.

    .. math:: \\min_f \\; T \\cdot f + J(B f) + V_{late} \\cdot B_{late} f + \\tfrac12 (f - f^i)^T M (f - f^i)

    Parameters
    ----------
    problem : CoupledProblem
    traffic : Traffic
        The loading of the present flows f^i, which freezes T and B.
    metric : Metric, or ndarray of the shape of the flows
        M, or its diagonal [CNY/veh^2].
    schedules : list of Schedule, optional
        Schedules that cohorts mix instead of using their exact domains: a smaller program with an inner set.
    watched : ndarray of bool, shape (n_stations, K), optional
        Objective ``system``: further steps at whose end plugs are limited, besides those of :func:`crowded`.

    Returns
    -------
    Answer

    Raises
    ------
    SolverError
        If the status is not *optimal*.

    Notes
    -----
    For objective ``system``, T contains neither waiting nor tolls at stations. Instead the program decides who waits,
    and the dual of the limit on held plugs is their rent. At the least total cost a station is often exactly full.
    There the derivative of the waiting cost jumps from zero to hours of queue, so tolls taken from either side never
    settle; the dual lies in between. Cohorts still plug in as traced through the last loading.
    """
    present = traffic.flows_veh
    to_cohorts = cohort_map(problem, traffic)
    reached = np.asarray(to_cohorts.sum(axis=1)).ravel() > LEAST_REACH
    flows = cp.Variable(present.size, nonneg=True, name="flows")
    sizes = cp.Variable(int(reached.sum()), name="cohorts")
    station_load = problem.station_load(reached, sizes, schedules)
    grid = build_grid_model(problem.case, problem.options, station_load)
    fixed = fixed_costs(problem, traffic).reshape(-1) / 1000.0
    near = Metric.of(metric).half_square(flows, present, unit_cny=1000.0)
    demand = origin_sums(problem.network.path_origin, present.shape) @ flows == problem.demand_veh.reshape(-1)
    everybody = flows + problem.fixed_veh.reshape(-1)
    plugs = plug_limits(problem, traffic, everybody, watched)
    program = cp.Problem(
        cp.Minimize(grid.problem.objective.expr + fixed @ everybody + near + plugs.cost_kcny),
        [*grid.problem.constraints, sizes == to_cohorts[reached] @ everybody, demand, *plugs.constraints],
    )
    least_kcny = solve_grid(program, "joint program", problem.options.grid_model).cost_kcny
    answer = np.maximum(flows.value, 0.0).reshape(present.shape)  # the solver leaves zero flows at +-1e-10
    price = grid.price_cny_kwh(problem.case.step_h)
    schedule = None
    if schedules is None and problem.vehicles.mixes and not problem.vehicles.by_columns:
        schedule = _mean_schedule(problem, price, reached, sizes.value, station_load)
    return Answer(answer, price, 1000.0 * least_kcny, plugs.rent_cny(), schedule)


def joint_by_columns(
    problem: CoupledProblem, traffic: Traffic, metric, schedules: list, *, watched=None
) -> tuple[Answer, list]:
    """Solve the joint program with exact domains by column generation: add best answers to its prices as schedules.

    Parameters
    ----------
    problem, traffic, metric, watched
        As in :func:`joint_program`.
    schedules : list of Schedule
        Schedules to start from.

    Returns
    -------
    answer : Answer
        The answer of the last round. At its prices the vehicles together could save at most 5e-5 of J(0), unless the
        rounds ran out; the price gap, measured after the flows are loaded again, then shows it.
    schedules : list of Schedule
        The schedules at the start and those found.
    """
    to_cohorts, cohorts = cohort_map(problem, traffic), problem.cohorts
    schedules = list(schedules)
    for round_ in range(MOST_ROUNDS):
        answer = joint_program(problem, traffic, metric, schedules, watched=watched)
        station_price = answer.price_cny_kwh[problem.case.station_bus]
        prices = cohorts.cohort_prices(station_price)
        least, best = support(cohorts.domain, prices)
        known = np.min([cost_of(cohorts.domain, prices, schedule) for schedule in schedules], axis=0)
        saving_cny = float((to_cohorts @ answer.flows_veh.reshape(-1)) @ (known - least))
        if saving_cny <= COLUMNS_GAP * problem.scale_cny:
            break
        scattered = [PricedColumn(station_price, 0.02, alike, seed=round_).answer(cohorts) for alike in (True, False)]
        schedules += [best, *scattered]
    return answer, schedules


def _mean_schedule(problem: CoupledProblem, price_cny_kwh, rows, size_veh, station_load) -> Schedule:
    """Mean schedule of one vehicle of every cohort; where very few vehicles make it mere noise, their best answer."""
    best = problem.best_schedules(price_cny_kwh)
    domain = problem.cohorts.domain.take(rows)
    large = size_veh > LEAST_SIZE_VEH
    mean = block_schedule(station_load, domain).take(large).shared_by(size_veh[large])
    return mean.put_into(best, np.flatnonzero(rows)[large])


def fixed_costs(problem: CoupledProblem, traffic: Traffic) -> np.ndarray:
    """Costs that do not depend on the grid: time, toll, and electricity of vehicles that plug in after the horizon.

    For objective ``system``, time at stations is left out because the joint program itself decides who waits. For logit
    drivers the costs include the slope of their entropy; its curvature belongs in the metric.

    Returns
    -------
    ndarray, shape (n_paths, n_classes, n_departure_steps)
        [CNY per vehicle].
    """
    late = problem.electricity(np.zeros_like(problem.case.load_kw))
    late[..., :-1] = 0.0
    return traffic.costs(late, _no_rent(problem)) + traffic.misjudged()[0]


def _no_rent(problem: CoupledProblem):
    n_stations, n_steps = len(problem.network.stations), problem.network.time.n_steps
    return np.zeros((n_stations, n_steps)) if problem.objective == "system" else None


def surrogate_bound(
    problem: CoupledProblem, traffic: Traffic, metric, price_cny_kwh: np.ndarray, rent_cny=None
) -> float:
    """Lower bound on the joint program at given prices, from the best replies of drivers, vehicles and grid [CNY].

    Parameters
    ----------
    problem, traffic, metric
        As in :func:`joint_program`.
    price_cny_kwh : ndarray, shape (n_bus, K)
    rent_cny : ndarray, shape (n_stations, K), optional
        Plug rents [CNY], for objective ``system``.

    Returns
    -------
    float
    """
    network, present, metric = problem.network, traffic.flows_veh, Metric.of(metric)
    cost = traffic.costs(problem.electricity(price_cny_kwh), rent_cny)
    plugs_cny = 0.0 if rent_cny is None else rent_value_cny(network, rent_cny)
    cost = cost + traffic.misjudged()[0]
    flows = reply(cost, problem.demand_veh, network.path_origin, present, metric)
    drivers = float((cost * (flows + problem.fixed_veh)).sum()) + metric.half_square_of(flows - present)
    return drivers - plugs_cny + grid_side(problem, price_cny_kwh[problem.case.station_bus])
