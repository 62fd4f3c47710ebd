"""The joint program: flows, cohorts and grid of a day in one convex program, travel times frozen."""

from __future__ import annotations

from dataclasses import dataclass

import cvxpy as cp
import numpy as np
import scipy.sparse as sp

from evlib.assignment.path_costs import Traffic
from evlib.assignment.plug_prices import rent_value_cny
from evlib.assignment.tno import Metric, origin_sums, reply
from evlib.coordination.plug_limits import plug_limits
from evlib.coordination.problem import Market, grid_side
from evlib.flexibility.column_generation import Quote
from evlib.flexibility.schedule import Schedule, cost_of
from evlib.flexibility.station_load import block_schedule
from evlib.flexibility.support import support
from evlib.grid.dno import build_problem
from evlib.grid.fleet_dispatch import COLUMNS_GAP, cohort_fleet
from evlib.grid.solver import solve_grid

__all__ = ["Answer", "cohort_map", "fixed_costs", "joint_by_columns", "joint_program", "surrogate_bound"]

# Cohorts that fewer vehicles than this could ever join are left out of the joint program.
LEAST_REACH = 1e-12
LEAST_SIZE_VEH = 1e-4
# Of column generation inside the joint program.
MOST_ROUNDS = 6


@dataclass(frozen=True)
class Answer:
    """Optimum of the joint program for frozen trajectories.

    Attributes
    ----------
    flows_veh : ndarray, shape (n_paths, n_classes, n_departure_steps)
    price_cny_kwh : ndarray, shape (n_bus, K)
        Duals of the nodal balances.
    cost_cny : float
        Surrogate objective: time cost, grid cost and metric.
    rent_cny : ndarray, shape (n_stations, K), or None
        Objective ``system``: rent of a plug for a step, the dual of its limit.
    schedule : Schedule or None
        With exact domains: the mean schedule of one vehicle of every cohort; best answer to the prices where it is empty.
    """

    flows_veh: np.ndarray
    price_cny_kwh: np.ndarray
    cost_cny: float
    rent_cny: np.ndarray | None
    schedule: Schedule | None


def cohort_map(market: Market, traffic: Traffic) -> sp.csr_array:
    """Linear map from flows to cohorts at the trajectories of a loading.

    Returns
    -------
    sparse array, shape (n_cohorts, n_flows)
        Flows in C order of (path, class, step).
    """
    network, (n_stations, n_classes, n_types, n_steps) = market.network, market.cohorts.shape
    path, depart, plug_in = np.nonzero(traffic.shares[:, :, :n_steps])
    value = traffic.shares[path, depart, plug_in] / n_types
    n_depart = traffic.shares.shape[1]
    rows, columns = [], []
    for m in range(n_classes):
        for kind in range(n_types):
            rows.append(((network.path_station[path] * n_classes + m) * n_types + kind) * n_steps + plug_in)
            columns.append((path * n_classes + m) * n_depart + depart)
    shape = (n_stations * n_classes * n_types * n_steps, len(network.paths) * n_classes * n_depart)
    values = np.tile(value, n_classes * n_types)
    return sp.csr_array((values, (np.concatenate(rows), np.concatenate(columns))), shape=shape)


def joint_program(market: Market, traffic: Traffic, metric, schedules=None, *, watched=None) -> Answer:
    """Flows, cohorts and grid in one convex program, trajectories frozen.

    .. math:: \\min_f \\; T \\cdot f + J(B f) + V_{late} \\cdot B_{late} f + \\tfrac12 (f - f^i)^T M (f - f^i)

    Parameters
    ----------
    market : Market
    traffic : Traffic
        The loading of the present flows f^i, which freezes T and B.
    metric : Metric, or ndarray of the shape of the flows
        M, or its diagonal [CNY/veh^2].
    schedules : list of Schedule, optional
        Let cohorts mix these instead of using their exact domains: smaller, from the inside.
    watched : ndarray of bool, shape (n_stations, K), optional
        Objective ``system``: further steps at whose end plugs limit the program, besides those of :func:`crowded`.

    Returns
    -------
    Answer

    Raises
    ------
    SolverError
        Any status other than *optimal*.

    Notes
    -----
    For objective ``system``, T holds no waiting and no toll at stations. Instead the program decides who waits, and the
    dual of the limit on held plugs is their rent. The least total cost often holds a station exactly full: there the
    derivative of the waiting cost jumps from nothing to hours of queue, and tolls taken from either side never settle;
    the dual lies in between. Cohorts still plug in as traced at the last loading.
    """
    present = traffic.flows_veh
    to_cohorts = cohort_map(market, traffic)
    kept = np.asarray(to_cohorts.sum(axis=1)).ravel() > LEAST_REACH
    flows = cp.Variable(present.size, nonneg=True, name="flows")
    sizes = cp.Variable(int(kept.sum()), name="cohorts")
    cluster = market.block(kept, sizes, schedules)
    grid, parts = build_problem(market.case, market.options, cluster)
    fixed = fixed_costs(market, traffic).reshape(-1) / 1000.0
    near = Metric.of(metric).half_square(flows, present, unit_cny=1000.0)
    demand = origin_sums(market.network.path_origin, present.shape) @ flows == market.demand_veh.reshape(-1)
    everybody = flows + market.fixed_veh.reshape(-1)
    plugs = plug_limits(market, traffic, everybody, watched)
    problem = cp.Problem(
        cp.Minimize(grid.objective.expr + fixed @ everybody + near + plugs.cost_kcny),
        [*grid.constraints, sizes == to_cohorts[kept] @ everybody, demand, *plugs.constraints],
    )
    least_kcny = solve_grid(problem, "joint program", market.options.grid_model).cost_kcny
    found = np.maximum(flows.value, 0.0).reshape(present.shape)  # the solver leaves zero flows at +-1e-10
    price = parts["balance"].dual_value / market.case.step_h
    schedule = None
    if schedules is None and market.domain_set == "exact" and market.charging != "uncontrolled":
        schedule = _mean_schedule(market, price, kept, sizes.value, cluster)
    return Answer(found, price, 1000.0 * least_kcny, plugs.rent_cny(), schedule)


def joint_by_columns(market: Market, traffic: Traffic, metric, schedules: list, *, watched=None) -> tuple[Answer, list]:
    """The joint program with exact domains, by column generation: best answers to its own prices join the schedules.

    Parameters
    ----------
    market, traffic, metric, watched
        As in :func:`joint_program`.
    schedules : list of Schedule
        To start from.

    Returns
    -------
    answer : Answer
        Of the last round: what its vehicles could save together at its prices is at most 5e-5 of J(0), or the rounds
        were used up; the price gap measured after re-loading shows it.
    schedules : list of Schedule
        With those found.
    """
    to_cohorts, fleet = cohort_map(market, traffic), cohort_fleet(market.cohorts, np.ones(market.cohorts.domain.n))
    schedules = list(schedules)
    for round_ in range(MOST_ROUNDS):
        found = joint_program(market, traffic, metric, schedules, watched=watched)
        station_price = found.price_cny_kwh[market.case.station_bus]
        prices = market.cohorts.own_prices(station_price)
        least, best = support(market.cohorts.domain, prices)
        known = np.min([cost_of(market.cohorts.domain, prices, item) for item in schedules], axis=0)
        saving_cny = float((to_cohorts @ found.flows_veh.reshape(-1)) @ (known - least))
        if saving_cny <= COLUMNS_GAP * market.empty_cost_cny:
            break
        scattered = [Quote(station_price, 0.02, alike, seed=round_).answer(fleet) for alike in (True, False)]
        schedules += [best, *scattered]
    return found, schedules


def _mean_schedule(market: Market, price_cny_kwh, kept, size_veh, cluster) -> Schedule:
    """Schedule of one vehicle of every cohort; a nearly empty cohort's own is noise, so its best answer stands in."""
    best = market.best_schedules(price_cny_kwh)
    domain = market.cohorts.domain.take(kept)
    whole = block_schedule(cluster, domain)
    some = size_veh > LEAST_SIZE_VEH
    at = np.flatnonzero(kept)[some]
    fields = {}
    for name in ("charge_kw", "discharge_kw", "energy_kwh", "terminal_kwh", "unserved_kwh"):
        values, given = getattr(best, name).copy(), getattr(whole, name)[some]
        if values.ndim == 2:
            values[at] = 0.0
            values[at, : given.shape[1]] = given / size_veh[some, None]
        else:
            values[at] = given / size_veh[some]
        fields[name] = values
    return Schedule(**fields)


def fixed_costs(market: Market, traffic: Traffic) -> np.ndarray:
    """Costs that do not depend on the grid: time, toll, and electricity of those who plug in after the horizon.

    Time on the road only for objective ``system``, where the joint program counts what happens at plugs. With the slope of
    the entropy of drivers who misjudge; its curvature belongs into the metric.
    """
    late = market.electricity(np.zeros_like(market.case.load_kw))
    late[:, :, :-1] = 0.0
    return traffic.costs(late, _no_rent(market)) + traffic.misjudged()[0]


def _no_rent(market: Market):
    n_stations, n_steps = len(market.network.stations), market.network.time.n_steps
    return np.zeros((n_stations, n_steps)) if market.objective == "system" else None


def surrogate_bound(market: Market, traffic: Traffic, metric, price_cny_kwh: np.ndarray, rent_cny=None) -> float:
    """Lower bound on the joint program at given prices: best replies of drivers, vehicles and grid [CNY].

    Parameters
    ----------
    market, traffic, metric
        As in :func:`joint_program`.
    price_cny_kwh : ndarray, shape (n_bus, K)
    rent_cny : ndarray, shape (n_stations, K), optional
        Plug rents, for objective ``system``.

    Returns
    -------
    float
    """
    network, present, metric = market.network, traffic.flows_veh, Metric.of(metric)
    cost = traffic.costs(market.electricity(price_cny_kwh), rent_cny)
    plugs_cny = 0.0 if rent_cny is None else rent_value_cny(network, rent_cny)
    cost = cost + traffic.misjudged()[0]
    flows = reply(cost, market.demand_veh, network.path_origin, present, metric)
    drivers = float((cost * (flows + market.fixed_veh)).sum()) + metric.half_square_of(flows - present)
    return drivers - plugs_cny + grid_side(market, price_cny_kwh[market.case.station_bus])
