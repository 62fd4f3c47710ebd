"""The extended road network and its paths: roads, and virtual arcs for origins, waiting and service, in two layers.

The file is longer than others because the record of a network and its builder describe the same many arrays.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

import networkx as nx
import numpy as np
import pandas as pd

from evlib.errors import InputError
from evlib.traffic import impedance
from evlib.traffic.arrival_levels import ArrivalLevels, arrival_levels
from evlib.traffic.paths import Background, Path, PathTree, enumerate_paths
from evlib.traffic.short_roads import LEAST_MIN
from evlib.traffic.time_grid import TimeGrid

__all__ = ["Background", "Network", "Path", "assemble_network"]


@dataclass(frozen=True)
class Network:
    """Arcs, stations, classes and paths, ready to be loaded.

    Attributes
    ----------
    arc_name, arc_kind : tuple of str
        Name and kind (``origin`` or ``road``) of each arc; an arc's number is its position.
    arc_tail, arc_head : tuple of str
        Node labels.
    free_flow_min, capacity_veh_min : ndarray, shape (n_arcs,)
        Free-flow time [min], 0 for origin arcs; capacity [veh/min].
    origins, stations, classes : tuple of str
        Names. Where trips go on after charging, an origin is a pair such as ``o1 to d2``.
    origin_entry : ndarray of int, shape (n_origins,)
        Arc by which the vehicles of each origin enter.
    station_node : tuple of int or of str
        Road node of each station.
    plugs : ndarray, shape (n_stations,)
        Plugs of each station.
    stay_steps : ndarray of int, shape (n_classes,)
        Stay of each class at the plug, in decision steps.
    paths : tuple of Path
        Sorted by origin, station and free-flow time.
    delay_function : callable
        ``D(vehicles, free_flow_time_min, capacity_veh_min)`` of the roads.
    time : TimeGrid
    graph : networkx.MultiDiGraph
        The extended graph, nodes ``(label, layer)``; edges carry ``kind`` and ``minutes``.
    background : Background or None
    label : str
        Name in error messages: that of the scenario's file, if the network was built from one.
    length_km : ndarray, shape (n_arcs,), or None
        Length of each arc [km], 0 for origin arcs; needed only if driving takes energy.
    drive_kwh_km : ndarray, shape (n_classes,), or None
        Energy that a vehicle of each class uses for a kilometre [kWh/km]; None if driving takes no energy.
    n_arrival_levels : int
        Levels by which arriving vehicles are told apart, see :mod:`evlib.traffic.arrival_levels`.
    ends_only : frozenset of str
        Labels of road nodes at which trips begin and end, but through which no path leads, as zones before the first
        through node of a TNTP network.
    """

    arc_name: tuple[str, ...]
    arc_kind: tuple[str, ...]
    arc_tail: tuple[str, ...]
    arc_head: tuple[str, ...]
    free_flow_min: np.ndarray
    capacity_veh_min: np.ndarray
    origins: tuple[str, ...]
    stations: tuple[str, ...]
    classes: tuple[str, ...]
    station_node: tuple[int | str, ...]
    plugs: np.ndarray
    stay_steps: np.ndarray
    paths: tuple[Path, ...]
    delay_function: object
    time: TimeGrid
    graph: nx.MultiDiGraph
    origin_entry: np.ndarray
    background: Background | None = None
    label: str = "network"
    length_km: np.ndarray | None = None
    drive_kwh_km: np.ndarray | None = None
    n_arrival_levels: int = 3
    ends_only: frozenset[str] = frozenset()

    @property
    def n_entries(self) -> int:
        """Number of origin arcs; they are numbered first."""
        return self.arc_kind.count("origin")

    @property
    def goes_on(self) -> bool:
        """Whether some trips go on after charging."""
        return any(path.onward for path in self.paths)

    @property
    def n_arcs(self) -> int:
        """Number of origin arcs and roads together."""
        return len(self.arc_name)

    @property
    def path_origin(self) -> np.ndarray:
        """Origin of each path, shape (n_paths,)."""
        return np.array([path.origin for path in self.paths])

    @property
    def path_station(self) -> np.ndarray:
        """Station of each path, shape (n_paths,)."""
        return np.array([path.station for path in self.paths])

    @property
    def path_free_flow_min(self) -> np.ndarray:
        """Free-flow time of each path [min], shape (n_paths,): roads before and after the stay, not the stay itself."""
        return np.array([self.free_flow_min[[*path.arcs, *path.onward]].sum() for path in self.paths])

    @property
    def path_km(self) -> np.ndarray:
        """Length of the way to the station of each path [km], shape (n_paths,)."""
        return np.array([self.length_km[list(path.arcs)].sum() for path in self.paths])

    @cached_property
    def path_tree(self) -> PathTree:
        """The paths in an order in which what they share is followed once."""
        return PathTree.of(self.paths)

    @cached_property
    def arrival_levels(self) -> ArrivalLevels | None:
        """Energy used on the way by path, and by level at each station; None if driving takes no energy."""
        if self.drive_kwh_km is None or not self.drive_kwh_km.any():
            return None
        n_stations, n_levels = len(self.stations), self.n_arrival_levels
        return arrival_levels(self.path_km, self.drive_kwh_km, self.path_station, n_stations, n_levels)

    @property
    def drive_kwh(self) -> np.ndarray:
        """Energy used on the way by level of arrival [kWh], shape (n_stations, n_classes, n_levels); 0 if it takes none."""
        levels = self.arrival_levels
        return np.zeros((len(self.stations), len(self.classes), 1)) if levels is None else levels.drive_kwh

    def path_label(self, index: int) -> str:
        """Station and nodes of a path, such as ``c3: 1-12``, or ``c3: 1-12, 12-8-2`` where it goes on."""
        path = self.paths[index]
        way = "-".join(str(node) for node in path.nodes)
        if path.onward:
            way += ", " + "-".join([self.arc_tail[path.onward[0]], *(self.arc_head[arc] for arc in path.onward)])
        return f"{self.stations[path.station]}: {way}"

    def path_table(self) -> pd.DataFrame:
        """One row for each path: origin, station, nodes, free-flow minutes."""
        return pd.DataFrame(
            {
                "origin": [self.origins[path.origin] for path in self.paths],
                "station": [self.stations[path.station] for path in self.paths],
                "nodes": ["-".join(str(node) for node in path.nodes) for path in self.paths],
                "free_flow_min": self.path_free_flow_min,
            }
        )


def assemble_network(
    roads,
    origins,
    stations,
    stay_steps,
    time,
    *,
    delay_function=impedance.smooth_queue,
    every_path=True,
    destinations=None,
    has_trips=None,
    label="network",
    length_km=None,
    drive_kwh_km=None,
    n_arrival_levels=3,
    nearest_stations=None,
    ends_only=(),
) -> Network:
    """Build an extended network from plain lists, for a notebook or a test.

    Parameters
    ----------
    roads : list of (int or str, int or str, float, float)
        From node, to node, free-flow time [min], capacity [veh/h]. Several may join the same nodes.
    origins : dict of str -> int or str
        Origin name -> node. Its entry capacity is the sum of the capacities of the roads that leave the node, without
        limit where none does.
    stations : dict of str -> (int or str, float)
        Station name -> node, plugs. It may share its node with an origin, whose vehicles then drive on no road.
    stay_steps : dict of str -> int
        Class name -> stay in decision steps.
    time : TimeGrid
    delay_function : callable, optional
        Impedance of the roads, see :mod:`evlib.traffic.impedance`.
    every_path : bool, optional
        List all simple paths; otherwise only the shortest from each origin to each station, to which
        :mod:`evlib.assignment.path_generation` adds those that traffic makes worth taking.
    destinations : dict of str -> int, optional
        Destination name -> node, if trips go on after charging: then every origin has trips to every destination.
    has_trips : array_like of bool, shape (n_origins, n_destinations), optional
        Which of these pairs are wanted; by default all.
    label : str, optional
        Name of the network in error messages.
    length_km : array_like, shape (n_roads,), optional
        Length of each road [km], for the energy of driving.
    drive_kwh_km : dict of str -> float, optional
        Class name -> energy used for a kilometre [kWh/km]; by default driving takes no energy.
    n_arrival_levels : int, optional
        Levels by which arriving vehicles are told apart, see :mod:`evlib.traffic.arrival_levels`.
    nearest_stations : int, optional
        Keep paths from every origin to so many stations only, the nearest by free-flow time.
    ends_only : iterable of int or of str, optional
        Nodes at which trips begin and end, but through which no path leads.

    Returns
    -------
    Network

    Raises
    ------
    InputError
        A capacity, a time or a number of plugs that is not positive, an origin that reaches no station, a station that
        no origin reaches, or more than 5,000 paths.

    Examples
    --------
    >>> net = assemble_network([(1, 2, 3.0, 60.0)], {"o": 1}, {"c": (2, 10)}, {"car": 6}, TimeGrid(5, 12, 10, 5))
    >>> net.path_label(0), net.path_free_flow_min
    ('c: 1-2', array([3.]))
    """
    _check(roads, stations, stay_steps, time, label)
    entry_veh_h = {
        name: sum(capacity for tail, _, _, capacity in roads if tail == node) or np.inf
        for name, node in origins.items()
    }
    starts = list(origins.values())
    if destinations:
        wanted = np.ones((len(origins), len(destinations)), dtype=bool) if has_trips is None else np.asarray(has_trips)
        origins_named = {
            f"{name} to {end}": (o, end)
            for o, name in enumerate(origins)
            for d, end in enumerate(destinations)
            if wanted[o, d]
        }
    else:
        origins_named = {name: (o, None) for o, name in enumerate(origins)}
    names = [*origins, *_road_names(roads)]
    network = Network(
        arc_name=tuple(names),
        arc_kind=("origin",) * len(origins) + ("road",) * len(roads),
        arc_tail=tuple(origins) + tuple(str(road[0]) for road in roads),
        arc_head=tuple(str(node) for node in origins.values()) + tuple(str(road[1]) for road in roads),
        free_flow_min=_frozen([0.0] * len(origins) + [road[2] for road in roads]),
        capacity_veh_min=_frozen([*entry_veh_h.values(), *(road[3] for road in roads)]) / 60.0,
        origins=tuple(origins_named),
        stations=tuple(stations),
        classes=tuple(stay_steps),
        station_node=tuple(node for node, _ in stations.values()),
        plugs=_frozen([plugs for _, plugs in stations.values()]),
        stay_steps=np.array(list(stay_steps.values()), dtype=int),
        paths=enumerate_paths(
            roads, starts, stations, destinations or {}, origins_named, label, every_path, nearest_stations, ends_only
        ),
        delay_function=delay_function,
        time=time,
        graph=_extended_graph(roads, origins, stations, stay_steps, time),
        origin_entry=np.array([o for o, _ in origins_named.values()]),
        label=label,
        length_km=None if length_km is None else _frozen([0.0] * len(origins) + list(length_km)),
        drive_kwh_km=None if drive_kwh_km is None else _frozen([drive_kwh_km[name] for name in stay_steps]),
        n_arrival_levels=n_arrival_levels,
        ends_only=frozenset(str(node) for node in ends_only),
    )
    network.capacity_veh_min.setflags(write=False)
    return network


def _road_names(roads) -> list[str]:
    """``1-3``, and ``1-3 (2)`` for a second road between the same nodes."""
    names, times = [], Counter()
    for tail, head, _, _ in roads:
        name = f"{tail}-{head}"
        times[name] += 1
        names.append(name if times[name] == 1 else f"{name} ({times[name]})")
    return names


def _frozen(values) -> np.ndarray:
    array = np.array(values, dtype=float)
    array.setflags(write=False)
    return array


def _check(roads, stations, stay_steps, time, label) -> None:
    for tail, head, minutes, capacity in roads:
        if not capacity > 0 or not np.isfinite(capacity):
            raise InputError(f"{label}: road {tail}-{head}: capacity {capacity} veh/h; must be above 0")
        if not minutes >= LEAST_MIN or not np.isfinite(minutes):
            raise InputError(
                f"{label}: road {tail}-{head}: free-flow time {minutes} min; must be at least {LEAST_MIN:g}"
            )
    for name, (_, plugs) in stations.items():
        if not plugs > 0:
            raise InputError(f"{label}: station {name}: {plugs} plugs; must be above 0")
    for name, steps in stay_steps.items():
        if steps < 1 or steps != int(steps):
            raise InputError(f"{label}: class {name}: stay of {steps} steps; must be a whole number of at least 1")


def _extended_graph(roads, origins, stations, stay_steps, time) -> nx.MultiDiGraph:
    """Two layers, "to charge" and "charged", joined only by stations, so that every trip charges exactly once."""
    graph = nx.MultiDiGraph()
    for tail, head, minutes, _ in roads:
        for layer in ("to charge", "charged"):
            graph.add_edge((tail, layer), (head, layer), kind="road", minutes=minutes)
    for name, node in origins.items():
        graph.add_edge((name, "to charge"), (node, "to charge"), kind="origin", minutes=0.0)
    for name, (node, _) in stations.items():
        graph.add_edge((node, "to charge"), (name, "plug"), kind="waiting", minutes=0.0)
        for member, steps in stay_steps.items():
            graph.add_edge(
                (name, "plug"), (node, "charged"), kind="service", vehicle=member, minutes=steps * time.step_min
            )
    return graph
