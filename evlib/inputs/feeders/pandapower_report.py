"""What became of every element of a pandapower network, as rows of the table that a reader prints."""

from __future__ import annotations

import re

import pandas as pd

from evlib.inputs.feeders.pandapower_trafos import TakenTrafos
from evlib.inputs.pandapower_feeder import GENERATORS, SHUNTS, V_PU
from evlib.inputs.reading.column_report import NOT_USED

__all__ = ["report_rows"]

Row = tuple[str, str, str, int]
# Columns that are read, by table; all others that hold anything are listed as not used.
_READ = {
    "bus": "vn_kv|in_service|min_vm_pu|max_vm_pu",
    "ext_grid": "bus|vm_pu|in_service",
    "load": "bus|p_mw|q_mvar|scaling|in_service|const_[zi]_.*percent",
    "sgen": "bus|p_mw|q_mvar|scaling|in_service|name|type",
    "shunt": "bus|p_mw|q_mvar|vn_kv|step|step_dependency_table|in_service",
    "line": "from_bus|to_bus|length_km|[rx]_ohm_per_km|c_nf_per_km|g_us_per_km|max_i_ka|df|parallel|in_service",
    "trafo": "[hl]v_bus|sn_mva|vn_[hl]v_kv|vkr?_percent|pfe_kw|i0_percent|shift_degree|parallel|df|in_service|"
    "leakage_.*_ratio_hv|tap2?_(side|neutral|step_percent|step_degree|pos|changer_type|dependency_table|phase_shifter)",
    "switch": "bus|element|et|closed|z_ohm",
}


def report_rows(
    net,
    leave_out,
    merged: dict[int, int],
    names: list[str],
    branches: pd.DataFrame,
    trafos: TakenTrafos,
    n_parallel: int,
) -> list[Row]:
    """Rows ``column``, ``meaning``, ``unit``, ``rows`` of a report.

    Parameters
    ----------
    net : pandapowerNet
        As it was read.
    leave_out : sequence of str
        Kinds of elements to go without.
    merged : dict of int -> int
        Bus that stands for each bus that is fed.
    names : list of str
        Of all branches, such as "line 3".
    branches : DataFrame
    trafos : TakenTrafos
    n_parallel : int
        Branches that were merged into others.

    Returns
    -------
    list of (column, meaning, unit, rows)
        Rows that count nothing are left out.
    """
    kinds = [name.split()[0] for name in names]
    tapped = sum(abs(ratio - 1) > 1e-9 for ratio in trafos.ratio.values())
    n_branches, n_all = len(names) - kinds.count("switch") + n_parallel, len(net.line) + len(net.trafo)
    rated = int(branches["rating_mva"].notna().sum()) if "rating_mva" in branches else 0
    standing = sorted(set(merged.values()))
    rows = [
        ("bus", "buses", "kV", len(standing)),
        ("bus", "joined with others by closed switches", "", len(merged) - len(standing)),
        ("bus", NOT_USED + "out of service, or no external grid feeds it", "", len(net.bus) - len(merged)),
        *_limits(net, standing),
        ("ext_grid", "roots and their voltage", "pu", int(net.ext_grid["in_service"].sum())),
        ("line", "branches", "ohm", kinds.count("line")),
        ("trafo", "branches", "ohm", kinds.count("trafo")),
        ("switch.z_ohm", "branches, of twice as much resistance as reactance", "ohm", kinds.count("switch")),
        ("line, trafo", "merged with others that join the same buses", "", n_parallel),
        ("line, trafo", NOT_USED + "out of service, open at an end, or not fed", "", n_all - n_branches),
        ("trafo.tap_pos, tap2_pos, vn_hv_kv, vn_lv_kv", "ratio of the transformer", "", tapped),
        (
            "trafo.tap_pos, tap2_pos",
            NOT_USED + "changers of no type Ratio or Symmetrical, or of no side, as in pandapower",
            "",
            len(trafos.ignored_taps),
        ),
        (
            "trafo.shift_degree",
            NOT_USED + "no matter in a tree",
            "",
            int((net.trafo["shift_degree"] != 0).sum()),
        ),
        ("line.max_i_ka, trafo.sn_mva", "ratings", "MVA", rated),
        ("line.max_i_ka, switch", "no rating: not limited", "", len(branches) - rated),
        *_loads(net, merged),
        *_generators(net, merged, leave_out),
        *_shunts(net, merged, leave_out, trafos),
        ("switch", "open and closed", "", len(net.switch)),
    ]
    controls = net.controller["in_service"].sum() if "controller" in net and len(net.controller) else 0
    rows.append(
        ("controller", NOT_USED + "taps stay at tap_pos, as in pandapower without run_control", "", int(controls))
    )
    return [row for row in rows if row[-1]] + _other_columns(net)


def _limits(net, standing: list[int]) -> list[Row]:
    rows = []
    for column, what in (("min_vm_pu", "lower voltage limit"), ("max_vm_pu", "upper voltage limit")):
        stated = int(net.bus.loc[standing, column].notna().sum()) if column in net.bus else 0
        rows.append((f"bus.{column}", what, "pu", stated))
        rows.append((f"bus.{column}", f"missing: {V_PU[column]:g} by default", "pu", len(standing) - stated))
    return rows


def _fed(net, table: str, merged: dict[int, int]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows in service at buses that are fed, and at others."""
    rows = net[table][net[table]["in_service"].astype(bool)]
    at = rows["bus"].isin(merged.keys())
    return rows[at], rows[~at]


def _loads(net, merged: dict[int, int]) -> list[Row]:
    fed, lost = _fed(net, "load", merged)
    negative = int((fed["p_mw"] * fed["scaling"] < 0).sum())
    mw = float((lost["p_mw"] * lost["scaling"]).sum())
    at = ", ".join(map(str, lost["bus"].iloc[:3])) + (", ..." if len(lost) > 3 else "")
    return [
        ("load", "loads of constant power", "MW", len(fed) - negative),
        ("load", "p_mw below 0: farms that are available at all times; q_mvar stays a load", "MW", negative),
        ("load", NOT_USED + f"{mw:g} MW at buses that no external grid feeds, as in pandapower: {at}", "MW", len(lost)),
    ]


def _generators(net, merged: dict[int, int], leave_out) -> list[Row]:
    if "generators" in leave_out:
        return [
            (table, NOT_USED + "generators are left out as asked for", "", int(net[table]["in_service"].sum()))
            for table in GENERATORS
            if table in net and len(net[table])
        ]
    fed, lost = _fed(net, "sgen", merged)
    nothing = int((fed["p_mw"] * fed["scaling"] == 0).sum())
    return [
        ("sgen", "farms that are available at all times: change their column of the profile", "MW", len(fed) - nothing),
        ("sgen", NOT_USED + "p_mw times scaling is 0", "MW", nothing),
        ("sgen", NOT_USED + "at buses that no external grid feeds", "MW", len(lost)),
    ]


def _shunts(net, merged: dict[int, int], leave_out, trafos: TakenTrafos) -> list[Row]:
    cables = net.line[
        net.line["in_service"].astype(bool) & ((net.line["c_nf_per_km"] != 0) | (net.line["g_us_per_km"] != 0))
    ]
    iron = net.trafo[
        net.trafo["in_service"].astype(bool) & ((net.trafo["pfe_kw"] != 0) | (net.trafo["i0_percent"] != 0))
    ]
    if "shunts" in leave_out:
        why = NOT_USED + "shunts are left out as asked for"
        elements = [
            (table, why, "", int(net[table]["in_service"].sum()))
            for table in SHUNTS
            if table in net and len(net[table])
        ]
        return [
            *elements,
            ("line.c_nf_per_km, g_us_per_km", why, "", len(cables)),
            ("trafo.pfe_kw, i0_percent", why, "", len(iron)),
        ]
    fed, lost = _fed(net, "shunt", merged)
    return [
        ("shunt", "shunts", "Mvar", len(fed)),
        ("shunt", NOT_USED + "at buses that no external grid feeds", "Mvar", len(lost)),
        ("line.c_nf_per_km, g_us_per_km", "shunts, half at each end", "nF, uS", len(cables)),
        ("trafo.pfe_kw, i0_percent", "shunts at both sides, as in pandapower's T model", "kW, %", trafos.n_iron),
    ]


def _other_columns(net) -> list[Row]:
    rows = []
    for table, read in _READ.items():
        if table not in net or not len(net[table]):
            continue
        held = [
            column
            for column in net[table]
            if not re.fullmatch(read, column) and any(_holds(value) for value in net[table][column])
        ]
        if held:
            rows.append(
                (f"{table}.{', '.join(held)}", NOT_USED + "the feeder has no place for them", "", len(net[table]))
            )
    return rows


def _holds(value) -> bool:
    """Does a cell hold anything? None, nan, empty texts and False do not."""
    if isinstance(value, str) or hasattr(value, "__len__"):
        return len(value) > 0
    return not pd.isna(value) and bool(value)
