"""What flows hold at stations, what they pay there, and how a change of rents changes what they hold.

The file is longer than others because numba's cache on disk notices a change of a file, not of its imports, so all
compiled functions of the search for rents stay together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evlib.assignment.plug_prices import rent_value_cny
from evlib.numba_cache import njit
from evlib.traffic.network import Network
from evlib.traffic.step_shares import StepShares

__all__ = [
    "DriversChoice",
    "Held",
    "PathsByOrigin",
    "choose",
    "hessian_times",
    "own_curvature",
    "project",
]

compiled = njit(cache=True, nogil=True, error_model="numpy")


@dataclass(frozen=True)
class PathsByOrigin:
    """Paths of each origin side by side: those of origin o are ``path[begin[o]:begin[o + 1]]``."""

    path: np.ndarray
    begin: np.ndarray

    @classmethod
    def of(cls, path_origin: np.ndarray, n_origins: int) -> PathsByOrigin:
        """From the origin of every path."""
        order = np.argsort(path_origin, kind="stable")
        return cls(order.astype(np.int64), np.searchsorted(path_origin[order], np.arange(n_origins + 1)))


@dataclass(frozen=True)
class DriversChoice:
    """What drivers choose among, at frozen trajectories and prices.

    Attributes
    ----------
    network : Network
    groups : PathsByOrigin
    demand_veh : ndarray, shape (n_origins, n_classes, n_departure_steps)
        [veh].
    fixed_veh : ndarray, shape (n_paths, n_classes, n_departure_steps)
        Departures of those who do not choose [veh].
    present_veh, cost_cny, metric_cny_veh2 : ndarray, shape of ``fixed_veh``
        Flows to stay near [veh], cost of each flow without rents [CNY per vehicle], and how dear a move is [CNY/veh^2].
    arrival_shares : StepShares
    queue_cny_h : ndarray, shape (n_classes,)
        Value of waiting [CNY/h].
    plugs : ndarray, shape (n_stations,)
        Plugs that may be held.
    """

    network: Network
    groups: PathsByOrigin
    demand_veh: np.ndarray
    fixed_veh: np.ndarray
    present_veh: np.ndarray
    cost_cny: np.ndarray
    metric_cny_veh2: np.ndarray
    arrival_shares: StepShares
    queue_cny_h: np.ndarray
    plugs: np.ndarray


@dataclass(frozen=True)
class Held:
    """Drivers' reply to rents.

    Attributes
    ----------
    rent_cny : ndarray, shape (n_stations, K)
    value_cny : float
        The dual: what drivers pay and move, less the rent of all plugs.
    flows_veh : ndarray, shape (n_paths, n_classes, n_departure_steps)
    begin : ndarray of int, shape (n_stations, n_classes, K)
        Step in which a vehicle that arrives in each step plugs in; K if it waits until after the horizon.
    plugs : ndarray, shape (n_stations, K)
        Plugs held at the end of each step.
    """

    rent_cny: np.ndarray
    value_cny: float
    flows_veh: np.ndarray
    begin: np.ndarray
    plugs: np.ndarray


def project(wanted_veh: np.ndarray, demand_veh: np.ndarray, groups: PathsByOrigin) -> np.ndarray:
    """Project any numbers onto the flows that meet the demand, as :func:`evlib.assignment.dynamic_equilibrium.nearest_flows`.

    Parameters
    ----------
    wanted_veh : ndarray, shape (n_paths, n_classes, n_departure_steps)
        [veh].
    demand_veh : ndarray, shape (n_origins, n_classes, n_departure_steps)
        [veh].
    groups : PathsByOrigin

    Returns
    -------
    ndarray, shape of ``wanted_veh``
    """
    flows = np.empty_like(wanted_veh)
    _project(np.ascontiguousarray(wanted_veh), demand_veh, groups.path, groups.begin, flows)
    return flows


def choose(choice: DriversChoice, rent_cny: np.ndarray) -> Held:
    """Drivers' reply to rents, shape (n_stations, K) [CNY]."""
    mu, begin = _station_costs(choice, rent_cny)
    station = choice.network.path_station
    cost = choice.cost_cny + choice.arrival_shares.mean_of(mu, station)
    wanted = choice.present_veh - cost / choice.metric_cny_veh2
    flows = project(wanted, choice.demand_veh, choice.groups)
    moved = 0.5 * float((choice.metric_cny_veh2 * (flows - choice.present_veh) ** 2).sum())
    everybody = flows + choice.fixed_veh
    value = float((cost * everybody).sum()) + moved - _rent_of_all(choice, rent_cny)
    return Held(rent_cny, value, flows, begin, _plugs_of(choice, everybody, begin))


def hessian_times(choice: DriversChoice, held: Held, direction: np.ndarray) -> np.ndarray:
    """How much less is held if rents rise in a direction, both of shape (n_stations, K): the exact derivative.

    .. math:: H v = A^T P M^{-1} P A v

    A v is what a vehicle of a flow pays more, and P takes the mean over the used paths of its origin away, as demand is
    fixed.
    """
    network, shares = choice.network, choice.arrival_shares
    stay = network.stay_steps.astype(np.int64)
    paid = np.zeros((*held.begin.shape[:2], held.begin.shape[2] + 1))
    _windows(direction, held.begin, stay, paid)
    more = shares.mean_of(paid, network.path_station)
    _centre(more, choice.metric_cny_veh2, held.flows_veh, choice.groups.path, choice.groups.begin)
    return _plugs_of(choice, more, held.begin)


def own_curvature(choice: DriversChoice, held: Held) -> np.ndarray:
    """The part of the derivative within each station, as if demand were not fixed: shape (n_stations, K, K)."""
    network, shares = choice.network, choice.arrival_shares
    n_stations, _, n_steps = held.begin.shape
    weight = np.where(held.flows_veh > 0, 1.0 / choice.metric_cny_veh2, 0.0)
    pairs = shares.pairs(shares, network.path_station, weight, n_stations)
    total = np.zeros((n_stations, n_steps, n_steps))
    _hold_pairs(pairs, held.begin, network.stay_steps.astype(np.int64), total)
    return total


def _rent_of_all(choice: DriversChoice, rent_cny) -> float:
    if choice.plugs is choice.network.plugs:
        return rent_value_cny(choice.network, rent_cny)
    return float((choice.plugs * rent_cny.sum(axis=1)).sum())


def _station_costs(choice: DriversChoice, rent_cny) -> tuple[np.ndarray, np.ndarray]:
    """Least total of rent and waiting by step of arrival, with the step of plugging in."""
    network = choice.network
    n_stations, n_steps = rent_cny.shape
    stay = network.stay_steps.astype(np.int64)
    per_step = np.asarray(choice.queue_cny_h, dtype=float) / 60.0 * network.time.step_min
    mu = np.zeros((n_stations, len(stay), n_steps + 1))
    begin = np.empty((n_stations, len(stay), n_steps), dtype=np.int64)
    _least_rent(np.ascontiguousarray(rent_cny), per_step, stay, mu, begin)
    return mu, begin


def _plugs_of(choice: DriversChoice, flows_veh, begin) -> np.ndarray:
    """Plugs held at the end of each step by flows, shape (n_stations, K)."""
    network, shares = choice.network, choice.arrival_shares
    arrive = shares.sums(network.path_station, flows_veh, len(network.stations))
    plugs = np.zeros((begin.shape[0], begin.shape[2]))
    _hold(arrive, begin, network.stay_steps.astype(np.int64), plugs)
    return plugs


@compiled
def _project(wanted, demand, path, begin, flows):
    """Michelot's algorithm for every origin, class and step: paths drop out until the common level keeps all others."""
    n_classes, n_depart = wanted.shape[1], wanted.shape[2]
    inside = np.empty(len(path), dtype=np.int64)
    for o in range(len(begin) - 1):
        for m in range(n_classes):
            for k in range(n_depart):
                count, total = 0, -demand[o, m, k]
                for i in range(begin[o], begin[o + 1]):
                    inside[count] = path[i]
                    total += wanted[path[i], m, k]
                    count += 1
                level = total / count
                while True:
                    kept, total = 0, -demand[o, m, k]
                    for i in range(count):
                        value = wanted[inside[i], m, k]
                        if value > level:
                            inside[kept] = inside[i]
                            total += value
                            kept += 1
                    if kept == count or kept == 0:
                        break
                    count, level = kept, total / kept
                for i in range(begin[o], begin[o + 1]):
                    flows[path[i], m, k] = max(wanted[path[i], m, k] - level, 0.0)


@compiled
def _centre(more, metric, flows, path, begin):
    """Replace what flows pay more by how much they shrink: what is above the mean of the used paths, over the metric."""
    for o in range(len(begin) - 1):
        for m in range(more.shape[1]):
            for k in range(more.shape[2]):
                total, weight = 0.0, 0.0
                for i in range(begin[o], begin[o + 1]):
                    p = path[i]
                    if flows[p, m, k] > 0.0:
                        total += more[p, m, k] / metric[p, m, k]
                        weight += 1.0 / metric[p, m, k]
                mean = total / weight if weight > 0.0 else 0.0
                for i in range(begin[o], begin[o + 1]):
                    p = path[i]
                    more[p, m, k] = (more[p, m, k] - mean) / metric[p, m, k] if flows[p, m, k] > 0.0 else 0.0


@compiled
def _least_rent(rent, per_step, stay, mu, begin):
    n_stations, n_steps = rent.shape
    paid = np.zeros(n_steps + 1)
    for c in range(n_stations):
        for k in range(n_steps):
            paid[k + 1] = paid[k] + rent[c, k]
        for m in range(len(stay)):
            least, first = 0.0, n_steps  # after the horizon plugs are free
            for k in range(n_steps - 1, -1, -1):
                now, later = paid[min(k + stay[m], n_steps)] - paid[k], least + per_step[m]
                least = min(now, later)
                if now <= later:
                    first = k
                mu[c, m, k], begin[c, m, k] = least, first


@compiled
def _windows(values, begin, stay, total):
    """Sum of values over the steps in which a vehicle holds a plug, by its step of arrival."""
    n_stations, n_classes, n_steps = begin.shape
    summed = np.zeros(n_steps + 1)
    for c in range(n_stations):
        for k in range(n_steps):
            summed[k + 1] = summed[k] + values[c, k]
        for m in range(n_classes):
            for k in range(n_steps):
                first = begin[c, m, k]
                total[c, m, k] = summed[min(first + stay[m], n_steps)] - summed[first]


@compiled
def _hold(arrive, begin, stay, plugs):
    n_stations, n_classes, n_steps = arrive.shape
    change = np.zeros(n_steps + 1)
    for c in range(n_stations):
        change[:] = 0.0
        for m in range(n_classes):
            for k in range(n_steps):
                first = begin[c, m, k]
                change[first] += arrive[c, m, k]
                change[min(first + stay[m], n_steps)] -= arrive[c, m, k]
        total = 0.0
        for k in range(n_steps):
            total += change[k]
            plugs[c, k] = total


@compiled
def _hold_pairs(pairs, begin, stay, total):
    """Sum of weights over pairs of steps in which vehicles hold a plug, from pairs of steps in which they arrive.

    Each pair of arrivals adds its weight to a rectangle: at four corners first, then summed along both axes.
    """
    n_stations, n_classes, n_steps = begin.shape
    corners = np.empty((n_steps + 1, n_steps + 1))
    for c in range(n_stations):
        corners[:] = 0.0
        for m in range(n_classes):
            for i in range(n_steps):
                top = begin[c, m, i]
                bottom = min(top + stay[m], n_steps)
                for j in range(n_steps):
                    value = pairs[c, m, i, j]
                    if value != 0.0:
                        left = begin[c, m, j]
                        right = min(left + stay[m], n_steps)
                        corners[top, left] += value
                        corners[top, right] -= value
                        corners[bottom, left] -= value
                        corners[bottom, right] += value
        for s in range(n_steps):
            running = 0.0
            for t in range(n_steps):
                running += corners[s, t]
                total[c, s, t] = running + (total[c, s - 1, t] if s > 0 else 0.0)
