"""Stations that drivers choose among: those of the paths they know, widened until none outside would be cheaper.

What a trip to any station costs at least is known from one search for each origin and departure: the quickest way's time,
and what the station costs at that arrival. Tolls are left out, so nothing outside the known paths can be cheaper.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from evlib.assignment.many_stations.earliest_arrival import RoadSearch
from evlib.assignment.path_costs import Traffic
from evlib.assignment.plug_prices import station_costs_cny
from evlib.assignment.traffic_problem import TrafficProblem
from evlib.traffic.paths import Path

__all__ = ["Outside", "at_stations", "least_outside", "with_appended", "worth_adding"]

# A path is added if somebody would save more than this by it [CNY per vehicle].
WORTH_CNY = 1e-3


@dataclass(frozen=True)
class Outside:
    """The cheapest trips that any way to any station could offer.

    Attributes
    ----------
    depart_min : ndarray, shape (n_departure_steps,)
        Middle of each step [min].
    searched : ndarray of int
        Departure steps that were searched.
    least_cny : ndarray, shape (n_origins, n_classes, n_departure_steps)
        No trip costs less [CNY per vehicle].
    station : ndarray of int, same shape
        Where that would be.
    """

    depart_min: np.ndarray
    searched: np.ndarray
    least_cny: np.ndarray
    station: np.ndarray

    def excess_cny_veh(self, traffic: Traffic, cost_cny: np.ndarray) -> float:
        """Mean cost of all drivers above the least, over all ways and stations; not below the excess over known paths.

        Parameters
        ----------
        traffic : Traffic
        cost_cny : ndarray, shape (n_paths, n_classes, n_departure_steps)
            Of every known path [CNY per vehicle].
        """
        flows, origin = traffic.flows_veh, traffic.loading.network.path_origin
        least = np.minimum(_least_known(cost_cny, origin, len(self.least_cny)), self.least_cny)
        return float((flows * (cost_cny - least[origin])).sum() / flows.sum())


def at_stations(traffic: Traffic, electricity_cny: np.ndarray, rent_cny: np.ndarray | None, queue_cny_h) -> np.ndarray:
    """What a vehicle pays at a station by the step of its arrival, without the value of its time on the road.

    Parameters
    ----------
    traffic : Traffic
    electricity_cny : ndarray, shape (n_stations, n_classes, K + 1), or (n_stations, n_classes, n_levels, K + 1)
        [CNY per vehicle]; of several levels of arrival the cheapest counts.
    rent_cny : ndarray, shape (n_stations, K), or None
        With rents a vehicle pays them instead of waiting; without, it waits for those who came before it.
    queue_cny_h : ndarray, shape (n_classes,)
        Value of waiting [CNY/h].

    Returns
    -------
    ndarray, shape (n_stations, n_classes, K + 1)
        [CNY per vehicle].
    """
    network = traffic.loading.network
    if electricity_cny.ndim == 4:
        electricity_cny = electricity_cny.min(axis=2)
    if rent_cny is not None:
        return electricity_cny + station_costs_cny(network, rent_cny, queue_cny_h)
    wait_min = _waits_min(traffic)
    n_steps, step_min = network.time.n_steps, network.time.step_min
    step = np.minimum((step_min * (np.arange(n_steps + 1) + 0.5) + wait_min) // step_min, n_steps).astype(int)
    at_plug = np.take_along_axis(electricity_cny, np.broadcast_to(step[:, None], electricity_cny.shape), axis=2)
    return at_plug + (np.asarray(queue_cny_h) / 60.0)[:, None] * wait_min[:, None]


def _waits_min(traffic: Traffic) -> np.ndarray:
    """Wait of a vehicle that arrives in the middle of each step, shape (n_stations, K + 1) [min]."""
    loading, time = traffic.loading, traffic.loading.network.time
    arrive = time.step_min * (np.arange(time.n_steps + 1) + 0.5)
    waits = np.zeros((len(loading.arrived_veh), len(arrive)))
    for c in np.flatnonzero(loading.queue_veh.max(axis=1) > 1e-6):
        place = np.interp(arrive, loading.time_min, loading.arrived_veh[c].sum(axis=0))
        waits[c] = np.maximum(np.interp(place, loading.plugged_veh[c].sum(axis=0), loading.time_min) - arrive, 0.0)
    return waits


def least_outside(
    search: RoadSearch, traffic: Traffic, vot_cny_h: np.ndarray, paid_cny: np.ndarray, every: int = 1
) -> Outside:
    """Search all ways to all stations through a loading.

    Parameters
    ----------
    search : RoadSearch
    traffic : Traffic
    vot_cny_h : ndarray, shape (n_classes,)
        Value of time on the road [CNY/h].
    paid_cny : ndarray, shape (n_stations, n_classes, K + 1)
        From :func:`at_stations`.
    every : int, optional
        Search every so many departure steps, and take the travel times between from their neighbours on both sides.

    Returns
    -------
    Outside

    Notes
    -----
    Arrivals of a step's departures are taken to be spread over one step around that of the middle one.
    """
    time = search.network.time
    n_depart, n_classes = time.n_departure_steps, paid_cny.shape[1]
    depart = time.step_min * (np.arange(n_depart) + 0.5)
    chosen = np.unique(np.append(np.arange(0, n_depart, every), n_depart - 1))
    arrival = _between(search.arrivals(traffic.loading, depart[chosen]), depart[chosen], depart)
    per_min = np.asarray(vot_cny_h, dtype=float) / 60.0
    least = np.empty((len(arrival), n_classes, n_depart))
    station = np.empty(least.shape, dtype=np.int64)
    stations = np.arange(len(paid_cny))
    for o, reached in enumerate(arrival):
        some = np.isfinite(reached)
        place = np.where(some, reached, 0.0) / time.step_min - 0.5
        first = np.minimum(np.maximum(np.floor(place), 0), time.n_steps).astype(int)
        share = np.clip(place - first, 0.0, 1.0)
        following = np.minimum(first + 1, time.n_steps)
        for m in range(n_classes):
            paid = paid_cny[:, m]
            there = (1.0 - share) * paid[stations, first] + share * paid[stations, following]
            cost = np.where(some, per_min[m] * (reached - depart[:, None]) + there, np.inf)
            station[o, m] = cost.argmin(axis=1)
            least[o, m] = cost.min(axis=1)
    return Outside(depart, chosen, least, station)


def worth_adding(search: RoadSearch, traffic: Traffic, outside: Outside, cost_cny: np.ndarray) -> list[Path]:
    """Paths by which somebody would save, none of them known yet; the cheapest of every origin, class and step.

    Parameters
    ----------
    search : RoadSearch
    traffic : Traffic
    outside : Outside
    cost_cny : ndarray, shape (n_paths, n_classes, n_departure_steps)
        Of every known path [CNY per vehicle].

    Returns
    -------
    list of Path
        In the order of origin, station and arcs.
    """
    network = traffic.loading.network
    known = _least_known(cost_cny, network.path_origin, len(outside.least_cny))
    gains = outside.least_cny < known - WORTH_CNY
    gains[:, :, np.setdiff1d(np.arange(gains.shape[2]), outside.searched)] = False
    origin, member, step = np.nonzero(gains)
    if not len(origin):
        return []
    trips = np.unique(np.stack([origin, outside.station[origin, member, step], step]), axis=1)
    paths = search.ways(traffic.loading, outside.depart_min[trips[2]], trips[0], trips[1])
    return sorted(set(paths) - set(network.paths), key=lambda path: (path.origin, path.station, path.arcs))


def with_appended(problem: TrafficProblem, paths: list[Path]) -> TrafficProblem:
    """The problem with further paths after those it has, in their order; nobody takes them yet."""
    nobody = np.zeros((len(paths), *problem.fixed_veh.shape[1:]))
    network = replace(problem.network, paths=(*problem.network.paths, *paths))
    return replace(problem, network=network, fixed_veh=np.concatenate([problem.fixed_veh, nobody]))


def _between(arrival_min: np.ndarray, some_min: np.ndarray, depart_min: np.ndarray) -> np.ndarray:
    """Arrivals of all departures from those of some, (n_origins, n, n_stations), linear between."""
    if len(some_min) == len(depart_min):
        return arrival_min
    place = np.interp(depart_min, some_min, np.arange(len(some_min)))
    first = np.minimum(place.astype(int), len(some_min) - 2)
    share = (place - first)[None, :, None]
    before, after = arrival_min[:, first], arrival_min[:, first + 1]
    some = np.isfinite(before) & np.isfinite(after)  # a station that cannot be reached stays so
    before, after = (np.where(some, arrival, 0.0) for arrival in (before, after))
    return np.where(some, (1.0 - share) * before + share * after, np.inf)


def _least_known(cost_cny: np.ndarray, path_origin: np.ndarray, n_origins: int) -> np.ndarray:
    """Cost of the cheapest known path, shape (n_origins, n_classes, n_departure_steps)."""
    least = np.full((n_origins, *cost_cny.shape[1:]), np.inf)
    np.minimum.at(least, path_origin, cost_cny)
    return least
