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

__all__ = ["PathTrace", "sums_along_paths", "trace_paths"]

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
    station = network.path_station.astype(np.int64)
    queues = [StationQueue(loading, c) for c in range(len(network.stations))]
    arrived, released, area, room = (
        np.array([getattr(queue, name) for queue in queues]) for name in ("arrived", "released", "served_area", "room")
    )
    levels = np.array([np.interp(starts, loading.time_min, row) for row in released])
    arrival = np.empty((len(network.paths), n_depart * substeps + 1))
    _arrivals(network.path_tree.arrays, *_curves(loading), dt, arrival)
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
    sums = np.empty((len(network.paths), time.n_departure_steps))
    _sums(network.path_tree.arrays, *_curves(loading), by_arc, float(time.loading_step_min), time.substeps, sums)
    return sums


def _curves(loading: Loading) -> tuple[np.ndarray, np.ndarray]:
    return loading.exit_min, np.array(loading.network.free_flow_min, dtype=float)


@compiled
def _sums(tree, exit_min, free_flow, by_arc, dt, substeps, sums):
    order, shared, start, arcs, deepest = tree
    n, end = sums.shape[1] * substeps, dt * (exit_min.shape[1] - 1)
    now, met = np.empty((deepest + 1, n + 1)), np.zeros((deepest + 1, n))  # by arcs driven
    now[0] = dt * np.arange(n + 1)
    for i in range(len(order)):
        begin, length = start[order[i]], start[order[i] + 1] - start[order[i]]
        for d in range(shared[i], length):
            arc = arcs[begin + d]
            _follow(now[d], exit_min[arc], free_flow[arc], dt, end, now[d + 1])
            for j in range(n):
                met[d + 1, j] = met[d, j] + _at(0.5 * (now[d, j] + now[d, j + 1]) + 0.5 * dt, dt, by_arc[arc])
        for k in range(sums.shape[1]):
            total = 0.0
            for j in range(k * substeps, (k + 1) * substeps):
                total += met[length, j]
            sums[order[i], k] = total / substeps


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
def _follow(enter, curve, free, dt, end, leave):
    """When vehicles leave an arc that enter it at given times; beyond the loading's end nobody is in their way."""
    for j in range(len(enter)):
        leave[j] = enter[j] + free if enter[j] > end else _at(enter[j], dt, curve)


@compiled
def _arrivals(tree, exit_min, free_flow, dt, arrival):
    order, shared, start, arcs, deepest = tree
    end = dt * (exit_min.shape[1] - 1)
    now = np.empty((deepest + 1, arrival.shape[1]))
    now[0] = dt * np.arange(arrival.shape[1])
    for i in range(len(order)):
        begin, length = start[order[i]], start[order[i] + 1] - start[order[i]]
        for d in range(shared[i], length):
            arc = arcs[begin + d]
            _follow(now[d], exit_min[arc], free_flow[arc], dt, end, now[d + 1])
        arrival[order[i]] = now[length]


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
def _last_not_above(edges, value, near):
    """Position of the last edge that is not above a value, 0 if all are, looked for from one that is near."""
    while near > 0 and edges[near] > value:
        near -= 1
    while near + 1 < len(edges) and edges[near + 1] <= value:
        near += 1
    return near


@compiled
def _ranges(station, arrival, place, plug, starts, levels, substeps, least, ranges):
    """First and last step in which the departures of each step arrive, then those in which they plug in.

    Times and places hardly ever go down along a path, so each search begins where the last one ended.
    """
    n_paths, n_depart = ranges.shape[1:]
    for p in range(n_paths):
        served, come, by_time, by_place = levels[station[p]], 0, 0, 0
        for k in range(n_depart):
            i, j = k * substeps, (k + 1) * substeps
            come = _last_not_above(starts, arrival[p, i], come)
            ranges[0, p, k], ranges[1, p, k] = come, _last_below(starts, arrival[p, j], come)
            first, last = len(starts), 0
            for piece in range(i, j):
                if place[p, piece + 1] - place[p, piece] > least:
                    by_place = _last_not_above(served, place[p, piece], by_place)
                    first, last = min(first, by_place), max(last, _last_below(served, place[p, piece + 1], by_place))
                else:
                    by_time = _last_not_above(starts, plug[p, piece], by_time)
                    first, last = min(first, by_time), max(last, _last_below(starts, plug[p, piece + 1], by_time))
            ranges[2, p, k], ranges[3, p, k] = first, last


@compiled
def _last_below(edges, value, begin):
    """Position of the last edge below a value, looked for upwards from one that is known."""
    while begin + 1 < len(edges) and edges[begin + 1] < value:
        begin += 1
    return begin


@compiled
def _share_out(low, high, edges, weight, begin, first, into):
    """Add the shares of one interval, which begins after edge ``begin``, between edges; ``into`` starts at edge ``first``."""
    last = len(edges) - 1
    if high <= low or begin == last or high <= edges[begin + 1]:
        into[begin - first] += weight
        return
    per = weight / (high - low)
    into[begin - first] += per * (edges[begin + 1] - low)
    for k in range(begin + 1, last + 1):
        if edges[k] >= high:
            break
        end = min(high, edges[k + 1]) if k < last else high
        into[k - first] += per * (end - edges[k])


@compiled
def _fill(station, arrival, place, plug, starts, queue, dt, substeps, least, first, arrives, plugs_in, road, wait):
    levels, released, area = queue
    first_in, first_plug = first
    n_paths, n_depart = road.shape
    weight, end = 1.0 / substeps, len(starts) - 1
    for p in range(n_paths):
        level, release, passed = levels[station[p]], released[station[p]], area[station[p]]
        come, by_time, by_place, step = 0, 0, 0, 0
        known, before = -1, 0.0  # the area up to the end of one piece is that to the start of the next
        for k in range(n_depart):
            in_from, plug_from = first_in[p, k], first_plug[p, k]
            on_road, waited, come_in, plug_in = 0.0, 0.0, arrives[p, k], plugs_in[p, k]
            for piece in range(k * substeps, (k + 1) * substeps):
                t0, t1 = arrival[p, piece], arrival[p, piece + 1]
                on_road += 0.5 * (t0 - dt * piece + t1 - dt * (piece + 1))
                come = _last_not_above(starts, t0, come)
                if (
                    come == end or t1 <= starts[come + 1]
                ):  # most pieces lie within one step: without a call, a third of the time
                    come_in[come - in_from] += weight
                else:
                    _share_out(t0, t1, starts, weight, come, in_from, come_in)
                low, high = place[p, piece], place[p, piece + 1]
                if high - low > least:
                    by_place = _last_not_above(level, low, by_place)
                    if by_place == end or high <= level[by_place + 1]:
                        plug_in[by_place - plug_from] += weight
                    else:
                        _share_out(low, high, level, weight, by_place, plug_from, plug_in)
                    if known != piece:
                        step = _last_not_above(release, low, step)
                        before = _area_at(low, step, release, passed, dt)
                    step = _last_not_above(release, high, step)
                    after = _area_at(high, step, release, passed, dt)
                    served = (after - before) / (high - low)
                    known, before = piece + 1, after
                else:
                    by_time = _last_not_above(starts, plug[p, piece], by_time)
                    low, high = plug[p, piece], plug[p, piece + 1]
                    _share_out(low, high, starts, weight, by_time, plug_from, plug_in)
                    served = 0.5 * (low + high)
                waited += max(served - 0.5 * (t0 + t1), 0.0)
            road[p, k], wait[p, k] = on_road * weight, waited * weight


@compiled
def _area_at(place, step, released, area, dt):
    """Integral of the release times of all vehicles up to a place in the queue, released in or after a step [veh min]."""
    step = min(step, len(released) - 2)
    count, rise = min(place, released[-1]) - released[step], released[step + 1] - released[step]
    share = count / rise if rise > 0 else 0.0
    return area[step] + count * (dt * step + share * dt / 2)
