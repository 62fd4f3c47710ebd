"""Stations matched to road nodes and buses by their names or the shortest distance; origins spread over the network."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from evlib.errors import InputError

__all__ = ["connected_part", "listed", "match_stations", "spread", "usual_distance"]

USUAL_M, USUAL_SHARE, MOST_LISTED = 2000.0, 0.1, 20
METRES = {"m": 1.0, "km": 1000.0}


def connected_part(links: pd.DataFrame, ends_only=()) -> set[str]:
    """Nodes of the largest part of the network in which every node is reached from every other.

    Parameters
    ----------
    links : DataFrame
        ``from``, ``to``.
    ends_only : sequence of str, optional
        Nodes that no path passes; they belong to the part if ways lead to it and from it.

    Raises
    ------
    InputError
        If no path may pass any node.
    """
    graph = nx.DiGraph()
    graph.add_edges_from(zip(links["from"], links["to"], strict=True))
    core = graph.subgraph(set(graph) - set(ends_only))
    if not core:
        raise InputError("roads: no path may pass any node of a road; some node must be one to drive through")
    part = max(nx.strongly_connected_components(core), key=lambda nodes: (len(nodes), min(nodes)))
    some = next(iter(part))
    leads_there, comes_from = part | nx.ancestors(core, some), part | nx.descendants(core, some)
    return part | {
        end
        for end in set(ends_only) & set(graph)
        if not leads_there.isdisjoint(graph.successors(end)) and not comes_from.isdisjoint(graph.predecessors(end))
    }


def spread(nodes: pd.DataFrame, among: set[str], number: int) -> list[str]:
    """Some nodes far from each other: the first is nearest to the middle, each next farthest from those before.

    Parameters
    ----------
    nodes : DataFrame
        ``node``, ``x``, ``y``.
    among : set of str
        Nodes to choose from.
    number : int
        How many, at most.

    Returns
    -------
    list of str
    """
    chosen = nodes[nodes["node"].isin(among)].sort_values("node", kind="stable")
    place = chosen[["x", "y"]].to_numpy()
    order = [int(((place - place.mean(axis=0)) ** 2).sum(axis=1).argmin())]
    far = np.hypot(*(place - place[order[0]]).T)
    while len(order) < min(number, len(place)):
        order.append(int(far.argmax()))
        far = np.minimum(far, np.hypot(*(place - place[order[-1]]).T))
    return chosen["node"].iloc[order].tolist()


def match_stations(
    stations: pd.DataFrame,
    nodes: pd.DataFrame,
    buses: pd.DataFrame,
    among: set[str],
    *,
    most_distance: float,
    where: str,
    limit: str = "",
) -> pd.DataFrame:
    """Give every station a road node and a bus.

    Parameters
    ----------
    stations : DataFrame
        ``station``, and ``node``, ``bus`` by name or number, or else ``x``, ``y`` in the unit of the nodes.
    nodes, buses : DataFrame
        With ``x``, ``y``; buses may have none, then stations without a bus are spread over the loaded buses in turn.
    among : set of str
        Nodes at which a station can be reached.
    most_distance : float
        A station further from its node is refused, in the unit of the coordinates.
    where : str
        Name of the stations in messages.
    limit : str, optional
        ``most_distance`` in messages, with its unit and reason.

    Returns
    -------
    DataFrame
        ``station``, ``node``, ``bus`` (text), ``x``, ``y``, ``node_distance``, ``bus_distance`` (nan where nothing was
        measured), and the other columns of ``stations``.

    Raises
    ------
    InputError
        A node or bus that does not exist, a station that cannot be reached, or one that is too far from every node. All
        such stations are listed.
    """
    matched = stations.copy()
    reachable = nodes[nodes["node"].isin(among)].reset_index(drop=True)
    if "node" in stations:
        lost = stations[~stations["node"].isin(set(nodes["node"]))]
        _refuse(where, lost, "node", "is no node of the roads")
        _refuse(
            where, stations[~stations["node"].isin(among)], "node", "is not reached from, or does not reach, the others"
        )
        places = nodes.set_index("node").loc[matched["node"], ["x", "y"]].to_numpy()
        own = matched[["x", "y"]].to_numpy(dtype=float) if {"x", "y"} <= set(matched) else places
        own = np.where(np.isnan(own), places, own)
        matched["x"], matched["y"] = own.T
        matched["node_distance"] = np.hypot(*(own - places).T)
    else:
        distance, index = cKDTree(reachable[["x", "y"]].to_numpy()).query(matched[["x", "y"]].to_numpy(dtype=float))
        matched["node"], matched["node_distance"] = reachable["node"].to_numpy()[index], distance
    far = matched[~(matched["node_distance"] <= most_distance)]
    if len(far):
        rows = far.sort_values("node_distance", ascending=False, kind="stable")
        texts = [f"{row.station} ({row.node_distance:.4g} from {row.node})" for row in rows.itertuples()]
        raise InputError(
            f"{where}: {len(far)} stations are more than {limit or format(most_distance, '.4g')} from their node: "
            f"{listed(texts, MOST_LISTED)}; correct coordinates or allow it with --most-distance"
        )
    return _with_buses(matched, buses, where)


def _with_buses(matched: pd.DataFrame, buses: pd.DataFrame, where: str) -> pd.DataFrame:
    labels = (buses["name"] if "name" in buses else buses["bus"]).astype(str)
    known = {**dict(zip(buses["bus"].astype(str), labels, strict=True)), **dict(zip(labels, labels, strict=True))}
    has_place = {"x", "y"} <= set(buses) and buses[["x", "y"]].notna().all(axis=None)
    if "bus" in matched:
        _refuse(where, matched[~matched["bus"].astype(str).isin(known)], "bus", "is no bus of the feeders")
        matched["bus"] = [known[str(bus)] for bus in matched["bus"]]
        matched["bus_distance"] = np.nan
        if has_place:
            place = buses.assign(label=labels).set_index("label").loc[matched["bus"], ["x", "y"]].to_numpy()
            matched["bus_distance"] = np.hypot(*(matched[["x", "y"]].to_numpy() - place).T)
        return matched
    loaded = np.flatnonzero((buses["type"] == "pq").to_numpy() & (buses["p_kw"] > 0).to_numpy())
    if has_place:
        tree = cKDTree(buses[["x", "y"]].to_numpy()[loaded])
        matched["bus_distance"], index = tree.query(matched[["x", "y"]].to_numpy(dtype=float))
    else:
        index, matched["bus_distance"] = (np.arange(len(matched)) * len(loaded)) // len(matched), np.nan
    matched["bus"] = labels.to_numpy()[loaded[index]]
    return matched


def _refuse(where: str, lost: pd.DataFrame, column: str, fault: str) -> None:
    if len(lost):
        texts = [f"{row['station']} ({row[column]})" for _, row in lost.iterrows()]
        raise InputError(f"{where}: {column} {fault}: {listed(texts, MOST_LISTED)}")


def listed(texts: list[str], most: int) -> str:
    """Some texts, and how many more there are."""
    more = f" and {len(texts) - most} more" if len(texts) > most else ""
    return ", ".join(texts[:most]) + more


def usual_distance(nodes: pd.DataFrame, unit: str) -> tuple[float, str]:
    """Distance from its node beyond which a station is refused unless somebody allows more.

    Parameters
    ----------
    nodes : DataFrame
        ``x``, ``y``.
    unit : str
        Unit of the coordinates; empty if it is not known.

    Returns
    -------
    float
        2 km; where the unit is not known, a tenth of the diagonal of the nodes' extent.
    str
        The same in words.

    Examples
    --------
    >>> usual_distance(pd.DataFrame({"x": [0.0, 30.0], "y": [0.0, 40.0]}), "")
    (5.0, '5 (a tenth of the extent of the roads, in their unit)')
    """
    if unit in METRES:
        return USUAL_M / METRES[unit], f"{USUAL_M / METRES[unit]:g} {unit}"
    distance = USUAL_SHARE * float(np.hypot(np.ptp(nodes["x"]), np.ptp(nodes["y"])))
    return distance, f"{distance:.4g} (a tenth of the extent of the roads, in their unit)"
