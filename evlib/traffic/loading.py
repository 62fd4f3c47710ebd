"""Dynamic network loading: departures in, cumulative curves and exit times of every arc out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evlib.errors import InputError
from evlib.traffic.loading_compiled import compiled_advance
from evlib.traffic.loading_reference import Curves, Specification, in_order
from evlib.traffic.network import Network
from evlib.traffic.used_arcs import let_pass_freely, on_all_arcs, used_part

__all__ = ["Loading", "load_traffic"]


@dataclass(frozen=True)
class Loading:
    """Cumulative curves on the loading grid t = 0, dt, 2 dt, ...; after S loading steps everybody has plugged in.

    Attributes
    ----------
    network : Network
    departures_veh : ndarray, shape (n_paths, n_classes, n_departure_steps)
        Vehicles that depart in each decision step, at a constant rate within it.
    time_min : ndarray, shape (S + 1,)
        Loading grid [min].
    entered_veh, left_veh : ndarray, shape (n_arcs, n_classes, S + 1)
        Vehicles that have entered and left each origin arc and road.
    exit_min : ndarray, shape (n_arcs, S + 1)
        Time at which a vehicle that enters at the grid time leaves the arc [min].
    arrived_veh : ndarray, shape (n_stations, n_classes, S + 1)
        Vehicles that have arrived at each station.
    plugged_veh : ndarray, shape (n_stations, n_classes, S + 1)
        Vehicles that have been plugged in.
    completed_veh : ndarray, shape (n_stations, S + 1)
        Vehicles that have ended their stay.
    n_overtaking_guard, n_capacity_guard : int
        How often, counted by arc and loading step, the impedance alone would have let a later vehicle overtake, and how
        often it would have let out more than the capacity.
    background_entered_veh, background_left_veh : ndarray, shape (n_arcs, S + 1), or None
        Background traffic on each arc; None if there is none.
    """

    network: Network
    departures_veh: np.ndarray
    time_min: np.ndarray
    entered_veh: np.ndarray
    left_veh: np.ndarray
    exit_min: np.ndarray
    arrived_veh: np.ndarray
    plugged_veh: np.ndarray
    completed_veh: np.ndarray
    n_overtaking_guard: int
    n_capacity_guard: int
    background_entered_veh: np.ndarray | None = None
    background_left_veh: np.ndarray | None = None

    @property
    def all_entered_veh(self) -> np.ndarray:
        """All vehicles that have entered each arc, background traffic included, shape (n_arcs, S + 1)."""
        fleet = self.entered_veh.sum(axis=1)
        return fleet if self.background_entered_veh is None else fleet + self.background_entered_veh

    @property
    def all_left_veh(self) -> np.ndarray:
        """All vehicles that have left each arc, background traffic included, shape (n_arcs, S + 1)."""
        fleet = self.left_veh.sum(axis=1)
        return fleet if self.background_left_veh is None else fleet + self.background_left_veh

    @property
    def vehicles_veh(self) -> np.ndarray:
        """Vehicles on each arc, background traffic included, shape (n_arcs, S + 1)."""
        on = (self.entered_veh - self.left_veh).sum(axis=1)
        return on if self.background_left_veh is None else on + self.background_entered_veh - self.background_left_veh

    @property
    def queue_veh(self) -> np.ndarray:
        """Vehicles waiting at each station, shape (n_stations, S + 1)."""
        return (self.arrived_veh - self.plugged_veh).sum(axis=1)

    @property
    def occupied_plugs(self) -> np.ndarray:
        """Vehicles plugged in at each station, shape (n_stations, S + 1)."""
        return self.plugged_veh.sum(axis=1) - self.completed_veh

    @property
    def cohorts_veh(self) -> np.ndarray:
        """Plug-ins by decision step, shape (n_stations, n_classes, n): N of the model; n may exceed K."""
        return np.diff(self.plugged_veh[:, :, :: self.network.time.substeps], axis=2)

    def curve(self, arc: str, time_min, side: str = "entered") -> np.ndarray:
        """Vehicles of the fleet that have entered or left an arc by given times, all classes together [veh]."""
        index = self.network.arc_name.index(arc)
        values = {"entered": self.entered_veh, "left": self.left_veh}[side][index].sum(axis=0)
        return np.interp(time_min, self.time_min, values)


def load_traffic(network: Network, departures, *, kernel: str = "compiled") -> Loading:
    """Load departures onto the network.

    Every arc has one exit-time curve, shared by all vehicles on it,

    .. math:: e_a(t) = \\max\\bigl(t + D_a(x_a(t)),\\; e_a(t^-) + \\Delta N^{in}_a / Q_a\\bigr), \\qquad
              N^{out}_a(t) = N^{in}_a(e_a^{-1}(t)),

    so vehicles are conserved, none overtakes and outflow never exceeds the capacity. A station with P plugs releases
    vehicles from its waiting arc in order of arrival, R(t) = min(A(t), P + S(t)), where S counts the vehicles whose
    stay has ended.

    Parameters
    ----------
    network : Network
    departures : array_like, shape (n_paths, n_classes, n_steps)
        Vehicles that depart in each decision step [veh]; n_steps at most K.
    kernel : {"compiled", "numpy"}, optional
        Compiled code, or the executable specification in plain NumPy. Both give the same results, to the last bit for
        impedances written without powers (all but ``bpr``). An impedance other than those of
        :mod:`evlib.traffic.impedance`, with numbers for its parameters, is always loaded by the specification, which is
        much slower.

    Returns
    -------
    Loading
        It runs on after the horizon until everybody has plugged in or, where trips go on or there is background
        traffic, until all trips have ended.

    Raises
    ------
    InputError
        Negative or nan departures, a wrong shape, departures after the last allowed step, an arc without capacity, a
        path that is not connected or does not lead from its origin to its one station, vehicles that have not plugged
        in K steps after the horizon (the message says how many, and where), or an unknown kernel.

    Notes
    -----
    Curves are linear between grid times; vehicles pass arcs of zero travel time within the step. Queues do not spill
    back. Linear-delay loading with FIFO exit times follows Friesz et al. (1993) and Astarita (1996); the capacity term
    is Vickrey's (1969) point queue.
    """
    if kernel not in ("compiled", "numpy"):
        raise InputError(f"kernel {kernel!r}; must be 'compiled' or 'numpy'")
    departures = _checked(network, departures)
    part, of_part, arcs = used_part(network, departures)
    curves, combined = Curves.empty(part), _with_background(part, of_part)
    advance = compiled_advance(part, combined, curves) if kernel == "compiled" else None
    advance = advance or Specification(part, combined, curves).advance
    substeps, total = network.time.substeps, departures.sum()
    horizon = network.time.n_steps * substeps
    for step in range(horizon, 2 * horizon + 1, substeps):
        advance(step)
        tolerance = 1e-9 * max(1.0, total)
        if total - in_order(curves.plugged[step].ravel()) <= tolerance and _all_home(curves, step, part, tolerance):
            return _finished(curves, step, network, departures, arcs)
    raise InputError(_left_over(curves, step, part, total))


def _with_background(network: Network, departures: np.ndarray) -> np.ndarray:
    """Departures by way and class, where background traffic has its own ways and its own class."""
    if network.background is None:
        return departures
    background_veh = network.background.departures_veh
    n_paths, n_classes, n_depart = departures.shape
    combined = np.zeros((n_paths + len(background_veh), n_classes + 1, network.time.n_steps))
    combined[:n_paths, :n_classes, :n_depart] = departures
    combined[n_paths:, n_classes, : background_veh.shape[1]] = background_veh
    return combined


def _all_home(curves: Curves, step: int, network: Network, tolerance: float) -> bool:
    """Whether all trips have ended; matters only where some vehicles still drive after all have plugged in."""
    if network.background is None and not network.goes_on:
        return True
    held = in_order(curves.plugged[step].ravel()) - in_order(curves.completed[step])
    on_roads = (curves.entered[step, : network.n_arcs] - curves.left[step]).sum()
    return (held <= tolerance or not network.goes_on) and on_roads <= tolerance


def _checked(network: Network, departures) -> np.ndarray:
    _check_ways(network)
    departures = np.array(departures, dtype=float)
    time = network.time
    n_paths, n_classes = len(network.paths), len(network.classes)
    if departures.ndim != 3 or departures.shape[:2] != (n_paths, n_classes) or departures.shape[2] > time.n_steps:
        raise InputError(
            f"departures have shape {departures.shape}; must be ({n_paths} paths, {n_classes} classes, at most "
            f"{time.n_steps} steps)"
        )
    bad = ~np.isfinite(departures) | (departures < 0)
    if bad.any():
        p, m, k = np.argwhere(bad)[0]
        raise InputError(
            f"departures: path {network.path_label(p)}, class {network.classes[m]}, step {k}: {departures[p, m, k]}; must "
            "be a number of vehicles, not negative"
        )
    late = departures[:, :, time.n_departure_steps :]
    if late.any():
        p, m, k = np.argwhere(late)[0]
        raise InputError(
            f"departures: path {network.path_label(p)}, class {network.classes[m]}: {late[p, m, k]} vehicles depart in step "
            f"{k + time.n_departure_steps}; the last allowed is last_departure_step = {time.last_departure_step}"
        )
    full = np.zeros((n_paths, n_classes, time.n_departure_steps))
    kept = min(full.shape[2], departures.shape[2])
    full[:, :, :kept] = departures[:, :, :kept]
    return full


def _onward_apart(network: Network) -> np.ndarray:
    """Which paths have onward roads that do not start at the station or do not join."""
    apart = np.zeros(len(network.paths), dtype=bool)
    for p, path in enumerate(network.paths if network.goes_on else ()):
        node = str(network.station_node[path.station])
        for arc in path.onward:
            apart[p] |= network.arc_tail[arc] != node
            node = network.arc_head[arc]
    return apart


def _check_ways(network: Network) -> None:
    """Refuse paths that do not lead from their origin arc over connected roads to one station, where they end."""
    wrong = ~(network.capacity_veh_min > 0)
    if wrong.any():
        a = int(np.flatnonzero(wrong)[0])
        raise InputError(f"arc {network.arc_name[a]}: capacity {network.capacity_veh_min[a]} veh/min; must be above 0")
    tail, head = np.array(network.arc_tail, dtype=object), np.array(network.arc_head, dtype=object)
    length = np.array([len(path.arcs) for path in network.paths])
    if not length.all():
        raise InputError(f"path {network.path_label(int(length.argmin()))}: no arcs; must lead from origin to station")
    arcs, ends = np.concatenate([path.arcs for path in network.paths]), np.cumsum(length)
    begins, is_origin = ends - length, np.array(network.arc_kind) == "origin"
    inside = np.ones(len(arcs), dtype=bool)
    inside[begins] = False
    apart = np.append(False, head[arcs[:-1]] != tail[arcs[1:]]) & inside
    station = np.array([path.station for path in network.paths])
    known = (station >= 0) & (station < len(network.stations))
    node = np.array([str(node) for node in network.station_node], dtype=object)
    faults = (
        (arcs[begins] != network.origin_entry[network.path_origin], "does not begin with the arc of its origin"),
        (_any_of(apart, begins), "is not connected: a road does not begin where the one before ends"),
        (_any_of(is_origin[arcs] & inside, begins), "passes an origin's arc on its way"),
        (~known, "charges at no station; it must charge exactly once"),
        (
            head[arcs[ends - 1]] != node[np.where(known, station, 0)],
            "does not end at its station, so it charges nowhere",
        ),
    )
    for fault, text in (*faults, (_onward_apart(network), "is not connected behind its station")):
        if fault.any():
            p = int(np.flatnonzero(fault)[0])
            way = ", ".join(network.arc_name[arc] for arc in network.paths[p].arcs)
            raise InputError(f"path {p} ({way}) {text}")


def _any_of(flags: np.ndarray, begins: np.ndarray) -> np.ndarray:
    """Whether any arc of each path is flagged."""
    return np.add.reduceat(flags.astype(int), begins) > 0


def _finished(curves: Curves, step: int, network: Network, departures: np.ndarray, arcs: np.ndarray) -> Loading:
    """Cut the curves off at the last step and return them as read-only arrays, for all arcs of the network."""
    fleet = slice(len(network.classes))  # background traffic is the class after these
    entered, arrived = np.split(curves.entered[:, :, fleet], [len(arcs)], axis=1)
    on_arcs = [entered, curves.left[:, :, fleet], curves.exit_min]
    at_stations = [arrived, curves.plugged[:, :, fleet], curves.completed]
    behind = [] if network.background is None else [curves.entered[:, : len(arcs), -1], curves.left[:, :, -1]]
    on_arcs, at_stations, behind = (
        [np.ascontiguousarray(np.moveaxis(array[: step + 1], 0, -1)) for array in arrays]
        for arrays in (on_arcs, at_stations, behind)
    )
    time_min = network.time.loading_step_min * np.arange(step + 1)
    on_arcs, behind = ([on_all_arcs(array, arcs, network) for array in arrays] for arrays in (on_arcs, behind))
    let_pass_freely(on_arcs[2], arcs, time_min, network)
    arrays = [time_min, *on_arcs, *at_stations, *behind]
    for array in (departures, *arrays):
        array.setflags(write=False)
    return Loading(network, departures, *arrays[:7], *(int(count) for count in curves.guards), *arrays[7:])


def _left_over(curves: Curves, step: int, network: Network, total: float) -> str:
    inside = (curves.entered[step, : network.n_arcs] - curves.left[step]).sum(axis=1)
    queue = (curves.entered[step, network.n_arcs :] - curves.plugged[step]).sum(axis=1)
    names = [*network.arc_name, *(f"waiting at {name}" for name in network.stations)]
    places = zip((*inside.tolist(), *queue.tolist()), names, strict=True)
    worst = sorted(((count, name) for count, name in places if count > 1e-6), reverse=True)[:4]
    listed = ", ".join(f"{count:.1f} on {name}" for count, name in worst)
    missing, late = total - curves.plugged[step].sum(), f"{network.time.n_steps} steps after the horizon ({listed})"
    if missing <= 1e-6:
        return f"{network.label}: departures: all plugged in, but some have not ended their trips {late}; send fewer vehicles"
    return (
        f"{network.label}: departures: {missing:.1f} of {total:.1f} vehicles have not plugged in {late}; "
        "send fewer vehicles, add plugs, or choose an impedance that lets overloaded roads clear"
    )
