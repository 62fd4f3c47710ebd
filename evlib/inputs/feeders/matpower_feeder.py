"""A MATPOWER case as a feeder: tables by matpowercaseframes, and the conversions that the file's statements make."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from evlib.errors import InputError
from evlib.inputs.feeders.feeder_file import FeederFile, check_feeders
from evlib.inputs.feeders.matpower_statements import carry_out, fields_of, number_of, numbers_of
from evlib.inputs.feeders.pandapower_net import ratios_from_root
from evlib.inputs.feeders.parallel_branches import merge_parallel
from evlib.inputs.reading.column_report import NOT_USED, report_of
from evlib.inputs.reading.tables import read_text

__all__ = ["read_matpower"]

# Voltage limits where those of a bus are equal, which makes them a set point and no limits [pu].
LOW_PU, HIGH_PU = 0.9, 1.1
_BUS = {
    "BUS_I": ("bus", ""),
    "BUS_TYPE": ("3 is a root; 1, and 2 without a generator, are not", ""),
    "PD": ("active load", "MW"),
    "QD": ("reactive load", "Mvar"),
    "GS": ("shunt: drawn at 1 pu", "MW"),
    "BS": ("shunt: fed in at 1 pu", "Mvar"),
    "BASE_KV": ("nominal voltage", "kV"),
    "VMAX": ("upper voltage limit", "pu"),
    "VMIN": ("lower voltage limit", "pu"),
}
_BRANCH = {
    "F_BUS": ("from", ""),
    "T_BUS": ("to", ""),
    "BR_R": ("resistance", "pu"),
    "BR_X": ("reactance", "pu"),
    "BR_B": ("charging, half at each end", "pu"),
    "TAP": ("ratio at the from end; 0 is 1", ""),
    "SHIFT": ("phase shift; no matter in a tree", "degree"),
    "BR_STATUS": ("1 closed, 0 open", ""),
}


def read_matpower(path: str | Path) -> FeederFile:
    """Read a MATPOWER case of one or more radial feeders.

    Parameters
    ----------
    path : str or Path
        ``*.m``. Statements after the tables that convert ohm to per unit, kW to MW, or kVA at a power factor to MW and
        Mvar are carried out; other statements are refused.

    Returns
    -------
    FeederFile
        One feeder for every bus of type 3. Impedances are in ohm at the voltage of the buses that carry the most loads,
        whatever the level of the branch. Generators at buses of type 1, and loads below 0, are farms; parallel branches are
        merged; isolated buses (type 4) are left out with what hangs on them.

    Raises
    ------
    InputError
        matpowercaseframes is not installed; a statement that is not recognised; a generator in service that holds a voltage
        elsewhere than at a root or has reactive power; what :func:`evlib.inputs.feeders.feeder_file.check_feeders` refuses.

    References
    ----------
    Zimmerman, Murillo-Sanchez and Thomas (2011), MATPOWER, IEEE Trans. Power Syst. 26(1):12-19.
    """
    path = Path(path)
    text = read_text(path)
    try:
        from matpowercaseframes import CaseFrames
    except ImportError:
        raise InputError(
            f"{path}: MATPOWER cases are read by matpowercaseframes; install it: pip install matpowercaseframes"
        ) from None
    try:
        case = CaseFrames(str(path))
        bus, branch, gen = (numbers_of(path, name, getattr(case, name)) for name in ("bus", "branch", "gen"))
        base_mva = number_of(path, "baseMVA", case.baseMVA)
    except (AttributeError, ValueError, TypeError, IndexError) as error:
        raise InputError(f"{path}: not readable as a MATPOWER case: {error}") from None
    fields = fields_of(text)
    if "dcline" in fields:
        raise InputError(
            f"{path}: mpc.dcline: a feeder has branches only; remove it, or make each end a load or generator"
        )
    _refuse(path, bus, branch, gen)
    done = carry_out(path, text, bus, branch, base_mva)
    isolated = set(bus.loc[bus["BUS_TYPE"] == 4, "BUS_I"])
    off = gen["GEN_STATUS"] <= 0
    rows = [("statement", what, "", 1) for what in done]
    rows += [
        ("bus", NOT_USED + "isolated (type 4), with their load and branches", "", len(isolated)),
        ("gen", NOT_USED + "out of service", "", int(off.sum())),
    ]
    bus = bus[~bus["BUS_I"].isin(isolated)].reset_index(drop=True)
    branch["ROW"] = np.arange(1, len(branch) + 1)
    branch = branch[~branch[["F_BUS", "T_BUS"]].isin(isolated).any(axis=1)].reset_index(drop=True)
    gen = gen[~off & ~gen["GEN_BUS"].isin(isolated)].reset_index(drop=True)
    roots = bus["BUS_TYPE"] == 3
    root_pu, held = _root_voltages(path, bus[roots], gen)
    farms, of_farms = _farms(path, bus, gen)
    loaded = bus.loc[bus["PD"] > 0, "BASE_KV"] if (bus["PD"] > 0).any() else bus["BASE_KV"]
    base_kv = float(loaded.mode().iloc[0])
    z_base_ohm = base_kv**2 / base_mva
    fixed = ~roots & (bus["VMIN"] == bus["VMAX"])
    buses = pd.DataFrame(
        {
            "bus": bus["BUS_I"].astype(int),
            "base_kv": base_kv,
            "p_kw": 1000 * bus["PD"].clip(lower=0.0),  # what is below 0 is a farm
            "q_kvar": 1000 * bus["QD"],
            "type": np.where(roots, "slack", "pq"),
            "v_min_pu": bus["VMIN"].mask(fixed, LOW_PU),
            "v_max_pu": bus["VMAX"].mask(fixed, HIGH_PU),
        }
    )
    rated = branch["RATE_A"] != 0
    branches = pd.DataFrame(
        {
            "branch": branch["ROW"],
            "from_bus": branch["F_BUS"].astype(int),
            "to_bus": branch["T_BUS"].astype(int),
            "r_ohm": branch["BR_R"] * z_base_ohm,
            "x_ohm": branch["BR_X"] * z_base_ohm,
            "status": branch["BR_STATUS"].astype(int),
        }
    )
    if rated.any():
        branches["rating_mva"] = branch["RATE_A"].where(rated)
    _ratios_and_shunts(buses, branches, bus, branch, base_mva)
    tap = np.where(branch["TAP"] == 0, 1.0, branch["TAP"])
    branches, n_parallel = merge_parallel(branches, tap, str(path), lambda row: f"row {row} of mpc.branch")
    rows = [
        *(
            (f"bus.{name}", *_BUS.get(name, (NOT_USED + "areas and angles", "")), len(bus))
            for name in bus
            if name != "VM"
        ),
        ("bus.VM", "voltage of roots without a generator in service", "pu", int((~held).sum())),
        (
            "bus.VM",
            NOT_USED + "at roots VG is the voltage, elsewhere none is held",
            "pu",
            len(bus) - int((~held).sum()),
        ),
        (
            "bus.VMAX, VMIN",
            f"equal, a set point and no limits: {LOW_PU:g} and {HIGH_PU:g} by default",
            "pu",
            int(fixed.sum()),
        ),
        *(
            (f"branch.{name}", *_BRANCH.get(name, (NOT_USED + "other ratings and angles", "")), len(branch))
            for name in branch
            if name not in ("RATE_A", "ROW")
        ),
        ("branch.RATE_A", "rating", "MVA", int(rated.sum())),
        ("branch.RATE_A", "0: not limited", "MVA", int((~rated).sum())),
        ("branch", "merged with others that join the same buses", "", n_parallel),
        ("gen.VG", "voltage of the root", "pu", int(gen["GEN_BUS"].isin(bus.loc[roots, "BUS_I"]).sum())),
        (
            "gen (other)",
            NOT_USED + "at a root the grid above feeds in",
            "",
            int(gen["GEN_BUS"].isin(bus.loc[roots, "BUS_I"]).sum()),
        ),
        *of_farms,
        *((f"mpc.{name}", NOT_USED + "no part of a feeder", "", 1) for name in fields if name not in _FIELDS),
        *rows,
    ]
    feeders = None
    if len(set(root_pu)) > 1:
        feeders = pd.DataFrame({"root": bus.loc[roots, "BUS_I"].astype(int).tolist(), "root_pu": root_pu})
    report = report_of(row for row in rows if row[-1])
    read = FeederFile(buses, branches, report, root_pu=root_pu[0], feeders=feeders, farms=farms)
    return check_feeders(read, str(path), branch=lambda row: f"row {row} of mpc.branch", keys=_KEYS)


def _root_voltages(path: Path, roots: pd.DataFrame, gen: pd.DataFrame) -> tuple[list[float], np.ndarray]:
    """Voltage of each root [pu], and whether a generator holds it."""
    voltages, held = [], []
    for root, own in zip(roots["BUS_I"], roots["VM"], strict=True):
        stated = gen.loc[gen["GEN_BUS"] == root, "VG"].unique()
        if len(stated) > 1:
            raise InputError(
                f"{path}: generators at bus {root:g}: VG = {stated[0]:g} and {stated[1]:g}; a root has one voltage"
            )
        held.append(len(stated) > 0)
        voltages.append(float(stated[0] if len(stated) else own))
    return voltages, np.array(held)


def _farms(path: Path, bus: pd.DataFrame, gen: pd.DataFrame) -> tuple[pd.DataFrame | None, list[tuple]]:
    """Generators elsewhere than at roots, and loads below 0, as farms; and what the report says of them."""
    kind, rows, n_idle = dict(zip(bus["BUS_I"], bus["BUS_TYPE"], strict=True)), [], 0
    for row in gen[gen["GEN_BUS"].map(kind) != 3].itertuples():
        where = f"{path}: row {row.Index + 1} of the generators in service, at bus {row.GEN_BUS:g}"
        if kind[row.GEN_BUS] == 2:
            raise InputError(
                f"{where} of type 2: VG = {row.VG:g}; only roots (type 3) hold a voltage: make the bus type 1, or set "
                "GEN_STATUS to 0"
            )
        if row.QG:
            raise InputError(f"{where}: QG = {row.QG:g}; a farm keeps grid.farm_power_factor: set it to 0")
        if row.PG < 0:
            raise InputError(f"{where}: PG = {row.PG:g}; must not be negative: make it a load (PD)")
        if row.PG:
            rows.append((f"gen_{row.GEN_BUS:g}_{row.Index + 1}", int(row.GEN_BUS), "other", float(row.PG)))
        n_idle += not row.PG
    n_gen, negative = len(rows), bus[bus["PD"] < 0]
    rows += [(f"load_{one.BUS_I:g}", int(one.BUS_I), "other", -float(one.PD)) for one in negative.itertuples()]
    said = [
        ("gen.PG", "farms that are available at all times: change their column of the profile", "MW", n_gen),
        ("gen.PG", NOT_USED + "0 at buses that are no root", "MW", n_idle),
        ("bus.PD", "below 0: farms that are available at all times; QD stays a load", "MW", len(negative)),
    ]
    return pd.DataFrame(rows, columns=["farm", "bus", "kind", "rating_mw"]) if rows else None, said


def _ratios_and_shunts(
    buses: pd.DataFrame, branches: pd.DataFrame, bus: pd.DataFrame, branch: pd.DataFrame, base_mva
) -> None:
    """Add columns ``ratio``, ``shunt_kw`` and ``shunt_kvar`` where the case has any; scale limits and impedances by ratios.

    MATPOWER's branch is an ideal transformer at its from end, then its impedance between two halves of its charging.
    """
    tap = np.where(branch["TAP"] == 0, 1.0, branch["TAP"])
    closed = (branch["BR_STATUS"] == 1).to_numpy()
    shunt = pd.Series(bus["GS"].to_numpy() - 1j * bus["BS"].to_numpy(), index=buses["bus"])
    half = -0.5j * base_mva * branch["BR_B"].to_numpy()
    for ends, at_end in ((branches["from_bus"], half / tap**2), (branches["to_bus"], half)):
        for end, drawn in zip(ends[closed], at_end[closed], strict=True):
            shunt[end] += drawn
    if (shunt != 0).any():
        buses["shunt_kw"], buses["shunt_kvar"] = 1000 * np.real(shunt.to_numpy()), 1000 * np.imag(shunt.to_numpy())
    if (tap[closed] != 1).any():
        ends = branches[closed]
        by_branch = dict(zip(ends["branch"], tap[closed].tolist(), strict=True))
        ratio = np.ones(len(buses))
        for root in buses.loc[buses["type"] == "slack", "bus"]:
            lists = {"bus": buses["bus"].tolist(), "root_bus": root} | {n: ends[n].tolist() for n in _ENDS}
            ratio *= ratios_from_root(lists, by_branch)
        by_bus = dict(zip(buses["bus"], ratio, strict=True))
        buses["ratio"] = ratio
        buses[["v_min_pu", "v_max_pu"]] = buses[["v_min_pu", "v_max_pu"]].mul(ratio, axis=0)
        scale = np.array([by_bus[end] ** 2 for end in branches["to_bus"]])
        branches[["r_ohm", "x_ohm"]] = branches[["r_ohm", "x_ohm"]].mul(scale, axis=0)


_ENDS = ("branch", "from_bus", "to_bus")
_KEYS = {"p_kw": "PD in kW", "q_kvar": "QD in kvar", "v_min_pu": "VMIN", "v_max_pu": "VMAX", "root_pu": "VG"}
_KEYS |= {"r_ohm": "BR_R in ohm", "x_ohm": "BR_X in ohm"}
_FIELDS = ("version", "baseMVA", "bus", "branch", "gen")
_WHOLE = {"bus": ("BUS_I", "BUS_TYPE"), "branch": ("F_BUS", "T_BUS", "BR_STATUS"), "gen": ("GEN_BUS",)}


def _refuse(path: Path, bus: pd.DataFrame, branch: pd.DataFrame, gen: pd.DataFrame) -> None:
    for table, name in ((bus, "bus"), (branch, "branch"), (gen, "gen")):
        for column in _WHOLE[name]:
            broken = table.loc[table[column] != table[column].round(), column]
            if len(broken):
                raise InputError(f"{path}: {name}.{column} = {broken.iloc[0]:g}; must be a whole number")
    twice = bus.loc[bus["BUS_I"].duplicated(), "BUS_I"]
    if len(twice):
        raise InputError(f"{path}: bus.BUS_I = {twice.iloc[0]:g} is there twice; keep one row")
    for table, name, columns in ((branch, "branch", ("F_BUS", "T_BUS")), (gen, "gen", ("GEN_BUS",))):
        for column in columns:
            lost = table.loc[~table[column].isin(bus["BUS_I"]), column]
            if len(lost):
                raise InputError(
                    f"{path}: {name}.{column} = {lost.iloc[0]:g} is no bus of the case; must be one of bus.BUS_I"
                )
    for table, column, known in ((bus, "bus.BUS_TYPE", (1, 2, 3, 4)), (branch, "branch.BR_STATUS", (0, 1))):
        strange = table.loc[~table[column.split(".")[1]].isin(known), column.split(".")[1]]
        if len(strange):
            raise InputError(f"{path}: {column} = {strange.iloc[0]:g}; must be one of {', '.join(map(str, known))}")
    negative = branch.loc[~(branch["RATE_A"] >= 0), "RATE_A"]
    if len(negative):
        raise InputError(
            f"{path}: branch.RATE_A = {negative.iloc[0]:g}; must not be negative; 0 where a branch is not limited"
        )
    if not (bus["BUS_TYPE"] == 3).any():
        raise InputError(f"{path}: no bus of type 3; the root of a feeder must be of type 3")
