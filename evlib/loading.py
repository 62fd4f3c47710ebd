"""Dynamic network loading: departures in, cumulative curves and exit times of every arc out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evlib.errors import InputError
from evlib.network import Network

__all__ = ["Loading", "load_traffic"]


@dataclass(frozen=True)
class Loading:
    """Cumulative curves on the loading grid t = 0, dt, 2 dt, ...; S loading steps until everybody has plugged in.

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
        Times (arc and loading step) at which the impedance alone would have let a later vehicle overtake, and at which
        it would have let out more than the capacity.
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

    @property
    def vehicles_veh(self) -> np.ndarray:
        """Vehicles on each arc, shape (n_arcs, S + 1)."""
        return (self.entered_veh - self.left_veh).sum(axis=1)

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
        """Vehicles that have entered or left an arc by given times, all classes together [veh]."""
        index = self.network.arc_name.index(arc)
        values = {"entered": self.entered_veh, "left": self.left_veh}[side][index].sum(axis=0)
        return np.interp(time_min, self.time_min, values)


def load_traffic(network: Network, departures) -> Loading:
    """Load departures onto the network.

    Every arc has one exit-time curve, shared by all that travel on it,

    .. math:: e_a(t) = \\max\\bigl(t + D_a(x_a(t)),\\; e_a(t^-) + \\Delta N^{in}_a / Q_a\\bigr), \\qquad
              N^{out}_a(t) = N^{in}_a(e_a^{-1}(t)),

    so vehicles are conserved, none overtakes and no more than the capacity leaves. A station with P plugs releases from
    its waiting arc in order of arrival, R(t) = min(A(t), P + S(t)), where S counts those whose stay has ended.

    Parameters
    ----------
    network : Network
    departures : array_like, shape (n_paths, n_classes, n_steps)
        Vehicles that depart in each decision step [veh]; n_steps at most K.

    Returns
    -------
    Loading
        Runs on after the horizon until everybody has plugged in.

    Raises
    ------
    InputError
        Negative or nan departures, a wrong shape, departures after the last allowed step, or vehicles that have not
        plugged in K steps after the horizon (how many, and where).

    Notes
    -----
    The executable specification, in plain NumPy: curves are linear between grid times, zero-time arcs pass within the
    step. Queues do not spill back. Linear-delay loading with FIFO exit times follows Friesz et al. (1993) and
    Astarita (1996); the capacity term is Vickrey's (1969) point queue.
    """
    departures = _checked(network, departures)
    run = _Run(network, departures)
    horizon = network.time.n_steps * network.time.substeps
    for step in range(1, run.n_grid):
        run.advance(step)
        done = step >= horizon and step % network.time.substeps == 0
        if done and run.waiting_anywhere(step) <= 1e-9 * max(1.0, departures.sum()):
            return run.finish(step)
    raise InputError(_left_over(run, step))


def _checked(network: Network, departures) -> np.ndarray:
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


class _Run:
    """Curves under construction. One row of ``pair_in`` for each (path, position on it), the waiting arc last."""

    def __init__(self, network: Network, departures: np.ndarray):
        time = network.time
        self.network, self.departures = network, departures
        self.dt = time.loading_step_min
        self.n_grid = 2 * time.n_steps * time.substeps + 1
        self.time_min = self.dt * np.arange(self.n_grid)
        n_arcs, n_stations, n_classes = network.n_arcs, len(network.stations), len(network.classes)

        pair_arc, first = [], []
        for path in network.paths:
            first.append(len(pair_arc))
            pair_arc.extend((*path.arcs, n_arcs + path.station))
        self.pair_arc, self.first = np.array(pair_arc), np.array(first)
        self.later = np.setdiff1d(np.arange(len(pair_arc)), self.first)
        n_pairs = len(self.pair_arc)
        self.pair_in = np.zeros((n_pairs, n_classes, self.n_grid))
        self.pair_out = np.zeros((n_pairs, n_classes, self.n_grid))
        self.pairs = [np.flatnonzero(self.pair_arc == arc) for arc in range(n_arcs + n_stations)]
        self.incidence = np.zeros((n_arcs + n_stations, n_pairs))
        self.incidence[self.pair_arc, np.arange(n_pairs)] = 1.0

        self.arc_in = np.zeros((n_arcs + n_stations, self.n_grid))
        self.vehicles = np.zeros(n_arcs)
        self.exit_min = np.full((n_arcs, self.n_grid), np.nan)
        self.exit_min[:, 0] = network.free_flow_min
        self.road = np.arange(n_arcs) >= len(network.origins)
        self.pointer = np.zeros(n_arcs, dtype=int)
        self.queue_pointer = np.zeros(n_stations, dtype=int)
        self.released = np.zeros((n_stations, n_classes, self.n_grid))
        self.arrived = np.zeros((n_stations, n_classes, self.n_grid))
        self.completed = np.zeros((n_stations, self.n_grid))
        self.n_overtaking_guard = self.n_capacity_guard = 0

        steps = np.concatenate([np.zeros((*departures.shape[:2], 1)), np.cumsum(departures, axis=2)], axis=2)
        decision_min = time.step_min * np.arange(steps.shape[2])
        self.departed = np.empty((*departures.shape[:2], self.n_grid))
        for p, m in np.ndindex(departures.shape[:2]):
            self.departed[p, m] = np.interp(self.time_min, decision_min, steps[p, m])

    def advance(self, step: int) -> None:
        """One loading step: roads out, origins in and out, roads in, stations."""
        n_arcs = self.network.n_arcs
        # What leaves a road now entered it at least one step ago, so roads need no order among themselves.
        self._leave(np.flatnonzero(self.road), step, last=step - 1)
        self.pair_in[self.first, :, step] = self.departed[:, :, step]
        origin = np.flatnonzero(~self.road)
        self.arc_in[origin, step] = (self.incidence[origin] @ self.pair_in[:, :, step]).sum(axis=1)
        self._exit_times(origin, np.zeros(len(origin)), step)
        self._leave(origin, step, last=step)
        self.pair_in[self.later, :, step] = self.pair_out[self.later - 1, :, step]
        self.arc_in[:, step] = self.incidence @ self.pair_in[:, :, step].sum(axis=1)
        arc_out = self.incidence[:n_arcs] @ self.pair_out[:, :, step].sum(axis=1)
        self.vehicles = self.arc_in[:n_arcs, step] - arc_out
        road = np.flatnonzero(self.road)
        network = self.network
        present = np.maximum(self.vehicles[road], 0.0)  # an empty road may read -1e-14
        delay = network.delay_function(present, network.free_flow_min[road], network.capacity_veh_min[road])
        self._exit_times(road, delay, step)
        self._serve(step)

    def _exit_times(self, arcs, delay_min, step) -> None:
        earlier = self.exit_min[arcs, step - 1]
        inflow = self.arc_in[arcs, step] - self.arc_in[arcs, step - 1]
        free = self.time_min[step] + delay_min
        limited = earlier + inflow / self.network.capacity_veh_min[arcs]
        roads = arcs >= len(self.network.origins)
        self.n_overtaking_guard += int((roads & (free < earlier)).sum())
        self.n_capacity_guard += int((roads & (free >= earlier) & (free < limited)).sum())
        self.exit_min[arcs, step] = np.maximum(free, limited)

    def _leave(self, arcs, step, last) -> None:
        """N_out at this grid time: N_in at the entry time whose exit time is now, the latest if there are several."""
        now = self.time_min[step]
        for arc in arcs:
            exits, entry = self.exit_min[arc], self.pointer[arc]
            while entry < last and exits[entry + 1] <= now:
                entry += 1
            self.pointer[arc] = entry
            if exits[entry] > now:
                continue  # nothing has left yet
            pairs = self.pairs[arc]
            self.pair_out[pairs, :, step] = self.pair_in[pairs, :, entry]
            if entry < last:
                share = (now - exits[entry]) / (exits[entry + 1] - exits[entry])
                gained = self.pair_in[pairs, :, entry + 1] - self.pair_in[pairs, :, entry]
                self.pair_out[pairs, :, step] += share * gained

    def _serve(self, step) -> None:
        """Plug in as many as there are free plugs, in order of arrival, classes as they come."""
        network = self.network
        stay = network.stay_steps * network.time.substeps
        for c, plugs in enumerate(network.plugs):
            arc, pairs = network.n_arcs + c, self.pairs[network.n_arcs + c]
            ended = [self.released[c, m, step - n] for m, n in enumerate(stay) if step >= n]
            self.completed[c, step] = sum(ended)
            self.arrived[c, :, step] = self.pair_in[pairs, :, step].sum(axis=0)
            arrivals = self.arc_in[arc]
            release = min(arrivals[step], plugs + self.completed[c, step])
            entry = self.queue_pointer[c]
            while entry < step and arrivals[entry + 1] <= release:
                entry += 1
            self.queue_pointer[c] = entry
            plugged = self.pair_in[pairs, :, entry].sum(axis=0)
            if entry < step:
                share = (release - arrivals[entry]) / (arrivals[entry + 1] - arrivals[entry])
                plugged = plugged + share * (self.pair_in[pairs, :, entry + 1].sum(axis=0) - plugged)
            self.released[c, :, step] = plugged

    def waiting_anywhere(self, step) -> float:
        """Vehicles that have not plugged in."""
        return float(self.departures.sum() - self.released[:, :, step].sum())

    def finish(self, step) -> Loading:
        """Cut the curves at the last step and hand them over, read-only."""
        grid = slice(0, step + 1)
        n_arcs, n_classes = self.network.n_arcs, len(self.network.classes)
        entered, left = np.zeros((n_arcs, n_classes, step + 1)), np.zeros((n_arcs, n_classes, step + 1))
        for arc in range(n_arcs):
            entered[arc] = self.pair_in[self.pairs[arc], :, grid].sum(axis=0)
            left[arc] = self.pair_out[self.pairs[arc], :, grid].sum(axis=0)
        arrays = (entered, left, self.exit_min[:, grid], self.arrived[:, :, grid], self.released[:, :, grid])
        arrays = (self.time_min[grid], *arrays, self.completed[:, grid])
        for array in (self.departures, *arrays):
            array.setflags(write=False)
        return Loading(self.network, self.departures, *arrays, self.n_overtaking_guard, self.n_capacity_guard)


def _left_over(run: _Run, step: int) -> str:
    network = run.network
    places = {name: float(run.vehicles[arc]) for arc, name in enumerate(network.arc_name)}
    for c, name in enumerate(network.stations):
        places[f"waiting at {name}"] = float((run.arrived[c, :, step] - run.released[c, :, step]).sum())
    worst = sorted(((count, name) for name, count in places.items() if count > 1e-6), reverse=True)[:4]
    where = ", ".join(f"{count:.1f} on {name}" for count, name in worst)
    return (
        f"departures: {run.waiting_anywhere(step):.1f} of {run.departures.sum():.1f} vehicles have not plugged in "
        f"{network.time.n_steps} steps after the horizon ({where}); send fewer vehicles, add plugs, or choose an "
        "impedance that lets overloaded roads clear"
    )
