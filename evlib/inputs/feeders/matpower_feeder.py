"""A MATPOWER case as a feeder: tables by matpowercaseframes, and the conversions that the file's statements make."""

from __future__ import annotations

import ast
import math
import re
from pathlib import Path

import numpy as np
import pandas as pd

from evlib.errors import InputError
from evlib.inputs.feeders.feeder_file import FeederFile
from evlib.inputs.feeders.pandapower_net import ratios_from_root
from evlib.inputs.reading.column_report import NOT_USED, report_of
from evlib.inputs.reading.tables import read_text

__all__ = ["read_matpower"]

# Statements that may follow the tables, and what each does; whatever else stands there is refused.
_NAMES = re.compile(r"\[[A-Z_0-9,\s]+\] = idx_(bus|brch)")
_VALUE = re.compile(r"(\w+) = ([0-9.eE+-]+)")
_BASES = {"Vbase = mpc.bus(1, BASE_KV) * 1e3": "base", "Sbase = mpc.baseMVA * 1e6": "base"}
_OHM = "mpc.branch(:, [BR_R BR_X]) = mpc.branch(:, [BR_R BR_X]) / (Vbase^2 / Sbase)"
_KW = "mpc.bus(:, [PD, QD]) = mpc.bus(:, [PD, QD]) / 1e3"
_Q_OF_S = "mpc.bus(:, QD) = mpc.bus(:, PD) * sin(acos(pf))"
_P_OF_S = "mpc.bus(:, PD) = mpc.bus(:, PD) * pf"
_BUS = {
    "BUS_I": ("bus", ""),
    "BUS_TYPE": ("3 is a root; 1, 2 are not", ""),
    "PD": ("active load", "MW"),
    "QD": ("reactive load", "Mvar"),
    "GS": ("shunt: drawn at 1 pu", "MW"),
    "BS": ("shunt: fed in at 1 pu", "Mvar"),
    "VM": ("at a root its voltage; not used elsewhere", "pu"),
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
    "RATE_A": ("rating; 0 is none", "MVA"),
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
        whatever the level of the branch.

    Raises
    ------
    InputError
        matpowercaseframes is not installed; a statement that is not recognised; a generator that is in service elsewhere
        than at a root.

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
        bus, branch, gen = (_numbers(path, name, getattr(case, name)) for name in ("bus", "branch", "gen"))
        base_mva = _number(path, "baseMVA", case.baseMVA)
    except (AttributeError, ValueError, TypeError, IndexError) as error:
        raise InputError(f"{path}: not readable as a MATPOWER case: {error}") from None
    done = _convert(path, text, bus, branch, base_mva)
    _refuse(path, bus, gen)
    roots = bus["BUS_TYPE"] == 3
    loaded = bus.loc[bus["PD"] > 0, "BASE_KV"] if (bus["PD"] > 0).any() else bus["BASE_KV"]
    base_kv = float(loaded.mode().iloc[0])
    z_base_ohm = base_kv**2 / base_mva
    buses = pd.DataFrame(
        {
            "bus": bus["BUS_I"].astype(int),
            "base_kv": base_kv,
            "p_kw": 1000 * bus["PD"],
            "q_kvar": 1000 * bus["QD"],
            "type": np.where(roots, "slack", "pq"),
            "v_min_pu": bus["VMIN"],
            "v_max_pu": bus["VMAX"],
        }
    ).reset_index(drop=True)
    branches = pd.DataFrame(
        {
            "branch": np.arange(1, len(branch) + 1),
            "from_bus": branch["F_BUS"].astype(int),
            "to_bus": branch["T_BUS"].astype(int),
            "r_ohm": branch["BR_R"] * z_base_ohm,
            "x_ohm": branch["BR_X"] * z_base_ohm,
            "status": branch["BR_STATUS"].astype(int),
        }
    ).reset_index(drop=True)
    _ratios_and_shunts(buses, branches, bus, branch, base_mva)
    if (branch["RATE_A"] > 0).all():
        branches["rating_mva"] = branch["RATE_A"].to_numpy()
    rows = [(f"bus.{name}", *_BUS.get(name, (NOT_USED + "areas and angles", "")), len(bus)) for name in bus]
    rows += [
        (f"branch.{name}", *_BRANCH.get(name, (NOT_USED + "other ratings and angles", "")), len(branch))
        for name in branch
    ]
    rows.append(("gen.VG", "voltage at the root", "pu", len(gen)))
    rows.append(("gen (other)", NOT_USED + "the grid above feeds the root", "", len(gen)))
    rows += [("statement", what, "", 1) for what in done]
    held = dict(zip(gen["GEN_BUS"].astype(int), gen["VG"].tolist(), strict=True))
    root_pu = [float(held.get(root, 1.0)) for root in bus.loc[roots, "BUS_I"].astype(int)]
    feeders = None
    if len(set(root_pu)) > 1:
        feeders = pd.DataFrame({"root": bus.loc[roots, "BUS_I"].astype(int).tolist(), "root_pu": root_pu})
    return FeederFile(buses, branches, report_of(rows), root_pu=root_pu[0], feeders=feeders)


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


def _numbers(path: Path, name: str, table: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {column: [_number(path, f"{name}.{column}", cell) for cell in table[column]] for column in table}
    )


def _number(path: Path, where: str, cell) -> float:
    """A number, or an expression of numbers such as ``135/sqrt(3)``."""
    if isinstance(cell, int | float | np.number):
        return float(cell)
    try:
        return float(_value(ast.parse(str(cell).replace("^", "**"), mode="eval").body))
    except (SyntaxError, ValueError, TypeError, ZeroDivisionError):
        raise InputError(f"{path}: {where} = {cell!r}; must be a number or an expression of numbers") from None


def _value(node) -> float:
    operations = {
        ast.Add: "__add__",
        ast.Sub: "__sub__",
        ast.Mult: "__mul__",
        ast.Div: "__truediv__",
        ast.Pow: "__pow__",
    }
    if isinstance(node, ast.Constant):
        return float(node.value)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_value(node.operand)
    if isinstance(node, ast.BinOp) and type(node.op) in operations:
        return getattr(_value(node.left), operations[type(node.op)])(_value(node.right))
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "sqrt" and len(node.args) == 1:
        return math.sqrt(_value(node.args[0]))
    raise ValueError("no expression of numbers")


def _statements(text: str) -> list[str]:
    """Statements of a case file other than its tables and scalars, without comments."""
    text = re.sub(r"%.*", "", text).replace("...\n", " ")
    text = re.sub(r"\bmpc\.\w+\s*=\s*(\[[^\]]*\]|\{[^}]*\}|'[^']*'|[^;\[\{(]*);", "", text)
    found = [re.sub(r"\s+", " ", statement).strip() for statement in re.split(r";|\n", text)]
    return [statement for statement in found if statement and not re.match(r"function\b|end$|return$", statement)]


def _convert(path: Path, text: str, bus: pd.DataFrame, branch: pd.DataFrame, base_mva: float) -> list[str]:
    """Carry out the statements after the tables, in their order; returns what they did."""
    done, known = [], {}
    for statement in _statements(text):
        value = _VALUE.fullmatch(statement)
        if value:
            known[value.group(1)] = float(value.group(2))
        elif statement == _OHM:
            branch[["BR_R", "BR_X"]] /= bus["BASE_KV"].iloc[0] ** 2 / base_mva
            done.append("branch impedances from ohm to pu")
        elif statement == _KW:
            bus[["PD", "QD"]] /= 1000
            done.append("loads from kW to MW")
        elif statement in (_Q_OF_S, _P_OF_S) and "pf" in known:
            if statement == _Q_OF_S:
                bus["QD"] = bus["PD"] * math.sin(math.acos(known["pf"]))
            else:
                bus["PD"] *= known["pf"]
            done.append(f"loads from MVA by the power factor {known['pf']:g}: {'QD' if statement == _Q_OF_S else 'PD'}")
        elif statement not in _BASES and not _NAMES.fullmatch(statement):
            raise InputError(
                f"{path}: statement {statement!r} is not recognised; must be one of MATPOWER's conversions of ohm, kW or kVA: "
                "carry it out in MATPOWER and save the case"
            )
    return done


def _refuse(path: Path, bus: pd.DataFrame, gen: pd.DataFrame) -> None:
    roots = set(bus.loc[bus["BUS_TYPE"] == 3, "BUS_I"])
    if not roots:
        raise InputError(f"{path}: no bus of type 3; the root of a feeder must be of type 3")
    inside = gen[~gen["GEN_BUS"].isin(roots) & (gen["PG"] != 0)]
    if len(inside):
        row = inside.iloc[0]
        raise InputError(
            f"{path}: generator at bus {row['GEN_BUS']:g}: PG = {row['PG']:g}; generation is a farm of the case"
        )
