"""Tolls for the system objective: what one more vehicle costs those behind it on the same arc or in a queue."""

from __future__ import annotations

import numpy as np

from evlib.numba_cache import njit
from evlib.traffic.loading import Loading
from evlib.traffic.path_times import arrival_min, by_step, departure_min, onward_entry_min
from evlib.traffic.station_waiting import middle

__all__ = ["arc_tolls_cny", "path_tolls", "road_tolls", "station_tolls", "station_tolls_cny"]

# Step of the central difference for an impedance's slope, as a share of free-flow time times capacity.
SLOPE_STEP = 1e-6


def arc_tolls_cny(loading: Loading, vot_cny_h) -> np.ndarray:
    """Cost that one more vehicle entering an arc causes to all others on that arc.

    .. math:: toll_a(s) = \\sum_{s' \\ge s} w_a(s')\\, q_a(s')\\, \\frac{d \\tau_a(s')}{d q_a(s)}

    Parameters
    ----------
    loading : Loading
    vot_cny_h : array_like, shape (n_classes,)
        Value of time on the road [CNY/h].

    Returns
    -------
    ndarray, shape (n_arcs, S + 1)
        [CNY per vehicle] by loading step of entry; column s is for vehicles that enter between grid times s - 1 and s.

    Notes
    -----
    This is the derivative of the arc's own discrete loading, including impedance and capacity limit. q is the inflow
    and w the mean value of time of the vehicles that enter. Background traffic takes up room, but its time does not
    count because it is not part of the fleet. Effects on arcs downstream are neglected.
    """
    network = loading.network
    per_min = np.asarray(vot_cny_h) / 60.0
    inflow = np.diff(loading.all_entered_veh, axis=1, prepend=0.0)
    weighted = np.einsum("ams,m->as", np.diff(loading.entered_veh, axis=2, prepend=0.0), per_min)
    delay_slope = _delay_slope(loading)
    tolls = np.zeros((network.n_arcs, len(loading.time_min)))
    for arc in range(network.n_arcs):
        if inflow[arc].any():
            tolls[arc] = _arc_toll(loading, arc, delay_slope[arc], inflow[arc], weighted[arc])
    return tolls


def _delay_slope(loading: Loading) -> np.ndarray:
    """Slope dD/dx of every road's delay at every grid time [min/veh]; 0 on origin arcs."""
    network = loading.network
    slope = np.zeros_like(loading.exit_min)
    road = np.flatnonzero(np.array(network.arc_kind) == "road")
    present = np.maximum(loading.vehicles_veh[road], 0.0)
    minutes, capacity = network.free_flow_min[road][:, None], network.capacity_veh_min[road][:, None]
    step = SLOPE_STEP * minutes * capacity
    up = network.delay_function(present + step, minutes, capacity)
    down = network.delay_function(np.maximum(present - step, 0.0), minutes, capacity)
    slope[road] = (up - down) / (step + np.minimum(step, present))
    return slope


def _arc_toll(loading: Loading, arc: int, slope, inflow, weighted) -> np.ndarray:
    """Differentiate the loading's recursion of exit times in one backward pass, from the last entry to the first."""
    time_min, exit_min = loading.time_min, loading.exit_min[arc]
    capacity = loading.network.capacity_veh_min[arc]
    limited = np.zeros(len(time_min), dtype=bool)
    limited[1:] = exit_min[1:] - exit_min[:-1] <= inflow[1:] / capacity + 1e-12
    entry = np.searchsorted(exit_min, time_min, side="right") - 1
    last = int(np.flatnonzero(inflow).max())  # after the last entry nobody is delayed any more
    toll = np.zeros(len(time_min))
    _pull_back(last, capacity, time_min, exit_min, limited, entry, slope, inflow, weighted.copy(), toll)
    return toll


@njit(cache=True, error_model="numpy")
def _pull_back(last, capacity, time_min, exit_min, limited, entry, slope, inflow, worth, toll):
    """Pass the cost of a later exit [CNY/min] back to whatever sets that exit; what reaches an inflow is its toll.

    An exit set by capacity depends on the exit before it and on its own inflow. An exit set by impedance depends on the
    vehicles present: all inflow so far minus what has left, that is, the inflow up to the entry step that exits now. On
    a road shorter than the loading step, without a longer queue, it depends on this step's inflow and the exit before.
    """
    whole = np.zeros(len(time_min) + 1)  # difference array of the toll that a whole range of inflow steps shares
    for now in range(last, 0, -1):
        if limited[now]:
            worth[now - 1] += worth[now]
            toll[now] += worth[now] / capacity
            continue
        each = worth[now] * slope[now]
        if each == 0.0:
            continue
        first = entry[now]
        if first == now - 1 and exit_min[first] < time_min[now]:  # a short road: D times the inflow of this step
            step_min = time_min[now] - time_min[first]
            toll[now] += each * (exit_min[first] - time_min[first]) / step_min
            worth[first] += each * inflow[now] / step_min
            continue
        whole[max(min(first, last), 0) + 1] += each
        whole[now + 1] -= each
        if first < 0 or first + 1 >= len(exit_min) or first + 1 > last:
            continue
        span = exit_min[first + 1] - exit_min[first]
        share = (time_min[now] - exit_min[first]) / span
        toll[first + 1] -= each * share
        worth[first] += each * inflow[first + 1] / span * (1.0 - share)
        worth[first + 1] += each * inflow[first + 1] / span * share
    running = 0.0
    for step in range(len(toll)):
        running += whole[step]
        toll[step] += running


def station_tolls_cny(loading: Loading, queue_cny_h) -> np.ndarray:
    """Cost that one more vehicle arriving at a station causes to the vehicles that wait there.

    Parameters
    ----------
    loading : Loading
    queue_cny_h : array_like, shape (n_classes,)
        Value of waiting time [CNY/h].

    Returns
    -------
    ndarray, shape (n_stations, n_classes, S + 1)
        [CNY per vehicle] by class and loading step of arrival; a longer stay blocks a plug for longer.

    Notes
    -----
    This is the derivative of the area between arrivals A and releases R = min(A, P + S), minus the vehicle's own wait.
    A vehicle that finds a free plug also pays if it is the reason why a plug is lacking later.
    """
    network = loading.network
    stay = network.stay_steps * network.time.substeps
    shape = loading.arrived_veh.shape
    tolls = np.zeros(shape)
    for c in range(shape[0]):
        arrived, released = loading.arrived_veh[c], loading.plugged_veh[c]
        waiting = (arrived - released).sum(axis=0)
        if waiting.max() <= 1e-9:
            continue
        mean_value = _mean_value(arrived, np.asarray(queue_cny_h) / 60.0)
        for m in range(shape[1]):
            tolls[c, m] = _station_toll(loading, arrived, released, waiting, stay, m, mean_value)
    return tolls


def _mean_value(arrived, per_min) -> float:
    total = arrived[:, -1]
    return float((total * per_min).sum() / total.sum())


def _station_toll(loading, arrived, released, waiting, stay, member, mean_value) -> np.ndarray:
    """Toll of one more vehicle of class ``member`` by its step of arrival, shape (S + 1,) [CNY per vehicle].

    ``change[now, m, s]`` is how many more vehicles of class m have plugged in by ``now`` if one more arrives in step s.
    """
    dt = loading.network.time.loading_step_min
    n_classes, n_grid = arrived.shape
    total = arrived.sum(axis=0)
    place = released.sum(axis=0)
    entry = np.clip(np.searchsorted(total, place, side="right") - 1, 0, n_grid - 1)
    change = np.zeros((n_grid, n_classes, n_grid))
    toll = np.zeros(n_grid)
    own_wait = np.zeros(n_grid)
    full = waiting > 1e-9
    mix = np.full((n_classes, n_grid), 1.0 / n_classes)
    step_in = np.diff(arrived, axis=1, prepend=0.0)
    arriving = step_in.sum(axis=0) > 0
    mix[:, arriving] = step_in[:, arriving] / step_in[:, arriving].sum(axis=0)
    for now in range(1, n_grid):
        come = np.zeros(n_grid)
        come[1 : now + 1] = 1.0
        if not full[now]:
            change[now, member] = come
            continue
        freed = sum(change[now - n, m] for m, n in enumerate(stay) if now >= n)
        ahead = np.zeros(n_grid)
        ahead[1 : entry[now] + 1] = 1.0
        following = min(entry[now] + 1, n_grid - 1)
        rise = total[following] - total[entry[now]]
        if rise > 0:
            ahead[following] += (place[now] - total[entry[now]]) / rise
        for m in range(n_classes):
            change[now, m] = mix[m, following] * (freed - ahead)
        change[now, member] += ahead
        toll += dt * (come - np.asarray(freed))
        own_wait += dt * (come - ahead)
    return mean_value * (toll - own_wait)


def path_tolls(loading: Loading, vot_cny_h, queue_cny_h, signal: str) -> np.ndarray:
    """Total toll of each path: roads and station.

    Parameters
    ----------
    loading : Loading
    vot_cny_h, queue_cny_h : array_like, shape (n_classes,)
        Value of time on the road; value of waiting time [CNY/h].
    signal : {"experienced", "instantaneous"}
        Whether each arc's toll is taken when the vehicle enters the arc, or all tolls at departure.

    Returns
    -------
    ndarray, shape (n_paths, n_classes, n_departure_steps)
        [CNY per vehicle].
    """
    return road_tolls(loading, vot_cny_h, signal) + station_tolls(loading, queue_cny_h, signal)


def road_tolls(loading: Loading, vot_cny_h, signal: str) -> np.ndarray:
    """The part of :func:`path_tolls` that arises on roads, of the same shape [CNY per vehicle]."""
    network, tolls = loading.network, arc_tolls_cny(loading, vot_cny_h)
    depart = departure_min(loading)
    paid = np.empty((len(network.paths), len(network.classes), network.time.n_departure_steps))

    def along(arcs, now):
        total = np.zeros(len(now) - 1)
        for arc in arcs:
            total += _between(loading, tolls[arc], now)
            if signal == "experienced":
                now = arrival_min(loading, [arc], now)
        return by_step(loading, total).mean(axis=1)

    for p, path in enumerate(network.paths):
        paid[p] = along(path.arcs, depart)
        for m, begin in enumerate(onward_entry_min(loading, path, depart, signal)):
            paid[p, m] += along(path.onward, begin)
    return paid


def station_tolls(loading: Loading, queue_cny_h, signal: str) -> np.ndarray:
    """The part of :func:`path_tolls` that arises at stations, of the same shape [CNY per vehicle]."""
    network, tolls = loading.network, station_tolls_cny(loading, queue_cny_h)
    depart = departure_min(loading)
    paid = np.empty((len(network.paths), len(network.classes), network.time.n_departure_steps))
    for p, path in enumerate(network.paths):
        now = arrival_min(loading, path.arcs, depart) if signal == "experienced" else depart
        by_class = np.array([_between(loading, toll, now) for toll in tolls[path.station]])
        paid[p] = by_step(loading, by_class.T).mean(axis=1).T
    return paid


def _between(loading: Loading, toll: np.ndarray, time_min: np.ndarray) -> np.ndarray:
    """Toll of vehicles that enter between consecutive times; a toll is for the loading step ending at its grid time."""
    dt = loading.network.time.loading_step_min
    middle_min = middle(time_min)
    return np.interp(middle_min + dt / 2, loading.time_min, toll)
