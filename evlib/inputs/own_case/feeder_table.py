"""What each feeder of a case has of its own: the voltage at its root, its tariff, its limits.

Where nothing states limits, every feeder is a zone with limits that never bind.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from evlib.errors import InputError
from evlib.grid.feeder import Feeder
from evlib.inputs.own_case.case_feeders import CaseFeeders
from evlib.inputs.reading.tables import Column, Table, read_table

__all__ = ["COMMON", "FeederTable", "read_feeder_table", "wide_limits"]

# Name of the tariff of feeders without one of their own.
COMMON = "import_tariff"
_LIMITS = ("import_limit_mw", "export_limit_mw", "backup_mw")
_COLUMNS = {
    "root": Column("text"),
    "root_pu": Column("number", "pu", above=0.8, required=False),
    "tariff": Column("text", required=False),
} | {name: Column("number", "MW", least=0, required=False) for name in _LIMITS}


@dataclass(frozen=True)
class FeederTable:
    """Feeders of a case by their roots, in the order of its zones.

    Attributes
    ----------
    table : Table
    row : tuple of int
        Row of each feeder.
    roots : tuple of int
        Root of each feeder.
    """

    table: Table
    row: tuple[int, ...]
    roots: tuple[int, ...]

    def limits(self) -> list[dict[str, float]]:
        """Limits that the table gives each feeder."""
        names = [name for name in _LIMITS if name in self.table.values]
        return [{name: float(self.table[name][row]) for name in names} for row in self.row]

    def tariffs(self, known: list[str], file: Path) -> np.ndarray:
        """Name of each feeder's tariff; those that do not exist, or that no feeder has, are refused."""
        names = self.table.values.get("tariff", np.full(len(self.table), COMMON))[list(self.row)]
        for row, name in zip(self.row, names.tolist(), strict=True):
            if name not in (*known, COMMON):
                raise InputError(
                    f"{self.table.place(row)}: tariff = {name!r}; must be one of prices.feeder_tariffs"
                    f" ({', '.join(known) or 'none'}) or {COMMON}"
                )
        idle = [name for name in known if name not in names]
        if idle:
            raise InputError(
                f"{file}: prices.feeder_tariffs.{idle[0]}: no feeder of {self.table.path.name} has it; remove it"
            )
        return names

    def at_root_voltages(self, feeder: Feeder, zones: dict[str, tuple[int, ...]], common_pu: float) -> Feeder:
        """The feeder with its roots at their own voltages, by the ratio of the common voltage to each of them.

        Squared voltages of the model fall by :math:`2 (r P + x Q)`. With all voltages of a feeder times a ratio n, they do
        so where r and x are times n squared; so the common root voltage stands for any other exactly.
        """
        if "root_pu" not in self.table.values:
            return feeder
        ratio = np.ones(feeder.n_bus)
        for row, inside in zip(self.row, zones.values(), strict=True):
            ratio[np.isin(feeder.bus, inside)] = common_pu / self.table["root_pu"][row]
        behind = ratio[feeder.branch_to]
        values = {
            "r_pu": feeder.r_pu * behind**2,
            "x_pu": feeder.x_pu * behind**2,
            "v_min_pu": feeder.v_min_pu * ratio,
            "v_max_pu": feeder.v_max_pu * ratio,
            "ratio": ratio if feeder.ratio is None else feeder.ratio * ratio,
        }
        for value in values.values():
            value.setflags(write=False)
        return replace(feeder, **values)


def read_feeder_table(path: Path, feeders: CaseFeeders) -> FeederTable:
    """Read what feeders have of their own.

    Parameters
    ----------
    path : Path
        CSV with one row for each root: ``root`` (bus by number or name), and any of ``root_pu``, ``tariff`` (a member of
        ``prices.feeder_tariffs``), ``import_limit_mw``, ``export_limit_mw``, ``backup_mw``.
    feeders : CaseFeeders

    Returns
    -------
    FeederTable

    Raises
    ------
    InputError
        What :func:`evlib.inputs.reading.tables.read_table` refuses, a bus that is no root, or a root without a row.
    """
    table = read_table(path, _COLUMNS, unique=[("root",)])
    row_of: dict[int, int] = {}
    for row, name in enumerate(table["root"].tolist()):
        bus = feeders.bus_number.get(name)
        if bus not in feeders.roots:
            raise InputError(f"{table.place(row)}: root = {name!r}; must be a bus of type slack")
        if row_of.setdefault(bus, row) != row:
            raise InputError(
                f"{table.place(row)}: root = {name!r} is there twice, by its number and by its name; keep one"
            )
    missing = [bus for bus in feeders.roots if bus not in row_of]
    if missing:
        raise InputError(f"{path}: no row for the root {missing[0]}; must have one for each feeder")
    if "root_pu" in table.values:
        above = np.flatnonzero(table["root_pu"] >= 1.2)
        if len(above):
            raise InputError(f"{table.place(above[0])}: root_pu = {table['root_pu'][above[0]]:g}; must be below 1.2 pu")
    return FeederTable(table, tuple(row_of[bus] for bus in feeders.roots), feeders.roots)


def wide_limits(
    values: dict, feeders: CaseFeeders, plug_kw, own: FeederTable | None, defaulted: list[str], file: Path
) -> None:
    """Every feeder is a zone, with limits that never bind unless the file states others."""
    widest, grid = _widest_mw(values, feeders, plug_kw), values["grid"]
    if "import_limit_mw" not in grid:
        grid["import_limit_mw"] = widest
        defaulted.append("grid.import_limit_mw")
    if "zones" not in grid:
        defaulted.append("grid.zones")
        limits = {"import_limit_mw": widest, "export_limit_mw": widest, "backup_mw": 0.0}
        stated = own.limits() if own else [{}] * len(feeders.zones)
        grid["zones"] = {
            name: {"buses": list(buses), **limits, **more}
            for (name, buses), more in zip(feeders.zones.items(), stated, strict=True)
        }
    elif own and any(own.limits()):
        key = next(iter(own.limits()[0]))
        raise InputError(f"{file}: grid.zones: beside {key} of {own.table.path.name}; keep limits in one of the two")


def _widest_mw(values: dict, feeders: CaseFeeders, plug_kw) -> float:
    """A limit that never binds: twice all loads, plugs and farms together, rounded up [MW]."""
    stations, classes, farms = (
        group if isinstance(group, dict) else {}
        for group in (values["stations"], values["fleet"]["classes"], values["grid"].get("farms"))
    )
    plugs = [station.get("plugs", 0.0) for station in stations.values() if isinstance(station, dict)]
    powers = [member.get("charge_kw", 0.0) for member in classes.values() if isinstance(member, dict)]
    ratings = [member.get("rating_mw", 0.0) for member in farms.values() if isinstance(member, dict)]
    if not all(isinstance(value, int | float) and 0 <= value < 1e9 for value in (*plugs, *powers, *ratings)):
        return 1000.0  # whoever wrote them is told by the schema
    most = sum(plugs) * max(powers, default=0.0) if plug_kw is None else float(np.dot(plugs, plug_kw))
    return float(math.ceil(2 * ((feeders.feeder.load_kw.sum() + most) / 1000.0 + sum(ratings))) + 1)
