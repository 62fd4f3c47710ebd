"""Dynamic network loading in plain NumPy: the executable specification that the compiled kernel must equal."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from evlib.errors import InputError
from evlib.traffic.network import Network
from evlib.traffic.short_roads import MOST_SWEEPS, SWEEP_VEH, find_short_roads

__all__ = ["Curves", "Specification", "in_order", "refuse_unsettled", "stays_of", "ways_of"]


@dataclass(frozen=True)
class Curves:
    """Curves under construction, on the loading grid up to K decision steps after the horizon; see :class:`Loading`.

    Background traffic, if there is any, is one more class after those of the fleet.

    Attributes
    ----------
    entered : ndarray, shape (n, n_arcs + n_stations, n_classes)
        Vehicles that have entered each arc and arrived at each station.
    left : ndarray, shape (n, n_arcs, n_classes)
    total : ndarray, shape (n, n_arcs + n_stations)
        ``entered``, all classes together.
    exit_min : ndarray, shape (n, n_arcs)
    plugged : ndarray, shape (n, n_stations, n_classes)
    completed : ndarray, shape (n, n_stations)
    guards : ndarray of int, shape (2,)
        Overtaking guard, capacity guard.
    """

    entered: np.ndarray
    left: np.ndarray
    total: np.ndarray
    exit_min: np.ndarray
    plugged: np.ndarray
    completed: np.ndarray
    guards: np.ndarray

    @classmethod
    def empty(cls, network: Network) -> Curves:
        """Curves before anybody has departed."""
        n_arcs, n_stations, n_classes = network.n_arcs, len(network.stations), len(stays_of(network))
        n_grid = 2 * network.time.n_steps * network.time.substeps + 1
        shapes = ((n_arcs + n_stations, n_classes), (n_arcs, n_classes), (n_arcs + n_stations,), (n_arcs,))
        arrays = [np.zeros((n_grid, *shape)) for shape in (*shapes, (n_stations, n_classes), (n_stations,))]
        curves = cls(*arrays, np.zeros(2, dtype=np.int64))
        curves.exit_min[0] = network.free_flow_min
        return curves


def in_order(values: np.ndarray):
    """Sum over the last axis in order, as a loop would; numpy's own sum adds in pairs and rounds differently."""
    return np.cumsum(values, axis=-1)[..., -1]


def ways_of(network: Network) -> list[tuple[int, ...]]:
    """Arcs passed on each path, then on each way of background traffic.

    The station's waiting arc is one of them, numbered after the network's arcs.
    """
    ways = [(*path.arcs, network.n_arcs + path.station, *path.onward) for path in network.paths]
    return ways if network.background is None else [*ways, *network.background.ways]


def stays_of(network: Network) -> np.ndarray:
    """Stay of each class in loading steps; 1 for background traffic, which never plugs in."""
    stay = np.array(network.stay_steps, dtype=np.int64) * network.time.substeps
    return stay if network.background is None else np.append(stay, 1)


def refuse_unsettled(network: Network, arcs) -> None:
    """Refuse short roads in a circle whose flows do not settle within a step."""
    names = ", ".join(network.arc_name[arc] for arc in arcs[:4]) + (", ..." if len(arcs) > 4 else "")
    raise InputError(
        f"departures: the flows on short roads in a circle ({names}) do not settle within a loading step of "
        f"{60 * network.time.loading_step_min:g} s; choose a shorter loading step"
    )


class Specification:
    """The loading in plain NumPy; ``pair_in`` has one row for each pair of a way and a position on it."""

    def __init__(self, network: Network, departures: np.ndarray, curves: Curves):
        time = network.time
        self.network, self.curves, self.done = network, curves, 0
        self.stay = stays_of(network)
        n_arcs, n_stations, n_classes = network.n_arcs, len(network.stations), len(self.stay)
        n_grid = len(curves.total)
        self.time_min = time.loading_step_min * np.arange(n_grid)

        pair_arc, first = [], []
        for way in ways_of(network):
            first.append(len(pair_arc))
            pair_arc.extend(way)
        pair_arc, self.first = np.array(pair_arc), np.array(first)
        self.later = np.setdiff1d(np.arange(len(pair_arc)), self.first)
        after_plug = self.later[pair_arc[self.later - 1] >= n_arcs]
        self.through = [(pair - 1, pair_arc[pair - 1] - n_arcs) for pair in after_plug]
        self.plugged_up_to = np.zeros((n_grid, n_stations), dtype=int)
        self.plugged_share = np.zeros((n_grid, n_stations))
        self.pair_in = np.zeros((len(pair_arc), n_classes, n_grid))
        self.pair_out = np.zeros((len(pair_arc), n_classes, n_grid))
        self.pairs = [np.flatnonzero(pair_arc == arc) for arc in range(n_arcs)]
        self.arc_and_class = (pair_arc[:, None] * n_classes + np.arange(n_classes)).ravel()
        self.origins, roads = np.split(np.arange(n_arcs), [network.n_entries])
        self.short = find_short_roads(ways_of(network), network)
        self.roads = np.setdiff1d(roads, self.short.arc)
        self.behind = np.setdiff1d(np.arange(len(self.origins), n_arcs + n_stations), self.short.arc)
        goes_back = self.short.goes_back(pair_arc[self.later - 1], pair_arc[self.later])
        self.back = np.zeros(len(pair_arc), dtype=bool)
        self.back[self.later[goes_back]] = True
        self.is_later = np.isin(np.arange(len(pair_arc)), self.later)
        self.pointer = np.zeros(n_arcs, dtype=int)
        self.queue_pointer = np.zeros(n_stations, dtype=int)

        before = np.concatenate([np.zeros((*departures.shape[:2], 1)), np.cumsum(departures, axis=2)], axis=2)
        within = np.concatenate([departures, np.zeros((*departures.shape[:2], 1))], axis=2)
        k, part = np.divmod(np.arange(n_grid), time.substeps)
        k = np.minimum(k, departures.shape[2])
        self.departed = before[:, :, k] + within[:, :, k] * (part / time.substeps)

    def advance(self, last: int) -> None:
        """Go on to grid time ``last``."""
        for step in range(self.done + 1, last + 1):
            self._advance(step)
        self.done = last

    def _advance(self, step: int) -> None:
        """One loading step: leave roads, enter and leave origin arcs, pass short roads, enter roads, serve stations."""
        curves, network, n_arcs = self.curves, self.network, self.network.n_arcs
        # A vehicle that leaves a road now entered it at least one step ago, so the order of the roads does not matter.
        self._leave(self.roads, step, last=step - 1)
        self._unplug(step)
        self.pair_in[self.first, :, step] = self.departed[:, :, step]
        self._enter(self.origins, step)
        self._exit_times(self.origins, np.zeros(len(self.origins)), step)
        self._leave(self.origins, step, last=step)
        self._pass_short_roads(step)
        self.pair_in[self.later, :, step] = self.pair_out[self.later - 1, :, step]
        self._enter(self.behind, step)
        curves.left[step] = self._by_arc_and_class(self.pair_out[:, :, step])[:n_arcs]
        road = self.roads
        vehicles = curves.total[step, road] - in_order(curves.left[step, road])
        present = np.maximum(vehicles, 0.0)  # an empty road may read -1e-14
        delay = network.delay_function(present, network.free_flow_min[road], network.capacity_veh_min[road])
        self._exit_times(road, delay, step)
        self._serve(step)

    def _by_arc_and_class(self, values: np.ndarray) -> np.ndarray:
        """Sums over the paths, in the order of the paths on every machine."""
        shape = self.curves.entered.shape[1:]
        return np.bincount(self.arc_and_class, weights=values.ravel(), minlength=shape[0] * shape[1]).reshape(shape)

    def _enter(self, arcs, step) -> None:
        entered = self._by_arc_and_class(self.pair_in[:, :, step])[arcs]
        self.curves.entered[step, arcs] = entered
        self.curves.total[step, arcs] = in_order(entered)

    def _exit_times(self, arcs, delay_min, step) -> None:
        exit_min, total = self.curves.exit_min, self.curves.total
        earlier = exit_min[step - 1, arcs]
        free = self.time_min[step] + delay_min
        limited = earlier + (total[step, arcs] - total[step - 1, arcs]) / self.network.capacity_veh_min[arcs]
        roads = arcs >= self.network.n_entries
        self.curves.guards[0] += (roads & (free < earlier)).sum()
        self.curves.guards[1] += (roads & (free >= earlier) & (free < limited)).sum()
        exit_min[step, arcs] = np.maximum(free, limited)

    def _leave(self, arcs, step, last) -> None:
        """N_out at this grid time: N_in at the entry time whose exit time is now, or at the latest of several."""
        now = self.time_min[step]
        for arc in arcs:
            exits, entry = self.curves.exit_min[:, arc], self.pointer[arc]
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

    def _pass_short_roads(self, step) -> None:
        """Roads in their order; those that vehicles pass in a circle again until what comes back has settled."""
        self.pair_in[self.back, :, step] = self.pair_in[self.back, :, step - 1]
        for first, last in pairwise(self.short.begin):
            for _ in range(MOST_SWEEPS):
                passed = [self._pass_short_road(arc, step) for arc in self.short.arc[first:last]]
                if max(change for change, _ in passed) <= SWEEP_VEH:
                    break
            else:
                refuse_unsettled(self.network, self.short.arc[first:last])
            self.curves.guards[:] += np.sum([guards for _, guards in passed], axis=0)

    def _pass_short_road(self, arc, step) -> tuple[float, np.ndarray]:
        """Enter and leave a road within a step: largest change of what goes back, and guards that acted.

        With no queue of more than a step, the vehicles present are the inflow over the last travel time (Little's law).
        """
        curves, pairs, only = self.curves, self.pairs[arc], np.array([arc])
        ahead = pairs[self.is_later[pairs] & ~self.back[pairs]]
        self.pair_in[ahead, :, step] = self.pair_out[ahead - 1, :, step]
        self._enter(only, step)
        before, now = self.time_min[step - 1], self.time_min[step]
        if curves.exit_min[step - 1, arc] > now:
            self._leave(only, step, last=step)
            out = in_order(self._by_arc_and_class(self.pair_out[:, :, step])[arc])
            present = max(curves.total[step, arc] - out, 0.0)
        else:
            inflow = (curves.total[step, arc] - curves.total[step - 1, arc]) / (now - before)
            present = inflow * (curves.exit_min[step - 1, arc] - before)
        network, guards = self.network, curves.guards.copy()
        delay = network.delay_function(np.array([present]), network.free_flow_min[only], network.capacity_veh_min[only])
        self._exit_times(only, delay, step)
        guards, curves.guards[:] = curves.guards - guards, guards
        self._leave(only, step, last=step)
        following = pairs[pairs + 1 < len(self.back)] + 1
        following = following[self.back[following]]
        gone = self.pair_out[following - 1, :, step]
        change = np.abs(gone - self.pair_in[following, :, step]).max(initial=0.0)
        self.pair_in[following, :, step] = gone
        return change, guards

    def _unplug(self, step) -> None:
        """Vehicles that drive on from a plug now: those that plugged in one stay ago."""
        for pair, c in self.through:
            for m, stay in enumerate(self.stay):
                plug_in_step = step - stay
                if plug_in_step < 1:
                    continue
                entry, share = self.plugged_up_to[plug_in_step, c], self.plugged_share[plug_in_step, c]
                earlier, later = self.pair_in[pair, m, entry], self.pair_in[pair, m, min(entry + 1, plug_in_step)]
                self.pair_out[pair, m, step] = earlier + share * (later - earlier)

    def _serve(self, step) -> None:
        """Plug in as many vehicles as there are free plugs, in order of arrival, whatever their class."""
        network, curves = self.network, self.curves
        for c, plugs in enumerate(network.plugs):
            ended = [curves.plugged[step - n, c, m] for m, n in enumerate(self.stay) if step >= n]
            curves.completed[step, c] = in_order(np.array([0.0, *ended]))
            arrived, arrivals = curves.entered[:, network.n_arcs + c], curves.total[:, network.n_arcs + c]
            release = min(arrivals[step], plugs + curves.completed[step, c])
            entry = self.queue_pointer[c]
            while entry < step and arrivals[entry + 1] <= release:
                entry += 1
            self.queue_pointer[c] = entry
            plugged, share = arrived[entry], 0.0
            if entry < step:
                share = (release - arrivals[entry]) / (arrivals[entry + 1] - arrivals[entry])
                plugged = plugged + share * (arrived[entry + 1] - plugged)
            curves.plugged[step, c] = plugged
            self.plugged_up_to[step, c], self.plugged_share[step, c] = entry, share
