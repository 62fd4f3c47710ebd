"""Transportation network optimisation (TNO): what drivers see, what they would choose, how far they are from content."""

from __future__ import annotations

from dataclasses import dataclass

import cvxpy as cp
import numpy as np
import scipy.sparse as sp

from evlib.costs import (
    arrival_min,
    by_step,
    departure_min,
    middle,
    path_costs,
    plug_in_shares,
    time_costs,
    travel_times,
)
from evlib.errors import SolverError
from evlib.loading import Loading
from evlib.tolls import arc_tolls_cny, station_tolls_cny

__all__ = ["OBJECTIVES", "Traffic", "gaps", "path_tolls", "reply", "see_traffic"]

OBJECTIVES = ("user", "system")


@dataclass(frozen=True)
class Traffic:
    """A loading as the traffic operator sees it; arrays of shape (n_paths, n_classes, n_departure_steps) in CNY.

    Attributes
    ----------
    loading : Loading
    time_cny : ndarray
        Drivers' own time and queue cost T.
    toll_cny : ndarray
        What one more driver costs the others; 0 for objective ``user``.
    shares : ndarray, shape (n_paths, n_departure_steps, K + 1)
        Traced map from departures to plug-in steps.
    """

    loading: Loading
    time_cny: np.ndarray
    toll_cny: np.ndarray
    shares: np.ndarray

    @property
    def flows_veh(self) -> np.ndarray:
        """Departures f."""
        return self.loading.departures_veh

    def costs(self, electricity_cny: np.ndarray) -> np.ndarray:
        """Cost of the objective solved: T, toll and the electricity cost V at the plug-in step, see :func:`path_costs`."""
        stations = self.loading.network.path_station
        return path_costs(self.time_cny + self.toll_cny, electricity_cny, self.shares, stations)


def see_traffic(scenario, loading: Loading, objective: str, signal: str) -> Traffic:
    """Costs of every path in a loading, by the signal that drivers are given.

    Parameters
    ----------
    scenario : Scenario
    loading : Loading
    objective : {"user", "system"}
        Drivers' own cost, or with a toll for what they cost others.
    signal : {"experienced", "instantaneous"}

    Returns
    -------
    Traffic
    """
    fleet = scenario.fleet
    vot = np.array([member.vot_cny_h for member in fleet.classes])
    time_cny = time_costs(travel_times(loading, signal), vot, fleet.queue_factor * vot)
    toll = np.zeros_like(time_cny)
    if objective == "system":
        toll = path_tolls(loading, vot, fleet.queue_factor * vot, signal)
    return Traffic(loading, time_cny, toll, plug_in_shares(loading))


def path_tolls(loading: Loading, vot_cny_h, queue_cny_h, signal: str) -> np.ndarray:
    """Sum of the arcs' tolls along each path, each at the time of entry (or all at departure).

    Returns
    -------
    ndarray, shape (n_paths, n_classes, n_departure_steps)
        [CNY per vehicle].
    """
    network = loading.network
    arcs = arc_tolls_cny(loading, vot_cny_h)
    stations = station_tolls_cny(loading, queue_cny_h)
    depart = departure_min(loading)
    tolls = np.zeros((len(network.paths), len(network.classes), network.time.n_departure_steps))
    for p, path in enumerate(network.paths):
        total = np.zeros((len(network.classes), len(depart) - 1))
        now = depart
        for arc in path.arcs:
            total += _between(loading, arcs[arc], now)
            if signal == "experienced":
                now = arrival_min(loading, [arc], now)
        for m in range(len(network.classes)):
            total[m] += _between(loading, stations[path.station, m], now)
        tolls[p] = by_step(loading, total.T).mean(axis=1).T
    return tolls


def _between(loading: Loading, toll: np.ndarray, time_min: np.ndarray) -> np.ndarray:
    """Toll of what enters between neighbouring times; a toll belongs to the loading step that ends at its grid time."""
    dt = loading.network.time.loading_step_min
    middle_min = middle(time_min)
    return np.interp(middle_min + dt / 2, loading.time_min, toll)


def gaps(traffic: Traffic, electricity_cny: np.ndarray) -> dict:
    """How far drivers are from the cheapest path of their origin, class and departure step.

    .. math:: excess = \\frac{\\sum f (C - C_{min})}{\\sum f}, \\qquad gap = \\frac{\\sum f (C - C_{min})}{\\sum f T}

    Parameters
    ----------
    traffic : Traffic
    electricity_cny : ndarray, shape (n_stations, n_classes, K + 1)
        Electricity cost V of one vehicle.

    Returns
    -------
    dict
        ``excess_cny_veh`` and ``relative_gap`` in all, and the excess by origin and by class under
        ``excess_cny_veh_by_origin`` and ``excess_cny_veh_by_class``.

    Notes
    -----
    C is the cost of the objective solved, its minimum is over *all* paths; the denominator T is time and queue cost
    only, so cheap electricity does not flatter the gap.
    """
    network, flows = traffic.loading.network, traffic.flows_veh
    cost = traffic.costs(electricity_cny)
    regret = np.empty_like(cost)
    for o in range(len(network.origins)):
        own = network.path_origin == o
        regret[own] = cost[own] - cost[own].min(axis=0)
    lost = flows * regret

    def per_vehicle(chosen, axis):
        vehicles = flows[chosen].sum(axis=axis)
        return np.divide(lost[chosen].sum(axis=axis), vehicles, out=np.zeros_like(vehicles), where=vehicles > 0)

    everybody = flows.sum()
    return {
        "excess_cny_veh": float(lost.sum() / everybody),
        "relative_gap": float(lost.sum() / (flows * traffic.time_cny).sum()),
        "excess_cny_veh_by_origin": {
            name: float(per_vehicle(network.path_origin == o, None)) for o, name in enumerate(network.origins)
        },
        "excess_cny_veh_by_class": dict(zip(network.classes, per_vehicle(slice(None), (0, 2)).tolist(), strict=True)),
    }


def reply(
    cost_cny: np.ndarray, demand_veh: np.ndarray, path_origin: np.ndarray, flows_veh=None, metric=None
) -> np.ndarray:
    """Flows that answer given costs: everybody to the cheapest path, or near the present flows.

    .. math:: \\min_{f \\ge 0} \\; C \\cdot f + \\tfrac12 (f - f^i)^T M (f - f^i), \\qquad \\sum_{p \\in o} f_p = d_o

    Parameters
    ----------
    cost_cny : ndarray, shape (n_paths, n_classes, n_departure_steps)
        [CNY per vehicle].
    demand_veh : ndarray, shape (n_origins, n_classes, n_departure_steps)
    path_origin : ndarray of int, shape (n_paths,)
    flows_veh, metric : ndarray, same shape as the cost, optional
        Present flows and diagonal of M [CNY/veh^2]; without a metric the problem is linear.

    Returns
    -------
    ndarray, same shape as the cost

    Raises
    ------
    SolverError
        Any status other than *optimal*.
    """
    shape = cost_cny.shape
    flows = cp.Variable(cost_cny.size, nonneg=True, name="flows")
    cost = cp.Parameter(cost_cny.size, value=cost_cny.reshape(-1), name="cost")
    objective = cost @ flows
    if metric is not None:
        weight = np.sqrt(metric.reshape(-1))
        objective = objective + cp.sum_squares(cp.multiply(weight, flows - flows_veh.reshape(-1))) / 2
    problem = cp.Problem(cp.Minimize(objective), [origin_sums(path_origin, shape) @ flows == demand_veh.reshape(-1)])
    problem.solve(solver=cp.CLARABEL)
    if problem.status != cp.OPTIMAL:
        raise SolverError(f"traffic problem ended with status {problem.status!r}, not 'optimal'")
    return np.maximum(flows.value, 0.0).reshape(shape)  # the solver leaves zero flows at +-1e-10


def origin_sums(path_origin: np.ndarray, shape: tuple[int, int, int]) -> sp.csr_array:
    """Matrix that sums path flows by origin, class and step."""
    rest = shape[1] * shape[2]
    n_origins = int(path_origin.max()) + 1
    pick = sp.csr_array((np.ones(shape[0]), (path_origin, np.arange(shape[0]))), shape=(n_origins, shape[0]))
    return sp.kron(pick, sp.eye_array(rest), format="csr")
