"""Roads, origins and stations of a case of one's own, from CSV files with one row each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evlib.errors import InputError
from evlib.inputs.reading.plausible import check_roads_plausible, check_table
from evlib.inputs.reading.tables import Column, Table, read_table

__all__ = [
    "FEES",
    "LANE_VEH_H",
    "LINK_COLUMNS",
    "CaseRoads",
    "place_of",
    "read_origins",
    "read_roads",
    "read_stations",
]

TEXT = Column("text")
LINK_COLUMNS = {
    "link": Column("text", required=False),
    "from": TEXT,
    "to": TEXT,
    "length_km": Column("number", "km", above=0, required=False),
    "speed_km_h": Column("number", "km/h", above=0, required=False),
    "free_flow_min": Column("number", "min", above=0, required=False),
    "lanes": Column("number", "", above=0, required=False),
    "capacity_veh_h": Column("number", "veh/h", above=0, required=False),
    "capacity_veh_h_lane": Column("number", "veh/h and lane", above=0, required=False),
}
NODE_COLUMNS = {
    "node": TEXT,
    "x": Column("number"),
    "y": Column("number"),
    "through": Column(("yes", "no"), required=False),
}
# Capacity of a lane where links have lanes and nothing says another [veh/h].
LANE_VEH_H = 1800.0
ORIGIN_COLUMNS = {"origin": TEXT, "node": TEXT, "share": Column("number", "1", least=0)}
_SAID_BY_TRIPS = {"share": "fleet.trips_file says who departs where: remove the column"}
STATION_COLUMNS = {
    "station": TEXT,
    "node": TEXT,
    "bus": TEXT,
    "plugs": Column("number", "plugs", above=0),
    "plug_kw": Column("number", "kW", above=0, required=False),
    "site_kw": Column("number", "kW", above=0, required=False),
    "x": Column("number", required=False),
    "y": Column("number", required=False),
    "node_distance": Column("number", least=0, required=False),
    "bus_distance": Column("number", least=0, required=False),
}
FEES = ("session", "kwh")


@dataclass(frozen=True)
class CaseRoads:
    """Roads of a case.

    Attributes
    ----------
    table : Table
        The links as read.
    tail, head : ndarray of str, shape (n_links,)
    free_flow_min : ndarray, shape (n_links,)
        [min].
    capacity_veh_h : ndarray, shape (n_links,), or None
        [veh/h]; None where all roads share the case's ``roads.capacity_veh_h``.
    length_km, lanes : ndarray, shape (n_links,), or None
    node : ndarray of str, shape (n_nodes,)
        With coordinates ``x``, ``y`` in the unit of the file.
    ends_only : tuple of str
        Nodes at which trips begin and end, but through which no path leads.
    notes : tuple of str
        What became of columns that may be meant otherwise, as sentences.
    """

    table: Table
    tail: np.ndarray
    head: np.ndarray
    free_flow_min: np.ndarray
    capacity_veh_h: np.ndarray | None
    length_km: np.ndarray | None
    lanes: np.ndarray | None
    node: np.ndarray
    x: np.ndarray
    y: np.ndarray
    ends_only: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def place_of(folder: Path, key: str, name: str) -> Path:
    """Path of a file that a case names under a key, relative to the case's folder."""
    if not isinstance(name, str):
        raise InputError(f"{key}: {name!r}; must be the name of a file, relative to {folder}")
    path = folder / name
    if not path.is_file():
        raise InputError(f"{path}: no such file; {key} names it as {name!r}, relative to {folder}")
    return path


def read_roads(
    links: Path, nodes: Path, capacity_veh_h: float | None = None, lane_veh_h: float | None = None
) -> CaseRoads:
    """Read the roads of a case.

    Parameters
    ----------
    links : Path
        ``from``, ``to`` (any text; several roads may join two nodes) and ``free_flow_min``, or ``length_km`` with
        ``speed_km_h``; ``capacity_veh_h``, or ``capacity_veh_h_lane`` with ``lanes``; or ``lanes`` alone.
    nodes : Path
        ``node``, ``x``, ``y``, and ``through``: ``no`` where trips begin and end, but through which no path leads.
    capacity_veh_h, lane_veh_h : float, optional
        What the case states as the capacity of every road, or of every lane [veh/h]; only one of them, and only where
        links have no capacity of their own. Links with lanes alone have 1800 veh/h on each lane by default.

    Returns
    -------
    CaseRoads

    Raises
    ------
    InputError
        What :func:`evlib.inputs.reading.tables.read_table` refuses; a road from a node to itself; a time or a capacity
        that does not follow, or follows twice and differently; a node without coordinates; a number beyond
        :data:`evlib.inputs.reading.plausible.LIMITS`.
    """
    table = read_table(links, LINK_COLUMNS, unique=[("link",)])
    place = read_table(nodes, NODE_COLUMNS, unique=[("node",)])
    same = np.flatnonzero(table["from"] == table["to"])
    if len(same):
        raise InputError(
            f"{table.place(same[0])}: from and to are both {table['from'][same[0]]}; a road joins two nodes"
        )
    unknown = sorted({*table["from"].tolist(), *table["to"].tolist()} - set(place["node"].tolist()))
    if unknown:
        raise InputError(f"{nodes}: node {unknown[0]} of {links.name} has no coordinates; add a row for it")
    free_flow_min = _free_flow_min(table)
    capacity, notes = _capacity_veh_h(table, capacity_veh_h, lane_veh_h)
    length_km, lanes = table.values.get("length_km"), table.values.get("lanes")
    closed = np.array(place.texts.get("through", ["yes"] * len(place))) == "no"
    ends_only = tuple(place["node"][closed].tolist())
    check_roads_plausible(
        table.place,
        free_flow_min,
        length_km,
        lanes,
        capacity,
        exempt=np.isin(table["from"], ends_only) | np.isin(table["to"], ends_only),
        cures={"units": f"correct {', '.join(name for name in _TIMES if name in table.values)}"},
    )
    coordinates = (place[name] for name in ("node", "x", "y"))
    return CaseRoads(
        table, table["from"], table["to"], free_flow_min, capacity, length_km, lanes, *coordinates, ends_only, notes
    )


_TIMES = ("length_km", "speed_km_h", "free_flow_min")


def _free_flow_min(table: Table) -> np.ndarray:
    has = table.values.keys()
    from_speed = 60 * table["length_km"] / table["speed_km_h"] if {"length_km", "speed_km_h"} <= has else None
    if "free_flow_min" not in has:
        if from_speed is None:
            raise InputError(f"{table.path}: no free-flow time; must have free_flow_min, or length_km and speed_km_h")
        return from_speed
    minutes = table["free_flow_min"]
    if from_speed is not None:
        off = np.abs(from_speed / minutes - 1)
        if off.max() > 0.02:
            row = int(off.argmax())
            raise InputError(
                f"{table.place(row)}: free_flow_min = {minutes[row]:g}, but length_km and speed_km_h give {from_speed[row]:g}; "
                "remove one of the three columns"
            )
    return minutes


def _capacity_veh_h(table: Table, road_veh_h, lane_veh_h) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Capacity of each road, None where all share one; and what became of the columns."""
    has, name = table.values.keys(), table.path.name
    stated = {"capacity_veh_h": road_veh_h, "capacity_veh_h_lane": lane_veh_h}
    stated = {key: value for key, value in stated.items() if value is not None}
    if {"capacity_veh_h", "capacity_veh_h_lane"} <= has:
        raise InputError(f"{table.path}: capacity_veh_h and capacity_veh_h_lane; keep one of the two columns")
    for column in ("capacity_veh_h", "capacity_veh_h_lane"):
        for key, value in stated.items() if column in has else ():
            raise InputError(
                f"{table.path}: column {column}: the case has roads.{key}: {value!r}, too; remove the column or the key"
            )
    if len(stated) == 2:
        raise InputError(
            f"{table.path}: the case has roads.capacity_veh_h and roads.capacity_veh_h_lane; keep one of them"
        )
    if "capacity_veh_h_lane" in has or lane_veh_h is not None:
        if "lanes" not in has:
            whose = "" if "capacity_veh_h_lane" in has else "roads."
            raise InputError(f"{table.path}: {whose}capacity_veh_h_lane without lanes; add a column lanes")
        by_lane = table["capacity_veh_h_lane"] if "capacity_veh_h_lane" in has else lane_veh_h
        return by_lane * table["lanes"], ()
    if "capacity_veh_h" in has:
        return table["capacity_veh_h"], ()
    if "lanes" not in has:
        return None, ()
    if road_veh_h is not None:
        return None, (
            f"{name}: lanes: not used for capacity: roads.capacity_veh_h is that of a road, whatever its lanes",
        )
    note = f"{name}: lanes: each has {LANE_VEH_H:g} veh/h by default; roads.capacity_veh_h_lane states another capacity"
    return LANE_VEH_H * table["lanes"], (note,)


def read_origins(path: Path, nodes: set[str], *, shares: bool = True) -> dict[str, dict]:
    """Origins by name, each with ``node`` and ``share``; shares are divided by their sum, whatever it is.

    Parameters
    ----------
    path : Path
    nodes : set of str
        Nodes of the links.
    shares : bool, optional
        Whether the table has a column ``share``; a fleet of trips says itself who departs where.

    Returns
    -------
    dict of str -> dict

    Raises
    ------
    InputError
        What :func:`evlib.inputs.reading.tables.read_table` refuses, an unknown node, shares that sum to 0.
    """
    columns = {name: column for name, column in ORIGIN_COLUMNS.items() if shares or name != "share"}
    table = read_table(path, columns, unique=[("origin",)], refused={} if shares else _SAID_BY_TRIPS)
    _refuse_unknown(table, "node", nodes, "a node of the links")
    names, at = table["origin"].tolist(), table["node"].tolist()
    if not shares:
        return {name: {"node": node} for name, node in zip(names, at, strict=True)}
    total = table["share"].sum()
    if not total > 0:
        raise InputError(f"{path}: share sums to {total:g}; some origin must have a share above 0")
    rows = zip(names, at, (table["share"] / total).tolist(), strict=True)
    return {name: {"node": node, "share": share} for name, node, share in rows}


def read_stations(path: Path, nodes: set[str], buses: dict[str, int], currency: str) -> tuple[dict[str, dict], Table]:
    """Stations by name, each with ``node``, ``bus`` (its number) and ``plugs``; and their table.

    Fees are columns such as ``fee_eur_session`` (paid once) and ``fee_eur_kwh`` (for the energy that a vehicle came for),
    in the case's currency.

    Raises
    ------
    InputError
        What :func:`evlib.inputs.reading.tables.read_table` refuses, or a node or bus that does not exist.
    """
    fees = {f"fee_{currency.lower()}_{per}": Column("number", currency, least=0, required=False) for per in FEES}
    table = read_table(path, STATION_COLUMNS | fees, unique=[("station",)])
    check_table(table, ("plug_kw", "site_kw"))
    _refuse_unknown(table, "node", nodes, "a node of the links")
    _refuse_unknown(table, "bus", set(buses), "a bus, by number or name")
    rows = zip(*(table[name].tolist() for name in ("station", "node", "bus", "plugs")), strict=True)
    return {name: {"node": node, "bus": buses[bus], "plugs": plugs} for name, node, bus, plugs in rows}, table


def _refuse_unknown(table: Table, column: str, known: set[str], what: str) -> None:
    for row, value in enumerate(table[column].tolist()):
        if value not in known:
            raise InputError(f"{table.place(row)}: {column} = {value!r} is not {what}")
