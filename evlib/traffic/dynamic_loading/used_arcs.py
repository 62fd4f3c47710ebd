"""The part of a network that some vehicle passes: loading computes and stores only that."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain

import numpy as np

from evlib.traffic.network import Network

__all__ = ["let_pass_freely", "on_all_arcs", "used_part"]


def used_part(network: Network, departures: np.ndarray) -> tuple[Network, np.ndarray, np.ndarray]:
    """Leave out paths without vehicles, and the roads that no other path and no background traffic takes.

    Parameters
    ----------
    network : Network
    departures : ndarray, shape (n_paths, n_classes, n_departure_steps)
        [veh].

    Returns
    -------
    part : Network
        With all origin arcs and stations, and at least one path.
    departures : ndarray, shape (n_paths of the part, n_classes, n_departure_steps)
    arcs : ndarray of int, shape (n_arcs of the part,)
        Positions of its arcs in the network, rising.
    """
    taken = departures.any(axis=(1, 2))
    taken[0] |= not taken.any()
    paths = [path for path, used in zip(network.paths, taken.tolist(), strict=True) if used]
    background = () if network.background is None else network.background.ways
    used = np.zeros(network.n_arcs, dtype=bool)
    used[: network.n_entries] = True
    used[list(chain.from_iterable((*path.arcs, *path.onward) for path in paths))] = True
    used[list(chain.from_iterable(background))] = True
    if used.all() and taken.all():
        return network, departures, np.arange(network.n_arcs)
    arcs, number = np.flatnonzero(used), (np.cumsum(used) - 1).tolist()
    position = arcs.tolist()

    def renumbered(way):
        return tuple([number[arc] for arc in way])

    part = replace(
        network,
        **{
            name: tuple([getattr(network, name)[arc] for arc in position])
            for name in ("arc_name", "arc_kind", "arc_tail", "arc_head")
        },
        free_flow_min=network.free_flow_min[arcs],
        capacity_veh_min=network.capacity_veh_min[arcs],
        paths=tuple([replace(path, arcs=renumbered(path.arcs), onward=renumbered(path.onward)) for path in paths]),
        background=network.background
        and replace(network.background, ways=tuple([renumbered(way) for way in background])),
    )
    return part, departures[taken], arcs


def on_all_arcs(values: np.ndarray, arcs: np.ndarray, network: Network) -> np.ndarray:
    """Curves of some arcs among all arcs of a network; zero elsewhere, where memory is not even touched.

    Parameters
    ----------
    values : ndarray, shape (len(arcs), ...)
    arcs : ndarray of int
        Positions in the network's arcs, rising.
    network : Network

    Returns
    -------
    ndarray, shape (n_arcs, ...)
    """
    if len(arcs) == network.n_arcs:
        return values
    whole = np.zeros((network.n_arcs, *values.shape[1:]))
    whole[arcs] = values
    return whole


def let_pass_freely(exit_min: np.ndarray, arcs: np.ndarray, time_min: np.ndarray, network: Network) -> None:
    """Fill in exit times of the arcs that nobody takes, as the loading would compute them.

    Parameters
    ----------
    exit_min : ndarray, shape (n_arcs, S + 1)
        Changed in place [min].
    arcs : ndarray of int
        Arcs that have their exit times already.
    time_min : ndarray, shape (S + 1,)
        [min].
    network : Network
    """
    is_unused = np.ones(network.n_arcs, dtype=bool)
    is_unused[arcs] = False
    if is_unused.any():
        unused = np.flatnonzero(is_unused)
        minutes, capacity = network.free_flow_min[unused], network.capacity_veh_min[unused]
        exit_min[unused] = time_min + network.delay_function(np.zeros(len(unused)), minutes, capacity)[:, None]
        exit_min[unused, 0] = minutes
