"""Dynamic network loading in compiled code: the arithmetic of the specification, in the same order, pair by pair.

The file is longer than others because numba's cache on disk notices changes of a file but not of its imports, so all
compiled functions of this hot kernel, every impedance among them, have to stay together.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from numbers import Real
from typing import NamedTuple

import numpy as np

from evlib.numba_cache import njit
from evlib.traffic.dynamic_loading.loading_reference import refuse_unsettled, stays_of, ways_of
from evlib.traffic.impedance import affine, bpr, point_queue, smooth_queue
from evlib.traffic.short_roads import MOST_SWEEPS, SWEEP_VEH, ShortRoads, find_short_roads

__all__ = ["compiled_advance"]

FIRST_ROWS = 64  # of the ring buffer, a power of two; the buffer doubles when a vehicle travels longer than it holds
SMOOTH_QUEUE, BPR, POINT_QUEUE, AFFINE = range(4)
LAWS = {smooth_queue: SMOOTH_QUEUE, bpr: BPR, point_queue: POINT_QUEUE, affine: AFFINE}

# No fastmath, so that nothing is reordered or contracted; no check for division by zero, as no denominator can be zero.
compiled = njit(cache=True, nogil=True, error_model="numpy")


class _Supply(NamedTuple):
    """Arcs and stations as plain arrays, with stays in loading steps."""

    dt_min: float
    substeps: int
    n_origins: int
    free_flow_min: np.ndarray
    capacity_veh_min: np.ndarray
    plugs: np.ndarray
    stay: np.ndarray
    law: int
    alpha: float
    power: float


class _Demand(NamedTuple):
    """Where each commodity's vehicles are counted: one slot for every arc on its way.

    A commodity is a class on a path. The slots of an arc lie side by side, class by class, in the order of the paths;
    those of segment i = arc * n_classes + class are ``start[i]`` to ``start[i + 1]``. Vehicles that leave a slot enter
    the slot ``onward``; one more slot, which belongs to no arc, takes vehicles that end their trip. ``through`` tells
    at which stations some vehicles drive on, ``first`` is the first slot of each commodity, ``back`` tells which slots
    go back to a short road computed before, see :class:`evlib.traffic.short_roads.ShortRoads`. ``before`` and ``within``
    (decision step, commodity) are the vehicles that have departed before a step and that depart in it.
    """

    start: np.ndarray
    onward: np.ndarray
    through: np.ndarray
    first: np.ndarray
    back: np.ndarray
    before: np.ndarray
    within: np.ndarray


class _Curves(NamedTuple):
    """The arrays of the loading under construction, see :class:`evlib.traffic.dynamic_loading.loading_reference.Curves`."""

    entered: np.ndarray
    left: np.ndarray
    total: np.ndarray
    exit_min: np.ndarray
    plugged: np.ndarray
    completed: np.ndarray
    guards: np.ndarray


class _Pointers(NamedTuple):
    """Latest entry step whose vehicles have left each arc, and have been plugged in at each station.

    For stations also the state at each loading step: all arrivals up to an entry step, and a share of the next, had
    been plugged in.
    """

    arc: np.ndarray
    station: np.ndarray
    up_to: np.ndarray
    share: np.ndarray


class _Order(NamedTuple):
    """Arcs behind short roads (long roads and waiting arcs), long roads, and short roads in groups."""

    behind: np.ndarray
    roads: np.ndarray
    short: np.ndarray
    begin: np.ndarray


def compiled_advance(network, departures, curves) -> Callable[[int], None] | None:
    """Prepare the compiled loading of departures.

    Parameters
    ----------
    network : Network
    departures : ndarray, shape (n_paths, n_classes, n_departure_steps)
        Checked already [veh].
    curves : Curves
        Filled in as the loading advances.

    Returns
    -------
    callable or None
        ``advance(last)`` continues the loading up to grid time ``last``. None if the impedance is not one of
        :mod:`evlib.traffic.impedance`.

    Notes
    -----
    The curve of a commodity on an arc is read back only as far as the slowest vehicle still on its way, so it is kept
    in a ring buffer over grid times, and only sums are stored for all times. Commodities without vehicles are left out:
    they would only add zeros.
    """
    law = _law(network.delay_function)
    if law is None:
        return None
    supply = _Supply(
        float(network.time.loading_step_min),
        int(network.time.substeps),
        network.n_entries,
        # Copies, so that the types are the same for every network, and one compilation serves all.
        *(np.array(values, dtype=float) for values in (network.free_flow_min, network.capacity_veh_min, network.plugs)),
        stays_of(network),
        *law,
    )
    short = find_short_roads(_used_ways(network, departures), network)
    demand = _demand(network, departures, short)
    is_long = np.ones(network.n_arcs + len(network.stations), dtype=bool)
    is_long[: network.n_entries] = is_long[short.arc] = False
    order = _Order(np.flatnonzero(is_long), np.flatnonzero(is_long[: network.n_arcs]), short.arc, short.begin)
    arrays = _Curves(*(getattr(curves, name) for name in _Curves._fields))
    by_step = (len(curves.total), len(network.stations))
    pointers = _Pointers(
        np.zeros(network.n_arcs, dtype=np.int64),
        np.zeros(len(network.stations), dtype=np.int64),
        np.zeros(by_step, dtype=np.int64),
        np.zeros(by_step),
    )
    ring, done = np.zeros((FIRST_ROWS, len(demand.onward) + 1)), 0

    def advance(last: int) -> None:
        nonlocal ring, done
        ring, unsettled = _advance(done + 1, last, supply, demand, order, arrays, pointers, ring)
        if unsettled >= 0:
            refuse_unsettled(network, short.arc[short.begin[unsettled] : short.begin[unsettled + 1]])
        done = last

    return advance


def _law(delay_function) -> tuple[int, float, float] | None:
    """Number of an impedance of this package with the parameters of the BPR curve, or None for any other callable."""
    parameters = {}
    if isinstance(delay_function, partial) and not delay_function.args:
        delay_function, parameters = delay_function.func, delay_function.keywords
    try:
        law = LAWS.get(delay_function)
    except TypeError:  # a callable that cannot be hashed
        law = None
    allowed = dict(zip(("alpha", "power"), bpr.__defaults__, strict=True)) if law == BPR else {}
    if law is None or parameters.keys() - allowed or not all(isinstance(value, Real) for value in parameters.values()):
        return None
    values = {"alpha": 0.0, "power": 1.0} | allowed | parameters
    return law, float(values["alpha"]), float(values["power"])


def _used_ways(network, departures: np.ndarray) -> list[tuple[int, ...]]:
    return [way for way, used in zip(ways_of(network), departures.any(axis=(1, 2)).tolist(), strict=True) if used]


def _demand(network, departures: np.ndarray, short: ShortRoads) -> _Demand:
    n_classes = departures.shape[1]
    arcs = ways_of(network)
    length = np.array([len(way) for way in arcs])
    pair_arc, pair_path = np.concatenate(arcs), np.repeat(np.arange(len(arcs)), length)
    begin = np.cumsum(length) - length

    used = departures.any(axis=2)
    pair, member = np.nonzero(used[pair_path])
    segment = pair_arc[pair] * n_classes + member
    order = np.argsort(segment, kind="stable")
    slot = np.full((len(pair_arc) + 1, n_classes), len(order))
    slot[pair[order], member[order]] = np.arange(len(order))
    is_end = np.zeros(len(pair_arc), dtype=bool)
    is_end[begin + length - 1] = True
    ends = is_end[pair]  # nothing follows the last arc of a way
    onward = np.where(ends, len(order), slot[pair + 1, member])[order]
    following = pair_arc[np.minimum(pair + 1, len(pair_arc) - 1)]
    back = (~ends & short.goes_back(pair_arc[pair], following))[order]
    through = np.zeros(len(network.stations), dtype=np.bool_)
    waiting = pair_arc[pair] >= network.n_arcs
    through[pair_arc[pair[waiting & ~ends]] - network.n_arcs] = True
    n_segments = (network.n_arcs + len(network.stations)) * n_classes
    start = np.searchsorted(segment[order], np.arange(n_segments + 1))

    path, member = np.nonzero(used)
    within = np.append(departures[path, member], np.zeros((len(path), 1)), axis=1)
    before = np.append(np.zeros((len(path), 1)), np.cumsum(departures[path, member], axis=1), axis=1)
    return _Demand(start, onward, through, slot[begin[path], member], back, before.T.copy(), within.T.copy())


@compiled
def _advance(step, last, supply, demand, order, curves, pointers, ring):
    """Advance from grid time ``step`` to ``last``.

    Returns the ring buffer, which may have been enlarged, and the group of short roads that did not settle, or -1.
    """
    # Taken out of the tuples once, because every access inside the loops would count references.
    dt_min, substeps, n_origins, minutes, capacity, plugs, stay, law, alpha, power = supply
    start, onward, through, first, back, before, within = demand
    behind, roads, short, begin = order
    entered, left, total, exit_min, plugged, completed, guards = curves
    arc_pointer, station_pointer, up_to, share_of = pointers
    _, n_arcs, n_classes = left.shape
    while step <= last:
        ring = _with_room(ring, step, start, arc_pointer, n_classes, through, up_to, stay)
        now = dt_min * step
        for arc in roads:  # vehicles that leave a long road entered it before this step
            _leave(arc, step, step - 1, now, start, onward, exit_min, left, arc_pointer, ring)
        for c in range(len(plugs)):
            if through[c]:
                _unplug(c, step, stay, start, onward, n_arcs, up_to, share_of, ring)
        k = min(step // substeps, len(before) - 1)
        share = (step % substeps) / substeps
        for q in range(len(first)):
            ring[step & (len(ring) - 1), first[q]] = before[k, q] + within[k, q] * share
        for arc in range(n_origins):
            _enter(arc, step, start, ring, entered, total)
            exit_min[step, arc], _ = _exit(arc, step, now, exit_min, total, capacity)
            _leave(arc, step, step, now, start, onward, exit_min, left, arc_pointer, ring)
        for slot in range(len(back)):
            if back[slot]:
                ring[step & (len(ring) - 1), onward[slot]] = ring[(step - 1) & (len(ring) - 1), onward[slot]]
        for group in range(len(begin) - 1):
            settled = False
            for _ in range(MOST_SWEEPS):
                change, overtaking, limited = 0.0, 0, 0
                for arc in short[begin[group] : begin[group + 1]]:
                    _enter(arc, step, start, ring, entered, total)
                    inflow = (total[step, arc] - total[step - 1, arc]) / (now - dt_min * (step - 1))
                    present = inflow * (exit_min[step - 1, arc] - dt_min * (step - 1))
                    if exit_min[step - 1, arc] > now:  # a queue of more than a step
                        _leave(arc, step, step - 1, now, start, onward, exit_min, left, arc_pointer, ring)
                        out = 0.0
                        for m in range(n_classes):
                            out += left[step, arc, m]
                        present = max(total[step, arc] - out, 0.0)
                    free = now + _delay(present, minutes[arc], capacity[arc], law, alpha, power)
                    exit_min[step, arc], guard = _exit(arc, step, free, exit_min, total, capacity)
                    overtaking += guard == 0
                    limited += guard == 1
                    if begin[group + 1] - begin[group] == 1:
                        _leave(arc, step, step, now, start, onward, exit_min, left, arc_pointer, ring)
                    else:
                        back_change = _leave_back(
                            arc, step, now, start, onward, back, exit_min, left, arc_pointer, ring
                        )
                        change = max(change, back_change)
                if change <= SWEEP_VEH:
                    settled = True
                    break
            if not settled:
                return ring, group
            guards[0] += overtaking
            guards[1] += limited
        for arc in behind:
            _enter(arc, step, start, ring, entered, total)
        for arc in roads:
            out = 0.0
            for m in range(n_classes):
                out += left[step, arc, m]
            present = max(total[step, arc] - out, 0.0)
            free = now + _delay(present, minutes[arc], capacity[arc], law, alpha, power)
            exit_min[step, arc], guard = _exit(arc, step, free, exit_min, total, capacity)
            if guard >= 0:
                guards[guard] += 1
        for c in range(len(plugs)):
            _serve(c, step, plugs[c], stay, entered, total, plugged, completed, station_pointer, up_to, share_of)
        step += 1
    return ring, -1


@compiled
def _with_room(ring, step, start, pointer, n_classes, through, up_to, stay):
    """The ring buffer with a free row for this step; it is enlarged as long as that row is still needed."""
    oldest, longest = step - 1, 0
    for m in range(len(stay)):
        longest = max(longest, stay[m])
    for arc in range(len(pointer)):
        if start[(arc + 1) * n_classes] > start[arc * n_classes]:  # otherwise nobody takes the arc
            oldest = min(oldest, pointer[arc])
    for c in range(len(through)):
        if through[c]:
            oldest = min(oldest, up_to[max(step - longest, 0), c])
    while step - oldest >= len(ring):
        longer = np.zeros((2 * len(ring), ring.shape[1]))
        for past in range(oldest, step):
            for slot in range(ring.shape[1]):  # a row at once takes numba six seconds more to compile
                longer[past & (len(longer) - 1), slot] = ring[past & (len(ring) - 1), slot]
        ring = longer
    return ring


@compiled
def _leave(arc, step, last, now, start, onward, exit_min, left, pointer, ring):
    """Move vehicles that leave an arc on to the next: N_out(t) = N_in at the entry time whose exit time is now."""
    entry = pointer[arc]
    while entry < last and exit_min[entry + 1, arc] <= now:
        entry += 1
    pointer[arc] = entry
    mask, n_classes = len(ring) - 1, left.shape[2]
    now_row, earlier, later, share = step & mask, entry & mask, entry & mask, 0.0
    if exit_min[entry, arc] > now:  # nothing has left yet
        for slot in range(start[arc * n_classes], start[(arc + 1) * n_classes]):
            ring[now_row, onward[slot]] = 0.0
        return
    if entry < last:
        later = (entry + 1) & mask
        share = (now - exit_min[entry, arc]) / (exit_min[entry + 1, arc] - exit_min[entry, arc])
    for m in range(n_classes):
        out = 0.0
        for slot in range(start[arc * n_classes + m], start[arc * n_classes + m + 1]):
            gone = ring[earlier, slot] + share * (ring[later, slot] - ring[earlier, slot])
            ring[now_row, onward[slot]] = gone
            out += gone
        left[step, arc, m] = out


@compiled
def _leave_back(arc, step, now, start, onward, back, exit_min, left, pointer, ring):
    """Move vehicles on from a short road; returns the largest change of what goes back to roads computed before."""
    now_row, n_classes, change = step & (len(ring) - 1), left.shape[2], 0.0
    first, behind = start[arc * n_classes], start[(arc + 1) * n_classes]
    before = np.zeros(behind - first)
    for slot in range(first, behind):
        before[slot - first] = ring[now_row, onward[slot]]
    _leave(arc, step, step, now, start, onward, exit_min, left, pointer, ring)
    for slot in range(first, behind):
        if back[slot]:
            change = max(change, abs(ring[now_row, onward[slot]] - before[slot - first]))
    return change


@compiled
def _enter(arc, step, start, ring, entered, total):
    """Vehicles that have entered an arc or a waiting arc, summed by class and then over the classes."""
    now_row, n_classes = step & (len(ring) - 1), entered.shape[2]
    all_classes = 0.0
    for m in range(n_classes):
        count = 0.0
        for slot in range(start[arc * n_classes + m], start[arc * n_classes + m + 1]):
            count += ring[now_row, slot]
        entered[step, arc, m] = count
        all_classes += count
    total[step, arc] = all_classes


@compiled
def _exit(arc, step, free, exit_min, total, capacity):
    """Exit time of a vehicle that enters now, and the guard that set it: 0 for overtaking, 1 for capacity, else -1."""
    earlier = exit_min[step - 1, arc]
    limited = earlier + (total[step, arc] - total[step - 1, arc]) / capacity[arc]
    guard = 0 if free < earlier else 1 if free < limited else -1
    return max(free, limited), guard


@compiled
def _delay(present, minutes, capacity, law, alpha, power):
    """The functions of :mod:`evlib.traffic.impedance`, operation by operation."""
    if law == SMOOTH_QUEUE:
        queue_min = present / capacity
        t2, q2 = minutes * minutes, queue_min * queue_min
        return math.sqrt(math.sqrt(t2 * t2 + q2 * q2))
    if law == BPR:
        return minutes * (1.0 + alpha * (present / (capacity * minutes)) ** power)
    if law == AFFINE:
        return minutes + present / capacity
    return minutes


@compiled
def _unplug(c, step, stay, start, onward, n_arcs, up_to, share_of, ring):
    """Vehicles that drive on from a plug now: those that plugged in one stay ago."""
    mask, n_classes = len(ring) - 1, len(stay)
    for m in range(n_classes):
        plug_in_step = step - stay[m]
        for slot in range(start[(n_arcs + c) * n_classes + m], start[(n_arcs + c) * n_classes + m + 1]):
            gone = 0.0
            if plug_in_step >= 1:
                entry = up_to[plug_in_step, c]
                earlier, later = ring[entry & mask, slot], ring[min(entry + 1, plug_in_step) & mask, slot]
                gone = earlier + share_of[plug_in_step, c] * (later - earlier)
            ring[step & mask, onward[slot]] = gone


@compiled
def _serve(c, step, plugs, stay, entered, total, plugged, completed, pointer, up_to, share_of):
    """Plug in as many vehicles as there are free plugs, in order of arrival, whatever their class."""
    n_stations, n_classes = plugged.shape[1:]
    place = entered.shape[1] - n_stations + c
    ended = 0.0
    for m in range(n_classes):
        if step >= stay[m]:
            ended += plugged[step - stay[m], c, m]
    completed[step, c] = ended
    release, entry = min(total[step, place], plugs + ended), pointer[c]
    while entry < step and total[entry + 1, place] <= release:
        entry += 1
    pointer[c] = entry
    share, later = 0.0, entry
    if entry < step:
        share, later = (release - total[entry, place]) / (total[entry + 1, place] - total[entry, place]), entry + 1
    up_to[step, c], share_of[step, c] = entry, share
    for m in range(n_classes):
        earlier = entered[entry, place, m]
        plugged[step, c, m] = earlier + share * (entered[later, place, m] - earlier)
