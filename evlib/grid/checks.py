"""Checks of a radial feeder and of a grid case, with one clear error for each fault, and the order of its buses."""

from __future__ import annotations

import numpy as np

from evlib.errors import InputError

__all__ = [
    "check_branches",
    "check_buses",
    "check_grid_case",
    "check_start",
    "check_units",
    "checked_arrays",
    "listed",
    "sort_from_root",
]


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
            number_kind = "whole" if name in whole else "finite"
            label = f"row {row + 1}" if name == key else f"{key} {arrays[key][row]:g}"
            raise InputError(f"{where}: {label}: {name} = {values[row]}; must be a {number_kind} number")
    return {name: values.astype(int) if name in whole else values for name, values in arrays.items()}


def check_buses(where: str, buses: dict[str, np.ndarray], root_bus: int) -> None:
    """Refuse duplicate buses, a missing root, negative loads and voltage limits the wrong way round."""
    numbers, counts = np.unique(buses["bus"], return_counts=True)
    if (counts > 1).any():
        raise InputError(f"{where}: bus {numbers[counts > 1][0]} is there {counts[counts > 1][0]} times; keep one row")
    if root_bus not in numbers:
        raise InputError(f"{where}: root bus {root_bus} is not among the buses {listed(numbers)}")
    for number, p_kw, _, low, high in zip(*buses.values(), strict=True):  # a load may be capacitive: negative q_kvar
        if p_kw < 0:
            raise InputError(
                f"{where}: bus {number}: p_kw = {p_kw:g}; a load must not be negative: what feeds in is a farm"
            )
        if not 0 < low < high and not (number == root_bus and 0 < low == high):
            raise InputError(
                f"{where}: bus {number}: v_min_pu = {low:g}, v_max_pu = {high:g}; must be 0 < v_min_pu < v_max_pu"
            )


def check_units(where: str, bus: np.ndarray, p_kw: np.ndarray, base_kv: float, squared_pu: np.ndarray) -> None:
    """Refuse loads that are a thousand times too small for their voltage level, or more than any feeder could carry.

    ``squared_pu`` are the squared voltages that the lossless model gives at the nominal loads.
    """
    largest = p_kw.max(initial=0.0)
    if base_kv >= 3 and 0 < largest < 1:
        raise InputError(
            f"{where}: p_kw is {largest:g} at most, at bus {bus[p_kw.argmax()]}, on {base_kv:g} kV: a single "
            "household draws more; is it in MW? p_kw is in kW"
        )
    if squared_pu.min(initial=1.0) < -9:  # ten times what a feeder could carry is no heavy load but a wrong unit
        raise InputError(
            f"{where}: p_kw sums to {p_kw.sum():.6g} kW, which pulls the voltage at bus {bus[squared_pu.argmin()]} to "
            f"nothing on {base_kv:g} kV; are loads in W, impedances in another unit than ohm, or base_kv in V?"
        )


def check_branches(where: str, branches: dict[str, np.ndarray], known: np.ndarray) -> None:
    """Refuse branches with unknown ends, with impedances that are not allowed, or between the same buses as another."""
    between: dict[frozenset, int] = {}
    for number, tail, head, r_ohm, x_ohm in zip(*branches.values(), strict=True):
        for name, value in (("from_bus", tail), ("to_bus", head)):
            if value not in known:
                raise InputError(f"{where}: branch {number}: {name} = {value}; no such bus, known are {listed(known)}")
        if not r_ohm >= 0 or (r_ohm == 0 and not x_ohm > 0):
            raise InputError(
                f"{where}: branch {number}: r_ohm = {r_ohm:g}, x_ohm = {x_ohm:g}; resistance must be positive, or 0 beside a "
                "positive reactance"
            )
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
    """Rows of buses and of branches in the feeder's order, and the position of the bus that each branch starts at.

    Parents come before their children; among the buses that may come next, the lowest number does.
    """
    import networkx as nx  # here, as it takes long to load

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
    tree = nx.bfs_tree(graph, root_bus)
    order = list(nx.lexicographical_topological_sort(tree, key=int))
    position = {number: place for place, number in enumerate(order)}
    feeding = [(parent, number) for number in order[1:] for parent in tree.predecessors(number)]
    return (
        np.array([row_of_bus[number] for number in order]),
        np.array([graph.edges[branch]["row"] for branch in feeding], dtype=int),
        np.array([position[parent] for parent, _ in feeding], dtype=int),
    )


def listed(numbers) -> str:
    """Bus or branch numbers as text for a sentence."""
    return ", ".join(str(int(number)) for number in numbers)


def check_grid_case(case) -> None:
    """Refuse arrays that do not fit together, nan, negative powers, and MW where kW is expected.

    Raises
    ------
    InputError
        The message names field, bus, zone or farm, step and value, and says what would be right.
    """
    n_steps = np.shape(case.load_kw)[-1] if np.ndim(case.load_kw) == 2 else 0
    buses = [f"bus {number}" for number in case.feeder.bus]
    branches = [f"line {number}" for number in case.feeder.branch]
    rows = {"load_kw": buses, "load_kvar": buses, "available_kw": case.farms}
    rows |= dict.fromkeys(("import_limit_kw", "export_limit_kw", "backup_kw"), case.zones) | {"rating_kva": branches}
    for name, members in rows.items():
        values = np.asarray(getattr(case, name), dtype=float)
        shape = (len(members), n_steps) if name in ("load_kw", "load_kvar", "available_kw") else (len(members),)
        if values.shape != shape:
            lacking = f"; no profile for {members[len(values)]}" if 0 < len(values) < len(members) else ""
            raise InputError(f"grid case: {name} has shape {values.shape}; must be {shape}{lacking}")
        low = -np.inf if name == "load_kvar" else 0.0
        unlimited = (values == np.inf) & (name == "rating_kva")
        bad = ~((np.isfinite(values) & (values >= low)) | unlimited)
        if bad.any():
            place = np.argwhere(bad)[0]
            step = f", step {place[1]}" if len(place) > 1 else ""
            allowed = "finite" if low else "finite and not negative"
            raise InputError(
                f"grid case: {name}: {members[place[0]]}{step}: {values[tuple(place)]:g}; must be {allowed}"
            )
    if np.shape(case.import_price_cny_kwh) != (n_steps,):
        raise InputError(
            f"grid case: import_price_cny_kwh has shape {np.shape(case.import_price_cny_kwh)}; must be {(n_steps,)}"
        )
    _check_units(case)


def _check_units(case) -> None:
    """Refuse values a thousand times below the load: the unit must be wrong."""
    peak_kw = np.sum(case.load_kw, axis=0).max(initial=0.0)
    for name in ("available_kw", "import_limit_kw", "rating_kva"):
        values = np.asarray(getattr(case, name), dtype=float)
        largest = np.max(values[np.isfinite(values)], initial=0.0)
        if 0 < largest < peak_kw / 1000:
            raise InputError(
                f"grid case: {name} is {largest:g} at most where the load peaks at {peak_kw:.6g} kW; "
                f"is it in MW? {name} is in {'kVA' if name == 'rating_kva' else 'kW'}"
            )


def check_start(case, ramp_share: float) -> None:
    """Refuse an initial power of backup generators that the ramp cannot bring within the rating by the first step.

    Raises
    ------
    InputError
        The message names zone, initial power, ramp and rating.
    """
    if case.backup_start_kw is None:
        return
    for zone, start, rating in zip(case.zones, case.backup_start_kw, case.backup_kw, strict=True):
        ramp = ramp_share * rating
        if not -ramp <= start <= rating + ramp:
            raise InputError(
                f"grid case: backup_start_kw: {zone}: {start:g}; with a ramp of {ramp:g} kW a step the first step cannot "
                f"reach 0 to {rating:g} kW: start within that range or allow a steeper ramp"
            )
