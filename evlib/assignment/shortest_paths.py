"""Cheapest paths of origin-destination pairs at given arc costs: they become the columns of a path problem."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import dijkstra

from evlib.errors import InputError

__all__ = ["Roads", "cheapest_paths"]


@dataclass(frozen=True)
class Roads:
    """A directed road graph; nodes are numbered 1..n_nodes, arcs by their position in the arrays.

    Attributes
    ----------
    n_nodes : int
    tail, head : ndarray of int, shape (n_arcs,)
        Nodes that each arc leaves and enters. Several arcs may join the same two nodes.
    first_through_node : int
        Nodes with smaller numbers are zones: trips start and end there but do not pass through; 1 if all may be passed.

    Raises
    ------
    InputError
        A node outside 1..n_nodes, an arc from a node to itself, or arrays of different lengths.
    """

    n_nodes: int
    tail: np.ndarray
    head: np.ndarray
    first_through_node: int = 1

    def __post_init__(self):
        for name in ("tail", "head"):
            values = np.asarray(getattr(self, name))
            nodes = values.astype(int)
            wrong = (nodes != values) | (nodes < 1) | (nodes > self.n_nodes)
            if wrong.any():
                a = int(np.flatnonzero(wrong)[0])
                raise InputError(f"roads: {name} of arc {a} is {values[a]}; must be a node 1..{self.n_nodes}")
            object.__setattr__(self, name, nodes)
        if self.tail.shape != self.head.shape or self.tail.ndim != 1:
            raise InputError(
                f"roads: tail and head have shapes {self.tail.shape}, {self.head.shape}; must be (n_arcs,)"
            )
        if (self.tail == self.head).any():
            a = int(np.flatnonzero(self.tail == self.head)[0])
            raise InputError(f"roads: arc {a} leads from node {self.tail[a]} to itself; leave it out")
        if not 1 <= self.first_through_node <= self.n_nodes + 1:
            raise InputError(f"roads: first_through_node = {self.first_through_node}; must be in 1..{self.n_nodes + 1}")

    @property
    def n_arcs(self) -> int:
        """Number of arcs."""
        return len(self.tail)

    def path_nodes(self, arcs) -> tuple[int, ...]:
        """Nodes along a path given by its arcs."""
        return (int(self.tail[arcs[0]]), *self.head[list(arcs)].tolist())


def cheapest_paths(roads: Roads, origin, destination, arc_cost) -> tuple[np.ndarray, list[tuple[int, ...]]]:
    """Cheapest path of each pair (Dijkstra 1959): costs in, paths out.

    Parameters
    ----------
    roads : Roads
    origin, destination : array_like of int, shape (n_pairs,)
        Nodes; one search serves all pairs of an origin.
    arc_cost : array_like, shape (n_arcs,)
        Cost of each arc, finite and not negative; the unit is that of the result.

    Returns
    -------
    pair_cost : ndarray, shape (n_pairs,)
    paths : list of tuple of int
        Arcs in the order of driving.

    Raises
    ------
    InputError
        A cost that is negative or not finite, a pair that starts where it ends, or a pair without a path.

    Notes
    -----
    A zone that may not be passed is split into two nodes: arcs arrive at one and leave from the other.

    Examples
    --------
    Two arcs in a row against one direct arc:

    >>> roads = Roads(3, [1, 2, 1], [2, 3, 3])
    >>> cost, paths = cheapest_paths(roads, [1], [3], [2.0, 2.0, 5.0])
    >>> cost.tolist(), paths
    ([4.0], [(0, 1)])
    """
    origin, destination = np.asarray(origin, dtype=int), np.asarray(destination, dtype=int)
    arc_cost = np.asarray(arc_cost, dtype=float)
    _check(roads, origin, destination, arc_cost)
    tail, size = _leaving(roads, roads.tail), roads.n_nodes + roads.first_through_node - 1
    head, source, node = roads.head - 1, _leaving(roads, origin), destination - 1

    # Among arcs between the same two nodes only the cheapest counts; the keys come out in rising order.
    order = np.lexsort((arc_cost, head, tail))
    keys, first = np.unique(tail[order] * size + head[order], return_index=True)
    best = order[first]
    graph = sp.csr_array((arc_cost[best], (tail[best], head[best])), shape=(size, size))
    starts, row = np.unique(source, return_inverse=True)
    distance, before = dijkstra(graph, indices=starts, return_predecessors=True)
    pair_cost = distance[row, node]
    if not np.isfinite(pair_cost).all():
        i = int(np.flatnonzero(~np.isfinite(pair_cost))[0])
        raise InputError(
            f"roads: no path leads from node {origin[i]} to node {destination[i]}; add an arc or leave out the pair"
        )

    on_way, arcs, left = [], [], np.arange(len(node))
    while len(left):  # back from all destinations, one arc in each turn
        came_from = before[row[left], node[left]].astype(int)
        on_way.append(left)
        arcs.append(best[np.searchsorted(keys, came_from * size + node[left])])
        node[left] = came_from
        left = left[came_from != source[left]]
    if not on_way:
        return pair_cost, []
    on_way, arcs = np.concatenate(on_way[::-1]), np.concatenate(arcs[::-1])
    by_pair = np.argsort(on_way, kind="stable")
    ends = np.cumsum(np.bincount(on_way, minlength=len(node)))[:-1]
    return pair_cost, [tuple(path.tolist()) for path in np.split(arcs[by_pair], ends)]


def _leaving(roads: Roads, nodes: np.ndarray) -> np.ndarray:
    """Index of the graph node from which the arcs of a road node leave."""
    return np.where(nodes < roads.first_through_node, roads.n_nodes + nodes - 1, nodes - 1)


def _check(roads: Roads, origin: np.ndarray, destination: np.ndarray, arc_cost: np.ndarray) -> None:
    if arc_cost.shape != (roads.n_arcs,):
        raise InputError(f"arc_cost has shape {arc_cost.shape}; must be ({roads.n_arcs},), one cost an arc")
    wrong = ~(np.isfinite(arc_cost) & (arc_cost >= 0))
    if wrong.any():
        a = int(np.flatnonzero(wrong)[0])
        raise InputError(f"arc_cost of arc {a} is {arc_cost[a]}; must be finite and not negative")
    for name, nodes in (("origin", origin), ("destination", destination)):
        wrong = (nodes < 1) | (nodes > roads.n_nodes)
        if wrong.any():
            i = int(np.flatnonzero(wrong)[0])
            raise InputError(f"pairs: {name} of pair {i} is {nodes[i]}; must be a node 1..{roads.n_nodes}")
    if (origin == destination).any():
        i = int(np.flatnonzero(origin == destination)[0])
        raise InputError(f"pairs: pair {i} starts and ends at node {origin[i]}; leave out trips that use no road")
