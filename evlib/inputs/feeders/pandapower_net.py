"""A pandapower network with several external grids, taps off neutral and ratings: one feeder below each grid."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evlib.errors import InputError
from evlib.inputs.feeders.feeder_file import FeederFile, check_feeders
from evlib.inputs.feeders.pandapower_elements import ratings_mva, take_generators, take_negative_loads, take_shunts
from evlib.inputs.feeders.pandapower_report import report_rows
from evlib.inputs.feeders.pandapower_trafos import take_trafos
from evlib.inputs.feeders.parallel_branches import merge_parallel
from evlib.inputs.pandapower_feeder import feeder_arrays, first_numbers, merged_buses
from evlib.inputs.reading.column_report import report_of
from evlib.inputs.reading.pandapower_values import WHERE

__all__ = ["ratios_from_root", "read_pandapower"]


_KEYS = {"p_kw": "p_mw of its loads in kW", "q_kvar": "q_mvar of its loads in kvar", "root_pu": "vm_pu"}
_KEYS |= {"v_min_pu": "min_vm_pu", "v_max_pu": "max_vm_pu", "r_ohm": "resistance in ohm", "x_ohm": "reactance in ohm"}


def read_pandapower(net, *, leave_out=()) -> FeederFile:
    """Read a pandapower network as feeders.

    Parameters
    ----------
    net : pandapowerNet or path
        A network, or a JSON file written by pandapower; it is not changed.
    leave_out : sequence of str
        ``"shunts"``, ``"generators"``: kinds of elements to go without, see
        :func:`evlib.inputs.pandapower_feeder.from_pandapower`.

    Returns
    -------
    FeederFile
        One feeder below every external grid in service. A transformer off its nominal ratio is exact in a tree: buses
        behind it are per unit of the voltage that its taps give them, so their impedances and voltage limits are scaled
        by the ratio, and column ``ratio`` tells it: a voltage of the feeder over ``ratio`` is pandapower's. Iron losses,
        cables and shunts are shunts, static generators and negative loads farms; parallel branches are merged.

    Raises
    ------
    InputError
        Two grids that are connected; a static generator with reactive power; or what
        :func:`evlib.inputs.pandapower_feeder.from_pandapower` refuses.
    """
    if hasattr(net, "bus"):
        return _read(net, leave_out)
    try:
        return _read(_from_json(net), leave_out)
    except InputError as error:
        raise InputError(str(error).replace(WHERE, str(net), 1)) from None


def _read(net, leave_out) -> FeederFile:
    original, net = net, copy.deepcopy(net)
    grids = net.ext_grid[net.ext_grid["in_service"].astype(bool)]
    if not len(grids):
        raise InputError(f"{WHERE}: ext_grid: none in service; a feeder hangs on one")
    trafos = take_trafos(net, iron="shunts" not in leave_out)
    farms = [] if "generators" in leave_out else take_generators(net)
    farms += take_negative_loads(net, {farm[0] for farm in farms})
    shunts = {} if "shunts" in leave_out else take_shunts(net)
    for bus, power in trafos.drawn.items():
        shunts[bus] = shunts.get(bus, 0j) + power
    parts = [_one(net, row, leave_out, trafos.ratio) for row in grids.index]
    buses = pd.concat([part.buses for part in parts], ignore_index=True)
    twice = buses.loc[buses["bus"].duplicated(), "bus"]
    if len(twice):
        raise InputError(f"{WHERE}: bus {twice.iloc[0]} hangs on two external grids; open a switch between them")
    branches = pd.concat([part.branches for part in parts], ignore_index=True)
    names = branches["branch"].map(lambda number: _label(net, number)).tolist()
    branches["branch"] = np.arange(1, len(branches) + 1)
    if branches["rating_mva"].isna().all():
        branches = branches.drop(columns="rating_mva")
    merged = {bus: root for part in parts for bus, root in part.merged.items()}
    if shunts:
        _add_shunts(buses, shunts, merged)
    levels = [float(value) for value in grids["vm_pu"]]
    feeders = None
    if len(set(levels)) > 1:
        feeders = pd.DataFrame(
            {"root": [part.buses.loc[part.buses["type"] == "slack", "bus"].item() for part in parts]}
        )
        feeders["root_pu"] = levels
    known = [(name, merged[bus], kind, mw) for name, bus, kind, mw in farms if bus in merged]
    table = pd.DataFrame(known, columns=["farm", "bus", "kind", "rating_mw"]) if known else None
    n_parallel = sum(part.n_parallel for part in parts)
    report = report_of(report_rows(original, leave_out, merged, names, branches, trafos, n_parallel))
    read = FeederFile(buses, branches, report, root_pu=levels[0], feeders=feeders, farms=table)
    return check_feeders(read, WHERE, branch=lambda number: names[number - 1], keys=_KEYS)


def _add_shunts(buses: pd.DataFrame, shunts: dict[int, complex], merged: dict[int, int]) -> None:
    drawn = dict.fromkeys(buses["bus"].tolist(), 0j)
    for bus, power in shunts.items():
        if not np.isfinite(power):
            raise InputError(
                f"{WHERE}: bus {bus}: what its shunts draw is no number; state c_nf_per_km, g_us_per_km of its lines and p_mw, "
                "q_mvar of its shunts"
            )
        if bus in merged:
            drawn[merged[bus]] += power
    buses["shunt_kw"] = [power.real for power in drawn.values()]
    buses["shunt_kvar"] = [power.imag for power in drawn.values()]


def _from_json(path):
    try:
        import pandapower

        return pandapower.from_json(str(path))
    except ImportError:
        raise InputError(f"{path}: read by pandapower; install it: pip install pandapower") from None
    except (OSError, ValueError, UserWarning) as error:
        raise InputError(f"{path}: not readable as a pandapower network: {error}") from None


@dataclass(frozen=True)
class _Part:
    """Buses and branches below one external grid, the bus that stands for each, and branches merged into others."""

    buses: pd.DataFrame
    branches: pd.DataFrame
    merged: dict[int, int]
    n_parallel: int


def _label(net, number: int) -> str:
    """What the network calls the branch with a number."""
    first = first_numbers(net)
    kind = max(
        (kind for kind in first if first[kind] <= number), key=lambda kind: (first[kind], list(first).index(kind))
    )
    return f"{kind} {number - first[kind]}"


def _one(net, grid_row, leave_out, ratios) -> _Part:
    """Buses and branches below one external grid, and the bus that stands for each of the network's."""
    import pandapower.topology as topology

    part = copy.deepcopy(net)
    part.ext_grid["in_service"] = part.ext_grid.index == grid_row
    root = int(part.ext_grid.at[grid_row, "bus"])
    inside = set(topology.connected_component(topology.create_nxgraph(part, respect_switches=True), root))
    part.bus["in_service"] = part.bus["in_service"].astype(bool) & part.bus.index.isin(inside)
    for table in ("load", "sgen", "gen", "shunt", "storage"):
        if table in part and len(part[table]):
            part[table]["in_service"] = part[table]["in_service"].astype(bool) & part[table]["bus"].isin(inside)
    for table, ends in (("line", ("from_bus", "to_bus")), ("trafo", ("hv_bus", "lv_bus"))):
        if len(part[table]):
            within = part[table][list(ends)].isin(inside).all(axis=1)
            part[table]["in_service"] = part[table]["in_service"].astype(bool) & within
    arrays = feeder_arrays(part, leave_out)
    ratio_of = {first_numbers(net)["trafo"] + row: value for row, value in ratios.items()}
    ratio = ratios_from_root(arrays, ratio_of)
    limits = {name: np.asarray(arrays[name]) * ratio for name in ("v_min_pu", "v_max_pu")}
    buses = pd.DataFrame(
        {
            "bus": arrays["bus"],
            "base_kv": arrays["base_kv"],
            "p_kw": arrays["p_kw"],
            "q_kvar": arrays["q_kvar"],
            "type": np.where(np.asarray(arrays["bus"]) == arrays["root_bus"], "slack", "pq"),
            **limits,
            "ratio": ratio,
        }
    )
    by_bus = dict(zip(arrays["bus"], ratio, strict=True))
    # The impedance of a transformer is on its low voltage side, the second end.
    scale = np.array([by_bus[bus] ** 2 for bus in arrays["to_bus"]])
    rating = ratings_mva(net)
    branches = pd.DataFrame(
        {
            "branch": arrays["branch"],
            "from_bus": arrays["from_bus"],
            "to_bus": arrays["to_bus"],
            "r_ohm": arrays["r_ohm"] * scale,
            "x_ohm": arrays["x_ohm"] * scale,
            "status": 1,
            "rating_mva": [rating.get(number, np.nan) for number in arrays["branch"]],
        }
    )
    own = np.array([ratio_of.get(number, 1.0) for number in arrays["branch"]])
    branches, n_parallel = merge_parallel(branches, own, WHERE, lambda number: _label(net, number))
    return _Part(buses, branches, merged_buses(part, part.bus.index[part.bus["in_service"].astype(bool)]), n_parallel)


def ratios_from_root(arrays, ratio_of_branch: dict[int, float]) -> np.ndarray:
    """Product of the ratios of the transformers between the root and each bus; 1 where a bus hangs on another root."""
    beside: dict[int, list[tuple[int, int]]] = {}
    for number, one, two in zip(arrays["branch"], arrays["from_bus"], arrays["to_bus"], strict=True):
        beside.setdefault(one, []).append((two, number))
        beside.setdefault(two, []).append((one, number))
    ratio, left = {arrays["root_bus"]: 1.0}, [arrays["root_bus"]]
    high_side = {number: one for number, one in zip(arrays["branch"], arrays["from_bus"], strict=True)}
    while left:
        bus = left.pop()
        for other, number in beside.get(bus, []):
            if other not in ratio:
                factor = ratio_of_branch.get(number, 1.0)
                ratio[other] = ratio[bus] * (factor if high_side[number] == bus else 1 / factor)
                left.append(other)
    return np.array([ratio.get(bus, 1.0) for bus in arrays["bus"]])
