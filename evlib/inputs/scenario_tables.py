"""The CSV files that a scenario names, read, checked and kept as read-only arrays.

The file is longer than others because it describes every array of a scenario in one place.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np

from evlib.errors import InputError
from evlib.grid.feeder import Feeder
from evlib.inputs.feeder_files import read_feeder
from evlib.inputs.reading.tables import Column, Table, read_table
from evlib.inputs.road_files.lengths import road_lengths
from evlib.inputs.road_files.room import RoadColumns
from evlib.inputs.schema import ScenarioSpec
from evlib.traffic.time_grid import clock_to_min

__all__ = ["Tables", "read_tables"]

NODE = Column("whole", least=0)
LINK_COLUMNS = {
    "link": Column("whole", least=0, required=False),
    "from": NODE,
    "to": NODE,
    "a": Column("number", "min", above=0),
    "length_km": Column("number", "km", above=0, required=False),
}
LINK_IGNORED = {
    "b": "slope of a linear travel time, for comparison with the published equilibrium",
    "han_*": "the same roads as other authors model them, for comparison",
    "uxsim_*": "the same roads as other authors model them, for comparison",
    "ue_flow": "published equilibrium, for comparison",
}
_ONE_CAPACITY = "all roads share roads.capacity_veh_h of the scenario: remove the column"
LINK_REFUSED = dict.fromkeys(("capacity_veh_h", "capacity", "capacity_veh_min"), _ONE_CAPACITY)
NODE_COLUMNS = {"node": NODE, "x": Column("number"), "y": Column("number")}
PAIR_COLUMNS = {"origin": NODE, "destination": NODE, "static_demand": Column("number", above=0)}
PAIR_IGNORED = {
    "ue_cost": "published equilibrium, for comparison",
    "han_*": "the same pairs as other authors model them, for comparison",
    "simple_paths": "number of paths, for comparison",
}
PROFILE_COLUMN = Column("number", "pu", least=0)
RATING_COLUMNS = {"from_bus": NODE, "to_bus": NODE, "rating_mva": Column("number", "MVA", above=0)}


@dataclass(frozen=True)
class Tables:
    """Arrays read from a scenario's files, for the scenario's K decision steps.

    Attributes
    ----------
    link_tail, link_head : ndarray of int, shape (n_links,)
        Nodes that each road leaves and enters.
    link_free_flow_min : ndarray, shape (n_links,)
        Travel time of the empty road [min].
    od_origin, od_destination : ndarray of int, shape (n_pairs,)
        Pairs of nodes between which background traffic drives; empty if there is no ``roads.od_file``.
    od_demand_veh : ndarray, shape (n_pairs,)
        Demand of each pair; only the proportions matter.
    node : ndarray of int, shape (n_nodes,)
        Node numbers, with drawing coordinates ``node_x``, ``node_y``.
    load_pu : ndarray, shape (K,)
        Load profile, per unit of the nominal load.
    available_pu : ndarray, shape (n_farms, K)
        Available power of each farm, per unit of its rating.
    feeder : Feeder
        The radial feeder, with loads and impedances scaled.
    rating_mva : ndarray, shape (n_branches,)
        Apparent power that each line may carry [MVA], infinite where it is not limited, in the feeder's branch order.
    tie : ndarray of int, shape (n_zones,)
        Branch that feeds each zone.
    content_hash : str
        SHA-256 over all arrays.
    link_length_km : ndarray, shape (n_links,), or None
        Length of each road [km], if the scenario has it.
    link_capacity_veh_h : ndarray, shape (n_links,), or None
        Capacity of each road [veh/h]; None where all roads share ``roads.capacity_veh_h``.
    station_plug_kw : ndarray, shape (n_stations,), or None
        Power of one plug [kW], at which vehicles charge at most; None where only vehicles limit it.
    nearest_stations : int or None
        Stations that drivers of one origin choose from, the nearest; None for all.
    feeder_branch : ndarray of int, shape (n_feeders,), or None
        Branch at the root that each feeder hangs on, where there are several.
    feeder_tariff : ndarray of str, shape (n_feeders,), or None
        Tariff of each of them: a member of ``prices.feeder_tariffs``, or ``import_tariff``.
    station_fee : ndarray, shape (2, n_stations), or None
        Fee of a session [CNY], and fee for the energy that a vehicle came for [CNY/kWh].
    trip_share : ndarray, shape (n_origins, n_classes, n_departure_steps), or None
        Share of all vehicles, from a table of trips; None where shares and profiles say who departs when.
    origin_profile : ndarray, shape (n_origins, n_departure_steps), or None
        Share of an origin's vehicles that depart in each step; nan where the profile of each class holds.
    link_lanes : ndarray, shape (n_links,), or None
        Lanes of each road, where the roads have room and each says its own; None where all have ``roads.lanes``.
    ends_only : ndarray of str, or None
        Nodes at which trips begin and end, but through which no path leads.
    """

    link_tail: np.ndarray
    link_head: np.ndarray
    link_free_flow_min: np.ndarray
    od_origin: np.ndarray
    od_destination: np.ndarray
    od_demand_veh: np.ndarray
    node: np.ndarray
    node_x: np.ndarray
    node_y: np.ndarray
    load_pu: np.ndarray
    available_pu: np.ndarray
    feeder: Feeder
    rating_mva: np.ndarray
    tie: np.ndarray
    content_hash: str
    link_length_km: np.ndarray | None = None
    link_capacity_veh_h: np.ndarray | None = None
    station_plug_kw: np.ndarray | None = None
    nearest_stations: int | None = None
    feeder_branch: np.ndarray | None = None
    feeder_tariff: np.ndarray | None = None
    station_fee: np.ndarray | None = None
    trip_share: np.ndarray | None = None
    origin_profile: np.ndarray | None = None
    link_lanes: np.ndarray | None = None
    ends_only: np.ndarray | None = None


def read_tables(spec: ScenarioSpec, file: Path) -> Tables:
    """Read and check every file that a scenario names.

    Parameters
    ----------
    spec : ScenarioSpec
        Validated sections.
    file : Path
        The scenario's YAML file; file names are relative to it.

    Returns
    -------
    Tables

    Raises
    ------
    InputError
        What :func:`evlib.inputs.reading.tables.read_table` refuses, a node, line or step that is missing, unknown or there
        twice, a road from a node to itself. The message names file, line or field, value and remedy.
    """
    folder = file.parent
    arrays = _read_roads(spec, file) | _read_profiles(spec, folder)
    buses, branches, ratings = (
        _path(folder, f"grid.{name}_file", getattr(spec.grid, f"{name}_file"))
        for name in ("buses", "branches", "ratings")
    )
    scales = {"load_scale": spec.grid.load_scale, "impedance_divisor": spec.grid.impedance_divisor}
    feeder = read_feeder(buses, branches, **scales)
    arrays["rating_mva"] = _read_ratings(feeder, ratings)
    arrays["tie"] = _find_ties(spec, feeder, file)
    digest = hashlib.sha256()
    for name in sorted(arrays):
        arrays[name].setflags(write=False)
        digest.update(name.encode() + np.ascontiguousarray(arrays[name]).tobytes())
    for field in fields(feeder):
        # Not in the files: a scenario has grid.root_voltage_pu.
        if field.name == "root_pu" or getattr(feeder, field.name) is None:
            continue
        digest.update(field.name.encode() + np.ascontiguousarray(getattr(feeder, field.name)).tobytes())
    return Tables(feeder=feeder, content_hash=digest.hexdigest(), **arrays)


def _path(folder: Path, field: str, name: str) -> Path:
    try:
        path = (folder / name).resolve()
        is_file = path.is_file()
    except (OSError, ValueError):
        path, is_file = folder / repr(name), False
    if not is_file:
        raise InputError(f"{path}: no such file; {field} names it as {name!r}, relative to {folder}")
    return path


def _read_roads(spec: ScenarioSpec, file: Path) -> dict[str, np.ndarray]:
    path = _path(folder := file.parent, "roads.links_file", spec.roads.links_file)
    unique = [("link",), ("from", "to")]
    links = read_table(path, LINK_COLUMNS, unique=unique, ignored=LINK_IGNORED, refused=LINK_REFUSED)
    tail, head, free_flow_min = links["from"], links["to"], links["a"]
    _refuse_equal(links, "from", "to", "a road joins two nodes")
    joined = set(tail.tolist()) | set(head.tolist())
    for section in ("origins", "stations", "destinations"):
        for member in getattr(spec, section):
            if member.node not in joined:
                raise InputError(f"{file}: {section}.{member.name}.node: {member.node} is not a node of {path}")
    nodes_path = _path(folder, "roads.nodes_file", spec.roads.nodes_file)
    nodes = read_table(nodes_path, NODE_COLUMNS, unique=[("node",)])
    unknown = sorted(joined - set(nodes["node"].tolist()))
    if unknown:
        raise InputError(f"{nodes_path}: node {unknown[0]} of {path.name} has no coordinates; add a row for it")
    columns = RoadColumns(path, tail, head, free_flow_min, spec.roads.capacity_veh_h, links.values.get("length_km"))
    return (
        _read_pairs(spec, folder, joined)
        | road_lengths(spec, columns, file)
        | {
            "link_tail": tail,
            "link_head": head,
            "link_free_flow_min": free_flow_min,
            "node": nodes["node"],
            "node_x": nodes["x"],
            "node_y": nodes["y"],
        }
    )


def _refuse_equal(table: Table, first: str, second: str, reason: str) -> None:
    equal = np.flatnonzero(table[first] == table[second])
    if len(equal):
        row = int(equal[0])
        raise InputError(f"{table.place(row)}: {first} and {second} are both {table[first][row]}; {reason}")


def _read_pairs(spec: ScenarioSpec, folder: Path, nodes: set) -> dict[str, np.ndarray]:
    names = ("od_origin", "od_destination", "od_demand_veh")
    if spec.roads.od_file is None:
        return dict(zip(names, (np.zeros(0, dtype=int), np.zeros(0, dtype=int), np.zeros(0)), strict=True))
    path = _path(folder, "roads.od_file", spec.roads.od_file)
    pairs = read_table(path, PAIR_COLUMNS, unique=[("origin", "destination")], ignored=PAIR_IGNORED)
    _refuse_equal(pairs, "origin", "destination", "a pair joins two nodes")
    for column in ("origin", "destination"):
        for row, node in enumerate(pairs[column].tolist()):
            if node not in nodes:
                raise InputError(f"{pairs.place(row)}: {column} = {node} is not a node of {spec.roads.links_file}")
    return dict(zip(names, (pairs["origin"], pairs["destination"], pairs["static_demand"]), strict=True))


def _read_profiles(spec: ScenarioSpec, folder: Path) -> dict[str, np.ndarray]:
    path = _path(folder, "grid.profiles_file", spec.grid.profiles_file)
    asked_by = {farm.column: f"grid.farms.{farm.name}.column" for farm in spec.grid.farms}
    asked_by[spec.grid.load_column] = "grid.load_column"
    columns = {"time": Column("time")} | {name: replace(PROFILE_COLUMN, asked_by=asked_by[name]) for name in asked_by}
    table = read_table(path, columns | {"*_pu": replace(PROFILE_COLUMN, required=False)}, unique=[("time",)])
    row = _rows_of_steps(spec, table)
    for farm in spec.grid.farms:
        above = np.flatnonzero(table[farm.column] > 1 + 1e-9)
        if len(above):
            raise InputError(
                f"{table.place(above[0])}: {farm.column} = {table[farm.column][above[0]]:g}; it must be per unit of the "
                "rating, at most 1"
            )
    farms = [table[farm.column][row] for farm in spec.grid.farms]
    return {
        "load_pu": table[spec.grid.load_column][row],
        "available_pu": np.array(farms).reshape(len(farms), len(row)),
    }


def _rows_of_steps(spec: ScenarioSpec, table: Table) -> np.ndarray:
    """Row of the profiles that holds each decision step."""
    stamp = table["time"]
    back = np.flatnonzero(np.diff(stamp) <= np.timedelta64(0))
    if len(back):
        times = table.texts["time"]
        raise InputError(
            f"{table.place(back[0] + 1)}: time = {times[back[0] + 1]!r} does not follow {times[back[0]]!r}; "
            "rows must be in the order of time"
        )
    minute = (stamp - stamp[0].astype("datetime64[D]")) / np.timedelta64(1, "m")
    wanted = clock_to_min(spec.time.start_clock) + spec.time.step_min * np.arange(spec.time.n_steps)
    row = np.searchsorted(minute, wanted - 1e-6)
    matched = row < len(minute)
    matched[matched] = np.abs(minute[row[matched]] - wanted[matched]) < 1e-6
    if not matched.all():
        missing = int(wanted[~matched][0])
        raise InputError(
            f"{table.path}: {len(minute)} rows do not cover {spec.time.n_steps} steps of {spec.time.step_min:g} min from "
            f"{spec.time.start_clock}; a row for {missing // 60:02d}:{missing % 60:02d} is missing"
        )
    return row


def _read_ratings(feeder: Feeder, path: Path) -> np.ndarray:
    table = read_table(path, RATING_COLUMNS)
    ends = zip(feeder.bus[feeder.branch_from].tolist(), feeder.bus[feeder.branch_to].tolist(), strict=True)
    position = {frozenset(pair): branch for branch, pair in enumerate(ends)}
    row_of = np.full(feeder.n_branch, -1)
    for row, pair in enumerate(zip(table["from_bus"].tolist(), table["to_bus"].tolist(), strict=True)):
        line = f"line {pair[0]}-{pair[1]}"
        branch = position.get(frozenset(pair))
        if branch is None:
            raise InputError(f"{table.place(row)}: {line} is no closed line of the feeder; remove the row")
        if row_of[branch] >= 0:
            lines = f"lines {table.line[row_of[branch]]} and {table.line[row]}"
            raise InputError(f"{path}: {lines}: {line} is rated twice; keep one row")
        row_of[branch] = row
    if (row_of < 0).any():
        branch = int(np.argmin(row_of))
        tail, head = feeder.bus[feeder.branch_from[branch]], feeder.bus[feeder.branch_to[branch]]
        raise InputError(f"{path}: line {tail}-{head} has no rating_mva; add a row for it")
    return table["rating_mva"][row_of]


def _find_ties(spec: ScenarioSpec, feeder: Feeder, file: Path) -> np.ndarray:
    """Branch that connects each zone with the rest of the feeder; a zone must have exactly one."""
    zone_of = {}
    ties = []
    known = set(feeder.bus.tolist())
    for zone in spec.grid.zones:
        for bus in zone.buses:
            if bus not in known:
                raise InputError(f"{file}: grid.zones.{zone.name}.buses: {bus} is not a bus of {spec.grid.buses_file}")
            if bus in zone_of:
                raise InputError(f"{file}: grid.zones: bus {bus} is in {zone_of[bus]} and {zone.name}; keep one")
            zone_of[bus] = zone.name
    for zone in spec.grid.zones:
        inside = np.isin(feeder.bus, zone.buses)
        crossing = np.flatnonzero(inside[feeder.branch_from] != inside[feeder.branch_to])
        if len(crossing) != 1 or inside[0]:
            raise InputError(
                f"{file}: grid.zones.{zone.name}.buses: {len(crossing)} lines leave the zone; a zone must be connected, "
                "hang on exactly one line and not hold the root"
            )
        ties.append(int(crossing[0]))
    placed = [(f"grid.farms.{farm.name}", farm.bus) for farm in spec.grid.farms]
    placed += [(f"stations.{station.name}", station.bus) for station in spec.stations]
    for label, bus in placed:
        if bus not in known:
            raise InputError(f"{file}: {label}.bus: {bus} is not a bus of {spec.grid.buses_file}")
    for farm in spec.grid.farms:
        if zone_of.get(farm.bus) != farm.zone:
            raise InputError(f"{file}: grid.farms.{farm.name}.bus: {farm.bus} is not in zone {farm.zone}")
    return np.array(ties, dtype=int)
