"""A pandapower network as a radial feeder: units converted, switches respected, other elements refused by name."""

from __future__ import annotations

import numpy as np
import pandas as pd

from evlib.errors import InputError
from evlib.grid.feeder import Feeder, feeder_from_arrays
from evlib.inputs.reading.pandapower_values import WHERE, number, tap_factor

__all__ = [
    "LEAVE_OUT",
    "SWITCH_R_OVER_X",
    "V_PU",
    "feeder_arrays",
    "first_numbers",
    "from_pandapower",
    "how_without",
    "merged_buses",
]

BASE_MVA = 1.0
LEAVE_OUT = ("shunts", "generators")
# Elements that a feeder of loads, lines and transformers does not have.
GENERATORS = ("sgen", "gen", "storage", "asymmetric_sgen")
SHUNTS = ("shunt", "ward", "xward", "svc")
# Shares of a load that follow the voltage.
VOLTAGE_SHARES = ("const_z_percent", "const_i_percent")
VOLTAGE_SHARES += tuple(f"const_{part}_{power}_percent" for part in "zi" for power in "pq")
# Elements that a feeder is made of, and tables with a column in_service that carry no power.
KNOWN = ("bus", "load", "line", "trafo", "ext_grid", "switch", "controller")
# Voltage limits of buses without any [pu].
V_PU = {"min_vm_pu": 0.9, "max_vm_pu": 1.1}
# pandapower's default of the resistance of a closed switch over its reactance.
SWITCH_R_OVER_X = 2.0


def feeder_arrays(net, leave_out=()) -> dict:
    """Arguments of :func:`evlib.grid.feeder.feeder_from_arrays` for a pandapower network."""
    unknown = set(leave_out) - set(LEAVE_OUT)
    if unknown:
        raise InputError(
            f"{WHERE}: leave_out {sorted(unknown)[0]!r} is unknown; may be left out: {', '.join(LEAVE_OUT)}"
        )
    _refuse(net, leave_out)
    kept = net.bus.index[net.bus["in_service"].astype(bool)]
    merged = merged_buses(net, kept)
    buses = sorted(set(merged.values()))
    kv = {bus: float(net.bus.at[bus, "vn_kv"]) for bus in buses}
    load_kw, load_kvar = dict.fromkeys(buses, 0.0), dict.fromkeys(buses, 0.0)
    for row in _used(net, "load").itertuples():
        _constant_power(row)
        if row.bus not in merged:
            raise InputError(
                f"{WHERE}: load {row.Index}: at bus {row.bus}, which is out of service or does not exist; "
                "set in_service of the load to False to go without it, or connect it elsewhere"
            )
        load_kw[merged[row.bus]] += 1000.0 * row.p_mw * row.scaling
        load_kvar[merged[row.bus]] += 1000.0 * row.q_mvar * row.scaling
    root_bus, root_pu = _root(net, merged)
    branches = [*_lines(net, merged, leave_out), *_trafos(net, merged, leave_out), *_switch_branches(net, merged)]
    levels = [kv[bus] for bus in buses if load_kw[bus]] or list(kv.values())
    base_kv = max(set(levels), key=levels.count)
    z_base_ohm = base_kv**2 / BASE_MVA
    number, begin, end, r_pu, x_pu = (list(column) for column in zip(*branches, strict=True)) if branches else [[]] * 5
    limits = {
        name: [_limit(net, bus, column) for bus in buses]
        for name, column in (("v_min_pu", "min_vm_pu"), ("v_max_pu", "max_vm_pu"))
    }
    return {
        "bus": buses,
        "p_kw": [load_kw[bus] for bus in buses],
        "q_kvar": [load_kvar[bus] for bus in buses],
        "branch": number,
        "from_bus": begin,
        "to_bus": end,
        "r_ohm": np.array(r_pu) * z_base_ohm,
        "x_ohm": np.array(x_pu) * z_base_ohm,
        "base_kv": base_kv,
        "root_bus": root_bus,
        "root_pu": root_pu,
        "buses_name": WHERE,
        "branches_name": WHERE,
    } | limits


def _used(net, table: str):
    """Rows in service."""
    rows = net[table] if table in net else None
    return rows.iloc[:0] if rows is None else rows[rows["in_service"].astype(bool)]


def how_without(kind: str) -> str:
    """How to go without elements of a kind, for messages."""
    return f"go without by --leave-out {kind} (in Python leave_out=({kind!r},))"


def _refuse(net, leave_out) -> None:
    for kind, tables in (("generators", GENERATORS), ("shunts", SHUNTS)):
        read = f"from_pandapower reads no {kind}, read_pandapower does"
        for table in tables:
            if kind not in leave_out and len(_used(net, table)):
                why = read if table == tables[0] else f"of {kind} only {tables[0]} is read"
                raise InputError(f"{WHERE}: {table} {_used(net, table).index[0]}: {why}: {how_without(kind)}")
    for table, rows in net.items():
        if table.startswith(("_", "res_")) or table in (*KNOWN, *GENERATORS, *SHUNTS):
            continue
        if isinstance(rows, pd.DataFrame) and "in_service" in rows and len(_used(net, table)):
            raise InputError(
                f"{WHERE}: {table} {_used(net, table).index[0]}: the feeder has loads, lines and two-winding transformers "
                "only; set its in_service to False, or replace it"
            )


def _constant_power(row) -> None:
    for name in VOLTAGE_SHARES:
        share = getattr(row, name, 0.0)
        if share and not np.isnan(share):
            raise InputError(
                f"{WHERE}: load {row.Index}: {name} = {share:g}; loads must be of constant power: set it to 0"
            )


def merged_buses(net, kept) -> dict[int, int]:
    """The bus that represents each bus in service; buses joined by a closed switch without impedance share one."""
    stands = {int(bus): int(bus) for bus in kept}

    def find(bus):
        while stands[bus] != bus:
            bus = stands[bus]
        return bus

    for row in _switches(net, "b").itertuples():
        if row.closed and row.bus in stands and row.element in stands and not _switch_ohm(row):
            first, second = sorted((find(int(row.bus)), find(int(row.element))))
            stands[second] = first
    return {bus: find(bus) for bus in stands}


def _switch_ohm(row) -> float:
    """Impedance of a closed switch between two buses [ohm]; as in pandapower, only a positive one counts."""
    return max(number(getattr(row, "z_ohm", 0.0), 0.0), 0.0)


def _switch_branches(net, merged):
    """Number, ends and impedance [pu] of each closed switch that has an impedance, numbered after the transformers."""
    after = first_numbers(net)["switch"]
    for row in _switches(net, "b").itertuples():
        ohm = _switch_ohm(row)
        if row.closed and ohm and {row.bus, row.element} <= merged.keys():
            begin, end = merged[row.bus], merged[row.element]
            per_unit = ohm / float(net.bus.at[begin, "vn_kv"]) ** 2 * BASE_MVA / np.hypot(SWITCH_R_OVER_X, 1.0)
            yield after + int(row.Index), begin, end, SWITCH_R_OVER_X * per_unit, per_unit


def first_numbers(net) -> dict[str, int]:
    """What is added to the index of each kind of branch to give its number."""
    after_lines = int(net.line.index.max()) + 1 if len(net.line) else 0
    after_trafos = after_lines + (int(net.trafo.index.max()) + 1 if len(net.trafo) else 0)
    return {"line": 0, "trafo": after_lines, "switch": after_trafos}


def _switches(net, element_type: str):
    return net.switch[net.switch["et"] == element_type]


def _open_elements(net, element_type: str) -> set:
    rows = _switches(net, element_type)
    return set(rows.loc[~rows["closed"].astype(bool), "element"])


def _lines(net, merged, leave_out):
    """Number, ends and impedance [pu] of each closed line."""
    opened = _open_elements(net, "l")
    for row in _used(net, "line").itertuples():
        if row.Index in opened or not {row.from_bus, row.to_bus} <= merged.keys():
            continue
        begin, end = merged[row.from_bus], merged[row.to_bus]
        from_kv, to_kv = (float(net.bus.at[bus, "vn_kv"]) for bus in (begin, end))
        if from_kv != to_kv:
            raise InputError(
                f"{WHERE}: line {row.Index}: from {from_kv:g} to {to_kv:g} kV; a line keeps its voltage level"
            )
        if "shunts" not in leave_out and (row.c_nf_per_km or row.g_us_per_km):
            raise InputError(
                f"{WHERE}: line {row.Index}: c_nf_per_km = {row.c_nf_per_km:g}, g_us_per_km = {row.g_us_per_km:g}; "
                f"from_pandapower reads no shunts, read_pandapower does: {how_without('shunts')}"
            )
        per_unit = row.length_km / row.parallel / (from_kv**2 / BASE_MVA)
        yield int(row.Index), begin, end, row.r_ohm_per_km * per_unit, row.x_ohm_per_km * per_unit


def _trafos(net, merged, leave_out):
    """Number, ends and impedance [pu] of each transformer at its nominal ratio, numbered after the lines."""
    opened, after = _open_elements(net, "t"), first_numbers(net)["trafo"]
    for row in _used(net, "trafo").itertuples():
        if row.Index in opened or not {row.hv_bus, row.lv_bus} <= merged.keys():
            continue
        begin, end = merged[row.hv_bus], merged[row.lv_bus]
        ratio = (row.vn_hv_kv / net.bus.at[begin, "vn_kv"]) / (row.vn_lv_kv / net.bus.at[end, "vn_kv"])
        if abs(ratio - 1) > 1e-9:
            raise InputError(
                f"{WHERE}: trafo {row.Index}: ratio {ratio:g} of nominal; the feeder's model has transformers at their "
                "nominal ratio only: set vn_hv_kv and vn_lv_kv to those of the buses"
            )
        for tap in ("tap", "tap2"):
            moved = 100 * (tap_factor(row._asdict(), tap, row.Index) - 1)
            if abs(moved) > 1e-9:
                raise InputError(
                    f"{WHERE}: trafo {row.Index}: {tap}_pos is {moved:g} % off; from_pandapower has transformers at their "
                    f"nominal ratio only, read_pandapower reads others: set {tap}_pos to {tap}_neutral"
                )
        if "shunts" not in leave_out and (row.pfe_kw or row.i0_percent):
            raise InputError(
                f"{WHERE}: trafo {row.Index}: pfe_kw = {row.pfe_kw:g}, i0_percent = {row.i0_percent:g}; from_pandapower reads "
                f"no shunts, read_pandapower does: {how_without('shunts')}"
            )
        if not row.vk_percent >= row.vkr_percent:
            raise InputError(
                f"{WHERE}: trafo {row.Index}: vk_percent = {row.vk_percent:g}, vkr_percent = {row.vkr_percent:g}; "
                "vk_percent must be at least vkr_percent"
            )
        scale = BASE_MVA / row.sn_mva / row.parallel * (row.vn_lv_kv / net.bus.at[end, "vn_kv"]) ** 2 / 100
        r_pu, z_pu = row.vkr_percent * scale, row.vk_percent * scale
        yield after + int(row.Index), begin, end, r_pu, float(np.sqrt(z_pu**2 - r_pu**2))


def _root(net, merged) -> tuple[int, float]:
    """The bus of the one external grid, and the voltage that it holds there [pu]."""
    grids = _used(net, "ext_grid")
    if len(grids) != 1:
        listed = f"buses {', '.join(map(str, grids['bus']))}" if len(grids) else "none"
        raise InputError(f"{WHERE}: ext_grid: {len(grids)} in service ({listed}); a feeder hangs on exactly one")
    bus = int(grids["bus"].iloc[0])
    if bus not in merged:
        raise InputError(f"{WHERE}: ext_grid at bus {bus}, which is out of service")
    root_pu = float(grids["vm_pu"].iloc[0])
    if not root_pu > 0:
        raise InputError(f"{WHERE}: ext_grid {grids.index[0]}: vm_pu = {root_pu:g}; must be positive, about 1")
    return merged[bus], root_pu


def _limit(net, bus: int, column: str) -> float:
    return number(net.bus.at[bus, column] if column in net.bus else None, V_PU[column])


def from_pandapower(net, *, leave_out=(), load_scale: float = 1.0, impedance_divisor: float = 1.0) -> Feeder:
    """A radial pandapower network as a feeder; MATPOWER cases can be converted by pandapower first.

    Parameters
    ----------
    net : pandapowerNet
        Loads of constant power, lines and two-winding transformers at nominal ratio, fed from one external grid.
        Elements out of service or behind an open switch are left out; buses joined by a closed switch become one, which
        keeps the lowest number, unless the switch has an impedance. Transformers are numbered after the lines, such
        switches after the transformers.
    leave_out : collection of {"shunts", "generators"}
        Elements to ignore if the network has them: capacitances, iron losses and shunts; static and other generators.
        Without their name here they are refused.
    load_scale, impedance_divisor : float
        As in :func:`evlib.inputs.feeder_files.read_feeder`.

    Returns
    -------
    Feeder
        Impedances are referred to the voltage level of most loads. The root's voltage is ``vm_pu`` of the external grid;
        power flow takes it, and so does a grid problem whose options name no other. Voltage limits are the network's, or
        else 0.9 and 1.1 pu.

    Raises
    ------
    InputError
        An element that the feeder's model does not have, none or several external grids, or anything that
        :func:`feeder_from_arrays` refuses: a loop, buses cut off, wrong impedances, implausible loads.
    """
    arrays = feeder_arrays(net, leave_out)
    return feeder_from_arrays(**arrays, load_scale=load_scale, impedance_divisor=impedance_divisor)
