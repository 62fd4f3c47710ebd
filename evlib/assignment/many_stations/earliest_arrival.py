"""Earliest arrivals through a loaded network: one search from an origin and a departure reaches every station.

Entering an arc later never means leaving it earlier, so Dijkstra's algorithm with arrival times as labels is exact
(Dreyfus 1969).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evlib.errors import InputError
from evlib.numba_cache import njit
from evlib.traffic.loading import Loading
from evlib.traffic.network import Network
from evlib.traffic.paths import Path

__all__ = ["RoadSearch"]

compiled = njit(cache=True, nogil=True, error_model="numpy")


@dataclass(frozen=True)
class RoadSearch:
    """The roads of a network as a search needs them: those that leave a node lie side by side.

    Attributes
    ----------
    network : Network
    begin : ndarray of int, shape (n_nodes + 1,)
        Roads that leave node i are ``arc[begin[i]:begin[i + 1]]``.
    arc, head : ndarray of int, shape (n_roads,)
        Position in the network's arcs, and node at the end.
    tail_of : ndarray of int, shape (n_arcs,)
        Node at the start of each arc, -1 for origin arcs.
    entry, start : ndarray of int, shape (n_origins,)
        Origin arc of each origin, and the node it leads to.
    station_node : ndarray of int, shape (n_stations,)
        -1 where no road leads to the station.
    passed : ndarray of bool, shape (n_nodes,)
        Whether ways lead through a node; at the others, the network's ``ends_only``, they only begin and end.
    """

    network: Network
    begin: np.ndarray
    arc: np.ndarray
    head: np.ndarray
    tail_of: np.ndarray
    entry: np.ndarray
    start: np.ndarray
    station_node: np.ndarray
    passed: np.ndarray

    @classmethod
    def of(cls, network: Network) -> RoadSearch:
        """Prepare a network.

        Raises
        ------
        InputError
            If trips go on after charging: the search ends at stations.
        """
        if network.goes_on:
            raise InputError(f"{network.label}: trips go on after charging; this search ends at stations")
        first = network.n_entries
        heads = list(network.arc_head)
        number = {node: i for i, node in enumerate(dict.fromkeys([*heads, *network.arc_tail[first:]]))}
        tail_of = np.array([-1] * first + [number[node] for node in network.arc_tail[first:]], dtype=np.int64)
        head_of = np.array([number[node] for node in heads], dtype=np.int64)
        order = first + np.argsort(tail_of[first:], kind="stable")
        return cls(
            network,
            np.searchsorted(tail_of[order], np.arange(len(number) + 1)),
            order,
            head_of[order],
            tail_of,
            np.array(network.origin_entry, dtype=np.int64),
            head_of[network.origin_entry],
            np.array([number.get(str(node), -1) for node in network.station_node], dtype=np.int64),
            np.array([node not in network.ends_only for node in number]),
        )

    def arrivals(self, loading: Loading, depart_min: np.ndarray) -> np.ndarray:
        """When the quickest way from every origin reaches every station.

        Parameters
        ----------
        loading : Loading
            Of the same roads; its paths do not matter.
        depart_min : array_like, shape (n_departures,)
            [min].

        Returns
        -------
        ndarray, shape (n_origins, n_departures, n_stations)
            [min]; infinite where no way leads.
        """
        depart = np.asarray(depart_min, dtype=float)
        arrival = np.empty((len(self.entry), len(depart), len(self.station_node)))
        _all_arrivals(depart, *self._graph(loading), self.station_node, arrival)
        return arrival

    def ways(self, loading: Loading, depart_min, origin, station) -> list[Path]:
        """Quickest paths of some trips, in their order; trips of the same origin and departure share a search.

        Parameters
        ----------
        loading : Loading
        depart_min, origin, station : array_like, shape (n_trips,)
            Departure [min], position of origin and station.

        Returns
        -------
        list of Path

        Raises
        ------
        InputError
            If no way leads from an origin to its station.
        """
        depart, origin, station = (
            np.asarray(values, dtype=kind)
            for values, kind in ((depart_min, float), (origin, np.int64), (station, np.int64))
        )
        order = np.lexsort((station, depart, origin))
        length = np.zeros(len(order), dtype=np.int64)
        arcs = np.empty((len(order), max(len(self.begin), 1)), dtype=np.int32)
        trips = depart[order], origin[order], self.station_node[station[order]]
        _all_ways(*trips, *self._graph(loading), self.tail_of, length, arcs)
        if (length == 0).any():
            lost = order[int(np.flatnonzero(length == 0)[0])]
            network = self.network
            raise InputError(
                f"{network.label}: no way leads from origin {network.origins[origin[lost]]} to station "
                f"{network.stations[station[lost]]}; add a road, or remove the station from the choice"
            )
        paths: list[Path | None] = [None] * len(order)
        for row, trip in enumerate(order.tolist()):
            way = tuple(arcs[row, : length[row]][::-1].tolist())
            paths[trip] = self.path(int(origin[trip]), int(station[trip]), way)
        return paths

    def path(self, origin: int, station: int, arcs: tuple[int, ...]) -> Path:
        """A path over some arcs, with the labels of its nodes as the network's other paths have them."""
        whole = all(isinstance(node, int) for node in self.network.station_node)
        heads = [self.network.arc_head[arc] for arc in arcs]
        return Path(origin, station, tuple(int(head) if whole else head for head in heads), arcs)

    def _graph(self, loading: Loading) -> tuple:
        free_flow = np.array(self.network.free_flow_min, dtype=float)
        step = float(self.network.time.loading_step_min)
        roads = self.begin, self.arc, self.head, self.passed, self.entry, self.start
        return *roads, loading.exit_min, free_flow, step


@compiled
def _exit(arc, now, exit_min, free_flow, step):
    """When who enters an arc leaves it; after the end of the loading the arc is empty."""
    last = exit_min.shape[1] - 1
    place = now / step
    if place > last:
        return now + free_flow[arc]
    before = min(int(place), last - 1)
    return exit_min[arc, before] + (place - before) * (exit_min[arc, before + 1] - exit_min[arc, before])


@compiled
def _sift_down(key, node, size):
    """Restore a heap whose last item has been put at its top."""
    moved_key, moved_node, hole = key[size], node[size], 0
    while True:
        child = 2 * hole + 1
        if child >= size:
            break
        if child + 1 < size and key[child + 1] < key[child]:
            child += 1
        if key[child] >= moved_key:
            break
        key[hole], node[hole] = key[child], node[child]
        hole = child
    key[hole], node[hole] = moved_key, moved_node


@compiled
def _push(key, node, size, new_key, new_node):
    hole = size
    while hole > 0:
        parent = (hole - 1) // 2
        if key[parent] <= new_key:
            break
        key[hole], node[hole] = key[parent], node[parent]
        hole = parent
    key[hole], node[hole] = new_key, new_node


@compiled
def _search(
    origin, depart, begin, arc, head, passed, entry, start, exit_min, free_flow, step, reached, came_by, key, node
):
    """Earliest arrival at every node, and the arc by which it is reached."""
    reached[:] = np.inf
    source = start[origin]
    reached[source], came_by[source] = _exit(entry[origin], depart, exit_min, free_flow, step), entry[origin]
    key[0], node[0], size = reached[source], source, 1
    while size > 0:
        now, at = key[0], node[0]
        size -= 1
        _sift_down(key, node, size)
        if now > reached[at] or not (passed[at] or at == source):
            continue
        for place in range(begin[at], begin[at + 1]):
            then = _exit(arc[place], now, exit_min, free_flow, step)
            if then < reached[head[place]]:
                reached[head[place]], came_by[head[place]] = then, arc[place]
                _push(key, node, size, then, head[place])
                size += 1


@compiled
def _all_arrivals(depart, begin, arc, head, passed, entry, start, exit_min, free_flow, step, station_node, arrival):
    n_nodes = len(begin) - 1
    reached, came_by = np.empty(n_nodes), np.empty(n_nodes, dtype=np.int64)
    key, node = np.empty(len(arc) + 2), np.empty(len(arc) + 2, dtype=np.int64)
    for origin in range(len(entry)):
        for k in range(len(depart)):
            _search(
                origin, depart[k], begin, arc, head, passed, entry, start, exit_min, free_flow, step, reached, came_by, key, node
            )  # fmt: skip
            for c in range(len(station_node)):
                arrival[origin, k, c] = reached[station_node[c]] if station_node[c] >= 0 else np.inf


@compiled
def _all_ways(
    depart, origin, target, begin, arc, head, passed, entry, start, exit_min, free_flow, step, tail_of, length, arcs
):  # fmt: skip
    n_nodes = len(begin) - 1
    reached, came_by = np.empty(n_nodes), np.empty(n_nodes, dtype=np.int64)
    key, node = np.empty(len(arc) + 2), np.empty(len(arc) + 2, dtype=np.int64)
    for trip in range(len(depart)):
        if trip == 0 or origin[trip] != origin[trip - 1] or depart[trip] != depart[trip - 1]:
            _search(
                origin[trip], depart[trip], begin, arc, head, passed, entry, start, exit_min, free_flow, step, reached, came_by,
                key, node,
            )  # fmt: skip
        at = target[trip]
        if at < 0 or not np.isfinite(reached[at]):
            continue
        while True:
            by = came_by[at]
            arcs[trip, length[trip]] = by
            length[trip] += 1
            if tail_of[by] < 0:
                break
            at = tail_of[by]
