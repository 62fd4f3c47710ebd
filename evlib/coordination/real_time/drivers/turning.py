"""Drivers on their way who change station at the next node, where what they are told by now makes another one cheaper."""

from __future__ import annotations

import numpy as np

from evlib.traffic.loading import Loading
from evlib.traffic.network import Network

__all__ = ["arcs_left", "open_paths", "shared_arcs", "turn"]


def shared_arcs(network: Network) -> np.ndarray:
    """Arcs that two paths of one origin have in common from their beginning, shape (n_paths, n_paths); 0 for others."""
    paths, shared = network.paths, np.zeros((len(network.paths),) * 2, dtype=int)
    for p, one in enumerate(paths):
        for q, other in enumerate(paths):
            if one.origin == other.origin:
                same = [a == b for a, b in zip(one.arcs, other.arcs, strict=False)]
                shared[p, q] = same.index(False) if False in same else len(same)
    return shared


def arcs_left(loading: Loading, minute: float) -> np.ndarray:
    """Arcs that the first vehicle of every departure step has left by a time, shape (n_paths, n_departure_steps).

    Parameters
    ----------
    loading : Loading
        Of those who have departed before.
    minute : float
        [min] from the start of the day; a vehicle that leaves an arc just then has left it.

    Returns
    -------
    ndarray of int
    """
    network = loading.network
    start = network.time.step_min * np.arange(network.time.n_departure_steps)
    count = np.zeros((len(network.paths), len(start)), dtype=int)
    for p, path in enumerate(network.paths):
        time_min = start.astype(float)
        for arc in path.arcs:
            time_min = np.interp(time_min, loading.time_min, loading.exit_min[arc])
            count[p] += time_min <= minute
    return count


def open_paths(network: Network, left: np.ndarray) -> np.ndarray:
    """Whether whoever is on a path can still take another, shape (n_paths, n_paths, n_departure_steps).

    The other path has to share all arcs up to the end of the one that the driver is on. All vehicles of a departure step
    turn together, so the first of them must not have reached the node.

    Parameters
    ----------
    network : Network
    left : ndarray of int, shape (n_paths, n_departure_steps)
        From :func:`arcs_left`.
    """
    return shared_arcs(network)[:, :, None] > left[:, None, :]


def turn(
    flows_veh: np.ndarray, cost_cny: np.ndarray, possible: np.ndarray, path_station: np.ndarray, gain_cny: float
) -> list[tuple[int, int, int, int]]:
    """Who turns to which path.

    Parameters
    ----------
    flows_veh : ndarray, shape (n_paths, n_classes, n_departure_steps)
        Drivers on their way who are told something [veh]; 0 in steps that are still to come.
    cost_cny : ndarray, shape of ``flows_veh``
        What their trips are said to cost by now; only differences between paths that are open to a driver count.
    possible : ndarray of bool, shape (n_paths, n_paths, n_departure_steps)
        From :func:`open_paths`.
    path_station : ndarray of int, shape (n_paths,)
    gain_cny : float
        A driver turns to another station for more than this [CNY].

    Returns
    -------
    list of (path, new path, class, departure step)
        Everybody of that path, class and step takes the new path.
    """
    moves = []
    for p, m, j in zip(*np.nonzero(flows_veh), strict=True):
        others = np.flatnonzero(possible[p, :, j] & (path_station != path_station[p]))
        if len(others):
            best = int(others[cost_cny[others, m, j].argmin()])
            if cost_cny[p, m, j] - cost_cny[best, m, j] > gain_cny:
                moves.append((int(p), best, int(m), int(j)))
    return moves
