"""Roads that take less than a loading step: the order in which the vehicles of one step pass them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import networkx as nx
import numpy as np

__all__ = ["LEAST_MIN", "MOST_SWEEPS", "SWEEP_VEH", "ShortRoads", "find_short_roads"]

# A shorter road would not differ from none in the last digits of a clock time.
LEAST_MIN = 1e-6
# Roads that vehicles pass in a circle within a step are computed again until their inflow changes by no more than this.
SWEEP_VEH = 1e-11
MOST_SWEEPS = 1000


@dataclass(frozen=True)
class ShortRoads:
    """Roads whose free-flow time is below the loading step, in the order in which they are computed.

    A vehicle may enter and leave such a road within one step, so the roads behind it must wait for it. Where ways lead
    in a circle, as through a roundabout, no order is right: those roads form one group, which is repeated.

    Attributes
    ----------
    arc : ndarray of int, shape (n_short,)
        Positions in the network's arcs, group by group.
    begin : ndarray of int, shape (n_groups + 1,)
        Where each group begins in ``arc``.
    place : ndarray of int, shape (n_arcs + n_stations,)
        Position of each arc in ``arc``; -1 for all others.
    group : ndarray of int, shape (n_arcs + n_stations,)
        Group of each arc; -1 for all others.
    """

    arc: np.ndarray
    begin: np.ndarray
    place: np.ndarray
    group: np.ndarray

    def goes_back(self, arc, following) -> np.ndarray:
        """Whether what leaves an arc enters one that is computed before it, or at the same place of its group.

        Parameters
        ----------
        arc, following : ndarray of int, shape (n,)
            Neighbouring arcs of ways.

        Returns
        -------
        ndarray of bool, shape (n,)
        """
        same = (self.group[arc] >= 0) & (self.group[arc] == self.group[following])
        return same & (self.place[following] <= self.place[arc])


def find_short_roads(ways, network) -> ShortRoads:
    """Short roads on some ways, in an order for computing.

    Parameters
    ----------
    ways : iterable of tuple of int
        Arcs passed, stations' waiting arcs among them, numbered after the network's arcs.
    network : Network

    Returns
    -------
    ShortRoads
        Roads on none of the ways are left out.
    """
    step_min = network.time.loading_step_min
    is_short = np.zeros(network.n_arcs + len(network.stations), dtype=bool)
    is_short[network.n_entries : network.n_arcs] = network.free_flow_min[network.n_entries :] < step_min - 1e-12
    place, group = np.full(len(is_short), -1), np.full(len(is_short), -1)
    if not is_short.any():
        return ShortRoads(np.empty(0, dtype=np.int64), np.zeros(1, dtype=np.int64), place, group)
    graph = nx.DiGraph()
    for way in ways:
        graph.add_nodes_from(arc for arc in way if is_short[arc])
        graph.add_edges_from((one, two) for one, two in pairwise(way) if is_short[one] and is_short[two])
    first_seen = {arc: position for position, arc in enumerate(graph)}
    whole = nx.condensation(graph)
    members = nx.get_node_attributes(whole, "members")
    earliest = {number: min(first_seen[arc] for arc in arcs) for number, arcs in members.items()}
    order, begin = [], [0]
    for number in nx.lexicographical_topological_sort(whole, key=earliest.__getitem__):
        order += sorted(members[number], key=first_seen.__getitem__)
        group[order[begin[-1] :]] = len(begin) - 1
        begin.append(len(order))
    place[order] = np.arange(len(order))
    return ShortRoads(np.array(order, dtype=np.int64), np.array(begin, dtype=np.int64), place, group)
