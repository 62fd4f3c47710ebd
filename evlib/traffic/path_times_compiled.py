"""Times of all paths in compiled code: arrivals, waits, and the steps in which vehicles arrive and plug in.

The same quantities as in :mod:`evlib.traffic.path_times`, which is the specification. All compiled functions are in this
one file: numba's cache on disk notices a change of the file, not of its imports.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evlib.numba_cache import njit
from evlib.traffic.loading import Loading
from evlib.traffic.station_waiting import StationQueue
from evlib.traffic.step_shares import StepShares

__all__ = ["PathTrace", "path_arcs", "sums_along_paths", "trace_paths"]

compiled = njit(cache=True, nogil=True, error_model="numpy")


@dataclass(frozen=True)
class PathTrace:
    """What a loading says about every path.

    Attributes
    ----------
    arrival_min : ndarray, shape (n_paths, n + 1)
        When vehicles that depart at the n + 1 grid times reach the station [min].
    road_min : ndarray, shape (n_paths, n_departure_steps)
        Mean experienced time on roads [min].
    waiting_min : ndarray, shape (n_paths, n_departure_steps)
        Mean wait in the station's queue [min].
    arrival_shares, plug_in_shares : StepShares
        Share of the departures of each step that arrives, and plugs in, by step.
    """

    arrival_min: np.ndarray
    road_min: np.ndarray
    waiting_min: np.ndarray
    arrival_shares: StepShares
    plug_in_shares: StepShares


def trace_paths(loading: Loading) -> PathTrace:
    """Trace the departures of every path through a loading, as its vehicles experience it.

    Parameters
    ----------
    loading : Loading

    Returns
    -------
    PathTrace
        Equal to :func:`evlib.traffic.path_times.travel_times`, :func:`~evlib.traffic.path_times.arrival_shares` and
        :func:`~evlib.traffic.path_times.plug_in_shares` but for rounding.
    """
    network, time = loading.network, loading.network.time
    n_depart, substeps, n_steps = time.n_departure_steps, time.substeps, time.n_steps
    dt, starts = float(time.loading_step_min), time.step_min * np.arange(n_steps + 1.0)
    start, arcs = path_arcs(network)
    station = network.path_station.astype(np.int64)
    queues = [StationQueue(loading, c) for c in range(len(network.stations))]
    arrived, released, area, room = (
        np.array([getattr(queue, name) for queue in queues]) for name in ("arrived", "released", "served_area", "room")
    )
    levels = np.array([np.interp(starts, loading.time_min, row) for row in released])
    exit_min, free_flow = loading.exit_min, np.array(network.free_flow_min, dtype=float)
    arrival = _arrivals(start, arcs, exit_min, free_flow, dt, n_depart * substeps)
    place, plug = _places(station, arrival, dt, arrived, room)
    shape = (len(network.paths), n_depart)
    ranges = np.empty((4, *shape), dtype=np.int64)
    _ranges(station, arrival, place, plug, starts, levels, substeps, StationQueue.LEAST_VEH, ranges)
    width_in, width_plug = (int((ranges[i + 1] - ranges[i]).max(initial=0)) + 1 for i in (0, 2))
    arrives, plugs_in = np.zeros((*shape, width_in)), np.zeros((*shape, width_plug))
    road, wait = np.empty(shape), np.empty(shape)
    queue, first = (levels, released, area), (ranges[0], ranges[2])
    _fill(
        *(station, arrival, place, plug, starts, queue, dt, substeps, StationQueue.LEAST_VEH),
        *(first, arrives, plugs_in, road, wait),
    )
    return PathTrace(
        arrival,
        road,
        wait,
        StepShares(ranges[0], arrives, n_steps),
        StepShares(ranges[2], plugs_in, n_steps),
    )


def path_arcs(network) -> tuple[np.ndarray, np.ndarray]:
    """Arcs of all paths one after another, and where each path's begin: shapes (n_paths + 1,) and (total,)."""
    start = np.zeros(len(network.paths) + 1, dtype=np.int64)
    np.cumsum([len(path.arcs) for path in network.paths], out=start[1:])
    return start, np.concatenate([np.asarray(path.arcs, dtype=np.int64) for path in network.paths])


def sums_along_paths(loading: Loading, by_arc: np.ndarray) -> np.ndarray:
    """Sum of what vehicles meet on the arcs of a path when they enter each, as they experience it.

    Parameters
    ----------
    loading : Loading
    by_arc : ndarray, shape (n_arcs, S + 1)
        Value for vehicles that enter an arc between grid times s - 1 and s.

    Returns
    -------
    ndarray, shape (n_paths, n_departure_steps)
        Mean over the departures of each step.
    """
    network, time = loading.network, loading.network.time
    start, arcs = path_arcs(network)
    sums = np.empty((len(network.paths), time.n_departure_steps))
    free_flow = np.array(network.free_flow_min, dtype=float)
    _sums(start, arcs, loading.exit_min, free_flow, by_arc, float(time.loading_step_min), time.substeps, sums)
    return sums


@compiled
def _sums(start, arcs, exit_min, free_flow, by_arc, dt, substeps, sums):
    n, end = sums.shape[1] * substeps, dt * (exit_min.shape[1] - 1)
    now, met = np.empty(n + 1), np.empty(n)
    for p in range(len(sums)):
        met[:] = 0.0
        for j in range(n + 1):
            now[j] = dt * j
        for i in range(start[p], start[p + 1]):
            curve, free, value = exit_min[arcs[i]], free_flow[arcs[i]], by_arc[arcs[i]]
            for j in range(n):
                met[j] += _at(0.5 * (now[j] + now[j + 1]) + 0.5 * dt, dt, value)
            for j in range(n + 1):
                now[j] = now[j] + free if now[j] > end else _at(now[j], dt, curve)
        for k in range(sums.shape[1]):
            total = 0.0
            for j in range(k * substeps, (k + 1) * substeps):
                total += met[j]
            sums[p, k] = total / substeps


@compiled
def _at(moment, dt, values):
    """Value of a curve on the loading grid, constant beyond its end."""
    last = len(values) - 1
    place = moment / dt
    if place >= last:
        return values[last]
    before = int(place)
    return values[before] + (place - before) * (values[before + 1] - values[before])


@compiled
def _arrivals(start, arcs, exit_min, free_flow, dt, n):
    n_paths, end = len(start) - 1, dt * (exit_min.shape[1] - 1)
    arrival = np.empty((n_paths, n + 1))
    for p in range(n_paths):
        for j in range(n + 1):
            arrival[p, j] = dt * j
        for i in range(start[p], start[p + 1]):
            curve, free = exit_min[arcs[i]], free_flow[arcs[i]]
            for j in range(n + 1):
                now = arrival[p, j]
                arrival[p, j] = now + free if now > end else _at(now, dt, curve)
    return arrival


@compiled
def _places(station, arrival, dt, arrived, room):
    """Place in the queue of the last vehicle that has arrived by each time, and when the next would plug in."""
    place, plug = np.empty_like(arrival), np.empty_like(arrival)
    for p in range(len(arrival)):
        c, after = station[p], 0
        for j in range(arrival.shape[1]):
            ahead = _at(arrival[p, j], dt, arrived[c])
            while after > 0 and room[c, after - 1] > ahead:
                after -= 1
            while after < room.shape[1] and room[c, after] <= ahead:
                after += 1
            free = 0.0
            if after > 0:
                before = after - 1
                free = dt * (before + (ahead - room[c, before]) / (room[c, after] - room[c, before]))
            place[p, j], plug[p, j] = ahead, max(free, arrival[p, j])
    return place, plug


@compiled
def _last_not_above(edges, value):
    """Position of the last edge that is not above a value, 0 if all are."""
    low, high = 0, len(edges)
    while high - low > 1:
        middle = (low + high) // 2
        if edges[middle] <= value:
            low = middle
        else:
            high = middle
    return low


@compiled
def _last_below(edges, value):
    """Position of the last edge below a value, 0 if there is none."""
    low, high = 0, len(edges)
    while high - low > 1:
        middle = (low + high) // 2
        if edges[middle] < value:
            low = middle
        else:
            high = middle
    return low


@compiled
def _ranges(station, arrival, place, plug, starts, levels, substeps, least, ranges):
    """First and last step in which the departures of each step arrive, then those in which they plug in."""
    n_paths, n_depart = ranges.shape[1:]
    for p in range(n_paths):
        served = levels[station[p]]
        for k in range(n_depart):
            i, j = k * substeps, (k + 1) * substeps
            ranges[0, p, k] = _last_not_above(starts, arrival[p, i])
            ranges[1, p, k] = max(_last_below(starts, arrival[p, j]), ranges[0, p, k])
            first, last = len(starts), 0
            for piece in range(i, j):
                low, high, edges = plug[p, piece], plug[p, piece + 1], starts
                if place[p, piece + 1] - place[p, piece] > least:
                    low, high, edges = place[p, piece], place[p, piece + 1], served
                begin = _last_not_above(edges, low)
                first = min(first, begin)
                last = max(last, begin, _last_below(edges, high))
            ranges[2, p, k], ranges[3, p, k] = first, last


@compiled
def _share_out(low, high, edges, weight, first, into):
    """Add the shares of one interval, which begins after edge ``first``, between neighbouring edges; the last is open-ended."""
    begin, last = first, len(edges) - 1
    while begin < last and edges[begin + 1] <= low:
        begin += 1
    if high <= low:
        into[begin - first] += weight
        return
    for k in range(begin, last + 1):
        if edges[k] >= high:
            break
        end = edges[k + 1] if k < last else np.inf
        overlap = min(high, end) - max(low, edges[k])
        if overlap > 0.0:
            into[k - first] += weight * overlap / (high - low)


@compiled
def _area_at(place, released, area, dt):
    """Integral of the release times of all vehicles up to a place in the queue [veh min]."""
    last = len(released) - 2
    step = min(_last_not_above(released, place), last)
    count, rise = min(place, released[-1]) - released[step], released[step + 1] - released[step]
    share = count / rise if rise > 0 else 0.0
    return area[step] + count * (dt * step + share * dt / 2)


@compiled
def _fill(station, arrival, place, plug, starts, queue, dt, substeps, least, first, arrives, plugs_in, road, wait):
    levels, released, area = queue
    first_in, first_plug = first
    n_paths, n_depart = road.shape
    weight = 1.0 / substeps
    for p in range(n_paths):
        c, known, before = station[p], -1, 0.0  # the area up to the end of one piece is that to the start of the next
        for k in range(n_depart):
            on_road, waited = 0.0, 0.0
            for piece in range(k * substeps, (k + 1) * substeps):
                t0, t1 = arrival[p, piece], arrival[p, piece + 1]
                on_road += 0.5 * (t0 - dt * piece + t1 - dt * (piece + 1))
                _share_out(t0, t1, starts, weight, first_in[p, k], arrives[p, k])
                count = place[p, piece + 1] - place[p, piece]
                if count > least:
                    _share_out(
                        place[p, piece], place[p, piece + 1], levels[c], weight, first_plug[p, k], plugs_in[p, k]
                    )
                    if known != piece:
                        before = _area_at(place[p, piece], released[c], area[c], dt)
                    after = _area_at(place[p, piece + 1], released[c], area[c], dt)
                    served = (after - before) / count
                    known, before = piece + 1, after
                else:
                    _share_out(plug[p, piece], plug[p, piece + 1], starts, weight, first_plug[p, k], plugs_in[p, k])
                    served = 0.5 * (plug[p, piece] + plug[p, piece + 1])
                waited += max(served - 0.5 * (t0 + t1), 0.0)
            road[p, k], wait[p, k] = on_road * weight, waited * weight
