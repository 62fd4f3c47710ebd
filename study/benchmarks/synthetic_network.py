"""Networks of a wanted size, made up, to measure how the loading grows."""

from __future__ import annotations

import networkx as nx
import numpy as np

from evlib.assignment.shortest_paths import Roads, cheapest_paths
from evlib.traffic.impedance import smooth_queue
from evlib.traffic.network import Network, Path
from evlib.traffic.time_grid import TimeGrid

__all__ = ["count_pairs", "synthetic_case"]


def count_pairs(network: Network) -> int:
    """Pairs of a commodity and an arc of its way, the waiting arc too; a commodity is a class on a path."""
    return len(network.classes) * sum(len(path.arcs) + 1 for path in network.paths)


def synthetic_case(n_nodes: int, n_links: int, n_zones: int, n_pairs: int, seed: int = 1) -> tuple[Network, np.ndarray]:
    """A ring of two-way roads with random chords, paths between all zones, and departures that fill the roads.

    Parameters
    ----------
    n_nodes, n_links, n_zones : int
        Zones are spread over the nodes; each is an origin and a station with room for everybody.
    n_pairs : int
        Pairs of commodity and arc wanted: paths are added, by shortest path at random costs, until there are so many.
    seed : int

    Returns
    -------
    network : Network
        One class; 480 loading steps of a minute; every road has 95 % of the capacity that its paths need, so that
        queues stand.
    departures : ndarray, shape (n_paths, 1, 66)
        [veh]; positive everywhere.
    """
    rng = np.random.default_rng(seed)
    ring = [(i, (i + 1) % n_nodes) for i in range(n_nodes)]
    chords = set()
    while len(chords) < n_links // 2 - n_nodes:
        a, b = sorted(rng.choice(n_nodes, 2, replace=False).tolist())
        if 1 < b - a < n_nodes - 1:
            chords.add((a, b))
    both = np.array([*ring, *sorted(chords)]) + 1
    roads = Roads(n_nodes, np.append(both[:, 0], both[:, 1]), np.append(both[:, 1], both[:, 0]))
    minutes = rng.uniform(1.0, 4.0, roads.n_arcs)
    zone_node = 1 + np.arange(n_zones) * n_nodes // n_zones
    paths = _paths(roads, minutes, zone_node, n_pairs, rng)

    time = TimeGrid(5.0, 96, 5, 65)
    departures = rng.uniform(0.5, 1.5, (len(paths), 1, time.n_departure_steps)) * 0.1
    per_min = departures.mean(axis=(1, 2)) / time.step_min
    flow = np.zeros(n_zones + roads.n_arcs)
    for path, veh_min in zip(paths, per_min, strict=True):
        flow[list(path.arcs)] += veh_min
    zones = tuple(f"z{i}" for i in range(n_zones))
    network = Network(
        arc_name=(*zones, *(f"{a}-{b}" for a, b in zip(roads.tail, roads.head, strict=True))),
        arc_kind=("origin",) * n_zones + ("road",) * roads.n_arcs,
        arc_tail=(*zones, *map(str, roads.tail)),
        arc_head=(*map(str, zone_node), *map(str, roads.head)),
        free_flow_min=np.append(np.zeros(n_zones), minutes),
        capacity_veh_min=np.maximum(0.95 * flow, 0.1),
        origins=zones,
        stations=tuple(f"to {zone}" for zone in zones),
        classes=("car",),
        station_node=tuple(zone_node.tolist()),
        plugs=np.full(n_zones, 1e9),
        stay_steps=np.array([6]),
        paths=tuple(paths),
        delay_function=smooth_queue,
        time=time,
        graph=nx.MultiDiGraph(),
        origin_entry=np.arange(n_zones),
    )
    return network, departures


def _paths(roads: Roads, minutes, zone_node, n_pairs: int, rng) -> list[Path]:
    origin, station = (grid.ravel() for grid in np.indices((len(zone_node), len(zone_node))))
    origin, station = origin[origin != station], station[origin != station]
    paths, pairs = [], 0
    while True:
        cost = minutes * rng.uniform(0.5, 2.0, roads.n_arcs)
        _, arcs_of_paths = cheapest_paths(roads, zone_node[origin], zone_node[station], cost)
        for o, c, arcs in zip(origin.tolist(), station.tolist(), arcs_of_paths, strict=True):
            if pairs + len(arcs) + 2 > n_pairs:
                return paths
            paths.append(Path(o, c, roads.path_nodes(arcs), (o, *(len(zone_node) + arc for arc in arcs))))
            pairs += len(arcs) + 2  # with the origin arc and the waiting arc
