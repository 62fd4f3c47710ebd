"""The CSV files that a scenario names, read, checked and kept as read-only arrays."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pandas as pd

from evlib.errors import InputError
from evlib.grid.feeder import Feeder
from evlib.inputs.feeder_files import read_feeder
from evlib.inputs.schema import ScenarioSpec
from evlib.traffic.time_grid import clock_to_min

__all__ = ["Tables", "read_tables"]


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
        Apparent power that each line may carry [MVA], in the feeder's branch order.
    tie : ndarray of int, shape (n_zones,)
        Branch that feeds each zone.
    content_hash : str
        SHA-256 over all arrays.
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
        Missing file or column, nan, wrong length, unknown node, bus or zone. The message names file, field, value and
        remedy.
    """
    folder = file.parent
    arrays = _read_roads(spec, folder) | _read_profiles(spec, folder)
    grid = spec.grid
    feeder = read_feeder(
        _path(folder, grid.buses_file),
        _path(folder, grid.branches_file),
        load_scale=grid.load_scale,
        impedance_divisor=grid.impedance_divisor,
    )
    arrays["rating_mva"] = _read_ratings(feeder, _path(folder, grid.ratings_file))
    arrays["tie"] = _find_ties(spec, feeder, file)
    digest = hashlib.sha256()
    for name in sorted(arrays):
        arrays[name].setflags(write=False)
        digest.update(name.encode() + np.ascontiguousarray(arrays[name]).tobytes())
    for field in fields(feeder):
        digest.update(field.name.encode() + np.ascontiguousarray(getattr(feeder, field.name)).tobytes())
    return Tables(feeder=feeder, content_hash=digest.hexdigest(), **arrays)


def _path(folder: Path, name: str) -> Path:
    path = (folder / name).resolve()
    if not path.is_file():
        raise InputError(f"{path}: no such file; the scenario names it as {name!r}, relative to {folder}")
    return path


def _read_csv(path: Path, columns: list[str]) -> pd.DataFrame:
    try:
        table = pd.read_csv(path, comment="#")
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not readable as CSV: {error}") from None
    for column in columns:
        if column not in table.columns:
            raise InputError(f"{path}: column {column!r} is missing; the file has {', '.join(table.columns)}")
    return table


def _numbers(path: Path, table: pd.DataFrame, column: str, *, minimum: float | None = None, strict=False) -> np.ndarray:
    values = pd.to_numeric(table[column], errors="coerce").to_numpy(dtype=float)
    bad = ~np.isfinite(values)
    if minimum is not None:
        bad |= values <= minimum if strict else values < minimum
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        right = "a finite number" + ("" if minimum is None else f" {'above' if strict else 'of at least'} {minimum:g}")
        raise InputError(f"{path}: row {row + 1}: {column} = {table[column].iloc[row]}; must be {right}")
    return values


def _read_roads(spec: ScenarioSpec, folder: Path) -> dict[str, np.ndarray]:
    path = _path(folder, spec.roads.links_file)
    links = _read_csv(path, ["from", "to", "a"])
    tail, head = _numbers(path, links, "from").astype(int), _numbers(path, links, "to").astype(int)
    free_flow_min = _numbers(path, links, "a", minimum=0, strict=True)
    if spec.time.loading_step_s / 60 > free_flow_min.min() + 1e-12:
        worst = int(free_flow_min.argmin())
        raise InputError(
            f"{path}: road {tail[worst]}-{head[worst]} takes {free_flow_min[worst]:g} min, less than time.loading_step_s = "
            f"{spec.time.loading_step_s:g} s; choose a loading step of at most {60 * free_flow_min[worst]:g} s"
        )
    nodes_path = _path(folder, spec.roads.nodes_file)
    nodes = _read_csv(nodes_path, ["node", "x", "y"])
    node = _numbers(nodes_path, nodes, "node").astype(int)
    known = set(node.tolist())
    for section in ("origins", "stations", "destinations"):
        for member in getattr(spec, section):
            if member.node not in set(tail) | set(head):
                raise InputError(f"{section}.{member.name}.node: {member.node} is not a node of {path}")
    unknown = sorted((set(tail.tolist()) | set(head.tolist())) - known)
    if unknown:
        raise InputError(f"{nodes_path}: node {unknown[0]} of {path.name} has no coordinates; add a row for it")
    return _read_pairs(spec, folder, set(tail) | set(head)) | {
        "link_tail": tail,
        "link_head": head,
        "link_free_flow_min": free_flow_min,
        "node": node,
        "node_x": _numbers(nodes_path, nodes, "x"),
        "node_y": _numbers(nodes_path, nodes, "y"),
    }


def _read_pairs(spec: ScenarioSpec, folder: Path, nodes: set) -> dict[str, np.ndarray]:
    names = ("od_origin", "od_destination", "od_demand_veh")
    if spec.roads.od_file is None:
        return dict(zip(names, (np.zeros(0, dtype=int), np.zeros(0, dtype=int), np.zeros(0)), strict=True))
    path = _path(folder, spec.roads.od_file)
    pairs = _read_csv(path, ["origin", "destination", "static_demand"])
    ends = [_numbers(path, pairs, column).astype(int) for column in ("origin", "destination")]
    for column, values in zip(("origin", "destination"), ends, strict=True):
        unknown = [value for value in values.tolist() if value not in nodes]
        if unknown:
            raise InputError(f"{path}: {column} = {unknown[0]} is not a node of {spec.roads.links_file}")
    demand = _numbers(path, pairs, "static_demand", minimum=0, strict=True)
    return dict(zip(names, (*ends, demand), strict=True))


def _read_profiles(spec: ScenarioSpec, folder: Path) -> dict[str, np.ndarray]:
    path = _path(folder, spec.grid.profiles_file)
    columns = [spec.grid.load_column] + [farm.column for farm in spec.grid.farms]
    table = _read_csv(path, ["time", *columns])
    stamp = pd.to_datetime(table["time"], errors="coerce")
    if stamp.isna().any():
        row = int(np.flatnonzero(stamp.isna())[0])
        raise InputError(f"{path}: row {row + 1}: time = {table['time'].iloc[row]}; must be YYYY-MM-DD HH:MM:SS")
    minute = (stamp - stamp.dt.normalize()[0]).dt.total_seconds().to_numpy() / 60
    wanted = clock_to_min(spec.time.start_clock) + spec.time.step_min * np.arange(spec.time.n_steps)
    row = np.searchsorted(minute, wanted - 1e-6)
    matched = row < len(minute)
    matched[matched] = np.abs(minute[row[matched]] - wanted[matched]) < 1e-6
    if not matched.all() or (np.diff(minute) <= 0).any():
        missing = wanted[~matched][0] if not matched.all() else minute[1:][np.diff(minute) <= 0][0]
        raise InputError(
            f"{path}: {len(minute)} rows do not cover {spec.time.n_steps} steps of {spec.time.step_min:g} min from "
            f"{spec.time.start_clock}; a row for {int(missing) // 60:02d}:{int(missing) % 60:02d} is missing or out of order"
        )
    load_pu = _numbers(path, table, spec.grid.load_column, minimum=0)[row]
    farms = [_numbers(path, table, farm.column, minimum=0)[row] for farm in spec.grid.farms]
    for farm, values in zip(spec.grid.farms, farms, strict=True):
        if values.max() > 1 + 1e-9:
            raise InputError(
                f"{path}: {farm.column} reaches {values.max():g}; it must be per unit of the rating, at most 1"
            )
    return {"load_pu": load_pu, "available_pu": np.array(farms).reshape(len(farms), len(row))}


def _read_ratings(feeder: Feeder, path: Path) -> np.ndarray:
    table = _read_csv(path, ["from_bus", "to_bus", "rating_mva"])
    rating = _numbers(path, table, "rating_mva", minimum=0, strict=True)
    tail, head = (_numbers(path, table, column).astype(int) for column in ("from_bus", "to_bus"))
    by_ends = {frozenset(ends): value for *ends, value in zip(tail.tolist(), head.tolist(), rating, strict=True)}
    ordered = []
    for tail, head in zip(feeder.bus[feeder.branch_from], feeder.bus[feeder.branch_to], strict=True):
        if frozenset((int(tail), int(head))) not in by_ends:
            raise InputError(f"{path}: line {tail}-{head} has no rating_mva; add a row for it")
        ordered.append(by_ends[frozenset((int(tail), int(head)))])
    return np.array(ordered)


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
