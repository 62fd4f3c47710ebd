"""Numbers of a MATPOWER case, and the statements after its tables that convert them."""

from __future__ import annotations

import ast
import math
import re
from pathlib import Path

import numpy as np
import pandas as pd

from evlib.errors import InputError

__all__ = ["carry_out", "fields_of", "number_of", "numbers_of"]

# Statements that may follow the tables, and what each does; whatever else stands there is refused.
_NAMES = re.compile(r"\[[A-Z_0-9,\s]+\] = idx_(bus|brch|gen)")
_ASSIGNED = re.compile(r"(\w+) = (.+)")
_VBASE, _SBASE = "Vbase = mpc.bus(1, BASE_KV) * 1e3", "Sbase = mpc.baseMVA * 1e6"
_OHM = "mpc.branch(:, [BR_R BR_X]) = mpc.branch(:, [BR_R BR_X]) / (Vbase^2 / Sbase)"
_KW = "mpc.bus(:, [PD, QD]) = mpc.bus(:, [PD, QD]) / 1e3"
_Q_OF_S = "mpc.bus(:, QD) = mpc.bus(:, PD) * sin(acos(pf))"
_P_OF_S = "mpc.bus(:, PD) = mpc.bus(:, PD) * pf"


def numbers_of(path: Path, name: str, table: pd.DataFrame) -> pd.DataFrame:
    """A table whose cells are numbers."""
    return pd.DataFrame(
        {column: [number_of(path, f"{name}.{column}", cell) for cell in table[column]] for column in table}
    )


def number_of(path: Path, where: str, cell) -> float:
    """A number, or an expression of numbers such as ``135/sqrt(3)``."""
    if isinstance(cell, int | float | np.number):
        return float(cell)
    value = _expression(str(cell))
    if value is None:
        raise InputError(f"{path}: {where} = {cell!r}; must be a number or an expression of numbers")
    return value


def _expression(text: str) -> float | None:
    """Value of an expression of numbers, or None where it is none."""
    try:
        return float(_value(ast.parse(text.replace("^", "**"), mode="eval").body))
    except (SyntaxError, ValueError, TypeError, ZeroDivisionError, OverflowError):
        return None


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
    if isinstance(node, ast.Name) and node.id == "Inf":
        return math.inf
    raise ValueError("no expression of numbers")


def _statements(text: str) -> list[str]:
    """Statements of a case file other than its tables and scalars, without comments."""
    text = re.sub(r"%.*", "", text).replace("...\n", " ")
    text = re.sub(r"\bmpc\.\w+\s*=\s*(\[[^\]]*\]|\{[^}]*\}|'[^']*'|[^;\[\{(]*);", "", text)
    found = [re.sub(r"\s+", " ", statement).strip() for statement in re.split(r";|\n", text)]
    return [statement for statement in found if statement and not re.match(r"function\b|end$|return$", statement)]


def fields_of(text: str) -> list[str]:
    """Names of what a case file holds, in their order."""
    return list(dict.fromkeys(re.findall(r"\bmpc\.(\w+)\s*=(?!=)", re.sub(r"%.*", "", text))))


def carry_out(path: Path, text: str, bus: pd.DataFrame, branch: pd.DataFrame, base_mva: float) -> list[str]:
    """Carry out the statements after the tables, in their order.

    Parameters
    ----------
    path : Path
        For messages.
    text : str
        Of the file.
    bus, branch : DataFrame
        Changed.
    base_mva : float

    Returns
    -------
    list of str
        What they did.

    Raises
    ------
    InputError
        A statement that is none of MATPOWER's conversions, or one that needs what was not stated before it.
    """
    done, known = [], {}
    for statement in _statements(text):
        value = _ASSIGNED.fullmatch(statement)
        if statement == _VBASE:
            known["Vbase"] = 1e3 * float(bus["BASE_KV"].iloc[0])
        elif statement == _SBASE:
            known["Sbase"] = 1e6 * base_mva
        elif statement == _OHM and {"Vbase", "Sbase"} <= known.keys():
            branch[["BR_R", "BR_X"]] /= known["Vbase"] ** 2 / known["Sbase"]
            done.append(
                f"branch impedances from ohm to pu of {known['Vbase'] / 1e3:g} kV and {known['Sbase'] / 1e6:g} MVA"
            )
        elif statement == _KW:
            bus[["PD", "QD"]] /= 1000
            done.append("loads from kW to MW")
        elif statement in (_Q_OF_S, _P_OF_S) and "pf" in known:
            if statement == _Q_OF_S:
                bus["QD"] = bus["PD"] * math.sin(math.acos(known["pf"]))
            else:
                bus["PD"] *= known["pf"]
            done.append(f"loads from MVA by the power factor {known['pf']:g}: {'QD' if statement == _Q_OF_S else 'PD'}")
        elif value and (number := _expression(value.group(2))) is not None:
            known[value.group(1)] = number
        elif not _NAMES.fullmatch(statement):
            raise InputError(
                f"{path}: statement {statement!r} is not recognised; must be one of MATPOWER's conversions of ohm, kW or kVA: "
                "carry it out in MATPOWER and save the case"
            )
    return done
