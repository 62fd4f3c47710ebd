"""Paths by column generation: add the quickest paths through the loaded network until none is missing."""

from __future__ import annotations

import heapq
from collections import defaultdict
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from evlib.assignment.dynamic_equilibrium import equilibrium
from evlib.assignment.gaps import Gaps, gaps
from evlib.assignment.route_choice import even_split
from evlib.assignment.traffic_problem import TrafficProblem
from evlib.errors import InputError
from evlib.traffic.loading import Loading
from evlib.traffic.network import Network, Path
from evlib.traffic.path_times import leaving_min

__all__ = ["Generated", "generate_paths", "quickest_paths"]


@dataclass(frozen=True)
class Generated:
    """Equilibrium on a set of paths that was extended as needed.

    Attributes
    ----------
    problem : TrafficProblem
        The problem with the final set of paths.
    flows_veh : ndarray, shape (n_paths, n_classes, n_departure_steps)
        Departures by path [veh].
    gaps : Gaps
        Measured over the final set, including the paths that the last search found.
    table : DataFrame
        One row per round: ``n_paths``, ``n_new`` (found by the search after it), ``excess_cny_veh``, ``relative_gap``.
    """

    problem: TrafficProblem
    flows_veh: np.ndarray
    gaps: Gaps
    table: pd.DataFrame


def quickest_paths(loading: Loading, signal: str = "experienced") -> set[Path]:
    """Quickest path from every origin to every station for departures in the middle of each step.

    Where trips go on, the quickest path to the station is followed by the quickest one from there to the destination, for
    the time at which each class leaves.

    Parameters
    ----------
    loading : Loading
    signal : {"experienced", "instantaneous"}
        Whether the search uses each arc's state at the time of entry, or the state of all arcs at departure.

    Returns
    -------
    set of Path

    Notes
    -----
    Entering an arc later never means leaving it earlier, so Dijkstra's algorithm with arrival times is exact (Dreyfus
    1969). The search minimises time only and ignores that electricity may be cheaper after a later arrival. It goes on
    from none of the network's ``ends_only`` nodes but the origin's own.
    """
    time = loading.network.time
    depart = time.step_min * (np.arange(time.n_departure_steps) + 0.5)
    return _quickest(loading, depart, signal)


def generate_paths(problem: TrafficProblem, electricity_cny, *, n_steps=60, rounds=10) -> Generated:
    """User equilibrium at fixed electricity costs on a network with too many paths to list.

    Parameters
    ----------
    problem : TrafficProblem
        Its network holds the paths to start from; one for each origin and station is enough.
    electricity_cny : ndarray, shape (n_stations, n_classes, K + 1), or callable
        Electricity cost V of one vehicle [CNY]; or what returns it for a problem with some paths, because their lengths
        may change the levels at which vehicles arrive.
    n_steps : int
        Extragradient steps per round.
    rounds : int
        Largest number of rounds; it stops earlier if the search finds no new path.

    Returns
    -------
    Generated

    Raises
    ------
    InputError
        If ``rounds`` is below 1.

    Notes
    -----
    Whatever the problem's objective, the search minimises time and the equilibrium uses drivers' own cost: with tolls
    the quickest path need not be the cheapest.
    """
    if rounds < 1:
        raise InputError(f"rounds {rounds}; must be at least 1")
    cost_with = electricity_cny if callable(electricity_cny) else lambda _: electricity_cny
    objective, problem = problem.objective, replace(problem, objective="user")
    flows = even_split(problem.network, problem.demand_veh)
    rows = []
    for _ in range(rounds):
        flows = equilibrium(problem, cost_with(problem), flows, n_steps=n_steps, every=n_steps).flows_veh
        n_paths = len(problem.network.paths)
        problem = problem.with_paths(quickest_paths(problem.load(flows), problem.drivers.signal))
        n_new = len(problem.network.paths) - n_paths
        flows = np.concatenate([flows, np.zeros((n_new, *flows.shape[1:]))])
        measured = gaps(problem.evaluate(flows), cost_with(problem))  # new paths carry no flow yet, but may be cheaper
        rows.append((n_paths, n_new, measured.excess_cny_veh, measured.relative_gap))
        if n_new == 0:
            break
    table = pd.DataFrame(rows, columns=["n_paths", "n_new", "excess_cny_veh", "relative_gap"])
    return Generated(replace(problem, objective=objective), flows, measured, table)


def _quickest(loading: Loading, depart_min, signal: str) -> set[Path]:
    network, time_min, exit_min = loading.network, loading.time_min, loading.exit_min
    leaving = defaultdict(list)
    for arc in range(network.n_arcs):
        if network.arc_kind[arc] == "road":
            leaving[network.arc_tail[arc]].append(arc)
    ends = [str(node) for node in network.station_node]
    targets = _targets(network)
    entries = defaultdict(list)
    for origin, entry in enumerate(network.origin_entry.tolist()):
        entries[entry].append(origin)
    paths = set()
    for depart in depart_min:
        if signal == "experienced":
            out = lambda arc, now: _exit(network, time_min, exit_min, arc, now)  # noqa: E731
        else:
            out = lambda arc, now, at=depart: now + _exit(network, time_min, exit_min, arc, at) - at  # noqa: E731
        for entry, origins in entries.items():
            came_by = _tree(network, leaving, network.arc_head[entry], out(entry, depart), entry, out)
            for station, node in enumerate(ends):
                if node not in came_by:
                    continue
                first = _path_to(network, came_by, origins[0], station, node)
                if targets is None:
                    paths.update(replace(first, origin=origin) for origin in origins)
                    continue
                for begin in {float(minute[0]) for minute in leaving_min(loading, first, np.array([depart]), signal)}:
                    after = _tree(network, leaving, node, begin, None, out)
                    paths.update(
                        replace(first, origin=origin, onward=_arcs_to(network, after, targets[origin]))
                        for origin in origins
                        if targets[origin] in after
                    )
    return paths


def _targets(network: Network) -> list[str] | None:
    """Node at which the trips of each origin end; None where they end at stations."""
    if not network.goes_on:
        return None
    targets = [""] * len(network.origins)
    for path in network.paths:
        targets[path.origin] = (
            network.arc_head[path.onward[-1]] if path.onward else str(network.station_node[path.station])
        )
    return targets


def _exit(network, time_min, exit_min, arc, now) -> float:
    if now > time_min[-1]:  # the arc is empty after the end of the loading
        return now + network.free_flow_min[arc]
    return float(np.interp(now, time_min, exit_min[arc]))


def _tree(network, leaving, start, begin_min, entry, out) -> dict:
    """For each node, the arc by which it is reached first from a node that is left at a time."""
    came_by, done = {start: entry}, set()
    queue = [(begin_min, start, -1 if entry is None else entry)]
    best = {start: begin_min}
    while queue:
        now, node, arc = heapq.heappop(queue)
        if node in done:
            continue
        done.add(node)
        came_by[node] = None if arc < 0 else arc
        if node in network.ends_only and node != start:
            continue
        for road in leaving[node]:
            head, then = network.arc_head[road], out(road, now)
            if head not in done and then < best.get(head, np.inf):
                best[head] = then
                heapq.heappush(queue, (then, head, road))
    return came_by


def _arcs_to(network, came_by, node) -> tuple[int, ...]:
    """Arcs of a tree to a node, its first arc among them."""
    arcs = []
    while (arc := came_by[node]) is not None:
        arcs.append(arc)
        if network.arc_kind[arc] == "origin":
            break
        node = network.arc_tail[arc]
    return tuple(arcs[::-1])


def _path_to(network, came_by, origin, station, node) -> Path:
    arcs = _arcs_to(network, came_by, node)
    whole = all(isinstance(node, int) for node in network.station_node)
    heads = [network.arc_head[arc] for arc in arcs]
    return Path(origin, station, tuple(int(head) if whole else head for head in heads), arcs)
