"""Reading, checking and writing the tables of a radial feeder: one clear error for each fault."""

from __future__ import annotations

import csv
import heapq
from pathlib import Path

import networkx as nx
import numpy as np

from evlib.errors import InputError
from evlib.files import write_text

__all__ = [
    "check_branches",
    "check_buses",
    "check_units",
    "checked_arrays",
    "listed",
    "read_table",
    "sort_from_root",
    "write_feeder",
]


def read_table(path: Path, columns: dict) -> dict[str, list]:
    """Columns of a CSV file, each cell read as ``columns`` says: int, float or one of the words of a tuple."""
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    lines = enumerate(path.read_text(encoding="utf-8-sig").splitlines(), start=1)
    rows = [(number, line) for number, line in lines if line.strip() and not line.startswith("#")]
    header, *cells = csv.reader(line for _, line in rows) if rows else [[]]
    for name in columns:
        if name not in header:
            raise InputError(f"{path}: column {name!r} is missing; the file has {', '.join(header) or 'no columns'}")
    table = {name: [] for name in columns}
    for (number, _), row in zip(rows[1:], cells, strict=True):
        if len(row) != len(header):
            raise InputError(f"{path}: line {number}: {len(row)} values; must be {len(header)}, one for each column")
        for name, kind in columns.items():
            table[name].append(_cell(f"{path}: line {number}: {name}", row[header.index(name)].strip(), kind))
    return table


def _cell(where: str, text: str, kind):
    if isinstance(kind, tuple):
        if text not in kind:
            raise InputError(f"{where} = {text!r}; must be {' or '.join(kind)}")
        return text
    try:
        value = kind(text)
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        raise InputError(f"{where} = {text!r}; must be {'a whole' if kind is int else 'a finite'} number")
    return value


def checked_arrays(where: str, columns: dict, key: str, whole: set[str]) -> dict[str, np.ndarray]:
    """Arrays of equal length without nan; ``key`` names the rows in messages, ``whole`` the integer columns."""
    arrays = {name: np.asarray(values, dtype=float) for name, values in columns.items()}
    length = len(arrays[key])
    for name, values in arrays.items():
        if values.shape != (length,):
            raise InputError(f"{where}: {name} has shape {values.shape}; must be ({length},), like {key}")
        good = np.isfinite(values) & ((values == np.round(values)) | (name not in whole))
        if not good.all():
            row = int(np.flatnonzero(~good)[0])
            kind = "whole" if name in whole else "finite"
            label = f"row {row + 1}" if name == key else f"{key} {arrays[key][row]:g}"
            raise InputError(f"{where}: {label}: {name} = {values[row]}; must be a {kind} number")
    return {name: values.astype(int) if name in whole else values for name, values in arrays.items()}


def check_buses(where: str, buses: dict[str, np.ndarray], root_bus: int) -> None:
    """Refuse duplicate buses, a missing root, negative loads and voltage limits the wrong way round."""
    numbers, counts = np.unique(buses["bus"], return_counts=True)
    if (counts > 1).any():
        raise InputError(f"{where}: bus {numbers[counts > 1][0]} is there {counts[counts > 1][0]} times; keep one row")
    if root_bus not in numbers:
        raise InputError(f"{where}: root bus {root_bus} is not among the buses {listed(numbers)}")
    for number, p_kw, q_kvar, low, high in zip(*buses.values(), strict=True):
        for name, value in (("p_kw", p_kw), ("q_kvar", q_kvar)):
            if value < 0:
                raise InputError(
                    f"{where}: bus {number}: {name} = {value:g}; a load must not be negative, generation is no load"
                )
        if not 0 < low < high and not (number == root_bus and 0 < low == high):
            raise InputError(
                f"{where}: bus {number}: v_min_pu = {low:g}, v_max_pu = {high:g}; must be 0 < v_min_pu < v_max_pu"
            )


def check_units(where: str, bus: np.ndarray, p_kw: np.ndarray, base_kv: float, squared_pu: np.ndarray) -> None:
    """Refuse loads a thousandfold too small for their voltage level, and more than any feeder could carry.

    ``squared_pu`` are the squared voltages that the lossless model gives at the nominal loads.
    """
    largest = p_kw.max(initial=0.0)
    if base_kv >= 3 and 0 < largest < 1:
        raise InputError(
            f"{where}: p_kw is {largest:g} at most, at bus {bus[p_kw.argmax()]}, on {base_kv:g} kV: a single "
            "household draws more; is it in MW? p_kw is in kW"
        )
    if squared_pu.min(initial=1.0) < -9:  # ten times what a feeder could carry: no heavy load but a wrong unit
        raise InputError(
            f"{where}: p_kw sums to {p_kw.sum():.6g} kW, which pulls the voltage at bus {bus[squared_pu.argmin()]} to "
            f"nothing on {base_kv:g} kV; are loads in W, impedances in another unit than ohm, or base_kv in V?"
        )


def check_branches(where: str, branches: dict[str, np.ndarray], known: np.ndarray) -> None:
    """Refuse branches with unknown ends, impedances that are not allowed, or both ends like another branch."""
    between: dict[frozenset, int] = {}
    for number, tail, head, r_ohm, x_ohm in zip(*branches.values(), strict=True):
        for name, value in (("from_bus", tail), ("to_bus", head)):
            if value not in known:
                raise InputError(f"{where}: branch {number}: {name} = {value}; no such bus, known are {listed(known)}")
        if not r_ohm > 0:
            raise InputError(f"{where}: branch {number}: r_ohm = {r_ohm:g}; resistance must be positive")
        if not x_ohm >= 0:
            raise InputError(f"{where}: branch {number}: x_ohm = {x_ohm:g}; reactance must not be negative")
        ends = frozenset((tail, head))
        if len(ends) == 1:
            raise InputError(f"{where}: branch {number}: loop from bus {tail} to itself; must join two buses")
        if ends in between:
            raise InputError(
                f"{where}: loop: branches {between[ends]} and {number} both join buses {listed(sorted(ends))}; "
                "a feeder must be radial: open one"
            )
        between[ends] = number


def sort_from_root(where: str, bus: np.ndarray, branches: dict[str, np.ndarray], root_bus: int):
    """Order of buses and branches, and each branch's parent position: parents first, lower bus numbers first."""
    graph = nx.Graph()
    graph.add_nodes_from(bus.tolist())
    ends = list(zip(branches["from_bus"].tolist(), branches["to_bus"].tolist(), strict=True))
    graph.add_edges_from((tail, head, {"row": row}) for row, (tail, head) in enumerate(ends))
    cut_off = sorted(set(graph) - nx.node_connected_component(graph, root_bus))
    if cut_off:
        raise InputError(
            f"{where}: no closed branch connects {'bus' if len(cut_off) == 1 else 'buses'} {listed(cut_off)} with the "
            f"root, bus {root_bus}; close a branch or remove the bus"
        )
    if graph.number_of_edges() >= len(bus):
        loop = min(nx.cycle_basis(graph, root_bus), key=lambda buses: (len(buses), sorted(buses)))
        pairs = zip(loop, loop[1:] + loop[:1], strict=True)
        numbers = sorted(branches["branch"][graph.edges[pair]["row"]] for pair in pairs)
        raise InputError(
            f"{where}: loop through buses {listed(loop)}; a feeder must be radial: "
            f"open one of branches {listed(numbers)}"
        )
    row_of_bus = {number: row for row, number in enumerate(bus.tolist())}
    position, bus_order, branch_order, parent = {}, [], [], []
    frontier = [(root_bus, -1, -1)]
    while frontier:
        number, branch_row, parent_position = heapq.heappop(frontier)
        position[number] = len(bus_order)
        bus_order.append(row_of_bus[number])
        branch_order.append(branch_row)
        parent.append(parent_position)
        for neighbour in graph[number]:
            if neighbour not in position:
                heapq.heappush(frontier, (neighbour, graph.edges[number, neighbour]["row"], position[number]))
    return np.array(bus_order), np.array(branch_order[1:], dtype=int), np.array(parent[1:], dtype=int)


def listed(numbers) -> str:
    """Bus or branch numbers as they stand in a sentence."""
    return ", ".join(str(int(number)) for number in numbers)


def write_feeder(feeder, buses_csv, branches_csv) -> None:
    """Write a feeder as the two tables that :func:`evlib.grid.feeder.read_feeder` reads, so that a scenario can name them.

    Parameters
    ----------
    feeder : Feeder
    buses_csv, branches_csv : str or Path
    """
    z_base_ohm = feeder.base_kv**2 / feeder.base_mva
    kind = np.where(np.arange(feeder.n_bus) == 0, "slack", "pq")
    columns = (feeder.bus, feeder.load_kw, feeder.load_kvar, kind, feeder.v_min_pu, feeder.v_max_pu)
    buses = zip(*(column.tolist() for column in columns), strict=True)
    rows = [f"{bus},{feeder.base_kv!r},{p!r},{q!r},{name},{low!r},{high!r}" for bus, p, q, name, low, high in buses]
    write_text(Path(buses_csv), "\n".join(["bus,base_kv,p_kw,q_kvar,type,v_min_pu,v_max_pu", *rows, ""]))
    columns = (feeder.branch, feeder.bus[feeder.branch_from], feeder.bus[feeder.branch_to])
    columns += (feeder.r_pu * z_base_ohm, feeder.x_pu * z_base_ohm)
    branches = zip(*(column.tolist() for column in columns), strict=True)
    rows = [f"{number},{begin},{end},{r!r},{x!r},1" for number, begin, end, r, x in branches]
    write_text(Path(branches_csv), "\n".join(["branch,from_bus,to_bus,r_ohm,x_ohm,status", *rows, ""]))
