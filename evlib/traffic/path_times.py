"""Times of a trip: travel and waiting time of every path, instantaneous or experienced, and the step of plugging in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from evlib.traffic.loading import Loading
from evlib.traffic.network import Network
from evlib.traffic.station_waiting import StationQueue, interval_shares, middle, station_wait_min
from evlib.traffic.step_shares import StepShares

__all__ = ["TravelTimes", "arrival_shares", "flow_map", "plug_in_shares", "travel_times"]


@dataclass(frozen=True)
class TravelTimes:
    """Mean times over the departures of each decision step.

    Attributes
    ----------
    road_min : ndarray, shape (n_paths, n_departure_steps)
        Time on the origin arc and on roads to the station [min].
    waiting_min : ndarray, shape (n_paths, n_departure_steps)
        Time in the station's queue [min].
    onward_min : ndarray, shape (n_paths, n_classes, n_departure_steps)
        Time on roads after the stay, 0 where trips end at the station [min].
    """

    road_min: np.ndarray
    waiting_min: np.ndarray
    onward_min: np.ndarray


def travel_times(loading: Loading, signal: str = "experienced", station_waiting: str = "exact") -> TravelTimes:
    """Times of every path by departure step.

    Parameters
    ----------
    loading : Loading
    signal : {"experienced", "instantaneous"}
        Travel time of each arc when the vehicle enters it, or of all arcs at the time of departure (Ran and Boyce
        1996).
    station_waiting : {"exact", "smooth", "davidson"}
        Wait in the station's queue, or by a function of the vehicles at the station, see
        :mod:`evlib.traffic.station_waiting`. It changes the times that drivers are told, not the queue that they join.

    Returns
    -------
    TravelTimes

    Raises
    ------
    ValueError
        An unknown signal or kind of waiting.
    """
    if signal not in ("experienced", "instantaneous"):
        raise ValueError(f"signal {signal!r}; must be 'experienced' or 'instantaneous'")
    network = loading.network
    depart = departure_min(loading)
    shape = (len(network.paths), network.time.n_departure_steps)
    road, waiting, onward = np.empty(shape), np.empty(shape), np.zeros((shape[0], len(network.classes), shape[1]))
    arrivals = _arrivals(loading, depart) if signal == "experienced" else ((p, None) for p in range(shape[0]))
    queues = _Queues(loading)
    for p, arrival in arrivals:
        path = network.paths[p]
        if signal == "experienced":
            elapsed = arrival - depart
        else:
            arrival = depart
            elapsed = sum(_exit_min(loading, arc, depart) - depart for arc in path.arcs)
        road[p] = by_step(loading, middle(elapsed)).mean(axis=1)
        if station_waiting == "exact":
            wait = queues[path.station].mean_wait_min(arrival)
        else:
            wait = middle(station_wait_min(loading, path.station, arrival, station_waiting))
        waiting[p] = by_step(loading, wait).mean(axis=1)
        for m, begin in enumerate(onward_entry_min(loading, path, depart, signal)):
            if signal == "experienced":
                after = arrival_min(loading, path.onward, begin) - begin
            else:
                after = sum(_exit_min(loading, arc, depart) - depart for arc in path.onward)
            onward[p, m] = by_step(loading, middle(after)).mean(axis=1)
    return TravelTimes(road, waiting, onward)


def onward_entry_min(loading: Loading, path, depart_min: np.ndarray, signal: str = "experienced") -> list[np.ndarray]:
    """Times at which vehicles that depart at given times drive on after the stay, by class [min].

    Empty where the trip ends at the station.
    """
    return leaving_min(loading, path, depart_min, signal) if path.onward else []


def leaving_min(loading: Loading, path, depart_min: np.ndarray, signal: str = "experienced") -> list[np.ndarray]:
    """Times at which vehicles that depart at given times leave the station of a path, by class [min]."""
    network = loading.network
    if signal == "instantaneous":
        return [depart_min] * len(network.classes)
    plug_in = StationQueue(loading, path.station).plug_in_min(arrival_min(loading, path.arcs, depart_min))
    return [plug_in + stay * network.time.step_min for stay in network.stay_steps]


def plug_in_shares(loading: Loading) -> np.ndarray:
    """Share of each path's departures of step k that plug in during step k': the traced map B.

    Returns
    -------
    ndarray, shape (n_paths, n_departure_steps, K + 1)
        Each row sums to 1; the last column is the share that plugs in at or after the horizon. Shares are overlaps of
        intervals, so they change continuously with the loading.
    """
    network = loading.network
    starts = network.time.step_min * np.arange(network.time.n_steps + 1)
    shares = np.empty((len(network.paths), network.time.n_departure_steps, len(starts)))
    queues = _Queues(loading)
    for p, arrival in _arrivals(loading, departure_min(loading)):
        pieces = queues[network.paths[p].station].plug_in_shares(arrival, starts)
        shares[p] = by_step(loading, pieces).mean(axis=1)
    return shares


def arrival_shares(loading: Loading) -> np.ndarray:
    """Share of each path's departures of step k that reach the station during step k', to wait or to plug in.

    Returns
    -------
    ndarray, shape (n_paths, n_departure_steps, K + 1)
        Each row sums to 1; the last column is the share that arrives at or after the horizon.
    """
    network = loading.network
    starts = network.time.step_min * np.arange(network.time.n_steps + 1)
    edges = np.append(starts, np.inf)
    shares = np.empty((len(network.paths), network.time.n_departure_steps, len(starts)))
    for p, arrival in _arrivals(loading, departure_min(loading)):
        shares[p] = by_step(loading, interval_shares(arrival[:-1], arrival[1:], edges)).mean(axis=1)
    return shares


def flow_map(network: Network, shares: StepShares | np.ndarray, n_types: int = 1) -> sp.csr_array:
    """Linear map from path flows to what arrives or plugs in at stations, the trajectories on the road frozen.

    Parameters
    ----------
    network : Network
    shares : StepShares, or ndarray of shape (n_paths, n_departure_steps, K + 1)
        Of arrivals or of plug-ins.
    n_types : int
        Into how many equal parts each class is split.

    Returns
    -------
    sparse array, shape (n_stations * n_classes * n_types * K, n_flows)
        Rows in C order of (station, class, type, step), flows in C order of (path, class, step); what happens after the
        horizon has no row.
    """
    n_steps, n_classes = network.time.n_steps, len(network.classes)
    shares = shares if isinstance(shares, StepShares) else StepShares.of(shares)
    n_paths, n_depart = shares.first_step.shape
    path, depart, step, share = shares.nonzero()
    member, kind = (index.reshape(-1, 1) for index in np.indices((n_classes, n_types)))
    rows = ((network.path_station[path] * n_classes + member) * n_types + kind) * n_steps + step
    columns = (path * n_classes + member) * n_depart + depart
    values = np.tile(share / n_types, n_classes * n_types)
    shape = (len(network.stations) * n_classes * n_types * n_steps, n_paths * n_classes * n_depart)
    return sp.csr_array((values, (rows.reshape(-1), columns.reshape(-1))), shape=shape)


def departure_min(loading: Loading) -> np.ndarray:
    """Grid times at which vehicles may depart [min]."""
    time = loading.network.time
    return time.loading_step_min * np.arange(time.n_departure_steps * time.substeps + 1)


def _exit_min(loading: Loading, arc: int, entry_min) -> np.ndarray:
    """Exit time of a vehicle by its entry time [min]; after the end of the loading the arc is empty."""
    inside = np.interp(entry_min, loading.time_min, loading.exit_min[arc])
    return np.where(entry_min > loading.time_min[-1], entry_min + loading.network.free_flow_min[arc], inside)


def arrival_min(loading: Loading, arcs, now_min: np.ndarray) -> np.ndarray:
    """Times at which vehicles leave the last of some arcs, given the times at which they enter the first [min]."""
    for arc in arcs:
        now_min = _exit_min(loading, arc, now_min)
    return now_min


def _arrivals(loading: Loading, depart_min: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Every path's number with the times at which those who depart at given times reach its station [min].

    Paths come sorted by their arcs, so that what they have in common is followed once.
    """
    ways = [path.arcs for path in loading.network.paths]
    so_far: list[np.ndarray] = []
    before: tuple[int, ...] = ()
    for p in sorted(range(len(ways)), key=ways.__getitem__):
        common = 0
        for one, other in zip(before, ways[p], strict=False):
            if one != other:
                break
            common += 1
        del so_far[common:]
        for arc in ways[p][common:]:
            so_far.append(_exit_min(loading, arc, so_far[-1] if so_far else depart_min))
        before = ways[p]
        yield p, so_far[-1]


class _Queues(dict):
    """The queue of each station, made when first asked for."""

    def __init__(self, loading: Loading):
        super().__init__()
        self.loading = loading

    def __missing__(self, station: int) -> StationQueue:
        self[station] = StationQueue(self.loading, station)
        return self[station]


def by_step(loading: Loading, pieces: np.ndarray) -> np.ndarray:
    """Values between departure times, grouped by decision step: shape (n_departure_steps, substeps, ...)."""
    return pieces.reshape(-1, loading.network.time.substeps, *pieces.shape[1:])
