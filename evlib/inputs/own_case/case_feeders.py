"""Any number of feeders in two CSV files, joined above by the grid; each is a zone with its own limits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from evlib.errors import InputError
from evlib.grid.feeder import Feeder, feeder_from_arrays
from evlib.inputs.feeder_files import BRANCH_COLUMNS, BUS_COLUMNS
from evlib.inputs.reading.plausible import check_loads
from evlib.inputs.reading.tables import Column, Table, read_table

__all__ = ["CaseFeeders", "read_feeders", "with_sites"]

_BUS = BUS_COLUMNS | {
    "name": Column("text", required=False),
    "x": Column("number", required=False),
    "y": Column("number", required=False),
    "ratio": Column("number", "1", above=0, required=False),
    "shunt_kw": Column("number", "kW", required=False),
    "shunt_kvar": Column("number", "kvar", required=False),
}
_BRANCH = BRANCH_COLUMNS | {"rating_mva": Column("number", "MVA", above=0, required=False, blank=True)}


@dataclass(frozen=True)
class CaseFeeders:
    """Feeders below one bus that stands for the grid above them.

    Attributes
    ----------
    feeder : Feeder
        The tree of all feeders. Its root is the grid; the roots of the feeders hang on it without impedance. A feeder's
        voltages are per unit of its own nominal voltage.
    rating_mva : ndarray, shape (n_branches,)
        In the feeder's order [MVA]; nan where a line has none.
    bus_number : dict of str -> int
        Bus by its number and by its name, as text.
    zones : dict of str -> tuple of int
        Buses of each feeder; it is named after its root.
    bus_table : Table
        The buses as read.
    roots : tuple of int
        Bus that each of the zones hangs on, in their order.
    """

    feeder: Feeder
    rating_mva: np.ndarray
    bus_number: dict[str, int]
    zones: dict[str, tuple[int, ...]]
    bus_table: Table
    roots: tuple[int, ...]


def read_feeders(buses_csv: Path, branches_csv: Path, *, load_scale=1.0, impedance_divisor=1.0) -> CaseFeeders:
    """Read feeders: one below every bus of type ``slack``.

    Parameters
    ----------
    buses_csv, branches_csv : Path
        As for :func:`evlib.inputs.feeder_files.read_feeder`, but with any number of slack buses; buses may have a
        ``name`` and a position ``x``, ``y``, shunts ``shunt_kw``, ``shunt_kvar`` (drawn at 1 pu, a capacitor is negative)
        and a ``ratio``, by which limits and impedances are scaled already (see :class:`evlib.grid.feeder.Feeder`),
        branches a ``rating_mva``, which is empty where a line is not limited.
    load_scale, impedance_divisor : float
        As there.

    Returns
    -------
    CaseFeeders

    Raises
    ------
    InputError
        What :func:`evlib.grid.feeder.feeder_from_arrays` refuses, no slack bus, two that are connected, a bus that none
        of them feeds, a name given twice, or two voltage levels within a feeder.
    """
    buses = read_table(buses_csv, _BUS, unique=[("bus",), ("name",)])
    branches = read_table(branches_csv, _BRANCH, unique=[("branch",)])
    roots = buses["bus"][buses["type"] == "slack"].tolist()
    if not roots:
        raise InputError(f"{buses_csv}: type: no slack bus; the bus that connects a feeder to the grid must be slack")
    closed = branches["status"] == "1"
    members = _members(buses, branches, closed, roots)
    base_kv, own_kv = (
        float(buses["base_kv"][0]),
        dict(zip(buses["bus"].tolist(), buses["base_kv"].tolist(), strict=True)),
    )
    for root, inside in members.items():
        for bus in inside:
            if own_kv[bus] != own_kv[root]:
                raise InputError(
                    f"{buses_csv}: bus {bus}: base_kv = {own_kv[bus]:g} where its root {root} has {own_kv[root]:g}; a feeder "
                    "has one voltage level: convert impedances to it"
                )
    # A feeder of another voltage keeps its per unit impedances on the common base.
    scale = np.array([(base_kv / own_kv.get(bus, base_kv)) ** 2 for bus in branches["from_bus"][closed].tolist()])
    grid, top = int(buses["bus"].max()) + 1, int(branches["branch"].max(initial=0)) + 1
    n = len(roots)
    low, high = buses["v_min_pu"].copy(), buses["v_max_pu"].copy()
    low[buses["type"] == "slack"], high[buses["type"] == "slack"] = 0.5, 1.5  # set points; they are no limits here
    feeder = feeder_from_arrays(
        bus=[grid, *buses["bus"]],
        p_kw=[0.0, *buses["p_kw"]],
        q_kvar=[0.0, *buses["q_kvar"]],
        v_min_pu=[1.0, *low],
        v_max_pu=[1.0, *high],
        branch=[*range(top, top + n), *branches["branch"][closed]],
        from_bus=[grid] * n + branches["from_bus"][closed].tolist(),
        to_bus=roots + branches["to_bus"][closed].tolist(),
        r_ohm=[*np.full(n, 1e-9), *(branches["r_ohm"][closed] * scale)],
        x_ohm=[*np.zeros(n), *(branches["x_ohm"][closed] * scale)],
        base_kv=base_kv,
        root_bus=grid,
        load_scale=load_scale,
        impedance_divisor=impedance_divisor,
        buses_name=str(buses_csv),
        branches_name=str(branches_csv),
    )
    check_loads(buses, load_scale)
    feeder = _with_columns(_ideal(feeder, feeder.branch >= top), buses, grid)
    rated = dict(
        zip(branches["branch"].tolist(), branches.values.get("rating_mva", np.full(len(branches), np.nan)), strict=True)
    )
    number = {str(bus): bus for bus in buses["bus"].tolist()}
    for name, bus in zip(buses.texts.get("name", []), buses["bus"].tolist(), strict="name" in buses.texts):
        if number.setdefault(name, bus) != bus:
            raise InputError(f"{buses_csv}: bus {bus} is named {name!r}, which is the number of another bus; rename it")
    names = dict(zip(buses["bus"].tolist(), buses.texts.get("name", buses.texts["bus"]), strict=True))
    return CaseFeeders(
        feeder,
        np.array([rated.get(branch, np.nan) for branch in feeder.branch.tolist()]),
        number,
        {f"feeder_{names[root]}".replace(".", "_"): tuple(sorted(inside)) for root, inside in members.items()},
        buses,
        tuple(members),
    )


def _with_columns(feeder: Feeder, buses: Table, grid: int) -> Feeder:
    """The feeder with ratios and shunts of its table; the bus that stands for the grid has none."""
    wanted = {name: 1.0 if name == "ratio" else 0.0 for name in ("ratio", "shunt_kw", "shunt_kvar")}
    has = [name for name in wanted if name in buses.values]
    if {"shunt_kw", "shunt_kvar"} & set(has):
        has = [name for name in wanted if name in has or name != "ratio"]
    arrays = {}
    for name in has:
        known = dict(zip(buses["bus"].tolist(), buses.values.get(name, np.zeros(len(buses))), strict=True))
        arrays[name] = np.array([wanted[name] if bus == grid else known[bus] for bus in feeder.bus.tolist()])
        arrays[name].setflags(write=False)
    return replace(feeder, **arrays)


def _members(buses: Table, branches: Table, closed, roots: list[int]) -> dict[int, set[int]]:
    """Buses that hang on each root."""
    import networkx as nx  # imported when needed: a scenario is read without it

    graph = nx.Graph()
    graph.add_nodes_from(buses["bus"].tolist())
    graph.add_edges_from(zip(branches["from_bus"][closed].tolist(), branches["to_bus"][closed].tolist(), strict=True))
    members: dict[int, set[int]] = {}
    for root in roots:
        inside = nx.node_connected_component(graph, root)
        other = [bus for bus in roots if bus in inside and bus != root]
        if other:
            raise InputError(
                f"{buses.path}: slack buses {root} and {other[0]} are connected; open a branch between them, or keep one slack"
            )
        members[root] = inside
    left = sorted(set(graph) - set().union(*members.values()))
    if left:
        shown = ", ".join(map(str, left[:8])) + (", ..." if len(left) > 8 else "")
        raise InputError(
            f"{buses.path}: no closed branch connects buses {shown} with a slack bus; close one or remove them"
        )
    return members


def _ideal(feeder: Feeder, branch) -> Feeder:
    """The feeder with some branches of no impedance."""
    values = {name: np.where(branch, 0.0, getattr(feeder, name)) for name in ("r_pu", "x_pu")}
    for value in values.values():
        value.setflags(write=False)
    return replace(feeder, **values)


def with_sites(feeders: CaseFeeders, station_bus: list[int], site_kw) -> tuple[CaseFeeders, list[int]]:
    """Hang each station with a site limit on a connection of its own, rated at that limit.

    Parameters
    ----------
    feeders : CaseFeeders
    station_bus : list of int
        Bus of each station.
    site_kw : array_like, shape (n_stations,)
        Most that a station's connection carries [kW]; nan where it has no limit.

    Returns
    -------
    feeders : CaseFeeders
        With one more bus and branch without impedance for each limited station, in the zone of the station.
    station_bus : list of int
    """
    feeder, rating, zones, buses = feeders.feeder, feeders.rating_mva, dict(feeders.zones), list(station_bus)
    added = [station for station, limit in enumerate(np.asarray(site_kw, dtype=float)) if np.isfinite(limit)]
    if not added:
        return feeders, buses
    position = {bus: place for place, bus in enumerate(feeder.bus.tolist())}
    new_bus = [int(feeder.bus.max()) + 1 + i for i in range(len(added))]
    new_branch = [int(feeder.branch.max()) + 1 + i for i in range(len(added))]
    parent = np.array([position[buses[station]] for station in added])
    more = {
        "bus": new_bus,
        "branch": new_branch,
        "branch_from": parent,
        "branch_to": feeder.n_bus + np.arange(len(added)),
        "r_pu": np.zeros(len(added)),
        "x_pu": np.zeros(len(added)),
        "load_kw": np.zeros(len(added)),
        "load_kvar": np.zeros(len(added)),
        "v_min_pu": feeder.v_min_pu[parent],
        "v_max_pu": feeder.v_max_pu[parent],
    }
    if feeder.ratio is not None:
        more["ratio"] = feeder.ratio[parent]
    if feeder.shunt_kw is not None:
        more |= {name: np.zeros(len(added)) for name in ("shunt_kw", "shunt_kvar")}
    values = {name: np.append(getattr(feeder, name), value) for name, value in more.items()}
    for value in values.values():
        value.setflags(write=False)
    for station, bus in zip(added, new_bus, strict=True):
        zones = {name: (*inside, bus) if buses[station] in inside else inside for name, inside in zones.items()}
        buses[station] = bus
    rating = np.append(rating, np.asarray(site_kw, dtype=float)[added] / 1000.0)
    return replace(feeders, feeder=replace(feeder, **values), rating_mva=rating, zones=zones), buses
