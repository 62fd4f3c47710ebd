"""A feeder in two CSV files: reading, with one clear error for each fault, and writing."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from evlib.errors import InputError
from evlib.files import write_text
from evlib.grid.checks import listed
from evlib.grid.feeder import Feeder, feeder_from_arrays

__all__ = ["read_feeder", "read_table", "write_feeder"]

# How the cells of each column are read; other columns are ignored.
BUS_COLUMNS = dict.fromkeys(("base_kv", "p_kw", "q_kvar", "v_min_pu", "v_max_pu"), float)
BUS_COLUMNS |= {"bus": int, "type": ("slack", "pq")}
BRANCH_COLUMNS = {"branch": int, "from_bus": int, "to_bus": int, "r_ohm": float, "x_ohm": float, "status": ("1", "0")}


def read_feeder(buses_csv, branches_csv, *, load_scale: float = 1.0, impedance_divisor: float = 1.0) -> Feeder:
    """Read a radial feeder from a table of buses and a table of branches.

    Parameters
    ----------
    buses_csv : str or Path
        Columns bus, base_kv [kV], p_kw [kW], q_kvar [kvar], type (``slack`` or ``pq``), v_min_pu, v_max_pu [pu].
    branches_csv : str or Path
        Columns branch, from_bus, to_bus, r_ohm, x_ohm [ohm], status (1 closed, 0 open). Open branches are left out; a
        branch may be given from either end. In both files lines that start with ``#`` are comments.
    load_scale : float
        Factor on all loads [1], positive.
    impedance_divisor : float
        Divisor of all impedances [1], positive.

    Returns
    -------
    Feeder

    Raises
    ------
    InputError
        Missing file or column, a cell that is not a number, not exactly one slack bus, two voltage levels, or anything
        that :func:`feeder_from_arrays` refuses. The message names file, line, bus or branch and value, and says what
        would be right.

    Notes
    -----
    The study's feeder, in this format, is the 33-bus case of M. E. Baran and F. F. Wu, "Network reconfiguration in
    distribution systems for loss reduction and load balancing", IEEE Trans. Power Delivery 4(2), 1989, 1401-1407.
    """
    buses = read_table(Path(buses_csv), BUS_COLUMNS)
    branches = read_table(Path(branches_csv), BRANCH_COLUMNS)
    slack = [number for number, bus_type in zip(buses["bus"], buses["type"], strict=True) if bus_type == "slack"]
    if len(slack) != 1:
        stated = f"slack buses {listed(slack)}" if slack else "no slack bus"
        raise InputError(f"{buses_csv}: type: {stated}; exactly one bus must have type slack, all others pq")
    base_kv = buses.pop("base_kv")
    for number, value in zip(buses["bus"], base_kv, strict=True):
        if value != base_kv[0]:
            raise InputError(
                f"{buses_csv}: bus {number}: base_kv = {value:g} where bus {buses['bus'][0]} has {base_kv[0]:g}; "
                "a feeder has one voltage level"
            )
    closed = np.array(branches.pop("status")) == "1"
    del buses["type"]
    return feeder_from_arrays(
        **buses,
        **{name: np.array(column)[closed] for name, column in branches.items()},
        base_kv=base_kv[0],
        root_bus=slack[0],
        load_scale=load_scale,
        impedance_divisor=impedance_divisor,
        buses_name=str(buses_csv),
        branches_name=str(branches_csv),
    )


def read_table(path: Path, columns: dict) -> dict[str, list]:
    """Columns of a CSV file, with cells read as ``columns`` tells: as int, float or one of the words in a tuple."""
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
        for name, cell_type in columns.items():
            table[name].append(_cell(f"{path}: line {number}: {name}", row[header.index(name)].strip(), cell_type))
    return table


def _cell(where: str, text: str, cell_type):
    if isinstance(cell_type, tuple):
        if text not in cell_type:
            raise InputError(f"{where} = {text!r}; must be {' or '.join(cell_type)}")
        return text
    try:
        value = cell_type(text)
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        raise InputError(f"{where} = {text!r}; must be {'a whole' if cell_type is int else 'a finite'} number")
    return value


def write_feeder(feeder, buses_csv, branches_csv) -> None:
    """Write a feeder as the two tables that :func:`read_feeder` reads, so that a scenario can name them.

    Parameters
    ----------
    feeder : Feeder
    buses_csv, branches_csv : str or Path
    """
    z_base_ohm = feeder.base_kv**2 / feeder.base_mva
    bus_type = np.where(np.arange(feeder.n_bus) == 0, "slack", "pq")
    columns = (feeder.bus, feeder.load_kw, feeder.load_kvar, bus_type, feeder.v_min_pu, feeder.v_max_pu)
    buses = zip(*(column.tolist() for column in columns), strict=True)
    rows = [f"{bus},{feeder.base_kv!r},{p!r},{q!r},{name},{low!r},{high!r}" for bus, p, q, name, low, high in buses]
    write_text(Path(buses_csv), "\n".join(["bus,base_kv,p_kw,q_kvar,type,v_min_pu,v_max_pu", *rows, ""]))
    columns = (feeder.branch, feeder.bus[feeder.branch_from], feeder.bus[feeder.branch_to])
    columns += (feeder.r_pu * z_base_ohm, feeder.x_pu * z_base_ohm)
    branches = zip(*(column.tolist() for column in columns), strict=True)
    rows = [f"{number},{begin},{end},{r!r},{x!r},1" for number, begin, end, r, x in branches]
    write_text(Path(branches_csv), "\n".join(["branch,from_bus,to_bus,r_ohm,x_ohm,status", *rows, ""]))
