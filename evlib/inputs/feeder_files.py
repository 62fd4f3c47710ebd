"""A feeder in two CSV files: reading, with one clear error for each fault, and writing."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from evlib.errors import InputError
from evlib.files import write_text
from evlib.grid.checks import check_branches, listed
from evlib.grid.feeder import Feeder, feeder_from_arrays
from evlib.inputs.reading.tables import Column, Table, read_table

__all__ = ["read_feeder", "write_feeder"]

BUS_COLUMNS = {
    "bus": Column("whole", least=0),
    "base_kv": Column("number", "kV", above=0),
    "p_kw": Column("number", "kW"),
    "q_kvar": Column("number", "kvar"),
    "type": Column(("slack", "pq")),
    "v_min_pu": Column("number", "pu"),
    "v_max_pu": Column("number", "pu"),
}
BRANCH_COLUMNS = {
    "branch": Column("whole", least=0),
    "from_bus": Column("whole", least=0),
    "to_bus": Column("whole", least=0),
    "r_ohm": Column("number", "ohm"),
    "x_ohm": Column("number", "ohm"),
    "status": Column(("1", "0")),
}
IGNORED_COLUMNS = {"pp_max_i_ka": "pandapower's limit of the current; lines are rated in a file of ratings"}


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
        What :func:`evlib.inputs.reading.tables.read_table` refuses, not exactly one slack bus, two voltage levels, or anything
        that :func:`feeder_from_arrays` refuses, in open branches too. The message names file, line, bus or branch and
        value, and says what would be right.

    Notes
    -----
    The study's feeder, in this format, is the 33-bus case of M. E. Baran and F. F. Wu, "Network reconfiguration in
    distribution systems for loss reduction and load balancing", IEEE Trans. Power Delivery 4(2), 1989, 1401-1407.
    """
    buses = read_table(buses_csv, BUS_COLUMNS, unique=[("bus",)])
    branches = read_table(branches_csv, BRANCH_COLUMNS, unique=[("branch",)], ignored=IGNORED_COLUMNS)
    slack = buses["bus"][buses["type"] == "slack"]
    if len(slack) != 1:
        stated = f"slack buses {listed(slack)}" if len(slack) else "no slack bus"
        raise InputError(f"{buses_csv}: type: {stated}; exactly one bus must have type slack, all others pq")
    base_kv = buses["base_kv"]
    for number, value in zip(buses["bus"], base_kv, strict=True):
        if value != base_kv[0]:
            raise InputError(
                f"{buses_csv}: bus {number}: base_kv = {value:g} where bus {buses['bus'][0]} has {base_kv[0]:g}; "
                "a feeder has one voltage level"
            )
    _refuse_bad_open(buses, branches)
    closed = branches["status"] == "1"
    return feeder_from_arrays(
        **{name: buses[name] for name in ("bus", "p_kw", "q_kvar", "v_min_pu", "v_max_pu")},
        **{name: branches[name][closed] for name in ("branch", "from_bus", "to_bus", "r_ohm", "x_ohm")},
        base_kv=float(base_kv[0]),
        root_bus=int(slack[0]),
        load_scale=load_scale,
        impedance_divisor=impedance_divisor,
        buses_name=str(buses_csv),
        branches_name=str(branches_csv),
    )


def _refuse_bad_open(buses: Table, branches: Table) -> None:
    """Branches that are open get the same checks as the others, one by one: they may stand beside a closed one."""
    for row in np.flatnonzero(branches["status"] == "0"):
        one = {name: branches[name][row : row + 1] for name in ("branch", "from_bus", "to_bus", "r_ohm", "x_ohm")}
        check_branches(str(branches.path), one, buses["bus"])


def write_feeder(feeder, buses_csv, branches_csv) -> None:
    """Write a feeder as the two tables that :func:`read_feeder` reads, so that a scenario can name them.

    The voltage at the root has no column, as every scenario states it; where it is not 1 pu, a comment says which.

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
    held = f"# The root is held at {feeder.root_pu!r} pu: state it as grid.root_voltage_pu of the scenario."
    notes = [] if feeder.root_pu == 1.0 else [held]
    write_text(Path(buses_csv), "\n".join([*notes, "bus,base_kv,p_kw,q_kvar,type,v_min_pu,v_max_pu", *rows, ""]))
    columns = (feeder.branch, feeder.bus[feeder.branch_from], feeder.bus[feeder.branch_to])
    columns += (feeder.r_pu * z_base_ohm, feeder.x_pu * z_base_ohm)
    branches = zip(*(column.tolist() for column in columns), strict=True)
    rows = [f"{number},{begin},{end},{r!r},{x!r},1" for number, begin, end, r, x in branches]
    write_text(Path(branches_csv), "\n".join(["branch,from_bus,to_bus,r_ohm,x_ohm,status", *rows, ""]))
