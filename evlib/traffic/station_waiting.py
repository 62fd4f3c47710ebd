"""Waiting at a station: the first-in-first-out queue of the loading, and functions of the vehicles at the station."""

from __future__ import annotations

import numpy as np

from evlib.traffic.loading import Loading

__all__ = [
    "STATION_WAITING",
    "StationQueue",
    "davidson_wait",
    "davidson_wait_slope",
    "interval_shares",
    "smooth_wait",
    "smooth_wait_slope",
    "station_wait_min",
    "waiting_min",
]

ROUNDING = 0.1  # width of the rounded corner of smooth_wait, as a share of the plugs
LINEAR_FROM = 0.98  # occupancy from which Davidson's curve goes on as a straight line
# On that line each further vehicle adds stay / plugs, as it does in a queue: J / (1 - 0.98)^2 = 1.
DAVIDSON_J = (1.0 - LINEAR_FROM) ** 2


def smooth_wait(vehicles, plugs, stay_min, rounding=ROUNDING):
    """Smoothed number of vehicles without a plug, over the rate at which plugs become free.

    .. math:: W(x) = \\frac{L}{P} \\cdot \\tfrac12 \\left(x - P + \\sqrt{(x - P)^2 + (\\rho P)^2}\\right)

    Parameters
    ----------
    vehicles : array_like
        Vehicles at the station, plugged in and waiting [veh].
    plugs : array_like
        P, positive.
    stay_min : array_like
        L, mean stay at a plug [min]; P / L vehicles are served a minute.
    rounding : float
        rho, width of the rounded corner as a share of the plugs [1].

    Returns
    -------
    ndarray
        [min].

    Notes
    -----
    Valid where stays end evenly over time: the last of n waiting vehicles then waits n L / P. The function is never
    below max(x - P, 0) L / P, and above it by rho L / 2 at x = P: when the plugs are nearly full it predicts a wait
    that does not happen. The exact queue depends on *when* the vehicles at the plugs came, which no function of x can
    know.

    Examples
    --------
    >>> smooth_wait([0.0, 10.0, 20.0], 10.0, 60.0).round(2)
    array([ 0.15,  3.  , 60.15])
    """
    excess = np.asarray(vehicles, dtype=float) - plugs
    return 0.5 * (excess + np.sqrt(excess * excess + (rounding * np.asarray(plugs)) ** 2)) * stay_min / plugs


def smooth_wait_slope(vehicles, plugs, stay_min, rounding=ROUNDING):
    """Derivative of :func:`smooth_wait` with respect to the vehicles, between 0 and L / P [min/veh]; same arguments."""
    excess = np.asarray(vehicles, dtype=float) - plugs
    return 0.5 * (1.0 + excess / np.sqrt(excess * excess + (rounding * np.asarray(plugs)) ** 2)) * stay_min / plugs


def davidson_wait(vehicles, plugs, stay_min, j=DAVIDSON_J, linear_from=LINEAR_FROM):
    """Davidson's curve on the occupancy of the plugs, extended linearly where it would run to infinity.

    .. math:: W(x) = L\\,J\\,\\frac{u}{1 - u}, \\qquad u = x / P \\le 0.98

    Parameters
    ----------
    vehicles, plugs, stay_min : array_like
        As in :func:`smooth_wait`.
    j : float
        J, Davidson's shape parameter [1]. With its default the straight line rises by L / P per vehicle, as a queue
        does.
    linear_from : float
        Occupancy from which the curve goes on along its tangent [1], below 1.

    Returns
    -------
    ndarray
        [min].

    Notes
    -----
    Davidson (1966, Proc. Australian Road Research Board 3:183) states it for flow over capacity, in a steady state with
    random arrivals. Valid as a convex wait that starts below full occupancy; with a large J the straight line is much
    steeper than any queue.

    Examples
    --------
    >>> davidson_wait([0.0, 9.8, 20.0], 10.0, 60.0).round(3)
    array([ 0.   ,  1.176, 62.376])
    """
    load = np.asarray(vehicles, dtype=float) / plugs
    curve = np.minimum(load, linear_from)
    beyond = np.maximum(load - linear_from, 0.0) / (1.0 - linear_from) ** 2
    return stay_min * j * (curve / (1.0 - curve) + beyond)


def davidson_wait_slope(vehicles, plugs, stay_min, j=DAVIDSON_J, linear_from=LINEAR_FROM):
    """Derivative of :func:`davidson_wait` with respect to the vehicles [min/veh]; same arguments."""
    curve = np.minimum(np.asarray(vehicles, dtype=float) / plugs, linear_from)
    return stay_min * j / (1.0 - curve) ** 2 / plugs


STATION_WAITING = {"smooth": smooth_wait, "davidson": davidson_wait}


def station_wait_min(loading, station: int, arrival_min, kind: str) -> np.ndarray:
    """Waiting time by one of these functions, for vehicles that arrive at given times of a loading.

    Parameters
    ----------
    loading : Loading
    station : int
    arrival_min : array_like
        [min]; after the end of the loading the station is empty.
    kind : {"smooth", "davidson"}

    Returns
    -------
    ndarray
        [min].

    Raises
    ------
    ValueError
        An unknown kind.

    Notes
    -----
    The vehicles at the station are those that the loading counts, and the stay is the mean over all that arrive.
    """
    if kind not in STATION_WAITING:
        raise ValueError(f"station waiting {kind!r}; must be 'exact', 'smooth' or 'davidson'")
    network = loading.network
    present = loading.arrived_veh[station].sum(axis=0) - loading.completed_veh[station]
    by_class = loading.arrived_veh[station, :, -1]
    stay_min = network.time.step_min * network.stay_steps
    came = by_class.sum()
    mean_stay_min = (by_class * stay_min).sum() / came if came > 0 else stay_min.mean()
    vehicles = np.interp(arrival_min, loading.time_min, np.maximum(present, 0.0), right=0.0)
    return STATION_WAITING[kind](vehicles, network.plugs[station], mean_stay_min)


def waiting_min(loading: Loading, station: int, arrival_min) -> np.ndarray:
    """Time that a vehicle would wait for a plug if it arrived at given times.

    Parameters
    ----------
    loading : Loading
    station : int
    arrival_min : array_like
        [min].

    Returns
    -------
    ndarray
        [min]. A vehicle that arrives after all A(t) others is plugged in when P + S(t') first exceeds A(t).
    """
    arrival_min = np.asarray(arrival_min, dtype=float)
    return StationQueue(loading, station).plug_in_min(arrival_min) - arrival_min


class StationQueue:
    """First-in-first-out queue of a station, read by the number of vehicles ahead.

    A piece is the group of vehicles that arrive between two neighbouring times. They hold the places A(start)..A(end)
    in the queue, and place n is served at R^-1(n), so waiting times and plug-in steps of a piece are exact even where
    service pauses in its middle. A piece without arrivals is traced by the times of its ends instead.
    """

    # In a piece with fewer vehicles than this, differences of cumulative counts are mere rounding.
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
        # Stays are fixed, so completions are known beyond the end of the loading.
        stay = network.stay_steps * network.time.substeps
        n_grid = released.shape[1]
        completed = np.zeros(n_grid + int(stay.max()))
        for m, n in enumerate(stay):
            completed[n : n + n_grid] += released[m]
            completed[n + n_grid :] += released[m, -1]
        self.room = network.plugs[station] + completed

    def plug_in_min(self, arrival_min) -> np.ndarray:
        """When a vehicle is plugged in if it arrives after all others that have arrived by then [min]."""
        ahead = np.interp(arrival_min, self.time_min, self.arrived)
        after = np.searchsorted(
            self.room, ahead, side="right"
        )  # below len(room), as every plug is free again in the end
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
        count = np.minimum(place, self.released[-1]) - self.released[step]
        rise = self.released[step + 1] - self.released[step]
        share = np.divide(count, rise, out=np.zeros_like(count), where=rise > 0)
        return self.served_area[step] + count * (self.time_min[step] + share * self.dt / 2)

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
        return interval_shares(low, high, edges)


def interval_shares(low: np.ndarray, high: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Share of each interval that lies between neighbouring edges; an interval without length lies where its moment is.

    Parameters
    ----------
    low, high : ndarray, shape (n,)
        Ends of the intervals, ``low <= high``.
    edges : ndarray, shape (m + 1,) or (n, m + 1)
        Rising; the last may be infinite.

    Returns
    -------
    ndarray, shape (n, m)
        Each row sums to 1 if the edges enclose the interval.

    Examples
    --------
    >>> interval_shares(np.array([0.0, 2.0]), np.array([4.0, 2.0]), np.array([0.0, 1.0, 2.0, 5.0]))
    array([[0.25, 0.25, 0.5 ],
           [0.  , 0.  , 1.  ]])
    """
    low, high, edges = low[:, None], high[:, None], np.atleast_2d(edges)
    overlap = np.minimum(high, edges[:, 1:]) - np.maximum(low, edges[:, :-1])
    moment = (edges[:, :-1] <= low) & (low < edges[:, 1:])
    length = high - low
    return np.where(length > 0, np.maximum(overlap, 0.0) / np.where(length > 0, length, 1.0), moment)


def middle(values: np.ndarray) -> np.ndarray:
    """Mean of each pair of neighbouring values."""
    return (values[:-1] + values[1:]) / 2
