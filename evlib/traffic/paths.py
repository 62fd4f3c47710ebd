"""Paths from an origin to a plug and, where trips go on, to a destination: all simple paths, or the shortest."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice, pairwise

import networkx as nx
import numpy as np

from evlib.errors import InputError

__all__ = ["MAX_PATHS", "Background", "Path", "enumerate_paths"]

MAX_PATHS = 5000


@dataclass(frozen=True)
class Path:
    """One way from an origin to the plug of a station and, where trips go on, to a destination.

    Attributes
    ----------
    origin, station : int
        Positions in the network's origins and stations.
    nodes : tuple of int
        Road nodes from the origin to the station.
    arcs : tuple of int
        Origin arc, then roads, as positions in the network's arcs. The station's waiting arc, which follows, is left
        out.
    onward : tuple of int
        Roads from the station to the destination, driven after the stay.
    """

    origin: int
    station: int
    nodes: tuple[int, ...]
    arcs: tuple[int, ...]
    onward: tuple[int, ...] = ()


@dataclass(frozen=True)
class Background:
    """Traffic of other vehicles, which do not charge and follow no signal.

    Attributes
    ----------
    ways : tuple of tuple of int
        Roads of each way, as positions in the network's arcs.
    departures_veh : ndarray, shape (n_ways, K)
        [veh].
    """

    ways: tuple[tuple[int, ...], ...]
    departures_veh: np.ndarray


def enumerate_paths(roads, starts, stations, destinations, origins, label, every_path) -> tuple[Path, ...]:
    """Simple paths from every origin to every station over the roads of the layer "to charge": all, or the shortest.

    Where trips go on, each of them is combined with every such path of the layer "charged" from the station to the
    destination of the origin's trips.

    Parameters
    ----------
    roads : list of (int, int, float, float)
        From node, to node, free-flow time [min], capacity [veh/h].
    starts : list of int
        Node at the end of each origin arc; origin arcs are numbered before the roads.
    stations : dict of str -> (int, float)
        Station name -> node, plugs.
    destinations : dict of str -> int
    origins : dict of str -> (int, str or None)
        Origin name -> number of its origin arc, and destination of its trips.
    label : str
        Name of the network in error messages.
    every_path : bool

    Returns
    -------
    tuple of Path
        Sorted by origin, station and free-flow time.

    Raises
    ------
    InputError
        A road given twice, a node on no road, an origin at a station, an origin that reaches no station, a station that
        no origin reaches, or more than 5,000 paths.
    """
    graph = _road_graph(roads, len(starts), label)
    ends = [node for node, _ in stations.values()]
    for role, nodes in (("origin", starts), ("station", ends), ("destination", destinations.values())):
        for node in nodes:
            if node not in graph:
                raise InputError(f"{label}: {role} node {node} is on no road")
    rows = []
    for g, (o, end) in enumerate(origins.values()):
        for c, target in enumerate(ends):
            if starts[o] == target:
                raise InputError(f"{label}: origin and station share node {starts[o]}; put them on different nodes")
            onward = [((), 0.0, ())] if end is None else _ways(graph, target, destinations[end], every_path)
            for nodes, approach_min, arcs in _ways(graph, starts[o], target, every_path) if onward else []:
                rows += [(g, c, approach_min + onward_min, nodes, (o, *arcs), after) for _, onward_min, after in onward]
            if len(rows) > MAX_PATHS:
                raise InputError(
                    f"{label}: more than {MAX_PATHS} paths; too many to enumerate, set switches.path_set to 'generated'"
                )
    reached = {row[0] for row in rows}, {row[1] for row in rows}
    for g, name in enumerate(origins):
        if g not in reached[0]:
            raise InputError(f"{label}: origin {name} reaches no station; add a road or move it")
    for c, name in enumerate(stations):
        if c not in reached[1]:
            raise InputError(f"{label}: station {name} is reached from no origin; add a road or move it")
    return tuple(Path(g, c, nodes, arcs, after) for g, c, _, nodes, arcs, after in sorted(rows))


def _road_graph(roads, n_entries: int, label) -> nx.DiGraph:
    graph = nx.DiGraph()
    for index, (tail, head, minutes, _) in enumerate(roads):
        if graph.has_edge(tail, head):
            raise InputError(f"{label}: road {tail}-{head} appears twice; keep one row")
        graph.add_edge(tail, head, minutes=minutes, arc=n_entries + index)
    return graph


def _ways(graph: nx.DiGraph, node, target, every_path: bool) -> list:
    """Nodes, free-flow time and arcs of each way between two nodes; from a node to itself, one way without arcs."""
    if node == target:
        return [((node,), 0.0, ())]
    if every_path:
        node_lists = islice(nx.all_simple_paths(graph, node, target), MAX_PATHS + 1)
    else:
        node_lists = [nx.shortest_path(graph, node, target, "minutes")] if nx.has_path(graph, node, target) else []
    ways = []
    for nodes in node_lists:
        hops = [graph.edges[hop] for hop in pairwise(nodes)]
        ways.append((tuple(nodes), sum(hop["minutes"] for hop in hops), tuple(hop["arc"] for hop in hops)))
    return ways
