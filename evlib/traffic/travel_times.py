"""What a trip costs: travel and waiting times of every path, instantaneous and experienced, and its plug-in step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evlib.traffic.loading import Loading
from evlib.traffic.station_waiting import station_wait_min

__all__ = ["TravelTimes", "arrival_shares", "path_costs", "plug_in_shares", "time_costs", "travel_times", "waiting_min"]


@dataclass(frozen=True)
class TravelTimes:
    """Mean over the departures of each step.

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
        Each arc at the time of entry, or all arcs in their state at departure (Ran and Boyce 1996).
    station_waiting : {"exact", "smooth", "davidson"}
        The wait that the queue at the station makes, or what a function of the vehicles there says, see
        :mod:`evlib.traffic.station_waiting`. It changes what drivers are told, not what they meet.

    Returns
    -------
    TravelTimes

    Raises
    ------
    ValueError
        Another signal, another waiting.
    """
    if signal not in ("experienced", "instantaneous"):
        raise ValueError(f"signal {signal!r}; must be 'experienced' or 'instantaneous'")
    network = loading.network
    depart = departure_min(loading)
    shape = (len(network.paths), network.time.n_departure_steps)
    road, waiting, onward = np.empty(shape), np.empty(shape), np.zeros((shape[0], len(network.classes), shape[1]))
    for p, path in enumerate(network.paths):
        if signal == "experienced":
            arrival = arrival_min(loading, path.arcs, depart)
            elapsed = arrival - depart
        else:
            arrival = depart
            elapsed = sum(_exit_min(loading, arc, depart) - depart for arc in path.arcs)
        road[p] = by_step(loading, middle(elapsed)).mean(axis=1)
        if station_waiting == "exact":
            wait = _Queue(loading, path.station).mean_wait_min(arrival)
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
    """When who departs at given times drives on after the stay, by class; empty where the trip ends at the station."""
    if not path.onward:
        return []
    network = loading.network
    if signal == "instantaneous":
        return [depart_min] * len(network.classes)
    plug_in = _Queue(loading, path.station).plug_in_min(arrival_min(loading, path.arcs, depart_min))
    return [plug_in + stay * network.time.step_min for stay in network.stay_steps]


def time_costs(times: TravelTimes, vot_cny_h, queue_cny_h) -> np.ndarray:
    """Time and queue cost T of every path, class and departure step.

    Parameters
    ----------
    times : TravelTimes
    vot_cny_h, queue_cny_h : array_like, shape (n_classes,)
        Value of time on the road; of waiting, instead of it [CNY/h].

    Returns
    -------
    ndarray, shape (n_paths, n_classes, n_departure_steps)
        [CNY per vehicle].
    """
    vot, queue = np.asarray(vot_cny_h) / 60.0, np.asarray(queue_cny_h) / 60.0
    before = vot[None, :, None] * times.road_min[:, None, :] + queue[None, :, None] * times.waiting_min[:, None, :]
    return before + vot[None, :, None] * times.onward_min


def plug_in_shares(loading: Loading) -> np.ndarray:
    """Share of each path's departures of step k that plug in during step k': the traced map B.

    Returns
    -------
    ndarray, shape (n_paths, n_departure_steps, K + 1)
        Each row sums to 1; the last column holds what plugs in at or after the horizon. Overlap of intervals, so it
        changes continuously with the loading.
    """
    network = loading.network
    starts = network.time.step_min * np.arange(network.time.n_steps + 1)
    shares = np.empty((len(network.paths), network.time.n_departure_steps, len(starts)))
    for p, path in enumerate(network.paths):
        pieces = _Queue(loading, path.station).plug_in_shares(
            arrival_min(loading, path.arcs, departure_min(loading)), starts
        )
        shares[p] = by_step(loading, pieces).mean(axis=1)
    return shares


def arrival_shares(loading: Loading) -> np.ndarray:
    """Share of each path's departures of step k that reach the station during step k', to wait or to plug in.

    Returns
    -------
    ndarray, shape (n_paths, n_departure_steps, K + 1)
        Each row sums to 1; the last column holds what arrives at or after the horizon.
    """
    network = loading.network
    starts = network.time.step_min * np.arange(network.time.n_steps + 1)
    ends = np.append(starts[1:], np.inf)
    shares = np.empty((len(network.paths), network.time.n_departure_steps, len(starts)))
    for p, path in enumerate(network.paths):
        arrival = arrival_min(loading, path.arcs, departure_min(loading))
        first, last = arrival[:-1, None], arrival[1:, None]
        overlap = np.maximum(np.minimum(last, ends) - np.maximum(first, starts), 0.0)
        shares[p] = by_step(loading, overlap / (last - first)).mean(axis=1)
    return shares


def path_costs(time_cny_veh, electricity_cny_veh, shares, path_station) -> np.ndarray:
    """The signal: time and queue cost plus the electricity cost at the realised plug-in step.

    Parameters
    ----------
    time_cny_veh : ndarray, shape (n_paths, n_classes, n_departure_steps)
        T of :func:`time_costs`.
    electricity_cny_veh : ndarray, shape (n_stations, n_classes, K + 1)
        Least electricity cost V of one vehicle by station, class and plug-in step, the last for after the horizon [CNY].
    shares : ndarray, shape (n_paths, n_departure_steps, K + 1)
        From :func:`plug_in_shares`.
    path_station : ndarray of int, shape (n_paths,)

    Returns
    -------
    ndarray, shape (n_paths, n_classes, n_departure_steps)
        Unit flow travel cost [CNY per vehicle].
    """
    return time_cny_veh + np.einsum("pkn,pmn->pmk", shares, electricity_cny_veh[path_station])


def waiting_min(loading: Loading, station: int, arrival_min) -> np.ndarray:
    """Time that a vehicle arriving at given times waits for a plug, whether or not one arrives then.

    Parameters
    ----------
    loading : Loading
    station : int
    arrival_min : array_like
        [min].

    Returns
    -------
    ndarray
        [min]. A vehicle that arrives behind all A(t) is plugged in when P + S(t') first exceeds A(t).
    """
    arrival_min = np.asarray(arrival_min, dtype=float)
    return _Queue(loading, station).plug_in_min(arrival_min) - arrival_min


class _Queue:
    """First-in-first-out queue of a station, read by the number of vehicles ahead.

    A piece is what arrives between two neighbouring times. Its vehicles hold the places A(start)..A(end) in the queue,
    and place n is served at R^-1(n), so waiting times and plug-in steps of a piece are exact even where service stops
    for a while in its middle. A piece in which nobody arrives is followed by the time of its ends.
    """

    # Below this a piece has too few vehicles for differences of cumulative counts to mean anything.
    LEAST_VEH = 1e-6

    def __init__(self, loading: Loading, station: int):
        network = loading.network
        self.dt = network.time.loading_step_min
        self.time_min = loading.time_min
        self.arrived = loading.arrived_veh[station].sum(axis=0)
        released = loading.plugged_veh[station]
        self.released = released.sum(axis=0)
        middle = self.time_min[:-1] + self.dt / 2
        self.served_area = np.append(0.0, np.cumsum(middle * np.diff(self.released)))
        # Stays are known, so completions are known beyond the end of the loading.
        stay = network.stay_steps * network.time.substeps
        n_grid = released.shape[1]
        completed = np.zeros(n_grid + int(stay.max()))
        for m, n in enumerate(stay):
            completed[n : n + n_grid] += released[m]
            completed[n + n_grid :] += released[m, -1]
        self.room = network.plugs[station] + completed

    def plug_in_min(self, arrival_min) -> np.ndarray:
        """When a vehicle behind all that have arrived is plugged in."""
        ahead = np.interp(arrival_min, self.time_min, self.arrived)
        after = np.searchsorted(self.room, ahead, side="right")  # below len(room): in the end every plug is free again
        before = np.maximum(after - 1, 0)
        rise = np.where(after > 0, self.room[after] - self.room[before], 1.0)
        free = np.where(after > 0, self.dt * (before + (ahead - self.room[before]) / rise), 0.0)
        return np.maximum(free, arrival_min)

    def mean_wait_min(self, arrival_min) -> np.ndarray:
        """Mean waiting time of each piece between neighbouring arrival times."""
        place = np.interp(arrival_min, self.time_min, self.arrived)
        count = np.diff(place)
        many = count > self.LEAST_VEH
        area = np.diff(self._served_area_at(place))
        served = np.divide(area, count, out=middle(self.plug_in_min(arrival_min)), where=many)
        return np.maximum(served - middle(arrival_min), 0.0)  # R and A are sampled alike; rounding may leave -1e-12

    def _served_area_at(self, place) -> np.ndarray:
        """Integral of R^-1 from 0 to a place in the queue [veh min]."""
        last = len(self.released) - 2
        step = np.clip(np.searchsorted(self.released, place, side="right") - 1, 0, last)
        rest = np.minimum(place, self.released[-1]) - self.released[step]
        rise = self.released[step + 1] - self.released[step]
        share = np.divide(rest, rise, out=np.zeros_like(rest), where=rise > 0)
        return self.served_area[step] + rest * (self.time_min[step] + share * self.dt / 2)

    def plug_in_shares(self, arrival_min, starts_min) -> np.ndarray:
        """Share of each piece that plugs in between neighbouring starts; the last column is open-ended."""
        place = np.interp(arrival_min, self.time_min, self.arrived)
        served = np.interp(starts_min, self.time_min, self.released)
        levels = np.append(served, np.inf)
        plug = self.plug_in_min(arrival_min)
        times = np.append(starts_min, np.inf)
        many = np.diff(place) > self.LEAST_VEH
        low, high = np.where(many, place[:-1], plug[:-1]), np.where(many, place[1:], plug[1:])
        edges = np.where(many[:, None], levels, times)
        overlap = np.minimum(high[:, None], edges[:, 1:]) - np.maximum(low[:, None], edges[:, :-1])
        moment = (edges[:, :-1] <= low[:, None]) & (low[:, None] < edges[:, 1:])
        length = (high - low)[:, None]
        return np.where(length > 0, np.maximum(overlap, 0.0) / np.where(length > 0, length, 1.0), moment)


def departure_min(loading: Loading) -> np.ndarray:
    """Grid times at which vehicles may depart [min]."""
    time = loading.network.time
    return time.loading_step_min * np.arange(time.n_departure_steps * time.substeps + 1)


def _exit_min(loading: Loading, arc: int, entry_min) -> np.ndarray:
    """Exit time by entry time; after the loading's end the arc is empty."""
    inside = np.interp(entry_min, loading.time_min, loading.exit_min[arc])
    return np.where(entry_min > loading.time_min[-1], entry_min + loading.network.free_flow_min[arc], inside)


def arrival_min(loading: Loading, arcs, now_min: np.ndarray) -> np.ndarray:
    """When vehicles that enter the first of some arcs at given times leave the last [min]."""
    for arc in arcs:
        now_min = _exit_min(loading, arc, now_min)
    return now_min


def middle(values: np.ndarray) -> np.ndarray:
    """Mean of each pair of neighbours."""
    return (values[:-1] + values[1:]) / 2


def by_step(loading: Loading, pieces: np.ndarray) -> np.ndarray:
    """Pieces between departure times grouped by decision step, shape (n_departure_steps, substeps, ...)."""
    return pieces.reshape(-1, loading.network.time.substeps, *pieces.shape[1:])
