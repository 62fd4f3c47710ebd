"""A pandapower network with several external grids, taps off neutral and ratings: one feeder below each grid."""

from __future__ import annotations

import copy

import numpy as np
import pandas as pd

from evlib.errors import InputError
from evlib.inputs.feeders.feeder_file import FeederFile
from evlib.inputs.feeders.pandapower_elements import take_generators, take_shunts
from evlib.inputs.pandapower_feeder import feeder_arrays, merged_buses
from evlib.inputs.reading.column_report import NOT_USED, report_of

__all__ = ["ratios_from_root", "read_pandapower"]


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
        by the ratio, and column ``ratio`` tells it: a voltage of the feeder over ``ratio`` is pandapower's.

    Raises
    ------
    InputError
        Two grids that are connected; a static generator with reactive power; or what
        :func:`evlib.inputs.pandapower_feeder.from_pandapower` refuses.
    """
    if not hasattr(net, "bus"):
        net = _from_json(net)
    net = copy.deepcopy(net)
    ratios = _to_nominal(net)
    grids = net.ext_grid[net.ext_grid["in_service"].astype(bool)]
    if not len(grids):
        raise InputError("pandapower network: ext_grid: none in service; a feeder hangs on one")
    shunts = {} if "shunts" in leave_out else take_shunts(net)
    farms = [] if "generators" in leave_out else take_generators(net)
    parts = [_one(net, row, leave_out, ratios) for row in grids.index]
    buses = pd.concat([part[0] for part in parts], ignore_index=True)
    twice = buses.loc[buses["bus"].duplicated(), "bus"]
    if len(twice):
        raise InputError(
            f"pandapower network: bus {twice.iloc[0]} hangs on two external grids; open a switch between them"
        )
    branches = pd.concat([part[1] for part in parts], ignore_index=True)
    branches["branch"] = np.arange(1, len(branches) + 1)
    if "rating_mva" in branches and not branches["rating_mva"].notna().all():
        branches = branches.drop(columns="rating_mva")
    rows = [
        ("bus", "bus, voltage limits", "", len(buses)),
        ("ext_grid", "roots and their voltage", "pu", len(grids)),
        ("line, trafo", "branches", "ohm", len(branches)),
        (
            "trafo.tap_pos, tap2_pos, vn_hv_kv, vn_lv_kv",
            "ratio of the transformer",
            "",
            int(sum(r != 1 for r in ratios.values())),
        ),
        ("line.max_i_ka, trafo.sn_mva", *_rated(branches)),
        ("load", "loads of constant power", "MW", len(net.load)),
        ("switch", "open and closed", "", len(net.switch)),
    ]
    merged = {bus: root for part in parts for bus, root in part[2].items()}
    if shunts:
        _add_shunts(buses, shunts, merged)
        rows.append(
            ("shunt, line.c_nf_per_km, g_us_per_km", "shunts, of lines half at each end", "Mvar, nF, uS", len(shunts))
        )
    if farms:
        rows.append(
            ("sgen", "farms that are available at all times: change their column of the profile", "MW", len(farms))
        )
    rows += [(kind, NOT_USED + "left out as asked for", "", 1) for kind in leave_out]
    levels = [float(value) for value in grids["vm_pu"]]
    feeders = None
    if len(set(levels)) > 1:
        feeders = pd.DataFrame({"root": [part[0].loc[part[0]["type"] == "slack", "bus"].item() for part in parts]})
        feeders["root_pu"] = levels
    known = [(name, merged[bus], kind, mw) for name, bus, kind, mw in farms if bus in merged]
    table = pd.DataFrame(known, columns=["farm", "bus", "kind", "rating_mw"]) if known else None
    return FeederFile(buses, branches, report_of(rows), root_pu=levels[0], feeders=feeders, farms=table)


def _rated(branches: pd.DataFrame) -> tuple[str, str, int]:
    if "rating_mva" in branches and branches["rating_mva"].notna().all():
        return "ratings", "MVA", len(branches)
    return NOT_USED + "some lines have none, so lines are not limited", "", 0


def _add_shunts(buses: pd.DataFrame, shunts: dict[int, complex], merged: dict[int, int]) -> None:
    drawn = dict.fromkeys(buses["bus"].tolist(), 0j)
    for bus, power in shunts.items():
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


def _to_nominal(net) -> dict[int, float]:
    """Set all transformers to nominal; returns the ratio of each, high over low voltage side, by its index.

    Impedances are those of the low voltage side's rated voltage, as pandapower takes them.
    """
    ratios = {}
    for row in net.trafo.index[net.trafo["in_service"].astype(bool)]:
        trafo = net.trafo.loc[row]
        high, low = float(trafo["vn_hv_kv"]), float(trafo["vn_lv_kv"])
        for tap in ("tap", "tap2"):
            factor = _tap_factor(trafo, tap)
            if trafo.get(f"{tap}_side", "hv") == "lv":
                low *= factor
            else:
                high *= factor
        high_kv, low_kv = (float(net.bus.at[trafo[side], "vn_kv"]) for side in ("hv_bus", "lv_bus"))
        ratios[int(row)] = (high / high_kv) / (low / low_kv)
        # Impedances in per unit of the low side: what the tapped rated voltage makes of them is kept by vk and vkr.
        scale = (low / low_kv) ** 2
        net.trafo.loc[row, ["vk_percent", "vkr_percent"]] = [trafo["vk_percent"] * scale, trafo["vkr_percent"] * scale]
        net.trafo.loc[row, ["vn_hv_kv", "vn_lv_kv"]] = [high_kv, low_kv]
        for tap in ("tap", "tap2"):
            if f"{tap}_pos" in net.trafo:
                net.trafo[f"{tap}_pos"] = net.trafo[f"{tap}_pos"].astype(float)
                net.trafo.loc[row, f"{tap}_pos"] = trafo.get(f"{tap}_neutral", np.nan)
    return ratios


def _tap_factor(trafo, tap: str) -> float:
    """Factor on the rated voltage of the side of a tap changer; an ideal phase shifter or none at all has 1."""
    if f"{tap}_pos" not in trafo or trafo.get(f"{tap}_changer_type", "Ratio") in (None, "None", "Ideal"):
        return 1.0
    step, position, neutral = (trafo.get(f"{tap}_{name}", np.nan) for name in ("step_percent", "pos", "neutral"))
    angle = trafo.get(f"{tap}_step_degree", 0.0)
    moved = (position - neutral) * step / 100.0
    if np.isnan(moved) or moved == 0:
        return 1.0
    if angle and not np.isnan(angle):
        raise InputError(
            f"pandapower network: trafo {trafo.name}: {tap}_step_degree = {angle:g}; must be 0, a ratio without shift"
        )
    return 1.0 + moved


def _one(net, grid_row, leave_out, ratios) -> tuple[pd.DataFrame, pd.DataFrame, dict[int, int]]:
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
    after = int(net.line.index.max()) + 1 if len(net.line) else 0
    ratio = ratios_from_root(arrays, {after + row: value for row, value in ratios.items()})
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
    branches = pd.DataFrame(
        {
            "branch": arrays["branch"],
            "from_bus": arrays["from_bus"],
            "to_bus": arrays["to_bus"],
            "r_ohm": arrays["r_ohm"] * scale,
            "x_ohm": arrays["x_ohm"] * scale,
            "status": 1,
        }
    )
    rating = _ratings_mva(net, after)
    if len(branches) and all(np.isfinite(rating.get(number, np.nan)) for number in arrays["branch"]):
        branches["rating_mva"] = [rating[number] for number in arrays["branch"]]
    return buses, branches, merged_buses(part, part.bus.index[part.bus["in_service"].astype(bool)])


def _ratings_mva(net, after: int) -> dict[int, float]:
    """Rating of every line and transformer by the number of its branch [MVA]; nan where it has none."""
    rating = {}
    for row in net.line.index:
        line = net.line.loc[row]
        amps = line.get("max_i_ka", np.nan) * line.get("df", 1.0) * line.get("parallel", 1)
        rating[int(row)] = float(np.sqrt(3) * net.bus.at[line["from_bus"], "vn_kv"] * amps)
    for row in net.trafo.index:
        rating[after + int(row)] = float(net.trafo.at[row, "sn_mva"] * net.trafo.at[row, "parallel"])
    return {number: value if value > 0 else np.nan for number, value in rating.items()}


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
