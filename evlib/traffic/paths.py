"""Paths from an origin to a plug and, where trips go on, to a destination: all simple paths, or the shortest."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice, pairwise, product, takewhile

import networkx as nx
import numpy as np

from evlib.errors import InputError

__all__ = ["MAX_PATHS", "Background", "Path", "PathTree", "enumerate_paths"]

MAX_PATHS = 5000
MOST_SHORTEST = 200_000


@dataclass(frozen=True)
class Path:
    """One way from an origin to the plug of a station and, where trips go on, to a destination.

    Attributes
    ----------
    origin, station : int
        Positions in the network's origins and stations.
    nodes : tuple of int or of str
        Road nodes from the origin to the station.
    arcs : tuple of int
        Origin arc, then roads, as positions in the network's arcs. The station's waiting arc, which follows, is left
        out.
    onward : tuple of int
        Roads from the station to the destination, driven after the stay.
    """

    origin: int
    station: int
    nodes: tuple[int | str, ...]
    arcs: tuple[int, ...]
    onward: tuple[int, ...] = ()


@dataclass(frozen=True)
class PathTree:
    """Paths in an order in which those that begin alike follow each other, so that what they share is followed once.

    Attributes
    ----------
    order : ndarray of int, shape (n_paths,)
        Positions of the paths.
    shared : ndarray of int, shape (n_paths,)
        Arcs at its beginning that each path of ``order`` has in common with the one before.
    start : ndarray of int, shape (n_paths + 1,)
        Where the arcs of each path begin in ``arcs``.
    arcs : ndarray of int
        Arcs of all paths one after another.
    """

    order: np.ndarray
    shared: np.ndarray
    start: np.ndarray
    arcs: np.ndarray

    @classmethod
    def of(cls, paths: tuple[Path, ...]) -> PathTree:
        """From the paths of a network."""
        order = sorted(range(len(paths)), key=lambda p: paths[p].arcs)
        shared = np.zeros(len(paths), dtype=np.int64)
        for i, (before, after) in enumerate(pairwise(order), start=1):
            pairs = zip(paths[before].arcs, paths[after].arcs, strict=False)
            shared[i] = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        start = np.append(0, np.cumsum([len(path.arcs) for path in paths], dtype=np.int64)).astype(np.int64)
        arcs = np.fromiter((arc for path in paths for arc in path.arcs), dtype=np.int64, count=start[-1])
        return cls(np.array(order, dtype=np.int64), shared, start, arcs)

    @property
    def arrays(self) -> tuple:
        """All of it for compiled code, with the arcs of the longest path as the last."""
        return self.order, self.shared, self.start, self.arcs, int(np.diff(self.start).max(initial=0))


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


def enumerate_paths(
    roads, starts, stations, destinations, origins, label, every_path, nearest_stations=None, ends_only=frozenset()
) -> tuple[Path, ...]:
    """Simple paths from every origin to every station over the roads of the layer "to charge": all, or the shortest.

    Where trips go on, each of them is combined with every such path of the layer "charged" from the station to the
    destination of the origin's trips.

    Parameters
    ----------
    roads : list of (int or str, int or str, float, float)
        From node, to node, free-flow time [min], capacity [veh/h]. Several may join the same nodes.
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
    nearest_stations : int, optional
        Keep, from every origin, only the ways to so many stations: those of the shortest. Then some stations may be on
        no path.
    ends_only : set of int or of str, optional
        Nodes at which a way may begin and end, but through which none leads.

    Returns
    -------
    tuple of Path
        Sorted by origin, station and free-flow time.

    Raises
    ------
    InputError
        A node on no road, an origin that reaches no station, a station that no origin reaches, or more than 5,000 paths.
    """
    graph = _road_graph(roads, len(starts))
    ends = [node for node, _ in stations.values()]
    for role, nodes in (("origin", starts), ("station", ends), ("destination", destinations.values())):
        for node in nodes:
            if node not in graph:
                raise InputError(f"{label}: {role} node {node} is on no road")
    ways = (_EveryWay if every_path else _ShortestWay)(graph, frozenset(ends_only))
    rows: list = []
    for g, (o, end) in enumerate(origins.values()):
        mine = []
        for c, target in enumerate(ends):
            onward = [((), 0.0, ())] if end is None else ways(target, destinations[end])
            for nodes, approach_min, arcs in ways(starts[o], target) if onward else []:
                mine += [(g, c, approach_min + onward_min, nodes, (o, *arcs), after) for _, onward_min, after in onward]
            most = MAX_PATHS if nearest_stations is None else MOST_SHORTEST
            if len(rows) + len(mine) > most:
                raise InputError(f"{label}: more than {most} paths; too many to enumerate, {_fewer(every_path)}")
        rows += mine if nearest_stations is None else _to_nearest(mine, nearest_stations)
    reached = {row[0] for row in rows}, {row[1] for row in rows}
    passing = " without passing a node at which trips only begin and end" if ends_only else ""
    lost = [name for g, name in enumerate(origins) if g not in reached[0]]
    _refuse_lost(label, "origin", lost, f"reach no station{passing}")
    if nearest_stations is None:
        lost = [name for c, name in enumerate(stations) if c not in reached[1]]
        _refuse_lost(label, "station", lost, f"are reached from no origin{passing}")
    return tuple(Path(g, c, nodes, arcs, after) for g, c, _, nodes, arcs, after in sorted(rows))


def _refuse_lost(label: str, role: str, lost: list[str], fault: str) -> None:
    if len(lost) == 1:
        one = fault.replace("reach ", "reaches ", 1).replace("are ", "is ", 1)
        raise InputError(f"{label}: {role} {lost[0]} {one}; add a road or move it")
    if lost:
        raise InputError(f"{label}: {role}s {', '.join(lost)} {fault}; add roads or move them")


def _fewer(every_path: bool) -> str:
    if every_path:
        return "set switches.path_set to 'generated'"
    return "name fewer origins or stations, or in a case of one's own a smaller roads.nearest_stations"


def _to_nearest(rows: list, number: int) -> list:
    """Rows of an origin to its nearest stations."""
    quickest: dict[int, float] = {}
    for _, station, minutes, *_ in rows:
        quickest[station] = min(minutes, quickest.get(station, np.inf))
    kept = {station for _, station in sorted((minutes, station) for station, minutes in quickest.items())[:number]}
    return [row for row in rows if row[1] in kept]


def _road_graph(roads, n_entries: int) -> nx.DiGraph:
    """Nodes joined by their roads; an edge holds all roads between two nodes, the quickest first."""
    graph = nx.DiGraph()
    for index, (tail, head, minutes, _) in enumerate(roads):
        if not graph.has_edge(tail, head):
            graph.add_edge(tail, head, roads=[])
        graph.edges[tail, head]["roads"].append((minutes, n_entries + index))
    for _, _, edge in graph.edges(data=True):
        edge["roads"].sort()
        edge["minutes"] = edge["roads"][0][0]
    return graph


class _EveryWay:
    """Nodes, free-flow time and arcs of each way between two nodes; from a node to itself, one way without arcs."""

    def __init__(self, graph: nx.DiGraph, ends_only: frozenset):
        self.graph, self.ends_only = graph, ends_only

    def __call__(self, node, target) -> list:
        if node == target:
            return [((node,), 0.0, ())]
        closed = self.ends_only & set(self.graph) - {node, target}
        graph = nx.restricted_view(self.graph, closed, ()) if closed else self.graph
        node_lists = islice(nx.all_simple_paths(graph, node, target), MAX_PATHS + 1)
        return [way for nodes in node_lists for way in _over(self.graph, nodes)]


class _ShortestWay:
    """The same with the quickest way only; the tree from a node is searched once."""

    def __init__(self, graph: nx.DiGraph, ends_only: frozenset):
        self.graph, self.ends_only, self.trees = graph, ends_only, {}

    def __call__(self, node, target) -> list:
        if node not in self.trees:
            closed = self.ends_only - {node}
            # A road of no weight is hidden: whoever comes to a closed node does not go on from there.
            weight = (lambda tail, _, edge: None if tail in closed else edge["minutes"]) if closed else "minutes"
            self.trees[node] = nx.single_source_dijkstra_path(self.graph, node, weight=weight)
        nodes = self.trees[node].get(target)
        return [] if nodes is None else _over(self.graph, nodes)[:1]


def _over(graph: nx.DiGraph, nodes) -> list:
    """Ways over some nodes: one for each choice among parallel roads, the quickest first."""
    choices = islice(product(*(graph.edges[hop]["roads"] for hop in pairwise(nodes))), MAX_PATHS + 1)
    ways = [(tuple(nodes), sum(road[0] for road in way), tuple(road[1] for road in way)) for way in choices]
    return sorted(ways, key=lambda way: way[1])
